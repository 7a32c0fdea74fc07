"""The testbed: the real services that the tests run against, started on loopback and gone with the tests."""
