"""HTTP in: members. Names and phones are answered by the two readings alone, never by a change."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.http import parameters, tagged_response
from libs.common.problem import Problem
from libs.contracts.members_api import (
    AppointMember,
    ChangeMember,
    EraseMember,
    JoinTeam,
    LeaveTeam,
    RegisterMember,
    TrainMember,
)
from libs.contracts.model import Contract
from services.registry.api.parts import day_asked, paging, today, unit_asked
from services.registry.api.writing import Counter, outcome_answer
from services.registry.use_cases import members, network_reading
from services.registry.use_cases.changing import Asked, Desk, Outcome
from services.registry.use_cases.network_reading import Reader
from services.registry.use_cases.reading import Paging

__all__ = ["MembersApi"]

T = TypeVar("T", bound=Contract)
Change = Callable[[Desk, Asked, UUID, T], Awaitable[Outcome]]
YES_OR_NO = {"true": True, "false": False}


@dataclass(frozen=True)
class MembersApi:
    """The endpoints with what they need; each opens its own transaction."""

    counter: Counter

    def routes(self) -> list[Route]:
        """Give every route."""
        at = "/v1/members/{id:uuid}"
        return [
            Route("/v1/members", self.list_members),
            Route("/v1/members", self.register_member, methods=["POST"]),
            Route(f"{at}:change", self.change_member, methods=["POST"]),
            Route(f"{at}:join", self.join_team, methods=["POST"]),
            Route(f"{at}:leave", self.leave_team, methods=["POST"]),
            Route(f"{at}:train", self.train_member, methods=["POST"]),
            Route(f"{at}:appoint", self.appoint_member, methods=["POST"]),
            Route(f"{at}:erase", self.erase_member, methods=["POST"]),
            Route(at, self.read_member),
        ]

    async def list_members(self, request: Request) -> Response:
        """Give a page of who is in a team, or in the teams of a unit, on a day."""
        asked = parameters(request, "team", "unit", "on", "names", "limit", "cursor")
        reader, on, page = self._reader(request, asked), day_asked(asked, "on") or today(), _paging(asked)
        team_id = _team(asked)
        if ("team" in asked) == ("unit" in asked):
            raise Problem("bad_parameter", name="team", reason="team | unit")
        async with self.counter.desk(readonly=not reader.names) as desk:
            unit_id = unit_asked(desk.atlas, asked.get("unit"), on)
            found = await network_reading.list_members(
                desk, reader, team_id=team_id, unit_id=unit_id, on=on, paging=page
            )
        return _answer(request, found, reader)

    async def read_member(self, request: Request) -> Response:
        """Give a member."""
        reader = self._reader(request, parameters(request, "names"))
        async with self.counter.desk(readonly=not reader.names) as desk:
            found = await network_reading.read_member(desk, request.path_params["id"], reader)
        return _answer(request, found, reader)

    def _reader(self, request: Request, asked: Mapping[str, str]) -> Reader:
        caller = self.counter.reader(request)
        told = asked.get("names", "false")
        if told not in YES_OR_NO:
            raise Problem("bad_parameter", name="names", reason="true | false")
        return Reader(caller.client_id, caller.unit_id, YES_OR_NO[told], "members:read" in caller.scopes)

    async def register_member(self, request: Request) -> Response:
        """Take a person into a team."""
        told, asked = await self.counter.take(request, RegisterMember, "member.register")
        async with self.counter.desk() as desk:
            outcome = await members.register_one(desk, asked, told)
        return outcome_answer("member", outcome)

    async def change_member(self, request: Request) -> Response:
        """Replace what is known of a member."""
        return await self._change(request, ChangeMember, "member.change", members.change)

    async def join_team(self, request: Request) -> Response:
        """Have a member join a team."""
        return await self._change(request, JoinTeam, "member.join", members.join)

    async def leave_team(self, request: Request) -> Response:
        """Have a member leave a team."""
        return await self._change(request, LeaveTeam, "member.leave", members.leave)

    async def train_member(self, request: Request) -> Response:
        """Note a course."""
        return await self._change(request, TrainMember, "member.train", members.train)

    async def appoint_member(self, request: Request) -> Response:
        """Make a member a digital ambassador."""
        return await self._change(request, AppointMember, "member.appoint", members.appoint)

    async def erase_member(self, request: Request) -> Response:
        """Forget who a member is."""
        return await self._change(request, EraseMember, "member.erase", members.erase)

    async def _change(self, request: Request, contract: type[T], operation: str, change: Change[T]) -> Response:
        told, asked = await self.counter.take(request, contract, operation)
        async with self.counter.desk() as desk:
            outcome = await change(desk, asked, request.path_params["id"], told)
        return outcome_answer("member", outcome)


def _answer(request: Request, found: Contract, reader: Reader) -> Response:
    """Answer with an entity tag; what has names in it is not kept anywhere on its way."""
    cache = "private, no-store" if reader.names else "private, no-cache"
    body = found.model_dump_json(by_alias=True).encode()
    return tagged_response(request, body, headers={"cache-control": cache})


def _team(asked: Mapping[str, str]) -> UUID | None:
    try:
        return UUID(asked["team"]) if "team" in asked else None
    except ValueError:
        raise Problem("bad_parameter", name="team", reason="UUID") from None


def _paging(asked: Mapping[str, str]) -> Paging:
    """Read which page; the cursor is the last member's id."""
    try:
        after = UUID(asked["cursor"]) if "cursor" in asked else None
    except ValueError:
        raise Problem("bad_parameter", name="cursor", reason="next") from None
    return Paging(after, paging({name: value for name, value in asked.items() if name != "cursor"}).limit)
