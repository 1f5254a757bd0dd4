"""HTTP in: the map in time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import Connection, Engine, transaction
from libs.common.http import json_response, parameters, read_body
from libs.common.problem import Problem
from libs.common.strict_json import check as check_json
from libs.common.validation import faults_of
from libs.contracts.registry_api import ResolveCodes
from services.registry.api.parts import answer, day_asked, page_answer, paging, today, unit_asked
from services.registry.domain.atlas import DIRECTIONS, Direction, Edge, Resolution, Wanted
from services.registry.domain.units import LEVELS, Level, Unit
from services.registry.use_cases import reading
from services.registry.use_cases.atlas import Keeper

__all__ = ["MapApi"]

JSON = "application/json"
Check = Callable[[Request], object]
Handler = Callable[[Request, Connection], Any]


@dataclass
class MapApi:
    """The endpoints with what they need; each opens its own transaction."""

    engine: Engine
    keeper: Keeper = field(default_factory=Keeper)

    def routes(self, check: Check) -> list[Route]:
        """Give every route; `check` lets a caller in, or raises Problem."""
        return [
            Route("/v1/units", partial(self._reading, check, self.list_units)),
            Route("/v1/units:resolve", partial(self._reading, check, self.resolve_codes), methods=["POST"]),
            Route("/v1/units/{unit_id:uuid}", partial(self._reading, check, self.read_unit)),
            Route("/v1/units/{unit_id:uuid}/lineage", partial(self._reading, check, self.read_lineage)),
        ]

    async def _reading(self, check: Check, handler: Handler, request: Request) -> Response:
        check(request)
        async with transaction(self.engine, readonly=True) as connection:
            response: Response = await handler(request, connection)
            return response

    async def list_units(self, request: Request, connection: Connection) -> Response:
        """Give a page of units by code, name, level, parent, subtree and day."""
        asked = parameters(request, "code", "name", "level", "parent", "within", "valid_on", "limit", "cursor")
        atlas, valid_on = await self.keeper.newest(connection), day_asked(asked, "valid_on")
        day = valid_on or today()
        wanted = Wanted(
            code=asked.get("code"),
            level=_level(asked),
            parent_id=unit_asked(atlas, asked.get("parent"), day),
            within=unit_asked(atlas, asked.get("within"), day),
            name=asked.get("name"),
            day=valid_on,
        )
        try:
            page = await reading.list_units(connection, atlas, wanted, paging(asked))
        except reading.BadCursor:
            raise Problem("bad_parameter", name="cursor", reason="next") from None
        return page_answer(request, "units", page)

    async def read_unit(self, request: Request, connection: Connection) -> Response:
        """Give a unit version."""
        parameters(request)
        body = await reading.read_unit(connection, request.path_params["unit_id"])
        if body is None:
            raise Problem("not_found", path=request.url.path)
        return answer(request, msgspec.Raw(body))

    async def read_lineage(self, request: Request, connection: Connection) -> Response:
        """Give where a unit's territory went, or came from."""
        direction = _direction(parameters(request, "direction"))
        atlas, unit_id = await self.keeper.newest(connection), request.path_params["unit_id"]
        if unit_id not in atlas.units:
            raise Problem("not_found", path=request.url.path)
        edges = [_edge(edge, atlas.units) for edge in atlas.lineage(unit_id, direction)]
        return answer(request, {"unit": _brief(atlas.units[unit_id]), "direction": direction, "edges": edges})

    async def resolve_codes(self, request: Request, connection: Connection) -> Response:
        """Say what codes of the list of a day mean on another."""
        parameters(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem("unsupported_media_type", expected=JSON)
        try:
            asked = ResolveCodes.model_validate_json(check_json(await read_body(request)))
        except ValidationError as error:
            raise Problem("malformed", faults=faults_of(error)) from error
        atlas, day = await self.keeper.newest(connection), asked.on or today()
        resolved = [_resolved(code, atlas.resolve(code, asked.codes_as_of, day)) for code in asked.codes]
        return json_response({"codes_as_of": asked.codes_as_of, "on": day, "codes": resolved})


def _brief(unit: Unit) -> dict[str, object]:
    return {
        "unit_id": unit.record_id,
        "code": unit.code or None,
        "level": unit.level,
        "type": unit.type,
        "name": unit.name,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
    }


def _edge(edge: Edge, units: Mapping[Any, Unit]) -> dict[str, object]:
    return {
        "source": _brief(units[edge.source]),
        "target": _brief(units[edge.to.unit_id]),
        "share": edge.to.share,
        "effective": edge.to.effective,
        "decree": edge.to.decree,
    }


def _resolved(code: str, found: Resolution) -> dict[str, object]:
    listed = _brief(found.listed) if found.listed is not None else None
    return {"code": code, "status": found.status, "listed": listed, "units": [_brief(unit) for unit in found.units]}


def _level(asked: Mapping[str, str]) -> Level | None:
    level = next((level for level in LEVELS if level == asked.get("level")), None)
    if level is None and "level" in asked:
        raise Problem("bad_parameter", name="level", reason=" | ".join(LEVELS))
    return level


def _direction(asked: Mapping[str, str]) -> Direction:
    told = asked.get("direction", DIRECTIONS[0])
    direction = next((each for each in DIRECTIONS if each == told), None)
    if direction is None:
        raise Problem("bad_parameter", name="direction", reason=" | ".join(DIRECTIONS))
    return direction
