"""Teams, members and denominators in PostgreSQL."""
