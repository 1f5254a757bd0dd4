"""Tests: sentences about behaviour."""
