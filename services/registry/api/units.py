"""HTTP in: the whole code list, and units below commune level."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import json_response, parameters, tagged_response
from libs.common.problem import Fault, Problem
from libs.common.strict_json import check_row, split
from libs.common.validation import faults_of
from libs.contracts.units_api import MAX_UNITS_A_BATCH, MAX_UNITS_BYTES, EndUnit, NewSubcommune, RenameUnit
from services.registry.api.door import Door
from services.registry.api.naming import named_in
from services.registry.api.parts import day_asked, today
from services.registry.domain.atlas import Atlas, Wanted
from services.registry.domain.code_list import csv_lines, entry
from services.registry.domain.units import LEVELS, Level, Unit
from services.registry.use_cases import hamlets
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.decree import described
from services.registry.use_cases.reforms import Officer

__all__ = ["UnitsApi"]

AT_ONCE = 2_000  # Lines that are written in some tens of milliseconds.
KEPT = 8
CSV = "text/csv; charset=utf-8"
JSON = "application/json"
SEPARATORS = {"comma": ",", "semicolon": ";"}

Key = tuple[int, date, str | None, str]


@dataclass(frozen=True)
class UnitsApi:
    """The endpoints with what they need; lists of the present map are kept as they were last written."""

    door: Door
    keeper: Keeper
    kept: dict[Key, bytes] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/v1/units/list", self.list_codes),
            Route("/v1/units/list.csv", self.list_codes_csv),
            Route("/v1/units", self.create_unit, methods=["POST"]),
            Route("/v1/units:batch", self.create_units, methods=["POST"]),
            Route("/v1/units/{unit_id:uuid}:rename", self.rename_unit, methods=["POST"]),
            Route("/v1/units/{unit_id:uuid}:end", self.end_unit, methods=["POST"]),
        ]

    async def list_codes(self, request: Request) -> Response:
        """Give every unit of a day as JSON."""
        self.door.caller(request)
        return await self._list(request, parameters(request, "valid_on", "level"), "json")

    async def list_codes_csv(self, request: Request) -> Response:
        """Give every unit of a day as CSV."""
        self.door.caller(request)
        asked = parameters(request, "valid_on", "level", "separator")
        separator = SEPARATORS.get(asked.get("separator", "comma"))
        if separator is None:
            raise Problem("bad_parameter", name="separator", reason=" | ".join(SEPARATORS))
        response = await self._list(request, asked, separator)
        response.headers["content-disposition"] = f'attachment; filename="don-vi-{asked.get("valid_on", today())}.csv"'
        return response

    async def _list(self, request: Request, asked: Mapping[str, str], form: str) -> Response:
        day, level = day_asked(asked, "valid_on") or today(), _level(asked)
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
        key = (atlas.changes, day, level, form)
        body = self.kept.get(key)
        if body is None:
            body = await _written(atlas, day, level, form)
            while len(self.kept) >= KEPT:
                self.kept.pop(next(iter(self.kept)))
            self.kept[key] = body
        return tagged_response(request, body, JSON if form == "json" else CSV)

    async def create_unit(self, request: Request) -> Response:
        """Begin one unit below commune level."""
        officer = self._officer(request)
        asked = await self.door.body(request, NewSubcommune)
        async with transaction(self.door.engine) as connection:
            (made,) = await hamlets.create(connection, self.keeper, officer, [asked], today())
        if made.faults:
            first = made.faults[0]
            raise Problem(first.code, faults=made.faults, **first.params)
        async with transaction(self.door.engine, readonly=True) as connection:
            await self.keeper.newest(connection)
        assert made.unit_id is not None
        body = self.keeper.told(made.unit_id)
        return Response(body, 201 if made.status == "accepted" else 200, media_type=JSON)

    async def create_units(self, request: Request) -> Response:
        """Begin many, and answer for each."""
        officer = self._officer(request)
        rows = _rows(await self.door.raw(request, MAX_UNITS_BYTES))
        async with transaction(self.door.engine) as connection:
            made = await hamlets.create(connection, self.keeper, officer, rows, today())
        counts = {
            status: sum(each.status == status for each in made) for status in ("accepted", "duplicate", "rejected")
        }
        told = [
            {
                "index": index,
                "id": each.id,
                "status": each.status,
                "unit_id": each.unit_id,
                "errors": described(each.faults),
            }
            for index, each in enumerate(made)
        ]
        return json_response({**counts, "rows": told})

    async def rename_unit(self, request: Request) -> Response:
        """Give a unit another name from a day on."""
        officer = self._officer(request)
        asked = await self.door.body(request, RenameUnit)
        async with transaction(self.door.engine) as connection:
            unit_id = request.path_params["unit_id"]
            body = await hamlets.rename(connection, self.keeper, officer, unit_id, asked, today())
        return Response(body, media_type=JSON)

    async def end_unit(self, request: Request) -> Response:
        """End a unit that nothing succeeds."""
        officer = self._officer(request)
        asked = await self.door.body(request, EndUnit)
        async with transaction(self.door.engine) as connection:
            unit_id = request.path_params["unit_id"]
            body = await hamlets.end(connection, self.keeper, officer, unit_id, asked, today())
        return Response(body, media_type=JSON)

    def _officer(self, request: Request) -> Officer:
        caller = self.door.caller(request, "registry:write")
        parameters(request)
        return Officer(caller.client_id, caller.unit_id)


def _level(asked: Mapping[str, str]) -> Level | None:
    level = next((level for level in LEVELS if level == asked.get("level")), None)
    if level is None and "level" in asked:
        raise Problem("bad_parameter", name="level", reason=" | ".join(LEVELS))
    return level


def _rows(body: bytes) -> list[hamlets.Row]:
    """Read each row by itself; raises Problem where there are none, or too many."""
    found = split(body).rows
    if not 1 <= len(found) <= MAX_UNITS_A_BATCH:
        raise Problem("too_many_rows", rows=len(found), limit=MAX_UNITS_A_BATCH)
    return [_row(each) for each in found]


def _row(told: bytes | Sequence[Fault]) -> hamlets.Row:
    checked = check_row(told) if isinstance(told, bytes) else told
    if not isinstance(checked, bytes):
        return checked
    try:
        row = NewSubcommune.model_validate_json(checked)
    except ValidationError as error:
        return faults_of(error)
    return named_in(row) or row


async def _written(atlas: Atlas, day: date, level: Level | None, form: str) -> bytes:
    """Write the list, a few thousand lines at a time: others get their turn in between."""
    units: list[Unit] = atlas.find(Wanted(day=day, level=level))
    pieces: list[bytes] = []
    if form != "json":
        for begin in range(0, len(units), AT_ONCE):
            lines = list(csv_lines(units[begin : begin + AT_ONCE], atlas.units, form))
            pieces.append("".join(lines if begin == 0 else lines[1:]).encode())
            await asyncio.sleep(0)
        return b"".join(pieces) or "".join(csv_lines([], atlas.units, form)).encode()
    for begin in range(0, len(units), AT_ONCE):
        pieces.append(msgspec.json.encode([entry(unit, atlas.units) for unit in units[begin : begin + AT_ONCE]])[1:-1])
        await asyncio.sleep(0)
    return b'{"valid_on":"%b","units":[%b]}' % (day.isoformat().encode(), b",".join(pieces))
