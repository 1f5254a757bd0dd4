"""Who may ask."""

from collections.abc import Callable

from starlette.requests import Request

from libs.common.auth import Caller, Guard
from libs.common.problem import Problem

__all__ = ["reader_of"]


def reader_of(request: Request, guard: Guard, ready: Callable[[], bool]) -> Caller:
    """Let a caller in who may read numbers, once there are any to be read; raises Problem."""
    if not ready():
        raise Problem("not_ready", headers={"retry-after": "2"})
    caller = guard.caller(request)
    caller.need("metrics:read")
    return caller
