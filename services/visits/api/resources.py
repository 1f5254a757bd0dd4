"""What the endpoints are given, and what every one of them does first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from libs.common.auth import Caller, Guard
from libs.common.db import Engine
from libs.common.http import Lane
from libs.common.problem import Catalogue, Fault, Problem
from libs.common.validation import faults_of
from services.visits.api.kinds import RecordKind
from services.visits.domain.clock import local_day
from services.visits.domain.codes import CodeList
from services.visits.domain.directory import Directory
from services.visits.domain.identity import KeyChain
from services.visits.use_cases.prepare import Author
from services.visits.use_cases.receipts import Receipts
from services.visits.use_cases.received import Received

__all__ = ["Resources", "author_of", "code_list", "json_only", "parse", "row_faults"]

_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Resources:
    """The process's open resources; `now` gives our clock in UTC."""

    engine: Engine
    guard: Guard
    directory: Directory
    keys: KeyChain
    catalogue: Catalogue
    received: Received
    ready: Callable[[], bool]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    bulk: Lane = field(default_factory=Lane)

    @property
    def receipts(self) -> Receipts:
        """Give the maker of receipts."""
        return Receipts(self.catalogue, self.directory)

    def caller(self, request: Request, *scopes: str) -> Caller:
        """Verify who calls and that it has one of the scopes; raises Problem."""
        if not self.ready():
            raise Problem("not_ready", headers={"retry-after": "2"})
        caller = self.guard.caller(request)
        caller.need(*scopes)
        return caller


def author_of(caller: Caller, kind: RecordKind) -> Author:
    """Give the author of what a caller sends; raises Problem not_a_partner."""
    if kind.kind == "partner_report" and caller.partner_id is None:
        raise Problem("not_a_partner")
    return Author(caller.client_id, caller.unit_id, caller.partner_id, caller.codes_as_of)


def code_list(declared: date | None, author: Author, received_at: datetime) -> CodeList:
    """Give the list that a request's unit codes are of; raises Problem malformed for one that is still to come."""
    today = local_day(received_at)
    if declared is not None and declared > today:
        raise Problem("malformed", faults=[Fault("code_list_in_the_future", "/codes_as_of")])
    return CodeList(declared or author.codes_as_of, today)


def json_only(request: Request) -> None:
    """Refuse another media type than JSON; raises Problem unsupported_media_type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported_media_type", expected="application/json")


def row_faults(error: ValidationError) -> list[Fault]:
    """Tell a row's form errors, the number of lines by codes of its own."""
    own = {("/lines", "too_short"): "no_lines", ("/lines", "too_long"): "too_many_lines"}
    return [Fault(own.get((f.pointer, f.code), f.code), f.pointer, f.params) for f in faults_of(error)]


def parse(model: type[_M], body: bytes) -> _M:
    """Parse a body that is one thing; raises Problem malformed with a pointer to each fault."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Problem("malformed", faults=row_faults(error)) from error
