"""What should be counted, read from the log of visits by plain Python; and what is, with numbers turned back."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyroaring import BitMap

from libs.common.db import connect

__all__ = ["State", "counted", "expected"]

KINDS = ("national_id", "phone", "ref", "receipt")
CellKey = tuple[str, str, str, str, str]
Told = tuple[datetime | None, datetime | None]


@dataclass
class State:
    """Facts with pseudonyms, cells with sums and sets of pseudonyms, progress: comparable between databases.

    `progress` has synced_through and held_since by reporter and device; the row about held records has no device.
    """

    facts: set[tuple[Any, ...]] = field(default_factory=set)
    quantity: dict[CellKey, int] = field(default_factory=lambda: defaultdict(int))
    unknown: dict[CellKey, int] = field(default_factory=lambda: defaultdict(int))
    people: dict[CellKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    households: dict[CellKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    progress: dict[tuple[str, str | None], Told] = field(default_factory=dict)


async def expected(visits_url: str) -> State:
    """Recount from the log: each record's highest revision that is not held, each device's newest progress."""
    connection = await connect(visits_url, application_name="test oracle", transaction_timeout_seconds=600)
    rows = await connection.fetch(
        """SELECT DISTINCT ON (record_id) body::text AS body FROM log WHERE kind <> 'progress' AND NOT held
           ORDER BY record_id, revision DESC, edition DESC"""
    )
    progress = await connection.fetch(
        """SELECT DISTINCT ON (record_id) body::text AS body FROM log WHERE kind = 'progress'
           ORDER BY record_id, revision DESC"""
    )
    await connection.close()
    state = State()
    for row in progress:
        told = json.loads(row["body"])
        of_device = (told["reporter"]["id"], told.get("device"))
        state.progress[of_device] = (_moment(told.get("synced_through")), _moment(told.get("held_since")))
    for row in rows:
        record = json.loads(row["body"])
        for line in record["lines"]:
            _count(state, record, line)
    return state


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


def _count(state: State, record: dict[str, Any], line: dict[str, Any]) -> None:
    person = line.get("person", {})
    references = tuple(person.get(kind) for kind in KINDS)
    key = (record["unit_id"], line["measure"], line.get("platform", ""), record["day"], record["reporter"]["id"])
    household = record.get("household")
    state.facts.add((record["record_id"], line["line"], *key, line["quantity"], *references, household))
    state.quantity[key] += line["quantity"]
    first = next((reference for reference in references if reference), None)
    if first:
        state.people[key].add(first)
    else:
        state.unknown[key] += line["quantity"]
    if household:
        state.households[key].add(household)


async def counted(metrics_url: str) -> State:
    """Read the live facts, the cells that are not empty, and the progress."""
    connection = await connect(metrics_url, application_name="test oracle", transaction_timeout_seconds=600)
    people = {r["number"]: r["pseudonym"].hex() for r in await connection.fetch("SELECT * FROM persons")}
    homes = {r["number"]: r["pseudonym"].hex() for r in await connection.fetch("SELECT * FROM households")}
    facts = await connection.fetch("SELECT * FROM named_facts WHERE fold_out IS NULL")
    cells = await connection.fetch("SELECT * FROM named_cells WHERE quantity > 0")
    progress = await connection.fetch("SELECT * FROM progress")
    await connection.close()
    state = State()
    for row in progress:
        state.progress[str(row["reporter_id"]), row["device"]] = (row["synced_through"], row["held_since"])
    for row in facts:
        references = tuple(people.get(row[kind]) for kind in KINDS)
        key = (str(row["unit_id"]), row["measure"], row["platform"], str(row["day"]), str(row["reporter_id"]))
        household = homes.get(row["household"])
        state.facts.add((str(row["record_id"]), row["line"], *key, row["quantity"], *references, household))
    for row in cells:
        key = (str(row["unit_id"]), row["measure"], row["platform"], str(row["day"]), str(row["reporter_id"]))
        state.quantity[key] = row["quantity"]
        if row["unknown"]:
            state.unknown[key] = row["unknown"]
        if row["persons"]:
            state.people[key] = {people[number] for number in BitMap.deserialize(row["persons"])}
        if row["households"]:
            state.households[key] = {homes[number] for number in BitMap.deserialize(row["households"])}
    return state
