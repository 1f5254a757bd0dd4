"""Bringing in a province's file: taken, read, planned, committed or let go; nothing here commits."""
