"""What the service can do; callers own the transaction."""
