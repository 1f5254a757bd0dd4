"""Fixtures of all tests, and the order of their files."""

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.postgres", "tests.support.kafka", "tests.support.prometheus"]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests may last longest: at the end, one of two workers would wait for them.

    How long is what their marks allow. It takes `--no-loadscope-reorder`: by itself xdist begins with the files of most
    tests, and those of one long test come last.
    """
    allowed: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        allowed[item.path] = max(allowed.get(item.path, 0), mark.args[0] if mark else 0)
    items.sort(key=lambda item: -allowed[item.path])
