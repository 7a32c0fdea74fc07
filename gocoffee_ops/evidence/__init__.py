"""What was read, kept: the ledger, its tables, redaction and replay."""
