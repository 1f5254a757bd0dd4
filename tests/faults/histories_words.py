"""Many histories share a database: each has records, people and platforms of its own, under names made here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pyroaring import BitMap

from libs.common.db import Connection
from libs.contracts.model import Contract
from tests.faults.histories_made import HOUSEHOLDS, PEOPLE, PLATFORMS, UNITS
from tests.faults.histories_oracle import KINDS, Cell, Line, Revision, Said, Wanted
from tests.support.metrics import BANK, a_line, a_record, person, progress, pseudonym

__all__ = ["Words"]

MOST_RECORDS = 10
LOCAL = timedelta(hours=7)
FACTS = """SELECT record_id, line, unit_id, measure, platform, day, reporter_id, quantity,
               national_id, phone, ref, receipt, household
           FROM named_facts WHERE record_id = ANY($1) AND fold_out IS NULL"""
SAID = "SELECT revision, synced_through FROM progress WHERE progress_id = $1"
CELLS = """SELECT unit_id, measure, platform, day, reporter_id, quantity, unknown, persons, households FROM named_cells
           WHERE unit_id = ANY($1) AND platform = ANY($2)
             AND (quantity, unknown, persons, households) <> (0, 0, ''::bytea, ''::bytea)"""


@dataclass(frozen=True)
class Words:
    """The names that a history's own things have in the database."""

    number: int

    def platform(self, name: str) -> str:
        """Name a platform."""
        return f"{name}{self.number}"

    def state(self, state: Revision | Said) -> Contract:
        """Say what the visits service would."""
        if isinstance(state, Said):
            through = f"{state.day}T08:00:00+07:00"
            return progress(self.number, state.reporter, revision=state.at, device="d", synced_through=through)
        return a_record(
            self.number * MOST_RECORDS + state.record,
            *map(self._line, state.lines),
            revision=state.at[0],
            edition=state.at[1],
            unit_id=state.unit,
            reporter=state.reporter,
            day=state.day,
            household=self._own(state.household) if state.household else None,
        )

    async def found(self, connection: Connection) -> Wanted:
        """Read what was counted, in the words of the history."""
        people = {pseudonym(f"{name.partition(' ')[0]} {self._own(name)}"): name for name in PEOPLE}
        homes = {pseudonym(f"household {self._own(name)}"): name for name in HOUSEHOLDS}
        platforms = {self.platform(name): name for name in PLATFORMS}
        records = {UUID(int=self.number * MOST_RECORDS + n, version=4): n for n in range(MOST_RECORDS)}
        person_of = await _names(connection, "persons", people)
        home_of = await _names(connection, "households", homes)
        found = Wanted()
        for row in await connection.fetch(FACTS, list(records)):
            cell = Cell(row[2], row[3], platforms[row[4]], str(row[5]), row[6])
            references = [person_of.get(row[kind]) for kind in KINDS]
            found.facts.add(
                (records[row[0]], row[1], *cell, row["quantity"], *references, home_of.get(row["household"]))
            )
        for *key, quantity, unknown, persons, households in await connection.fetch(
            CELLS, list(set(UNITS)), list(platforms)
        ):
            cell = Cell(key[0], key[1], platforms[key[2]], str(key[3]), key[4])
            found.quantity[cell] = quantity
            _put(found.unknown, cell, unknown)
            _put(found.people, cell, {person_of[n] for n in _members(persons)})
            _put(found.households, cell, {home_of[n] for n in _members(households)})
        for revision, through in await connection.fetch(SAID, progress(self.number, BANK).progress_id):
            found.progress[0] = (revision, str((through + LOCAL).date()))
        return found

    def _own(self, name: str) -> str:
        return f"{self.number} {name}"

    def _line(self, line: Line) -> dict[str, Any]:
        who = person(**{kind: self._own(name) for kind, name in line.person.items()}) or None
        platform = self.platform(line.platform)
        return a_line(line.number, measure=line.measure, platform=platform, quantity=line.quantity, person=who)


async def _names(connection: Connection, table: str, names: Mapping[str, str]) -> dict[int, str]:
    """Give the names of those who have got numbers."""
    rows = await connection.fetch(
        f"SELECT number, pseudonym FROM {table} WHERE pseudonym = ANY($1)", [bytes.fromhex(each) for each in names]
    )
    return {number: names[known.hex()] for number, known in rows}


def _put(into: dict[Cell, Any], cell: Cell, value: Any) -> None:
    if value:
        into[cell] = value


def _members(serialised: bytes) -> Iterable[int]:
    return BitMap.deserialize(serialised) if serialised else ()
