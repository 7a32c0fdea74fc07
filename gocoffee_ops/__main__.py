"""`python -m gocoffee_ops` is the command `gocoffee-ops`."""

from gocoffee_ops.cli import main

if __name__ == "__main__":
    main()
