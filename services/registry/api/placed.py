"""HTTP in: rosters, campaign waves, models, and the public answer to who helps where and when."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.http import parameters, tagged_response
from libs.common.problem import Problem
from libs.contracts.help_api import ChangeModel, ChangeRoster, ChangeWave, CreateModel, CreateRoster, CreateWave
from services.registry.api.parts import day_asked, page_answer, paging, today, unit_asked
from services.registry.api.writing import Counter, outcome_answer
from services.registry.use_cases import network_reading, placed
from services.registry.use_cases.helping import help_for
from services.registry.use_cases.placed import KINDS

__all__ = ["PlacedApi"]

Endpoint = Callable[[Request], Awaitable[Response]]
PUBLIC = "public, max-age=60"


class _Bodies(NamedTuple):
    create: type[placed.Create]
    change: type[placed.Change]


BODIES = {
    "roster": _Bodies(CreateRoster, ChangeRoster),
    "wave": _Bodies(CreateWave, ChangeWave),
    "model": _Bodies(CreateModel, ChangeModel),
}


@dataclass(frozen=True)
class PlacedApi:
    """The endpoints with what they need; each opens its own transaction."""

    counter: Counter

    def routes(self) -> list[Route]:
        """Give every route."""
        routes = [Route("/v1/help", self.read_help)]
        for noun in KINDS:
            routes.append(Route(f"/v1/{noun}s", self._list(noun)))
            routes.append(Route(f"/v1/{noun}s", self._create(noun), methods=["POST"]))
            routes.append(Route(f"/v1/{noun}s/{{id:uuid}}:change", self._change(noun), methods=["POST"]))
        return routes

    async def read_help(self, request: Request) -> Response:
        """Say who can help where somebody lives, and when; for everyone, without a token."""
        asked = parameters(request, "unit", "on", "codes_as_of")
        if "unit" not in asked:
            raise Problem("bad_parameter", name="unit", reason="id | mã / code")
        on, listed_on = day_asked(asked, "on") or today(), day_asked(asked, "codes_as_of")
        async with self.counter.desk(readonly=True) as desk:
            found = await help_for(desk.connection, desk.atlas, asked["unit"], listed_on, on)
        return tagged_response(request, found.model_dump_json().encode(), headers={"cache-control": PUBLIC})

    def _list(self, noun: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            root = self.counter.reader(request).unit_id
            asked = parameters(request, "unit", "on", "limit", "cursor")
            on, page = day_asked(asked, "on"), paging(asked)
            async with self.counter.desk(readonly=True) as desk:
                unit_id = unit_asked(desk.atlas, asked.get("unit"), on or today())
                found = await network_reading.list_placed(desk, KINDS[noun], unit_id, root, on, page)
            return page_answer(request, f"{noun}s", found)

        return _named(endpoint, f"list_{noun}s")

    def _create(self, noun: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            told, asked = await self.counter.take(request, BODIES[noun].create, f"{noun}.create")
            async with self.counter.desk() as desk:
                outcome = await placed.create(desk, asked, KINDS[noun], told)
            return outcome_answer(noun, outcome)

        return _named(endpoint, f"create_{noun}")

    def _change(self, noun: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            told, asked = await self.counter.take(request, BODIES[noun].change, f"{noun}.change")
            async with self.counter.desk() as desk:
                outcome = await placed.change(desk, asked, KINDS[noun], request.path_params["id"], told)
            return outcome_answer(noun, outcome)

        return _named(endpoint, f"change_{noun}")


def _named(endpoint: Endpoint, name: str) -> Endpoint:
    """Name an endpoint, as the telemetry tells operations by their functions' names."""
    endpoint.__name__ = name
    return endpoint
