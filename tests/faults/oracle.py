"""The recounts against what the system counted: its cells, its facts, its answers. Differences with their history."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.door import Door
from tests.faults.ledger import Ledger
from tests.faults.recount import Fact, Recount, cells_of_the_log
from tests.support.counting import State, counted

__all__ = ["Compared", "compare_answers", "compare_cells"]

SHOWN = 10
PARTS = ("quantity", "unknown", "people", "households")


@dataclass
class Compared:
    """How much was compared, and what differs."""

    cells: int = 0
    totals: int = 0
    sets: int = 0
    facts: int = 0
    differences: list[str] = field(default_factory=list)

    def __add__(self, other: "Compared") -> "Compared":
        return Compared(
            self.cells + other.cells,
            self.totals + other.totals,
            self.sets + other.sets,
            self.facts + other.facts,
            self.differences + other.differences,
        )


async def compare_cells(cluster: Cluster, ledger: Ledger, recount: Recount, *, with_log: bool) -> Compared:
    """Compare every fact and cell of metrics with the ledger, and with the log, which knows nothing of poison."""
    found, by_ledger = await counted(cluster.postgres.url("metrics")), recount.state()
    others = {"ledger": by_ledger} | ({"log": await cells_of_the_log(cluster)} if with_log else {})
    compared = Compared(
        cells=len(found.quantity),
        totals=len(others) * (len(found.quantity) + len(found.unknown)),
        sets=len(others) * (len(found.people) + len(found.households)),
        facts=len(found.facts),
    )
    differing = found.facts ^ by_ledger.facts
    for fact in sorted(differing, key=str)[:SHOWN]:
        side = "counted, not in the ledger" if fact in found.facts else "in the ledger, not counted"
        compared.differences.append(f"fact {side}: {fact}\n{await _history(cluster, ledger, fact[0])}")
    for name, other in others.items():
        parts = (*PARTS, "progress") if name == "log" else PARTS
        for key, text in _differing(found, other, parts):
            if len(compared.differences) < SHOWN:
                records = [fact.record for fact in recount.facts if fact.cell == key][:3]
                histories = [await _history(cluster, ledger, record) for record in records]
                text = "\n".join([f"{key}: {text.replace('OTHER', name)}", *histories])
            compared.differences.append(text)
    return compared


def _differing(found: State, other: State, parts: Iterable[str]) -> Iterable[tuple[Any, str]]:
    for part in parts:
        ours, theirs = getattr(found, part), getattr(other, part)
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            if ours.get(key) != theirs.get(key):
                yield key, f"{part} counted {ours.get(key)}, by the OTHER {theirs.get(key)}"


async def _history(cluster: Cluster, ledger: Ledger, record_id: str) -> str:
    """Tell a record's life by its client's ledger and by the log."""
    record = ledger.records.get(record_id)
    lines = [f"  record {record_id}"]
    for change in record.changes if record else ():
        told = f"{change.status or 'no answer'} at {change.position or '–'} after {change.attempts}"
        lines.append(f"    ledger: revision {change.revision} {told}: {change.content.decode()}")
    rows = await cluster.ask(
        "visits",
        "SELECT revision, edition, held, xid::text, seq, body::text FROM log WHERE record_id = $1::uuid"
        " ORDER BY revision, edition",
        record_id,
    )
    lines += [f"    log: {row['revision']}/{row['edition']} held={row['held']} at {row['xid']}.{row['seq']}: "
              f"{row['body']}" for row in rows]  # fmt: skip
    return "\n".join(lines)


Grouper = Callable[[Fact], str]
GROUPERS: dict[str, Grouper] = {
    "measure": lambda fact: fact.measure,
    "platform": lambda fact: fact.platform,
    "reporter": lambda fact: fact.reporter,
    "reporter_kind": lambda fact: fact.reporter_kind,
    "unit:commune": lambda fact: fact.unit,
    "time:day": lambda fact: fact.day,
    "time:month": lambda fact: fact.day[:7],
}
MONTHS = {"from": "2025-01-01", "to": "2025-06-30"}
TEAMS: dict[str, Any] = {"filters": {"reporter_kind": "team"}}
QUERIES: tuple[dict[str, Any], ...] = (
    {"measures": ["FLD-07"], "group_by": ["unit:commune"], **MONTHS, **TEAMS},
    {"measures": ["FLD-07"], "group_by": ["unit:commune", "time:month"], **MONTHS, **TEAMS},
    {"measures": ["FLD-01", "FLD-05", "FLD-07", "FLD-08", "FLD-09"], "group_by": ["measure", "time:month"], **MONTHS,
     **TEAMS},
    {"measures": ["FLD-08"], "group_by": ["time:month"], **MONTHS},
    {"measures": ["FLD-08"], "group_by": ["reporter_kind", "time:month"], **MONTHS},
    {"measures": ["FLD-07"], "group_by": ["platform"], **MONTHS, **TEAMS},
    {"measures": ["FLD-09"], "group_by": ["reporter"], **MONTHS, **TEAMS},
    {"measures": ["FLD-05"], "group_by": ["time:day"], "from": "2025-02-10", "to": "2025-03-20", **TEAMS},
    {"measures": ["FLD-07"], "group_by": [], "from": "2025-01-15", "to": "2025-05-14", **TEAMS},
    {"measures": ["FLD-07", "FLD-08"], "group_by": ["unit:commune"], **MONTHS},
)  # fmt: skip


async def compare_answers(door: Door, facts: Sequence[Fact]) -> Compared:
    """Compare what the HTTP API answers with the facts: every row of every query, and its total."""
    compared = Compared()
    for query in QUERIES:
        answer = await door.surely("POST", "operator", "/v1/metrics:query", json.dumps(query).encode())
        wanted = _grouped(facts, query)
        rows = {tuple(str(row["group"][name] or "") for name in query["group_by"]): row for row in answer["rows"]}
        if not query["group_by"]:
            rows = {}
        rows["total",] = answer["total"]
        for group in sorted(rows.keys() | wanted.keys()):
            compared.totals += 1
            told, right = _told(rows.get(group)), _numbers(wanted.get(group, []))
            # Quantities over both kinds of reporter are not added up: then there is none to compare.
            if differing := [n for n in right if told.get(n) != right[n] and not _left_out(rows.get(group), n)]:
                compared.differences.append(f"answer {json.dumps(query)} {group} {differing}: {told}, not {right}")
    return compared


def _grouped(facts: Sequence[Fact], query: dict[str, Any]) -> dict[tuple[str, ...], list[Fact]]:
    kind, groupers = query.get("filters", {}).get("reporter_kind"), [GROUPERS[name] for name in query["group_by"]]
    groups: dict[tuple[str, ...], list[Fact]] = {("total",): []}
    for fact in facts:
        if fact.measure not in query["measures"] or not query["from"] <= fact.day <= query["to"]:
            continue
        if kind in (None, fact.reporter_kind):
            groups["total",].append(fact)
            if groupers:
                groups.setdefault(tuple(grouper(fact) for grouper in groupers), []).append(fact)
    return groups


def _numbers(facts: Sequence[Fact]) -> dict[str, int]:
    return {
        "luot": sum(fact.quantity for fact in facts),
        "nguoi": len({fact.person for fact in facts if fact.person}),
        "ho": len({fact.household for fact in facts if fact.household}),
        "unknown": sum(fact.quantity for fact in facts if not fact.person),
    }


def _told(row: dict[str, Any] | None) -> dict[str, Any]:
    return {name: row.get(name) for name in ("luot", "nguoi", "ho", "unknown")} if row else {}


def _left_out(row: dict[str, Any] | None, name: str) -> bool:
    return bool(row) and name in (row or {}).get("reasons", {})
