"""HTTP in: the network counted on a day, and what it lacks."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Caller, Guard
from libs.common.db import Connection, Engine, transaction
from libs.common.http import is_current
from libs.common.inbox import reached
from libs.common.log import Position
from libs.common.problem import Problem
from libs.common.validation import faults_of
from libs.contracts.network_api import GAP_KINDS, GAP_LEVELS, NetworkQuery
from libs.contracts.topics import DENOMINATORS, MEMBERS, TEAMS
from services.metrics.api.door import reader_of
from services.metrics.api.seconds import Timing
from services.metrics.domain.clock import local_day
from services.metrics.domain.memory import Memories
from services.metrics.domain.network.gaps import Mark
from services.metrics.domain.network.layout import Layouts
from services.metrics.domain.network.question import (
    OF_FACTS,
    Question,
    asked_by_default,
    check,
    types_by_default,
)
from services.metrics.domain.picture import Picture
from services.metrics.store.network.counts import read_revision as read_network_revision
from services.metrics.store.network.numbers import UnitNumbers
from services.metrics.store.query import read_revision
from services.metrics.use_cases.network.asking import Asking, Moment, Place, asking_of
from services.metrics.use_cases.network.counting import count_network
from services.metrics.use_cases.network.gaps import GapsAsked, list_gaps
from services.metrics.use_cases.network.telling import Told
from services.metrics.use_cases.query import Reader

__all__ = ["NetworkApi", "question_of"]

JSON = "application/json"
LISTS = ("unit", "level", "type", "group_by", "indicators")
COUNT = (*LISTS, "on", "boundaries", "from", "to", "minimum_members")
GAPS = ("kind", "level", "on", "unit", "boundaries", "minimum_members", "cursor", "limit")
SOURCES = (TEAMS.name, MEMBERS.name, DENOMINATORS.name)
DEFAULT_ROWS, MAX_PAGE, MAX_MINIMUM = 100, 500, 100
FORM_OF_ANSWER = 1  # Raised when the same numbers are told differently, so that no old answer stays in a cache.


@dataclass
class NetworkApi:
    """The endpoints with what they need; each answer is read in one transaction."""

    engine: Engine
    guard: Guard
    picture: Picture
    memories: Memories
    layouts: Layouts
    timing: Timing
    ready: Callable[[], bool]
    smallest_shown: int
    now: Callable[[], datetime]
    _floor: Position | None = field(default=None, init=False)
    _numbers: UnitNumbers = field(default_factory=UnitNumbers, init=False)
    _complete: bool = field(default=False, init=False)

    def routes(self) -> list[BaseRoute]:
        """Give every route."""
        return [
            Route("/v1/network", self.count_network, methods=["GET"]),
            Route("/v1/network/gaps", self.list_gaps, methods=["GET"]),
        ]

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[Connection]:
        with self.timing():
            async with transaction(self.engine, isolation="repeatable_read", readonly=True) as connection:
                yield connection

    async def count_network(self, request: Request) -> Response:
        """Count teams and members on a day."""
        caller = reader_of(request, self.guard, self.ready)
        reader = Reader(caller.unit_id, "metrics:exact" in caller.scopes, self.smallest_shown)
        today = local_day(self.now())
        query = _settled(_query_of(_told(request, COUNT)), today)
        question = question_of(query)
        check(question)
        place = Place(question.on, tuple(query.unit), query.boundaries, question.unit_level)
        picture, asking = self._asking(place, today, caller)
        async with self._read() as connection:
            moment = await self._moment(connection, needs_facts=bool(set(question.indicators) & set(OF_FACTS)))
            headers = _headers(moment, picture, today, reader, query.model_dump_json(by_alias=True))
            if is_current(request, headers["etag"]):
                return Response(status_code=304, headers=headers)
            told = Told(question, asking, reader, picture, moment)
            memory = self.memories.of(moment.facts.epoch) if moment.facts is not None else None
            answer = await count_network(connection, query, told, memory)
        return Response(answer.model_dump_json(by_alias=True), headers=headers, media_type=JSON)

    async def list_gaps(self, request: Request) -> Response:
        """List units without a team, or teams with few members."""
        caller = reader_of(request, self.guard, self.ready)
        told = _told(request, GAPS)
        today = local_day(self.now())
        asked = _gaps_asked(told, today)
        place = Place(asked.on, tuple(told["unit"].split(",")) if "unit" in told else (), asked.boundaries)
        picture, asking = self._asking(place, today, caller)
        async with self._read() as connection:
            moment = await self._moment(connection, needs_facts=False)
            headers = _headers(moment, picture, today, asked, place, caller.unit_id)
            if is_current(request, headers["etag"]):
                return Response(status_code=304, headers=headers)
            answer, more = await list_gaps(connection, asked, asking, picture, moment)
        if more is not None:
            answer = answer.model_copy(update={"next": _cursor(more)})
        return Response(answer.model_dump_json(by_alias=True), headers=headers, media_type=JSON)

    async def _moment(self, connection: Connection, *, needs_facts: bool) -> Moment:
        """Say what is known in this snapshot; raises Problem until it is all that this process had read at its start.

        A network half read after a rebuild would be told as a small one.
        """
        through = await reached(connection, *SOURCES)
        if self._floor is None:
            self._floor = Position(*self.picture.revision)
        if not self._complete:
            if through is None or through < self._floor:
                raise Problem("not_ready", headers={"retry-after": "2"})
            self._complete = True
        assert through is not None
        facts = await read_revision(connection) if needs_facts else None
        return Moment(await read_network_revision(connection), through, facts)

    def _asking(self, place: Place, today: date, caller: Caller) -> tuple[Picture, Asking]:
        """Settle where is asked about, on the map as it is now; that may take a while, so no transaction is open."""
        picture = self.picture.still()
        return picture, asking_of(picture, self.layouts, self._numbers, place, today, caller.unit_id)


def _headers(moment: Moment, picture: Picture, *parts: object) -> dict[str, str]:
    """Give headers with a strong tag of everything that an answer depends on."""
    known = (FORM_OF_ANSWER, moment.revision, moment.through, moment.facts, picture.revision, *parts)
    tag = hashlib.sha256("|".join(map(str, known)).encode()).hexdigest()[:32]
    return {"etag": f'"{tag}"', "cache-control": "private, no-cache"}


def _told(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            raise _bad(name, " | ".join(known))
        if name in given:
            raise _bad(name, "2 ×")
        if not text:
            raise _bad(name, "∅")
        given[name] = text
    return given


def _bad(name: str, reason: str) -> Problem:
    return Problem("bad_parameter", name=name[:50], reason=reason)


def _query_of(told: dict[str, str]) -> NetworkQuery:
    given: dict[str, Any] = {name: text.split(",") if name in LISTS else text for name, text in told.items()}
    if "minimum_members" in given:
        given["minimum_members"] = _number(told, "minimum_members", 3, MAX_MINIMUM)
    try:
        return NetworkQuery.model_validate_json(json.dumps(given))
    except ValidationError as error:
        faults = faults_of(error)
        raise Problem(
            "bad_parameter", faults=faults, name=faults[0].pointer.split("/")[1], reason=faults[0].code
        ) from error


def _settled(query: NetworkQuery, today: date) -> NetworkQuery:
    """Fill in what was left to us, so that the answer names it."""
    on = query.on or today
    to = query.to or on
    period_told = query.from_ is not None or query.to is not None
    return query.model_copy(
        update={
            "on": on,
            "to": to,
            "from_": query.from_ or date(to.year, 1, 1),
            "type": list(dict.fromkeys(query.type)) or list(types_by_default(query.group_by)),
            "indicators": sorted(set(query.indicators)) or list(asked_by_default(period_told=period_told)),
        }
    )


def question_of(query: NetworkQuery) -> Question:
    """Give a settled query as the domain asks it."""
    assert query.on is not None
    assert query.from_ is not None
    assert query.to is not None
    return Question(
        on=query.on,
        units=tuple(query.unit),
        levels=tuple(query.level),
        types=tuple(query.type),
        group_by=tuple(query.group_by),
        boundaries=query.boundaries,
        indicators=tuple(query.indicators),
        first=query.from_,
        last=query.to,
        minimum=query.minimum_members,
    )


def _gaps_asked(told: dict[str, str], today: date) -> GapsAsked:
    kind = told.get("kind", GAP_KINDS[0])
    if kind not in GAP_KINDS:
        raise _bad("kind", " | ".join(GAP_KINDS))
    level = told.get("level")
    if level is not None and level not in GAP_LEVELS:
        raise _bad("level", " | ".join(GAP_LEVELS))
    return GapsAsked(
        kind=kind,
        level=level,
        on=_day(told, today),
        boundaries=told.get("boundaries", "as_recorded"),
        minimum=_number(told, "minimum_members", 3, MAX_MINIMUM),
        after=_mark(told["cursor"]) if "cursor" in told else None,
        limit=_number(told, "limit", DEFAULT_ROWS, MAX_PAGE),
    )


def _day(told: dict[str, str], today: date) -> date:
    text = told.get("on")
    try:
        if text is None or len(text) == len("2025-07-01"):
            return date.fromisoformat(text) if text else today
    except ValueError:
        pass
    raise _bad("on", "dạng / such as 2025-07-01")


def _number(told: dict[str, str], name: str, default: int, most: int) -> int:
    text = told.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most:
        return int(text)
    raise _bad(name, f"1–{most}")


def _cursor(mark: Mark) -> str:
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).rstrip(b"=").decode()


def _mark(text: str) -> Mark:
    try:
        name, key = json.loads(base64.urlsafe_b64decode(text + "=="))
        if isinstance(name, str) and isinstance(key, str):
            return Mark(name, key)
    except (ValueError, TypeError):
        pass
    raise _bad("cursor", text[:20])
