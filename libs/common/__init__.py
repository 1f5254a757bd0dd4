"""Mechanism shared by every service; not one business word."""
