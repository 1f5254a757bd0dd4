"""HTTP in: teams."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.http import parameters, tagged_response
from libs.common.problem import Problem
from libs.contracts.model import Contract
from libs.contracts.teams_api import ChangeTeam, ConsolidateTeam, CreateTeam, DissolveTeam, SucceedTeam
from services.registry.api.parts import day_asked, page_answer, paging, today, unit_asked
from services.registry.api.writing import Counter, outcome_answer
from services.registry.domain.teams import TEAM_TYPES
from services.registry.domain.units import LEVELS
from services.registry.use_cases import network_reading, reading, teams
from services.registry.use_cases.changing import Asked, Desk, Outcome
from services.registry.use_cases.reading import TeamFilter

__all__ = ["TeamsApi"]

T = TypeVar("T", bound=Contract)
Change = Callable[[Desk, Asked, UUID, T], Awaitable[Outcome]]


@dataclass(frozen=True)
class TeamsApi:
    """The endpoints with what they need; each opens its own transaction."""

    counter: Counter

    def routes(self) -> list[Route]:
        """Give every route."""
        at = "/v1/teams/{id:uuid}"
        return [
            Route("/v1/teams", self.list_teams),
            Route("/v1/teams", self.create_team, methods=["POST"]),
            Route(f"{at}:change", self.change_team, methods=["POST"]),
            Route(f"{at}:consolidate", self.consolidate_team, methods=["POST"]),
            Route(f"{at}:dissolve", self.dissolve_team, methods=["POST"]),
            Route(f"{at}:succeed", self.succeed_team, methods=["POST"]),
            Route(at, self.read_team),
        ]

    async def list_teams(self, request: Request) -> Response:
        """Give a page of the client's teams by code, type, level, day, and by unit with all that lies within it."""
        root = self.counter.reader(request).unit_id
        asked = parameters(request, "code", "unit", "type", "level", "active_on", "limit", "cursor")
        one_of(asked, "type", TEAM_TYPES)
        one_of(asked, "level", LEVELS)
        active_on, page = day_asked(asked, "active_on"), paging(asked)
        async with self.counter.desk(readonly=True) as desk:
            unit_id = unit_asked(desk.atlas, asked.get("unit"), active_on or today())
            units = [each for each in (unit_id, root) if each is not None]
            wanted = TeamFilter(asked.get("code"), units, asked.get("type"), asked.get("level"), active_on)
            found = await reading.list_teams(desk.connection, wanted, page)
        return page_answer(request, "teams", found)

    async def read_team(self, request: Request) -> Response:
        """Give a team with its dated history."""
        root = self.counter.reader(request).unit_id
        on = day_asked(parameters(request, "on"), "on") or today()
        async with self.counter.desk(readonly=True) as desk:
            found = await network_reading.read_team(desk, request.path_params["id"], root, on)
        return tagged_response(
            request, found.model_dump_json().encode(), headers={"cache-control": "private, no-cache"}
        )

    async def create_team(self, request: Request) -> Response:
        """Found a team."""
        told, asked = await self.counter.take(request, CreateTeam, "team.create")
        async with self.counter.desk() as desk:
            outcome = await teams.create(desk, asked, told)
        return outcome_answer("team", outcome)

    async def change_team(self, request: Request) -> Response:
        """Tell rightly what was told wrongly."""
        return await self._change(request, ChangeTeam, "team.change", teams.change)

    async def consolidate_team(self, request: Request) -> Response:
        """Note a consolidation."""
        return await self._change(request, ConsolidateTeam, "team.consolidate", teams.consolidate)

    async def dissolve_team(self, request: Request) -> Response:
        """End a team."""
        return await self._change(request, DissolveTeam, "team.dissolve", teams.dissolve)

    async def succeed_team(self, request: Request) -> Response:
        """Have other teams take over."""
        return await self._change(request, SucceedTeam, "team.succeed", teams.succeed)

    async def _change(self, request: Request, contract: type[T], operation: str, change: Change[T]) -> Response:
        told, asked = await self.counter.take(request, contract, operation)
        async with self.counter.desk() as desk:
            outcome = await change(desk, asked, request.path_params["id"], told)
        return outcome_answer("team", outcome)


def one_of(asked: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> None:
    """Raise Problem bad_parameter where a parameter is none of the words."""
    if asked.get(name, allowed[0]) not in allowed:
        raise Problem("bad_parameter", name=name, reason=" | ".join(allowed))
