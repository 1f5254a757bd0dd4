"""What the campaign's clients send, in order: batches, corrections, voids; and the teams they belong to."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "ON_TIME",
    "Batch",
    "Campaign",
    "Change",
    "Json",
    "ReporterKind",
    "Role",
    "Send",
    "Team",
    "load_teams",
]

Json = dict[str, Any]
ReporterKind = Literal["team", "partner"]
Role = Literal["app", "telco", "bank", "portal", "operator"]
"""Which of the API's clients speaks."""

ON_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Team:
    """A team by its code, with the code of the commune that it works in."""

    code: str
    commune: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one reporter's device; `sent_at` is stamped by who sends it, `clock_ahead` of the true time."""

    role: Role
    kind: ReporterKind
    reporter: str
    body: Json
    clock_ahead: timedelta = ON_TIME

    @property
    def path(self) -> str:
        """Where it is posted."""
        return "/v1/visits:batch" if self.kind == "team" else "/v1/partner-reports:batch"

    @property
    def rows(self) -> list[Json]:
        """Its rows, perhaps none."""
        rows: list[Json] = self.body["rows"]
        return rows


@dataclass(frozen=True, slots=True)
class Change:
    """A correction or a void of a team's visit."""

    role: Role
    verb: Literal["correct", "void"]
    record: str
    body: Json
    clock_ahead: timedelta = ON_TIME

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/v1/visits/{self.record}:{self.verb}"


Send = Batch | Change


@dataclass(frozen=True, slots=True)
class Campaign:
    """All sends by lane; a lane is one device or partner and keeps its order, lanes have none among them."""

    teams: tuple[Team, ...]
    lanes: dict[str, tuple[Send, ...]]

    @property
    def communes(self) -> dict[str, str]:
        """Each team's commune."""
        return {team.code: team.commune for team in self.teams}

    def sends(self) -> Iterator[Send]:
        """Give every send, lane after lane."""
        for lane in self.lanes.values():
            yield from lane

    @property
    def size(self) -> int:
        """Rows, corrections and voids to send, those sent again included."""
        return sum(len(send.rows) if isinstance(send, Batch) else 1 for send in self.sends())


def load_teams(path: Path) -> tuple[Team, ...]:
    """Read the teams from the file that the registry loads them from."""
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(Team(row["code"], row["unit_code"]) for row in csv.DictReader(lines))
