"""HTTP in: the map in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import json_response, parameters
from libs.common.problem import Problem
from libs.contracts.registry_api import ResolveCodes
from services.registry.api.door import Door
from services.registry.api.parts import answer, day_asked, page_answer, paging, today, unit_asked
from services.registry.domain.atlas import DIRECTIONS, Atlas, Direction, Edge, Resolution, Wanted, fold
from services.registry.domain.units import LEVELS, Level, Unit
from services.registry.use_cases import reading
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.briefs import brief

__all__ = ["MapApi"]


@dataclass(frozen=True)
class MapApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door
    keeper: Keeper

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/v1/units", self.list_units),
            Route("/v1/units:resolve", self.resolve_codes, methods=["POST"]),
            Route("/v1/units/{unit_id:uuid}", self.read_unit),
            Route("/v1/units/{unit_id:uuid}/lineage", self.read_lineage),
        ]

    async def list_units(self, request: Request) -> Response:
        """Give a page of units by code, name, level, parent, subtree and day."""
        self.door.caller(request)
        asked = parameters(request, "code", "name", "level", "parent", "within", "valid_on", "limit", "cursor")
        level, name, valid_on, page = _level(asked), _name(asked), day_asked(asked, "valid_on"), paging(asked)
        day = valid_on or today()
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            wanted = Wanted(
                code=asked.get("code"),
                level=level,
                parent_id=unit_asked(atlas, asked.get("parent"), day),
                within=unit_asked(atlas, asked.get("within"), day),
                name=name,
                day=valid_on,
            )
            try:
                found = await reading.list_units(connection, atlas, wanted, page)
            except reading.BadCursor:
                raise Problem("bad_parameter", name="cursor", reason="next") from None
        return page_answer(request, "units", found)

    async def read_unit(self, request: Request) -> Response:
        """Give a unit version."""
        self.door.caller(request)
        parameters(request)
        async with transaction(self.door.engine, readonly=True) as connection:
            body = await reading.read_unit(connection, request.path_params["unit_id"])
        if body is None:
            raise Problem("not_found", path=request.url.path)
        return answer(request, msgspec.Raw(body))

    async def read_lineage(self, request: Request) -> Response:
        """Give where a unit's territory went, or came from."""
        self.door.caller(request)
        direction, unit_id = _direction(parameters(request, "direction")), request.path_params["unit_id"]
        atlas = await self._atlas()
        if unit_id not in atlas.units:
            raise Problem("not_found", path=request.url.path)
        edges = [_edge(edge, atlas.units) for edge in atlas.lineage(unit_id, direction)]
        return answer(request, {"unit": brief(atlas.units[unit_id]), "direction": direction, "edges": edges})

    async def resolve_codes(self, request: Request) -> Response:
        """Say what codes of the list of a day mean on another."""
        self.door.caller(request)
        parameters(request)
        asked = await self.door.body(request, ResolveCodes)
        atlas, day = await self._atlas(), asked.on or today()
        resolved = [_resolved(code, atlas.resolve(code, asked.codes_as_of, day)) for code in asked.codes]
        return json_response({"codes_as_of": asked.codes_as_of, "on": day, "codes": resolved})

    async def _atlas(self) -> Atlas:
        async with transaction(self.door.engine, readonly=True) as connection:
            return await self.keeper.newest(connection)


def _edge(edge: Edge, units: Mapping[Any, Unit]) -> dict[str, object]:
    return {
        "source": brief(units[edge.source]),
        "target": brief(units[edge.to.unit_id]),
        "share": edge.to.share,
        "effective": edge.to.effective,
        "decree": edge.to.decree,
    }


def _resolved(code: str, found: Resolution) -> dict[str, object]:
    listed = brief(found.listed) if found.listed is not None else None
    return {"code": code, "status": found.status, "listed": listed, "units": [brief(unit) for unit in found.units]}


def _level(asked: Mapping[str, str]) -> Level | None:
    level = next((level for level in LEVELS if level == asked.get("level")), None)
    if level is None and "level" in asked:
        raise Problem("bad_parameter", name="level", reason=" | ".join(LEVELS))
    return level


def _name(asked: Mapping[str, str]) -> str | None:
    if "name" in asked and not fold(asked["name"]):
        raise Problem("bad_parameter", name="name", reason="A–Z, 0–9")
    return asked.get("name")


def _direction(asked: Mapping[str, str]) -> Direction:
    told = asked.get("direction", DIRECTIONS[0])
    direction = next((each for each in DIRECTIONS if each == told), None)
    if direction is None:
        raise Problem("bad_parameter", name="direction", reason=" | ".join(DIRECTIONS))
    return direction
