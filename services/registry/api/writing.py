"""What every change has in common: the body before the transaction, who sent it, the map, and the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from libs.common.auth import Caller
from libs.common.db import transaction
from libs.common.http import json_response, parameters
from libs.contracts.model import Contract
from services.registry.api.door import Door
from services.registry.api.parts import today
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.changing import Asked, Desk, Outcome
from services.registry.use_cases.safe import Safe

__all__ = ["Counter", "outcome_answer"]

T = TypeVar("T", bound=Contract)
WRITE = "registry:write"


@dataclass(frozen=True)
class Counter:
    """Where changes are handed in and records are asked for."""

    door: Door
    keeper: Keeper
    safe: Safe

    async def take(self, request: Request, contract: type[T], operation: str) -> tuple[T, Asked]:
        """Let in who may write, and read what is to change; raises Problem. No transaction is open meanwhile."""
        caller = self.door.caller(request, WRITE)
        parameters(request)
        told = await self.door.body(request, contract)
        record_id = request.path_params.get("id", "")
        sent = told.model_dump_json(exclude_unset=True, by_alias=True)
        change_id: UUID = told.id  # type: ignore[attr-defined]
        content = f"{operation}\x00{record_id}\x00{caller.client_id}\x00{sent}".encode()
        return told, Asked(change_id, caller.client_id, caller.unit_id, content)

    @asynccontextmanager
    async def desk(self, *, readonly: bool = False) -> AsyncIterator[Desk]:
        """Open a transaction with the map as it is; it is committed where the block ends."""
        async with transaction(self.door.engine, readonly=readonly) as connection:
            yield Desk(connection, self.safe, await self.keeper.newest(connection), today())

    def reader(self, request: Request) -> Caller:
        """Let in who may read."""
        return self.door.caller(request)


def outcome_answer(noun: str, outcome: Outcome) -> Response:
    """Answer with what became of a change and the record after it."""
    return json_response({"status": outcome.status, noun: msgspec.Raw(outcome.body)})
