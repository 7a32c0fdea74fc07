"""gocoffee_ops."""
