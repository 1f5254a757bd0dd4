"""The whole system on this machine: PostgreSQL, Kafka and every service, ready or a clear reason why not."""
