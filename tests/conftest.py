"""Fixtures of all tests; marks follow the folder."""

pytest_plugins = ["tests.support.postgres", "tests.support.kafka", "tests.support.prometheus"]
