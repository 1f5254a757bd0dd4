"""Writes docs/metrics.md of what the code declares: `python -m libs.common.metrics_page`.

With `--check` nothing is written, and the exit code is 1 where the page is not what it would be.
"""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from libs.common.meters import QUESTIONS, CounterOf, Declared, GaugeOf, HistogramOf, named, told_by

__all__ = ["PAGE", "declarations", "page"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
PACKAGES = ("libs", "services", "deploy")
NOT_WALKED = (".__main__", ".migrations")

HEAD = """# Metrics

Made of the declarations in the code by `make freeze`; do not edit. What each process tells at `/metrics` is compared
with this by a test. Text format, or OpenMetrics with exemplars where the scraper asks for it. A scraper's `job` is the
process's name with a hyphen (`visits-api`).

Mỗi số liệu vận hành được khai báo một lần trong mã nguồn; trang này được tạo từ đó. Năm câu hỏi của người vận hành
trước, rồi đến số liệu trả lời từng câu.

Where a metric says *maximum*, every replica tells the whole of it: `max`, never `sum`. `province` is the two digits of
a province of today, empty where unknown. No label names a commune, a team, a client or a person. The apis are those of
the gateway, the registry, visits and metrics; the services are all processes but the watch.
"""
KINDS: Mapping[type[Declared], str] = {CounterOf: "counter", GaugeOf: "gauge", HistogramOf: "histogram"}
OF_THE_PROCESS = "process"


def declarations(packages: Iterable[str] = PACKAGES) -> list[Declared]:
    """Find every declaration in the modules of some packages, by question and name.

    Raises ValueError where two of one name differ.
    """
    found: dict[str, Declared] = {}
    for package in packages:
        for one in _in_modules(package):
            known = found.setdefault(one.name, one)
            if known is not one and known != one:
                raise ValueError(f"{one.name} is declared twice")
    order = list(QUESTIONS)
    return sorted(found.values(), key=lambda one: (order.index(one.question), type(one) is Declared, one.name))


def _in_modules(package: str) -> Iterator[Declared]:
    root = importlib.import_module(package)
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not any(part in info.name for part in NOT_WALKED):
            for value in vars(importlib.import_module(info.name)).values():
                yield from _in_value(value)


def _in_value(value: Any) -> Iterator[Declared]:
    if isinstance(value, Declared):
        yield value
    elif isinstance(value, tuple | list):
        yield from (one for one in value if isinstance(one, Declared))


def page(declared: Iterable[Declared]) -> str:
    """Give the page."""
    by_question: dict[str, list[Declared]] = {question: [] for question in QUESTIONS}
    for one in declared:
        by_question[one.question].append(one)
    parts = [HEAD]
    for question, (vi, en) in QUESTIONS.items():
        rows = "\n".join(map(_row, by_question[question]))
        parts.append(f"## {en}\n\n*{vi}*\n\n| metric | kind | labels | told by | |\n|---|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(one: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
    meaning = f"{one.en}<br>*{one.vi}*".replace("|", "\\|")
    return f"| `{one.name}` | {KINDS.get(type(one), OF_THE_PROCESS)} | {labels} | {named(told_by(one))} | {meaning} |"


def main(arguments: list[str]) -> int:
    """Write the page, or check it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m libs.common.metrics_page", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the page is not current")
    asked = parser.parse_args(arguments)
    made = page(declarations())
    if not asked.check:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    sys.stderr.write("docs/metrics.md không còn khớp với mã nguồn: chạy make freeze\n")
    sys.stderr.write("docs/metrics.md is not what the code declares: run make freeze\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
