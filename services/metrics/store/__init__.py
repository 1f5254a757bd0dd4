"""PostgreSQL: rows in, domain values out."""
