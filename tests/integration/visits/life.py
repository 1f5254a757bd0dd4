"""What tests of a record's life share."""

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.db import transaction
from libs.common.log import BEGINNING, read
from libs.contracts.records import ProgressV1, RecordV1
from services.visits import store
from services.visits.use_cases.settle import settle_held
from tests.support.visits import (
    Visits,
)


async def published(visits: Visits) -> dict[UUID, RecordV1]:
    """Give what the relay would have told of each record last."""
    async with transaction(visits.engine) as connection:
        page = await read(connection, BEGINNING, 10_000)
    records = [s for s in page.announced if s.type == "tungnha.visits.record.v1"]
    return {s.record_id: RecordV1.model_validate_json(s.body) for s in records}


async def progress_of(visits: Visits) -> list[ProgressV1]:
    async with transaction(visits.engine) as connection:
        page = await read(connection, BEGINNING, 10_000)
    newest = {s.record_id: s.body for s in page.announced if s.type == "tungnha.visits.progress.v1"}
    return [ProgressV1.model_validate_json(body) for body in newest.values()]


def correction(visit: dict[str, Any], **changes: Any) -> dict[str, Any]:
    kept = {name: value for name, value in visit.items() if name not in ("id", "team")}
    return {**kept, "id": str(uuid.uuid4()), "replaces": 1, **changes}


async def settle(visits: Visits, now: datetime | None = None) -> int:
    async with transaction(visits.engine) as connection:
        rows = await store.held(connection, 500)
        root_of = visits.issuer.guard.root_of
        return await settle_held(connection, rows, visits.directory, root_of, now or visits.clock["now"])
