"""PostgreSQL: the log of revisions, partners and secrets; the only place with SQL."""
