"""HTTP in: statements, and what can be made of them."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.common.auth import Caller, Guard
from libs.common.db import Engine, transaction
from libs.common.http import parameters, tagged_response
from libs.common.problem import Problem
from libs.contracts import statements_api as contract
from libs.contracts.model import Contract
from services.metrics.api.door import reader_of
from services.metrics.api.seconds import Timing
from services.metrics.domain.clock import local_day
from services.metrics.domain.map import Unit
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import day_of
from services.metrics.domain.standing import Standing
from services.metrics.domain.statements import SHAPES, Statement
from services.metrics.use_cases.statement_answers import Standpoint, added, compared, progress
from services.metrics.use_cases.statement_views import Lens
from services.metrics.use_cases.statements import SORTS, Place, Shelf, Wanted, choose, named, place_of, related

__all__ = ["StatementsApi"]

DEFAULT_ROWS, MAX_ROWS = 100, 500
MAX_ADDED = 50


@dataclass(frozen=True)
class _Seen:
    """What a caller sees: statements under the boundaries of a day, and the units in which it may see them."""

    lens: Lens
    picture: Picture
    territory: frozenset[UUID] | None

    @property
    def map_revision(self) -> str:
        return ".".join(map(str, self.picture.map_revision))


Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass
class StatementsApi:
    """The endpoints with what they need; each answer is read in one transaction."""

    engine: Engine
    guard: Guard
    picture: Picture
    timing: Timing
    ready: Callable[[], bool]
    now: Callable[[], datetime]
    _shelf: Shelf = field(default_factory=Shelf)
    _standing: Standing | None = None

    def routes(self) -> list[BaseRoute]:
        """Give every route."""
        return [
            Route("/v1/statements", self._timed(self.list_statements), methods=["GET"]),
            Route("/v1/statements:compare", self._timed(self.compare_statements), methods=["GET"]),
            Route("/v1/statements:add", self._timed(self.add_statements), methods=["GET"]),
            Route("/v1/progress", self._timed(self.read_progress), methods=["GET"]),
        ]

    def _timed(self, endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def timed(request: Request) -> Response:
            with self.timing():
                return await endpoint(request)

        return timed

    async def list_statements(self, request: Request) -> Response:
        """Give a page of statements."""
        caller = reader_of(request, self.guard, self.ready)
        asked = parameters(request, "indicator", "unit", "source", "shape", "boundaries", "sort", "limit", "cursor")
        sort = _one_of(asked, "sort", SORTS) or SORTS[0]
        after, limit = _paging(asked, sort)
        shape = _one_of(asked, "shape", SHAPES)
        seen = await self._see(caller, asked)
        units = seen.lens.standing.units
        unit = _unit(asked["unit"], seen) if "unit" in asked else None
        wanted = Wanted(
            asked.get("indicator"),
            asked.get("source"),
            shape,
            units.territory(unit, seen.lens.on) | units.held_by(unit.unit_id) if unit else None,
            sort,
            after,
        )
        page, last = choose(seen.lens.said, wanted, units, seen.territory, limit)
        return _answer(
            request,
            contract.StatementPage(
                statements=[seen.lens.view(each) for each in page],
                contract=seen.lens.contract(seen.map_revision),
                next=_cursor(sort, last) if last else None,
            ),
        )

    async def compare_statements(self, request: Request) -> Response:
        """Hold two statements against each other."""
        caller = reader_of(request, self.guard, self.ready)
        asked = parameters(request, "left", "right", "boundaries")
        seen = await self._see(caller, asked)
        left, right = (_named(seen, asked, name) for name in ("left", "right"))
        return _answer(request, compared(seen.lens, left, right, seen.map_revision))

    async def add_statements(self, request: Request) -> Response:
        """Add statements, where that means something."""
        caller = reader_of(request, self.guard, self.ready)
        asked = parameters(request, "ids", "boundaries")
        ids = asked.get("ids", "").split(",")
        if not 1 <= len(ids) <= MAX_ADDED or "ids" not in asked:
            raise Problem("bad_parameter", name="ids", reason=f"1–{MAX_ADDED}")
        seen = await self._see(caller, asked)
        found: dict[str, Statement] = {}
        for each in ids:
            found |= {one.id: one for one in _named(seen, {"ids": each}, "ids")}
        return _answer(request, added(seen.lens, list(found.values()), seen.map_revision))

    async def read_progress(self, request: Request) -> Response:
        """Say where a unit stands on an indicator on a day, and how far from its targets."""
        caller = reader_of(request, self.guard, self.ready)
        asked = parameters(request, "indicator", "unit", "on")
        for name in ("indicator", "unit"):
            if name not in asked:
                raise Problem("bad_parameter", name=name, reason="∅")
        indicator = self.picture.references.indicators.get(asked["indicator"])
        if indicator is None:
            raise Problem("unknown_indicator", code=asked["indicator"][:50])
        seen = await self._see(caller, {"boundaries": asked["on"]} if "on" in asked else {})
        unit = _unit(asked["unit"], seen)
        statements = related(seen.lens.said, indicator.code, unit, seen.lens.standing.units, seen.territory)
        return _answer(request, progress(seen.lens, Standpoint(indicator, unit, statements), seen.map_revision))

    async def _see(self, caller: Caller, asked: Mapping[str, str]) -> _Seen:
        """Read the statements, then take the map of one moment."""
        async with transaction(self.engine, isolation="repeatable_read", readonly=True) as connection:
            said = await self._shelf.newest(connection)
        today, picture = local_day(self.now()), self.picture.still()
        if self._standing is None or self._standing.units is not picture.units:
            self._standing = Standing(picture.units)
        boundaries = asked.get("boundaries", "current")
        day = day_of(boundaries, today)
        lens = Lens(said, picture.references, self._standing, boundaries, day or today, day is not None)
        territory = None if caller.unit_id is None else picture.units.held_by(caller.unit_id)
        return _Seen(lens, picture, territory)


def _unit(reference: str, seen: _Seen) -> Unit:
    """Find a unit that the caller may see: by id, by a code of the asked day, or one that only one unit ever bore."""
    lens, units = seen.lens, seen.lens.standing.units
    try:
        unit = units.get(UUID(reference))
    except ValueError:
        bearers = units.with_code(reference)
        valid: list[Unit] = [each for each in bearers if each.valid_on(lens.on)]
        unit = (valid or list(bearers))[0] if len(valid) == 1 or len(bearers) == 1 else None
    if unit is None:
        raise Problem("unknown_unit", unit=reference[:50])
    if seen.territory is not None and unit.unit_id not in seen.territory:
        raise Problem("outside_subtree", unit=reference[:50])
    return unit


def _named(seen: _Seen, asked: Mapping[str, str], name: str) -> list[Statement]:
    if name not in asked:
        raise Problem("bad_parameter", name=name, reason="1.11")
    found = named(seen.lens.said, asked[name], seen.lens.standing.units, seen.territory)
    if not found:
        raise Problem("unknown_statement", id=asked[name][:50])
    return found


def _one_of(asked: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    if name in asked and asked[name] not in allowed:
        raise Problem("bad_parameter", name=name, reason=" | ".join(allowed))
    return asked.get(name)


def _paging(asked: Mapping[str, str], sort: str) -> tuple[Place | None, int]:
    text = asked.get("limit", str(DEFAULT_ROWS))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_ROWS):
        raise Problem("bad_parameter", name="limit", reason=f"1–{MAX_ROWS}")
    if "cursor" not in asked:
        return None, int(text)
    try:
        told_sort, *place = json.loads(base64.urlsafe_b64decode(asked["cursor"] + "=="))
        if told_sort != sort or not all(isinstance(each, str) for each in place):
            raise ValueError(sort)
        return place_of(sort, place), int(text)
    except (ValueError, TypeError):
        raise Problem("bad_parameter", name="cursor", reason="next") from None


def _cursor(sort: str, place: Place) -> str:
    """Name the order and the place in it behind which the next page begins."""
    encoded = base64.urlsafe_b64encode(json.dumps([sort, *map(str, place)]).encode())
    return encoded.decode().rstrip("=")


def _answer(request: Request, body: Contract) -> Response:
    return tagged_response(request, body.model_dump_json().encode())
