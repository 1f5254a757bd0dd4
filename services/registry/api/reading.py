"""HTTP in: the catalogue."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import parameters
from services.registry.api.door import Door
from services.registry.api.parts import answer, day_asked
from services.registry.use_cases import reading

__all__ = ["ReadingApi"]


@dataclass(frozen=True)
class ReadingApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door

    def routes(self) -> list[Route]:
        """Give every route."""
        return [Route("/v1/catalogue", self.read_catalogue)]

    async def read_catalogue(self, request: Request) -> Response:
        """Give measures, platforms, topics and indicators, with a day those valid then."""
        self.door.caller(request)
        day = day_asked(parameters(request, "on"), "on")
        async with transaction(self.door.engine, readonly=True) as connection:
            found = await reading.read_catalogue(connection, day)
        return answer(request, {kind: [msgspec.Raw(body) for body in bodies] for kind, bodies in found.items()})
