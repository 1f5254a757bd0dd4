"""Who reports what: teams, partners, and rows about people who come back, drawn from a seeded generator."""

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.registry.domain.ids import record_id
from tests.faults.cluster import Cluster

__all__ = ["LATE", "NEVER", "World", "bad", "report", "visit", "write_late_teams"]

Json = dict[str, Any]
Chance = random.Random

LATE = tuple(f"SD-9{n}" for n in range(3))
"""Teams that devices use before the registry knows them: what they send is held, then counted."""
NEVER = tuple(str(uuid.UUID(int=n, version=4)) for n in range(91, 94))
"""Teams that nobody ever tells of: what they send stays held."""
MEASURES = ("FLD-01", "FLD-05", "FLD-07", "FLD-08", "FLD-09")
PLATFORMS = (None, "e-dongthap", "vneid", "lienviet24h", "vnpt-money")
PEOPLE = 30_000
DAYS = [f"2025-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 29)]


@dataclass(frozen=True)
class World:
    """Ids as the registry gives them: each team's with its unit's, each ward's by code, each partner's by client."""

    teams: dict[str, tuple[str, str]]
    wards: dict[str, str]
    partners: dict[str, str]
    codes: Sequence[str]

    @classmethod
    async def read(cls, cluster: Cluster) -> "World":
        """Read the registry's log: it is the owner of these."""
        rows = await cluster.ask("registry", "SELECT DISTINCT ON (record_id) type, body::text FROM log"
                                 " ORDER BY record_id, revision DESC")  # fmt: skip
        told: dict[str, list[Json]] = {}
        for type_, body in rows:
            told.setdefault(type_.split(".")[-2], []).append(json.loads(body))
        teams = {team["code"]: (team["team_id"], team["unit_id"]) for team in told["team"]}
        units = {unit for _, unit in teams.values()}
        wards = {unit["code"]: unit["unit_id"] for unit in told["unit"] if unit["unit_id"] in units}
        partners = {
            client["client_id"]: client["partner"]["partner_id"] for client in told["client"] if client.get("partner")
        }
        codes = sorted(teams)
        # Devices know a team's id before the registry does, for it follows from the code.
        late = {code: (str(record_id("team", code)), teams["SD-01"][1]) for code in LATE}
        return cls(teams | late, wards, partners, codes)


def write_late_teams(known: Path, file: Path) -> None:
    """Write the list that makes the late teams known, each where the first team of a known list is."""
    header, first, *_ = known.read_text(encoding="utf-8").splitlines()
    rest = first.split(",", 1)[1]
    file.write_text("\n".join([header, *(f"{code},{rest}" for code in LATE)]) + "\n", encoding="utf-8")


def visit(chance: Chance, team: str) -> Json:
    """Make a visit without its id."""
    day = chance.choice(DAYS)
    made: Json = {"team": team, "occurred_at": f"{day}T{chance.randint(6, 21):02}:30:00+07:00"}
    if chance.random() < 0.4:
        made["household"] = {"ref": f"H{chance.randrange(300)}"}
    made["lines"] = [_line(chance, number) for number in range(1, chance.choice((2, 2, 2, 3, 4)))]
    made["consent"] = {"text": "v1", "at": f"{day}T06:00:00+07:00", "how": "oral"}
    return made


def _line(chance: Chance, number: int) -> Json:
    line = {"line": number, "measure": chance.choice(MEASURES), "quantity": chance.choice((1, 1, 1, 2, 3))}
    _add_platform(chance, line)
    if chance.random() < 0.7:
        line["person"] = _person(chance, own=True)
    return line


def _add_platform(chance: Chance, row: Json) -> None:
    if (platform := chance.choice(PLATFORMS)) is not None:
        row["platform"] = platform
        if chance.random() < 0.2:
            row["receipt"] = f"R-{chance.randrange(5000)}"


def _person(chance: Chance, *, own: bool) -> Json:
    """Give one of many people some of their references."""
    number = min(int(chance.paretovariate(0.6)), PEOPLE - 1)
    person: Json = {}
    if chance.random() < 0.5:
        person["national_id"] = f"0870{50 + number % 50}{number:06}"
    if chance.random() < 0.5 or (not person and not own):
        person["phone"] = f"09{number:08}" if chance.random() < 0.5 else f"+849{number:08}"
    if own and (not person or chance.random() < 0.1):
        person["ref"] = f"P{number % 400}"
    return person


def report(chance: Chance, wards: Sequence[str]) -> Json:
    """Make a partner's report without its id."""
    day = chance.choice(DAYS)
    made: Json = {
        "unit": chance.choice(wards),
        "occurred_at": f"{day}T10:15:00+07:00",
        "measure": chance.choice(("FLD-07", "FLD-08")),
    }
    _add_platform(chance, made)
    if chance.random() < 0.8:
        made["person"] = _person(chance, own=False)
    made["consent"] = {"text": "v1", "at": f"{day}T06:00:00+07:00", "how": "contract"}
    return made


def bad(row: Json) -> Json:
    """Spoil a row so that it has to be rejected."""
    if "lines" in row:
        return {**row, "lines": [{**row["lines"][0], "measure": "NOPE"}]}
    return {**row, "measure": "NOPE"}
