"""HTTP bodies of clients and of the audit log."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from libs.contracts.model import Contract, DateTime, Text
from libs.contracts.registry import ClientKind, QuotaClass, Scope

__all__ = [
    "AuditEntry",
    "AuditPage",
    "ClientChange",
    "ClientCreation",
    "ClientPage",
    "ClientRotation",
    "ClientSecret",
    "ClientStatusChange",
    "ClientUnit",
    "ClientView",
    "SecretView",
]

Scopes = Annotated[list[Scope], Field(min_length=1, max_length=32)]
Unit = Annotated[Text, Field(description="Root of the subtree it may act in: unit id, or its code today")]
Seen = Annotated[int, Field(ge=1, description="The revision that was seen; a stale one is refused")]
CodesAsOf = Annotated[
    date, Field(description="The day of the code list that its unit codes are from; null: the day of each event")
]

DAY_MINUTES = 24 * 60


class ClientUnit(Contract):
    """A unit, named."""

    unit_id: UUID
    code: str | None
    name: str


class SecretView(Contract):
    """A secret that holds now; the secret itself is shown once, when it is made."""

    created_at: DateTime
    expires_at: DateTime | None = Field(description="null: for as long as it is not replaced")


class ClientView(Contract):
    """A system that may call the API."""

    client_id: str
    revision: int = Field(description="Raised by each change, a new secret included")
    name: str
    kind: ClientKind
    scopes: list[Scope]
    unit: ClientUnit | None = Field(description="Root of the subtree it may act in; null: the whole country")
    partner: str | None = Field(description="Code of the partner it reports for")
    status: str = Field(description="active | suspended")
    expires_at: DateTime | None
    quota_class: QuotaClass
    codes_as_of: date | None
    secrets: list[SecretView] = Field(description="Those that hold now, the newest first; two at most")


class ClientPage(Contract):
    """A page of clients by id; `next` is the cursor of the next page."""

    clients: list[ClientView]
    next: str | None


class ClientCreation(Contract):
    """A client to make; nothing of it may go beyond its maker's own rights."""

    client_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$")]
    name: Text
    kind: ClientKind
    scopes: Scopes
    unit: Unit | None = None
    partner: Text | None = Field(default=None, description="Code of the partner it reports for")
    expires_at: DateTime | None = None
    quota_class: QuotaClass = "standard"
    codes_as_of: CodesAsOf | None = None


class ClientSecret(Contract):
    """A client and its new secret, which nobody can read again."""

    client: ClientView
    secret: str


class ClientRotation(Contract):
    """Asks for a new secret; the one before it still holds for a while, an older one ends."""

    revision: Seen
    overlap_minutes: Annotated[int, Field(ge=0, le=30 * DAY_MINUTES)] = DAY_MINUTES


class ClientStatusChange(Contract):
    """Suspends a client, or resumes it."""

    revision: Seen


class ClientChange(Contract):
    """What is to change; what is left out stays, null takes away."""

    revision: Seen
    name: Text | None = None
    scopes: Scopes | None = None
    unit: Unit | None = None
    expires_at: DateTime | None = None
    quota_class: QuotaClass | None = None
    codes_as_of: CodesAsOf | None = None


class AuditEntry(Contract):
    """Who did or read what; `before` and `after` hold what differs, never a secret."""

    entry: int
    at: DateTime
    client_id: str = Field(description="Who; `@console` is the operator at the command line")
    action: str = Field(description="Such as client.created, client.rotated, member.read")
    object_kind: str
    object_id: str
    unit_id: UUID | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(Contract):
    """A page of the audit log, newest first; `next` is the cursor of the next page."""

    entries: list[AuditEntry]
    next: str | None
