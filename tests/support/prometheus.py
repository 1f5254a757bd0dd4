"""A real Prometheus for tests; where the machine has none, they are skipped and the run's last lines say so."""

from pathlib import Path

import pytest

from deploy.local.child import LocalError
from deploy.local.prometheus import find_prometheus

__all__ = ["prometheus_binary"]


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    """The binary; `.ci/run` installs it, so the gate never skips what needs it."""
    try:
        return find_prometheus()
    except LocalError as missing:
        pytest.skip(f"NOT TESTED: {missing}")
