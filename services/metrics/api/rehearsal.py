"""HTTP in: the rehearsal of a reform, counted in one snapshot."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Guard
from libs.common.db import Engine, transaction
from libs.common.http import Lane
from libs.common.problem import Problem
from libs.common.strict_json import check as check_json
from libs.common.validation import faults_of
from libs.contracts.rehearsal_api import MAX_REHEARSAL_BYTES, RehearsalQuery
from services.metrics.api.door import reader_of
from services.metrics.api.seconds import Timing
from services.metrics.domain.memory import Memories
from services.metrics.domain.picture import Picture
from services.metrics.store.query import read_revision
from services.metrics.use_cases.query import Reader
from services.metrics.use_cases.rehearse import prepare, rehearse

__all__ = ["RehearsalApi"]

JSON = "application/json"


@dataclass(frozen=True)
class RehearsalApi:
    """The rehearsal, a few at a time, with what it needs."""

    engine: Engine
    guard: Guard
    picture: Picture
    memories: Memories
    timing: Timing
    ready: Callable[[], bool]
    smallest_shown: int
    lane: Lane = field(default_factory=lambda: Lane(places=2))

    def routes(self) -> list[BaseRoute]:
        """Give every route."""
        return [Route("/v1/metrics:rehearse", self.rehearse_metrics, methods=["POST"])]

    async def rehearse_metrics(self, request: Request) -> Response:
        """Count what the states in the body would do."""
        caller = reader_of(request, self.guard, self.ready)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem("unsupported_media_type", expected=JSON)
        with self.lane.place():
            body = check_json(await self.lane.read(request, MAX_REHEARSAL_BYTES))
            try:
                query = RehearsalQuery.model_validate_json(body)
            except ValidationError as error:
                raise Problem("malformed", faults=faults_of(error)) from error
            reader = Reader(caller.unit_id, "metrics:exact" in caller.scopes, self.smallest_shown)
            with self.timing():
                plan = await prepare(query, self.picture.still(), reader)
                async with transaction(self.engine, isolation="repeatable_read", readonly=True) as connection:
                    revision = await read_revision(connection)
                    told = await rehearse(connection, plan, reader, self.memories.of(revision.epoch), revision)
        return Response(
            told.model_dump_json(by_alias=True), headers={"cache-control": "private, no-store"}, media_type=JSON
        )
