"""What has to be counted: once from the clients' ledgers in plain Python, once from the visits' log in plain SQL.

Neither uses any code of the services.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.ledger import Change, Ledger, Record
from tests.faults.world import World
from tests.support.counting import State

__all__ = ["Fact", "Recount", "cells_of_the_log"]

KINDS = ("national_id", "phone", "ref", "receipt")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what a record says in the end."""

    record: str
    line: int
    unit: str
    measure: str
    platform: str
    day: str
    reporter: str
    reporter_kind: str
    quantity: int
    references: tuple[str | None, ...]
    household: str | None

    @property
    def cell(self) -> tuple[str, str, str, str, str]:
        """The cell that it lies in."""
        return self.unit, self.measure, self.platform, self.day, self.reporter

    @property
    def person(self) -> str | None:
        """The reference under which the person counts."""
        return next((reference for reference in self.references if reference), None)


class Recount:
    """The facts that the ledgers make, with pseudonyms of the deployment's key."""

    def __init__(self, ledger: Ledger, world: World, keys_file: Path) -> None:
        self._world = world
        self._key = bytes.fromhex(keys_file.read_text().split()[0])
        self._known: dict[tuple[str, str], str] = {}
        self.facts = [fact for record in ledger.records.values() for fact in self.of(record)]

    def of(self, record: Record) -> Iterator[Fact]:
        """Give the facts of a record's last state."""
        stored = record.stored
        if stored is not None and stored.fate in ("counted", "late"):
            yield from self.facts_of(record, stored)

    def facts_of(self, record: Record, change: Change) -> Iterator[Fact]:
        """Give the facts that one change of a record makes."""
        row = self._content(record, change)
        if record.kind == "visits":
            by_code = self._world.teams
            created = json.loads(record.changes[0].content)["team"]
            team, unit = by_code.get(created) or next(pair for pair in by_code.values() if pair[0] == created)
            household = row.get("household", {}).get("ref")
            home = self._pseudonym("household", f"{team}\0{household}") if household else None
            for line in row["lines"]:
                yield self._fact(record, row, line, ("team", team, unit), home)
        else:
            reporter, unit = self._world.partners[self._client(record)], self._world.wards[row["unit"]]
            yield self._fact(record, row, {"line": 1, **row}, ("partner", reporter, unit), None)

    @staticmethod
    def _client(record: Record) -> str:
        return {"bank": "lienviet", "telco": "vnpt"}[record.client]

    def _content(self, record: Record, change: Change) -> Json:
        """Read what was sent, with people who were kept taken from the revision before."""
        row: Json = json.loads(change.content)
        if any(line.get("person") == {"keep": True} for line in row.get("lines", ())):
            earlier = [one for one in record.changes if one.position and one.revision < change.revision]
            before = {line["line"]: line for line in self._content(record, earlier[-1])["lines"]}
            for line in row["lines"]:
                if line.get("person") == {"keep": True}:
                    line["person"] = before[line["line"]]["person"]
        return row

    def _fact(self, record: Record, row: Json, line: Json, where: tuple[str, str, str], household: str | None) -> Fact:
        kind, reporter, unit = where
        references = self._references(line, reporter)
        # Every moment is written in Vietnam's time, so its day is the day as written.
        return Fact(
            record.id, line["line"], unit, line["measure"], line.get("platform", ""), row["occurred_at"][:10],
            reporter, kind, line.get("quantity", 1), references, household,
        )  # fmt: skip

    def _references(self, line: Json, reporter: str) -> tuple[str | None, ...]:
        person = line.get("person", {})
        texts = {
            "national_id": person.get("national_id"),
            "phone": "+84" + person["phone"].removeprefix("+84").removeprefix("0") if "phone" in person else None,
            "ref": f"{reporter}\0{person['ref']}" if "ref" in person else None,
            "receipt": f"{line['platform']}\0{line['receipt']}" if "receipt" in line else None,
        }
        return tuple(self._pseudonym(kind, text) if text else None for kind, text in texts.items())

    def _pseudonym(self, kind: str, text: str) -> str:
        if (kind, text) not in self._known:
            made = hmac.new(self._key, f"{kind}\0{text}".encode(), hashlib.sha256)
            self._known[kind, text] = made.hexdigest()[:32]
        return self._known[kind, text]

    def state(self) -> State:
        """Give facts and cells, in the form in which those of the metrics database are read."""
        state = State()
        for fact in self.facts:
            key, person = fact.cell, fact.person
            state.facts.add((fact.record, fact.line, *key, fact.quantity, *fact.references, fact.household))
            state.quantity[key] += fact.quantity
            if person:
                state.people[key].add(person)
            else:
                state.unknown[key] += fact.quantity
            if fact.household:
                state.households[key].add(fact.household)
        return state


_SQL = """
    WITH newest AS (
        SELECT DISTINCT ON (record_id) body::jsonb AS body FROM log WHERE kind <> 'progress' AND NOT held
        ORDER BY record_id, revision DESC, edition DESC
    ), lines AS (
        SELECT body ->> 'unit_id' AS unit, line ->> 'measure' AS measure, coalesce(line ->> 'platform', '') AS platform,
               body ->> 'day' AS day, body #>> '{reporter,id}' AS reporter, (line ->> 'quantity')::bigint AS quantity,
               coalesce(line #>> '{person,national_id}', line #>> '{person,phone}', line #>> '{person,ref}',
                        line #>> '{person,receipt}') AS person,
               body ->> 'household' AS household
        FROM newest, jsonb_array_elements(body -> 'lines') AS line
    )
    SELECT unit, measure, platform, day, reporter, sum(quantity)::bigint AS quantity,
           coalesce(sum(quantity) FILTER (WHERE person IS NULL), 0)::bigint AS unknown,
           array_remove(array_agg(DISTINCT person), NULL) AS people,
           array_remove(array_agg(DISTINCT household), NULL) AS households
    FROM lines GROUP BY unit, measure, platform, day, reporter
"""

_PROGRESS = """
    SELECT DISTINCT ON (record_id) body::jsonb #>> '{reporter,id}' AS reporter, body::jsonb ->> 'device' AS device,
           (body::jsonb ->> 'synced_through')::timestamptz AS synced,
           (body::jsonb ->> 'held_since')::timestamptz AS held
    FROM log WHERE kind = 'progress' ORDER BY record_id, revision DESC, edition DESC
"""


async def cells_of_the_log(cluster: Cluster) -> State:
    """Count the newest state of every record that is not held, in SQL; and how far each device has synced."""
    state = State()
    for row in await cluster.ask("visits", _PROGRESS):
        state.progress[row["reporter"], row["device"]] = row["synced"], row["held"]
    for row in await cluster.ask("visits", _SQL):
        key = (row["unit"], row["measure"], row["platform"], row["day"], row["reporter"])
        state.quantity[key] = row["quantity"]
        if row["unknown"]:
            state.unknown[key] = row["unknown"]
        if row["people"]:
            state.people[key] = set(row["people"])
        if row["households"]:
            state.households[key] = set(row["households"])
    return state
