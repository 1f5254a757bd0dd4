"""Backups and what comes after a restore: nothing is counted that the log does not know, no position is used twice."""
