"""Records as the visits service announces them, folded into a database of metrics, and the queries asked of it."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from libs.common.auth import Guard
from libs.common.consume import Handled
from libs.common.db import Engine, open_engine, transaction
from libs.common.http import build_app
from libs.common.kafka import Incoming
from libs.common.problem import Catalogue
from libs.contracts.model import Contract
from libs.contracts.problems import entries
from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import RECORDS, type_of
from services.metrics.consumer import handle
from services.metrics.domain.map import Unit
from services.metrics.domain.picture import Measure, Named, Picture
from services.metrics.settings import Settings
from services.metrics.use_cases.counted import Counted
from services.metrics.wiring import build_api
from tests.support.callers import Issuer
from tests.support.http import Answer, call

__all__ = [
    "BANK",
    "CITY",
    "ELSEWHERE",
    "OTHER_WARD",
    "PROVINCE",
    "TEAMS",
    "WARD",
    "Metrics",
    "a_line",
    "a_picture",
    "a_record",
    "open_metrics",
    "person",
    "progress",
    "told",
]

PROVINCE, CITY, WARD, OTHER_WARD, ELSEWHERE, NEW_WARD = (UUID(int=n, version=4) for n in range(1, 7))
TEAMS = tuple(UUID(int=n, version=4) for n in range(11, 14))
BANK = UUID(int=21, version=4)
REFORM = date(2025, 7, 1)


def pseudonym(text: str) -> str:
    """Make something that looks like a pseudonym."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def person(**refs: str) -> dict[str, Any]:
    """A person by some references, each a name of the test's own."""
    return {kind: pseudonym(f"{kind} {name}") for kind, name in refs.items()}


