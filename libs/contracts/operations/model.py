"""What an operation of the public API is, as data: routing, documentation and tests read the same table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from libs.contracts.model import Contract
from libs.contracts.registry import Scope

__all__ = [
    "GUARDED",
    "MIB",
    "READ_BODY",
    "TEXTS_BODY",
    "Method",
    "Operation",
    "Parameter",
    "RouteClass",
    "Service",
    "Words",
    "paging",
]

Method = Literal["GET", "POST"]
Service = Literal["registry", "visits", "metrics", "gateway"]
RouteClass = Literal["write", "bulk", "read", "query", "admin", "token", "public"]
"""What kind of work an operation is, by which its speed and availability are judged: records sent in small batches and
in large ones, reading, questions for numbers, the administration of a province, tokens, what is open to everyone.
"""
MIB = 1024 * 1024

GUARDED = (
    "token_missing",
    "token_invalid",
    "token_expired",
    "client_suspended",
    "client_expired",
    "scope_missing",
    "internal_error",
    "not_ready",
    "unavailable",
)
"""Codes of every operation that needs a token."""

READ_BODY = ("not_json", "malformed", "body_incomplete", "body_too_large", "unsupported_media_type")
"""Codes of every operation that takes a JSON body."""
TEXTS_BODY = (*READ_BODY, "identity_in_text")
"""Those of the registry, where no text of a body may hold a person's number unless it is there for that."""

RECORD_SCOPES: frozenset[Scope] = frozenset({"visits:write", "partner-reports:write", "records:settle"})


class Words(NamedTuple):
    """The same said in Vietnamese and in English."""

    vi: str
    en: str


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query; `example` is used where a call is shown."""

    name: str
    where: Literal["path", "query"]
    schema: Mapping[str, Any]
    words: Words
    example: str | int | None = None
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation; `scope` None means that no token is needed, `service` who answers it."""

    method: Method
    path: str
    service: Service
    scope: Scope | None
    operation_id: str
    summary: Words
    description: Words
    response: type[Contract] | None
    problems: tuple[str, ...]
    request: type[Contract] | None = None
    request_type: str = "application/json"
    uploads: tuple[str, ...] = ()
    """Media types of a body that is a file rather than a contract; any of them is taken."""
    downloads: str = ""
    """Media type of an answer that is a file; `response` is then not used."""
    status: int = 200
    body_limit_bytes: int = MIB
    parameters: tuple[Parameter, ...] = ()
    revalidates: bool = False
    """Whether answers carry an ETag, so that If-None-Match can save the body."""
    or_scopes: tuple[Scope, ...] = ()
    """Other scopes, any of which is as good as `scope`; the service looks closer."""
    revision_path: str | None = None
    """Where the current revision is told; an answer that names it is still good, so that the gateway may keep it."""

    @property
    def route_class(self) -> RouteClass:
        """What kind of work it is."""
        if self.scope is None:
            return "token" if self.path == "/oauth/token" else "public"
        if self.service == "metrics":
            return "query"
        if self.uploads or self.path.endswith(":bulk"):
            return "bulk"
        if self.scope in RECORD_SCOPES:
            return "write" if self.method == "POST" else "read"
        return "admin" if self.scope.endswith(":write") else "read"


def paging(default: int, most: int) -> tuple[Parameter, Parameter]:
    """Give the parameters of keyset paging; `default` and `most` are entries a page."""
    return (
        Parameter(
            "cursor",
            "query",
            {"type": "string"},
            Words("`next` của trang trước; để trống cho trang đầu.", "`next` of the page before; none for the first."),
        ),
        Parameter(
            "limit",
            "query",
            {"type": "integer", "minimum": 1, "maximum": most, "default": default},
            Words("Số mục tối đa trong một trang.", "Most entries in a page."),
        ),
    )
