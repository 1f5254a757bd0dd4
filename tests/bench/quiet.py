"""`python -m tests.bench.quiet <module> <words…>`: a service whose Prometheus metrics count nothing.

What the metrics cost is the difference to the same service started plainly; the services know nothing of this.
"""

import runpy
import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, Summary

SILENCED = ("inc", "dec", "set", "observe", "set_function", "set_to_current_time")


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _same(self: Any, *_: Any, **__: Any) -> Any:
    return self


def silence() -> None:
    """Take the work out of every metric of this process: no child is looked up, no number is changed."""
    for kind in (Counter, Gauge, Histogram, Summary):
        replacements = {"labels": _same, **dict.fromkeys(SILENCED, _nothing)}
        for name, replacement in replacements.items():
            if hasattr(kind, name):
                setattr(kind, name, replacement)


if __name__ == "__main__":
    silence()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