def a_line(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A line without a person; keywords change it."""
    return {"line": number, "measure": "FLD-07", "platform": "e-dongthap", "quantity": 1, **changes}


def a_record(number: int, *lines: dict[str, Any], revision: int = 1, **changes: Any) -> RecordV1:
    """A record of the first team in its ward on 10 May 2025; keywords change it, no lines make it voided."""
    reporter = changes.pop("reporter", TEAMS[0])
    household = changes.pop("household", None)
    state = {
        "record_id": UUID(int=number, version=4),
        "revision": revision,
        "edition": 0,
        "kind": "visit",
        "state": "recorded" if lines else "voided",
        "reporter": {"kind": "partner" if reporter == BANK else "team", "id": reporter},
        "unit_id": WARD,
        "day": "2025-05-10",
        "occurred_at": "2025-05-10T08:30:00+07:00",
        "received_at": "2025-05-10T08:31:00+07:00",
        "channel": "campaign",
        "household": pseudonym(f"household {household}") if household else None,
        "lines": lines,
        **changes,
    }
    return RecordV1.model_validate_json(json.dumps(state, default=str))


def progress(number: int, reporter: UUID, *, revision: int = 1, **told: str) -> ProgressV1:
    """What a device says, or without one: since when records are held."""
    state = {"progress_id": str(UUID(int=900 + number)), "revision": revision, **told}
    return ProgressV1.model_validate_json(json.dumps({**state, "reporter": {"kind": "team", "id": str(reporter)}}))


def told(*states: Contract | bytes, offset: int = 0) -> list[Incoming]:
    """Make messages; bytes stand for a record that cannot be read."""
    return [
        Incoming(
            RECORDS.name,
            0,
            offset + n,
            b"",
            state if isinstance(state, bytes) else state.model_dump_json().encode(),
            {"ce_type": type_of(RecordV1 if isinstance(state, bytes) else type(state))},
            0,
        )
        for n, state in enumerate(states)
    ]


def a_picture() -> Picture:
    """A province with a city of two wards, one later merged into a new ward; a commune elsewhere."""
    picture = Picture()
    city, ward, other = (PROVINCE, CITY), (PROVINCE, CITY, WARD), (PROVINCE, CITY, OTHER_WARD)
    for unit_id, code, level, name, path, within, end, successors in (
        (PROVINCE, "87", "province", "Tỉnh Đồng Tháp", (PROVINCE,), (PROVINCE,), None, ()),
        (CITY, "867", "district", "Thành phố Sa Đéc", city, city, REFORM, ()),
        (WARD, "29905", "commune", "Phường 1", ward, (*ward, NEW_WARD), REFORM, (NEW_WARD,)),
        (OTHER_WARD, "29908", "commune", "Phường 2", other, other, REFORM, ()),
        (ELSEWHERE, "00001", "commune", "Xã Khác", (ELSEWHERE,), (ELSEWHERE,), None, ()),
    ):
        picture.units.take(Unit(unit_id, 1, code, level, name, None, end, path, within, successors))
    new = (PROVINCE, NEW_WARD)
    picture.units.take(Unit(NEW_WARD, 1, "29905", "commune", "Phường Sa Đéc", REFORM, None, new, new))
    for code, unit_of_count in (("FLD-07", "install"), ("FLD-08", "install"), ("FLD-09", "encounter")):
        picture.take_measure(Measure(code, 1, 1, f"vi {code}", f"en {code}", unit_of_count))
    for platform, aliases in (("e-dongthap", ["e-ĐongThap"]), ("vnpay", [])):
        picture.take_platform(platform, 1, aliases)
    picture.take_reporter(TEAMS[0], Named(1, "Tổ 1"))
    picture.moved((1, 5, 5), map_changed=True)
    return picture


@dataclass
class Clock:
    """What the service takes for now."""

    now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Metrics:
    """A database that is folded into, and the application that answers from it."""

    engine: Engine
    app: FastAPI
    issuer: Issuer
    picture: Picture
    counted: Counted
    clock: Clock

    async def fold(self, *states: Contract | bytes) -> Handled:
        """Fold one batch in one transaction."""
        async with transaction(self.engine) as connection:
            return await handle(connection, told(*states))

    async def fetch(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Read rows."""
        async with transaction(self.engine, readonly=True) as connection:
            return [tuple(row) for row in await connection.fetch(sql, *params)]

    async def ask(self, *, client: str = "exact", headers: dict[str, str] | None = None, **query: Any) -> Answer:
        """Ask about FLD-07 in May 2025 unless told otherwise; `from_` is `from`."""
        asked = {"measures": ["FLD-07"], "from": "2025-05-01", "to": "2025-05-31", **query}
        if "from_" in asked:
            asked["from"] = asked.pop("from_")
        given = {**self.issuer.headers(client), **(headers or {})}
        return await call(self.app, "POST", "/v1/metrics:query", headers=given, body=json.dumps(asked).encode())

    async def numbers(self, **query: Any) -> Any:
        """Ask and give the answer's body; anything but 200 fails."""
        answer = await self.ask(**query)
        assert answer.status == 200, answer.body
        return answer.json

    async def get(self, query: str, *, client: str = "exact", headers: dict[str, str] | None = None) -> Answer:
        """Ask by address."""
        given = {**self.issuer.headers(client), **(headers or {})}
        return await call(self.app, "GET", f"/v1/metrics?{query}", headers=given)


@asynccontextmanager
async def open_metrics(
    url: str, *, at_least_seconds: float = 0.2, picture: Picture | None = None
) -> AsyncIterator[Metrics]:
    """Open the application over a migrated database."""
    guard, picture = Guard("tungnha"), picture or a_picture()
    issuer = Issuer(guard)
    issuer.client("exact")
    issuer.client("portal", scopes=["metrics:read"])
    issuer.client("city", unit_id=CITY)
    issuer.client("new ward", unit_id=NEW_WARD)
    issuer.client("app", scopes=["visits:write"])
    settings = Settings.model_validate(
        {"database_url": url, "kafka_bootstrap": "127.0.0.1:1", "at_least_seconds": at_least_seconds}
    )
    async with open_engine(url, application_name="test metrics", pool_size=6) as engine:
        clock = Clock()
        registry = CollectorRegistry()
        routes, counted = build_api(engine, guard, picture, settings, lambda: True, registry, lambda: clock.now)
        app = build_app(catalogue=Catalogue.of(entries()), routes=routes, registry=registry, ready=lambda: {})
        yield Metrics(engine, app, issuer, picture, counted, clock)
