"""HTTP in: a query and its GET twin, answered from one snapshot."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Caller, Guard
from libs.common.db import Engine, transaction
from libs.common.http import is_current, parameters, read_body, tagged_response
from libs.common.problem import Fault, Problem
from libs.common.strict_json import check as check_json
from libs.common.validation import faults_of
from libs.contracts.metrics_api import REVISION_HEADER, MetricsQuery, RevisionAnswer
from services.metrics.api.door import reader_of
from services.metrics.api.seconds import Timing
from services.metrics.domain.clock import local_day
from services.metrics.domain.memory import Memories
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question, check, scope_of
from services.metrics.store.query import DataRevision, read_revision
from services.metrics.use_cases.counted import Counted, position_of
from services.metrics.use_cases.query import Reader, answer, in_codes, question_of

__all__ = ["QueryApi"]

JSON = "application/json"
PARAMETERS = ("measures", "from", "to", "group_by", "answers", "boundaries", "at_least")
FILTERS = ("unit", "reporter_kind", "reporter", "platform")
LISTS = {"measures", "group_by", "answers", "unit", "reporter", "platform"}
FORM_OF_ANSWER = 2  # Raised when the same numbers are told differently, so that no old answer stays in a cache.


@dataclass(frozen=True)
class QueryApi:
    """The query, its GET twin and the revision, with what they need; each answer is read in one transaction."""

    engine: Engine
    guard: Guard
    picture: Picture
    memories: Memories
    counted: Counted
    timing: Timing
    ready: Callable[[], bool]
    now: Callable[[], datetime]
    smallest_shown: int
    at_least_seconds: float

    def routes(self) -> list[BaseRoute]:
        """Give every route."""
        return [
            Route("/v1/metrics:query", self.query_metrics, methods=["POST"]),
            Route("/v1/metrics", self.read_metrics, methods=["GET"]),
            Route("/v1/metrics/revision", self.read_revision, methods=["GET"]),
        ]

    async def query_metrics(self, request: Request) -> Response:
        """Answer a query in the body."""
        caller = reader_of(request, self.guard, self.ready)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem("unsupported_media_type", expected=JSON)
        body = check_json(await read_body(request))
        try:
            query = MetricsQuery.model_validate_json(body)
        except ValidationError as error:
            raise Problem("malformed", faults=faults_of(error)) from error
        return await self._answer(request, caller, query)

    async def read_metrics(self, request: Request) -> Response:
        """Answer a query in the address."""
        caller = reader_of(request, self.guard, self.ready)
        return await self._answer(request, caller, _query_in_address(request))

    async def read_revision(self, request: Request) -> Response:
        """Say where the numbers stand."""
        reader_of(request, self.guard, self.ready)
        parameters(request)
        async with transaction(self.engine, readonly=True) as connection:
            revision = await read_revision(connection)
        told = RevisionAnswer(
            data_revision=str(revision),
            map_revision=".".join(map(str, self.picture.map_revision)),
            as_of=revision.changed_at,
        )
        read_at = _revision(revision, self.picture, self._today())
        return tagged_response(request, told.model_dump_json().encode(), headers={REVISION_HEADER: read_at})

    def _today(self) -> date:
        return local_day(self.now())

    async def _answer(self, request: Request, caller: Caller, query: MetricsQuery) -> Response:
        reader = Reader(caller.unit_id, "metrics:exact" in caller.scopes, self.smallest_shown)
        query = in_codes(query, self.picture)
        check(question_of(query, self._today()), self.picture.still())
        if query.at_least is not None:
            await self.counted.wait(position_of(query.at_least), self.at_least_seconds)
        with self.timing():
            return await self._answer_now(request, query, reader)

    async def _answer_now(self, request: Request, query: MetricsQuery, reader: Reader) -> Response:
        async with transaction(self.engine, isolation="repeatable_read", readonly=True) as connection:
            revision = await read_revision(connection)
            # Behind the wait, and all of one moment: the day and the map that are used are those the tag names.
            today, picture = self._today(), self.picture.still()
            question = question_of(query, today)
            check(question, picture)
            units = scope_of(question, picture, reader.subtree)
            read_at = _revision(revision, picture, today)
            headers = {
                "etag": _tag(query, question, reader, _revision(revision, picture)),
                "cache-control": "private, no-cache",
                REVISION_HEADER: read_at,
            }
            if is_current(request, headers["etag"]):
                return Response(status_code=304, headers=headers)
            memory = self.memories.of(revision.epoch)
            answered = await answer(connection, query, question, units, reader, picture, memory, revision)
        return Response(answered.model_dump_json(by_alias=True), headers=headers, media_type=JSON)


def _revision(revision: DataRevision, picture: Picture, *today: date) -> str:
    """Name all that any answer depends on besides its question and its reader; with `today`, also `current` ones."""
    return ";".join(map(str, (FORM_OF_ANSWER, revision, ".".join(map(str, picture.revision)), *today)))


def _tag(query: MetricsQuery, question: Question, reader: Reader, read_at: str) -> str:
    """Make a strong tag of everything that an answer depends on."""
    parts = (
        read_at,
        question.on,
        reader.subtree,
        reader.exact,
        reader.smallest_shown,
        query.model_dump_json(by_alias=True),
    )
    return f'"{hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]}"'


def _query_in_address(request: Request) -> MetricsQuery:
    """Read the GET twin's parameters: lists are comma-separated, filters stand beside the rest."""
    given: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        into = given if name in PARAMETERS else filters
        if name not in PARAMETERS and name not in FILTERS:
            raise _bad_parameter(name, "unknown_field", " | ".join((*PARAMETERS, *FILTERS)))
        if name in into:
            raise _bad_parameter(name, "duplicate_key", "2 ×")
        into[name] = text.split(",") if name in LISTS else text
    try:
        return MetricsQuery.model_validate_json(json.dumps({**given, "filters": filters}))
    except ValidationError as error:
        faults = faults_of(error)
        steps = faults[0].pointer.removeprefix("/filters").split("/")
        raise Problem("bad_parameter", faults=faults, name=steps[1], reason=faults[0].code) from error


def _bad_parameter(name: str, code: str, reason: str) -> Problem:
    fault = Fault(code, f"/{name[:50]}", {"key": name[:50]})
    return Problem("bad_parameter", faults=[fault], name=name[:50], reason=reason)
