"""Who comes in, by which right, and with what body."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from libs.common.auth import Caller, Guard
from libs.common.db import Engine
from libs.common.http import MAX_BODY_BYTES, read_body
from libs.common.problem import Problem
from libs.common.strict_json import check as check_json
from libs.common.validation import faults_of
from libs.contracts.model import Contract
from services.registry.api.naming import named_in

__all__ = ["Door"]

JSON = "application/json"
T = TypeVar("T", bound=Contract)


@dataclass(frozen=True)
class Door:
    """What every endpoint needs before it opens its own transaction."""

    engine: Engine
    guard: Guard
    ready: Callable[[], bool]

    def caller(self, request: Request, scope: str = "registry:read") -> Caller:
        """Let a caller in who has the scope, or raise Problem."""
        if not self.ready():
            raise Problem("not_ready", headers={"retry-after": "1"})
        caller = self.guard.caller(request)
        caller.need(scope)
        return caller

    @staticmethod
    async def body(request: Request, contract: type[T], limit: int = MAX_BODY_BYTES) -> T:
        """Read a JSON body; raises Problem. Call it with no transaction open: the sender may be slow."""
        body = await Door.raw(request, limit)
        try:
            told = contract.model_validate_json(check_json(body))
        except ValidationError as error:
            raise Problem("malformed", faults=faults_of(error)) from error
        if named := named_in(told):
            raise Problem("identity_in_text", faults=named)
        return told

    @staticmethod
    async def raw(request: Request, limit: int) -> bytes:
        """Read a body that says it is JSON, and is not looked into yet; raises Problem."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem("unsupported_media_type", expected=JSON)
        return await read_body(request, limit)
