"""The visits application over a small map: one city with two wards, an outside commune, two teams, a partner."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Guard
from libs.common.db import open_engine
from libs.common.http import build_app
from libs.common.problem import Catalogue
from libs.contracts.problems import entries
from services.visits.api import Resources, routes
from services.visits.domain.directory import Directory, Measure, Platform, Team, Unit
from services.visits.domain.identity import KeyChain
from services.visits.use_cases.received import Received
from tests.support.callers import Issuer
from tests.support.http import Answer, call

__all__ = [
    "CITY",
    "ELSEWHERE",
    "KEYS",
    "NEW_WARD",
    "OTHER_TEAM",
    "PARTNER",
    "TEAM",
    "WARD",
    "Visits",
    "a_line",
    "a_report",
    "a_visit",
    "open_visits",
]

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
REFORM = date(2025, 7, 1)
KEYS = KeyChain((b"k" * 32,))

CITY, WARD, OTHER_WARD, ELSEWHERE, NEW_WARD = (UUID(int=n, version=4) for n in range(1, 6))
TEAM, OTHER_TEAM, OUTSIDE_TEAM, CLOSED_TEAM = (UUID(int=n, version=4) for n in range(11, 15))
PARTNER = UUID(int=21, version=4)


def _directory() -> Directory:
    directory = Directory()
    for unit_id, code, begin, end, within in (
        (CITY, "867", None, REFORM, {CITY}),
        (WARD, "29905", None, REFORM, {WARD, CITY}),
        (OTHER_WARD, "29908", None, REFORM, {OTHER_WARD, CITY}),
        (ELSEWHERE, "00001", None, None, {ELSEWHERE}),
        (NEW_WARD, "29905", REFORM, None, {NEW_WARD}),
    ):
        whole = NEW_WARD if unit_id == WARD else None  # The other ward was divided.
        directory.add_unit(Unit(unit_id, 1, code, begin, end, frozenset(within), whole))
    for team_id, code, unit_id, dissolved in (
        (TEAM, "SD-01", WARD, None),
        (OTHER_TEAM, "SD-02", OTHER_WARD, None),
        (OUTSIDE_TEAM, "XX-01", ELSEWHERE, None),
        (CLOSED_TEAM, "SD-03", WARD, date(2025, 1, 1)),
    ):
        directory.add_team(Team(team_id, 1, code, unit_id, date(2022, 8, 1), dissolved))
    for code, stages, end in (("FLD-05", {"activated"}, None), ("FLD-07", set(), None), ("FLD-09", set(), None)):
        directory.add_measure(Measure(code, 1, frozenset(stages), None, end))
    directory.add_measure(Measure("FLD-12", 1, frozenset(), None, date(2026, 10, 1)))
    directory.add_platform(Platform("e-dongthap", 1, ("e-ĐongThap",)))
    return directory


def a_line(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A line that is right; keywords spoil or change it."""
    return {"line": number, "measure": "FLD-07", "platform": "e-dongthap", "quantity": 1, **changes}


def a_visit(**changes: Any) -> dict[str, Any]:
    """A visit that is right; keywords spoil or change it, None takes a field away."""
    visit = {
        "id": str(uuid.uuid4()),
        "team": "SD-01",
        "occurred_at": "2025-05-10T08:30:00+07:00",
        "household": {"ref": "H1"},
        "recorded_by": "m-1",
        "channel": "door_to_door",
        "consent": {"text": "v1", "at": "2025-05-10T08:25:00+07:00", "how": "oral"},
        "lines": [a_line(person={"national_id": "087085000001", "phone": "0912345678"}), a_line(2, quantity=3)],
    }
    return {name: value for name, value in {**visit, **changes}.items() if value is not None}


def a_report(**changes: Any) -> dict[str, Any]:
    """A partner's report that is right; keywords spoil or change it, None takes a field away."""
    report = {
        "id": str(uuid.uuid4()),
        "unit": "29905",
        "occurred_at": "2025-05-10T08:30:00+07:00",
        "measure": "FLD-07",
        "platform": "e-dongthap",
        "person": {"phone": "+84912345678"},
        "consent": {"text": "v1", "at": "2025-05-10T08:25:00+07:00", "how": "contract"},
    }
    return {name: value for name, value in {**report, **changes}.items() if value is not None}


@dataclass
class Visits:
    """The application, who calls it, and its clock."""

    app: FastAPI
    engine: AsyncEngine
    url: str
    issuer: Issuer
    directory: Directory
    clock: dict[str, datetime] = field(default_factory=lambda: {"now": NOW})
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    async def post(self, path: str, body: Any, *, client: str = "app", **headers: str) -> Answer:
        """Post JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return await call(self.app, "POST", path, headers={**self.issuer.headers(client), **headers}, body=content)

    async def get(self, path: str, *, client: str = "app") -> Answer:
        """Get with a token."""
        return await call(self.app, "GET", path, headers=self.issuer.headers(client))

    async def send(self, *rows: Mapping[str, Any], query: str = "", **envelope: Any) -> list[dict[str, Any]]:
        """Send visits in one batch and give the receipts; anything but 200 fails."""
        answer = await self.post(f"/v1/visits:batch{query}", {**envelope, "rows": rows})
        assert answer.status == 200, answer.body
        receipts: list[dict[str, Any]] = answer.json["rows"]
        return receipts

    def later(self, **span: float) -> None:
        """Move our clock."""
        self.clock["now"] += timedelta(**span)


@asynccontextmanager
async def open_visits(url: str, *, directory: Directory | None = None, keys: KeyChain = KEYS) -> AsyncIterator[Visits]:
    """Open the application over a migrated database; its map is the small one unless another is given."""
    guard, directory = Guard("tungnha"), directory or _directory()
    issuer = Issuer(guard)
    issuer.client("app", unit_id=CITY)
    issuer.client("country")
    issuer.client("bank", partner_id=PARTNER)
    async with open_engine(url, application_name="test visits", pool_size=8) as engine:
        clock = {"now": NOW}
        catalogue = Catalogue.of(entries())
        registry = CollectorRegistry()
        resources = Resources(
            engine,
            guard,
            directory,
            keys,
            catalogue,
            Received.on(registry, directory),
            ready=lambda: True,
            now=lambda: clock["now"],
        )
        app = build_app(
            catalogue=catalogue,
            routes=routes(resources),
            registry=registry,
            ready=lambda: {"all": True},
        )
        yield Visits(app, engine, url, issuer, directory, clock, registry)
