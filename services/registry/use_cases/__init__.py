"""What the registry can do; nothing here commits."""
