"""HTTP in: the catalogue and the teams."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import parameters
from services.registry.api.door import Door
from services.registry.api.parts import answer, day_asked, page_answer, paging, today, unit_asked
from services.registry.use_cases import reading
from services.registry.use_cases.atlas import Keeper

__all__ = ["ReadingApi"]


@dataclass(frozen=True)
class ReadingApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door
    keeper: Keeper

    def routes(self) -> list[Route]:
        """Give every route."""
        return [Route("/v1/catalogue", self.read_catalogue), Route("/v1/teams", self.list_teams)]

    async def read_catalogue(self, request: Request) -> Response:
        """Give measures, platforms, topics and indicators, with a day those valid then."""
        self.door.caller(request)
        day = day_asked(parameters(request, "on"), "on")
        async with transaction(self.door.engine, readonly=True) as connection:
            found = await reading.read_catalogue(connection, day)
        return answer(request, {kind: [msgspec.Raw(body) for body in bodies] for kind, bodies in found.items()})

    async def list_teams(self, request: Request) -> Response:
        """Give a page of the client's teams by code, and by unit with all that lies within it."""
        root = self.door.caller(request).unit_id
        asked = parameters(request, "code", "unit", "limit", "cursor")
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            unit_id = unit_asked(atlas, asked.get("unit"), today())
            page = await reading.list_teams(
                connection, code=asked.get("code"), unit_id=unit_id, root=root, paging=paging(asked)
            )
        return page_answer(request, "teams", page)
