"""The figures for people, for programs, and as a plot of cost as the work grows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from tests.bench.figures import Figure, by_code, short
from tests.bench.plot import draw

__all__ = ["MEANING", "spoken", "table", "tell"]

MEANING = {
    "P1": "visits through the gateway into the log, beside COPY into the same table",
    "P2": "the same beside a service written the usual way",
    "P3": "the relay, from the log to what Kafka has acknowledged, beside a plain send loop",
    "P4": "the fold, from Kafka to facts and cells, beside COPY into the facts' table",
    "P5": "the whole chain, from a visit sent until it is in an answer, beside the COPY of P1",
    "P6": "how late a row is in the answers, at 200, 1,000 and 3,000 rows/s",
    "P7": "a portal's start page through the gateway, beside a bare route with the same bytes",
    "P8": "a province's year, while rows arrive, beside COUNT(DISTINCT) over the facts",
    "P9": "the chain of P5 with Prometheus metrics, beside itself without them",
    "P10": "memory of each process, bytes on disk of each row",
    "P11": "fold and query as the work grows: 0.1M, 1M, 10M facts; 1, 4, 8 partitions",
    "P12": "a reform of a hundred communes over 10M facts, until every answer is right",
}
"""Each measurement by its code."""

HEAD = ("", "min", "median", "max", "unit", "bound", "aim", "")


def tell(figures: Sequence[Figure], failed: Sequence[str], local: Path, out: TextIO) -> int:
    """Print the table, keep the figures, draw the plot; 1 where one falls short or a measurement failed."""
    out.write(table(figures))
    known = _keep(figures, local / "latest.json")
    if "P11" in known:
        draw(known["P11"], local / "cost.svg")
    for code in failed:
        out.write(f"{code} was not measured: it failed, see above\n")
    fallen = short(figures)
    for figure in fallen:
        out.write(f"{figure.code} {figure.name} falls short: {spoken(figure.median, figure.unit)}, {_bound(figure)}\n")
    return 1 if failed or fallen else 0


def table(figures: Sequence[Figure]) -> str:
    """Give the figures as a table, those of one measurement together under what it measures."""
    rows = [_row(figure) for figure in figures]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    lines = [_line(HEAD, widths)]
    code = ""
    for figure, row in zip(figures, rows, strict=True):
        if figure.code != code:
            code = figure.code
            lines += ["", f"{code}  {MEANING.get(code, '')}"]
        lines.append(_line(row, widths))
        if figure.note:
            lines.append(f"      {figure.note}")
    return "\n".join(lines) + "\n\n"


def spoken(number: float, unit: str) -> str:
    """Write a number as people read it: bytes in MB, three digits for what is small."""
    if unit == "bytes":
        return f"{number / 1e6:,.1f} MB"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 100 else f"{number:.3g}"


def _row(figure: Figure) -> tuple[str, ...]:
    numbers = [spoken(number, figure.unit) for number in (figure.min, figure.median, figure.max)]
    aim = spoken(figure.aim, figure.unit) if figure.aim is not None else ""
    unit = "" if figure.unit == "bytes" else figure.unit
    return (f"  {figure.name}", *numbers, unit, _bound(figure), aim, _verdict(figure))


def _bound(figure: Figure) -> str:
    if figure.at_least is not None:
        return f"≥ {spoken(figure.at_least, figure.unit)}"
    return f"≤ {spoken(figure.at_most, figure.unit)}" if figure.at_most is not None else ""


def _verdict(figure: Figure) -> str:
    if figure.holds is False:
        return "FALLS SHORT"
    if figure.aim_reached:
        return "reaches the aim"
    if figure.holds:
        return "holds"
    return "misses the aim" if figure.aim_reached is False else ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Set the names and words flush left, the numbers flush right."""
    flush_right = (1, 2, 3)
    pairs = enumerate(zip(cells, widths, strict=True))
    return "  ".join(c.rjust(w) if i in flush_right else c.ljust(w) for i, (c, w) in pairs).rstrip()


def _keep(figures: Sequence[Figure], path: Path) -> Mapping[str, Any]:
    """Replace what is known of the measurements that ran; the others stay as their last run left them."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = {code: known[code] for code in MEANING if code in known} | by_code(figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return kept
