"""HTTP in: reforms of the map."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import Connection, transaction
from libs.common.http import json_response, parameters
from libs.common.problem import Problem, first_faults
from libs.contracts.reforms_api import MAX_REFORM_BYTES, REFORM_STATUSES, ReformAction, ReformChange, ReformInput
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.api.door import Door
from services.registry.api.parts import answer, paging, today
from services.registry.domain.clients import Client
from services.registry.domain.reform.applying import Outcome
from services.registry.domain.reform.standing import Standing
from services.registry.events import event_of
from services.registry.store import access, log
from services.registry.store import reforms as store
from services.registry.use_cases import reforms
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.briefs import brief
from services.registry.use_cases.reform_impact import reach_of
from services.registry.use_cases.reform_views import full_view, in_short
from services.registry.use_cases.reforms import Done, Officer

__all__ = ["ReformsApi"]

SCOPE = "reforms:write"
Do = Callable[[Connection, Officer, UUID, Any], Awaitable[Done]]


@dataclass(frozen=True)
class _Read:
    """A reform with what the map and the clients are in the same snapshot."""

    standing: Standing
    outcome: Outcome
    clients: Sequence[Client]


@dataclass(frozen=True)
class ReformsApi:
    """The endpoints with what they need; each opens its own transaction. `day` is the day it is in Vietnam."""

    door: Door
    keeper: Keeper
    day: Callable[[], date] = today

    def routes(self) -> list[Route]:
        """Give every route."""
        one = "/v1/reforms/{reform_id:uuid}"
        return [
            Route("/v1/reforms", self.draft, methods=["POST"]),
            Route("/v1/reforms", self.list_reforms),
            Route(one, self.read),
            Route(f"{one}/plan", self.read_plan),
            Route(f"{one}/impact", self.read_reach),
            Route(f"{one}:change", self.change, methods=["POST"]),
            Route(f"{one}:enact", self.enact, methods=["POST"]),
            Route(f"{one}:withdraw", self.withdraw, methods=["POST"]),
        ]

    async def draft(self, request: Request) -> Response:
        """Keep a decree as a draft; 200 to who sends the same again."""
        officer = self._officer(request)
        asked = await self.door.body(request, ReformInput, MAX_REFORM_BYTES)
        async with transaction(self.door.engine) as connection:
            done = await reforms.draft(connection, self.keeper, officer, asked)
        return await self._told(done)

    async def change(self, request: Request) -> Response:
        """Give a draft other content."""

        async def do(connection: Connection, officer: Officer, reform_id: UUID, asked: ReformChange) -> Done:
            return await reforms.change(connection, self.keeper, officer, reform_id, asked)

        return await self._act(request, ReformChange, do)

    async def enact(self, request: Request) -> Response:
        """Enact a reform, or have it enacted on its day."""

        async def do(connection: Connection, officer: Officer, reform_id: UUID, asked: ReformAction) -> Done:
            return await reforms.enact(connection, self.keeper, officer, reform_id, asked, self.day())

        return await self._act(request, ReformAction, do)

    async def withdraw(self, request: Request) -> Response:
        """Give a reform up."""

        async def do(connection: Connection, officer: Officer, reform_id: UUID, asked: ReformAction) -> Done:
            return await reforms.withdraw(connection, self.keeper, officer, reform_id, asked)

        return await self._act(request, ReformAction, do)

    async def list_reforms(self, request: Request) -> Response:
        """Give a page of the reforms within the client's subtree."""
        officer = Officer(*self._caller(request))
        asked = parameters(request, "status", "limit", "cursor")
        page, status = paging(asked), asked.get("status")
        if status is not None and status not in REFORM_STATUSES:
            raise Problem("bad_parameter", name="status", reason=" | ".join(REFORM_STATUSES))
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            found = await store.list_all(connection, status)
        if page.after is not None:
            ids = [each.reform_id for each in found]
            if page.after not in ids:
                raise Problem("bad_parameter", name="cursor", reason="next")
            found = found[ids.index(page.after) + 1 :]
        mine: list[Standing] = []
        for each in found:
            if len(mine) > page.limit:
                break
            if reforms.may_see(atlas, officer, each) is None:
                mine.append(each)
        told = mine[: page.limit]
        last = told[-1].reform_id if len(mine) > len(told) else None
        following = base64.urlsafe_b64encode(last.bytes).decode().rstrip("=") if last else None
        return answer(request, {"reforms": [in_short(each) for each in told], "next": following})

    async def read(self, request: Request) -> Response:
        """Give a reform with what stands in its way and who waits."""
        read = await self._read(request)
        return answer(request, full_view(read.standing, self.keeper.atlas, read.outcome, read.clients))

    async def read_plan(self, request: Request) -> Response:
        """Give the states of units that enacting would write, or those of what was enacted."""
        read = await self._read(request)
        standing, outcome = read.standing, read.outcome
        units = self.keeper.atlas.units
        if standing.status == "enacted":
            ids = [*standing.begun, *standing.ended]
            async with transaction(self.door.engine, readonly=True) as connection:
                bodies = await log.bodies(connection, type_of(UnitV1), ids)
            begun, ended, after = standing.begun, standing.ended, units
        else:
            self._refuse(outcome)
            bodies = [event_of(unit, self.keeper.revision(unit.record_id) + 1).body for unit in outcome.states]
            begun, ended = outcome.begun, outcome.ended
            after = {**units, **{unit.record_id: unit for unit in outcome.states}}
        told = {
            "id": standing.reform_id,
            "revision": standing.revision,
            "units": [msgspec.Raw(body) for body in bodies],
            "begun": [brief(after[unit_id]) for unit_id in begun],
            "ended": [brief(after[unit_id]) for unit_id in ended],
        }
        return answer(request, told)

    async def read_reach(self, request: Request) -> Response:
        """Give what enacting would touch in the registry; the gateway puts the numbers beside it."""
        read = await self._read(request)
        standing, outcome = read.standing, read.outcome
        self._refuse(outcome)
        async with transaction(self.door.engine, readonly=True) as connection:
            told = await reach_of(connection, self.keeper.atlas, outcome, read.clients, standing.effective)
        head = {"id": standing.reform_id, "revision": standing.revision, "status": standing.status}
        return answer(request, {**head, "effective_date": standing.effective, "registry": told})

    async def _read(self, request: Request) -> _Read:
        """Read a reform and what it would make of the map as it is; raises Problem."""
        officer = Officer(*self._caller(request))
        parameters(request)
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            standing = await reforms.find(connection, request.path_params["reform_id"])
            outside = reforms.may_see(atlas, officer, standing)
            if outside is not None:
                raise Problem("outside_subtree", faults=[outside], **outside.params)
            clients = await access.list_clients(connection)
            outcome = await self._outcome(connection, standing)
        return _Read(standing, outcome, clients)

    async def _outcome(self, connection: Connection, standing: Standing) -> Outcome:
        """Say what a reform came to, or would come to."""
        if standing.status == "enacted":
            return reforms.outcome_enacted(self.keeper.atlas, standing)
        return await reforms.outcome_of(connection, self.keeper, standing)

    async def _act(self, request: Request, contract: type[ReformAction] | type[ReformChange], do: Do) -> Response:
        officer = self._officer(request)
        asked = await self.door.body(request, contract, MAX_REFORM_BYTES)
        async with transaction(self.door.engine) as connection:
            done = await do(connection, officer, request.path_params["reform_id"], asked)
        return await self._told(done)

    async def _told(self, done: Done) -> Response:
        """Answer with a reform as it stands now that it is committed."""
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            clients = await access.list_clients(connection)
            outcome = done.outcome or await self._outcome(connection, done.standing)
        told = full_view(done.standing, atlas, outcome, clients)
        if done.is_new:
            return json_response(told, 201, {"location": f"/v1/reforms/{done.standing.reform_id}"})
        return json_response(told)

    @staticmethod
    def _refuse(outcome: Outcome) -> None:
        if outcome.faults:
            raise Problem("reform_invalid", faults=first_faults(outcome.faults))

    def _officer(self, request: Request) -> Officer:
        officer = Officer(*self._caller(request))
        parameters(request)
        return officer

    def _caller(self, request: Request) -> tuple[str, UUID | None]:
        caller = self.door.caller(request, SCOPE)
        return caller.client_id, caller.unit_id
