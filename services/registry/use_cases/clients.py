"""Clients: made, given a new secret, suspended, resumed; each change noted in the audit log."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Literal

from libs.common.db import Connection
from libs.common.files import Reading, Row
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.clients import Client
from services.registry.events import event_of
from services.registry.events.record import unit_of
from services.registry.store import access, audit, log
from services.registry.use_cases.auditing import CONSOLE, of_client
from services.registry.use_cases.loading import declare

__all__ = [
    "COLUMNS",
    "STATUS_AFTER",
    "Refused",
    "Status",
    "append",
    "asked_values",
    "create_client",
    "digest_of",
    "give_secret",
    "list_rows",
    "rotate_secret",
    "set_status",
]

Status = Literal["active", "suspended"]
STATUS_AFTER: Mapping[str, Status] = {"suspend": "suspended", "resume": "active"}
"""A client's status after each action."""
COLUMNS = ("client_id", "status", "kind", "scopes", "unit", "partner", "expires_at")
"""What a list of clients tells of each."""


class Refused(Exception):
    """A command that cannot be carried out, with the reason in both languages."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} / {en}")
        self.vi = vi
        self.en = en


def digest_of(secret: str) -> bytes:
    """Give the digest under which a secret is kept; secrets are random, so one round is enough."""
    return hashlib.sha256(secret.encode()).digest()


async def give_secret(connection: Connection, client_id: str, *, overlap_minutes: int = 0) -> str:
    """Give a client a new secret, shown this once; the one before it holds for the minutes given, older ones end."""
    secret = f"tn_{secrets.token_urlsafe(32)}"
    await access.replace_secrets(connection, client_id, digest_of(secret), overlap_minutes=overlap_minutes)
    return secret


async def append(
    connection: Connection,
    by: str,
    action: str,
    before: Client | None,
    after: Client,
    **beside: object,
) -> int:
    """Append a client's state and note who made it so, with what changed beside it; gives its revision.

    The caller holds the log's lock and knows that something changes: the state, or what is kept beside the log.
    """
    head = await log.newest(connection, event_of(after, 1).type, after.record_id)
    revision = head.revision + 1 if head is not None else 1
    await log.append(connection, [event_of(after, revision)])
    await audit.note(connection, of_client(by, action, before, after, revision=revision, **beside))
    return revision


def asked_values(asked: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Give a client's values, as in a file of clients, from a command line; a unit's code is of today unless told."""
    values = {name: asked[name] for name in ("name", "kind", "partner", "expires_at", "quota_class", "codes_as_of")}
    unit = {"code": asked["unit"], "valid_on": asked["unit_valid_on"] or today.isoformat()} if asked["unit"] else None
    return {**values, "scopes": asked["scope"], "unit": unit}


async def create_client(connection: Connection, client_id: str, values: Mapping[str, Any]) -> str:
    """Make a client and give its secret, which is shown this once.

    `values` are as in a file of clients. Raises BadFile for wrong values, Refused where it exists.
    """
    await log.lock(connection)
    if await access.load_client(connection, client_id) is not None:
        raise Refused(f"ứng dụng {client_id} đã có", f"the client {client_id} exists")
    reading = Reading("clients create")
    row = Row(reading, client_id, {"client_id": client_id, **values})
    units = [Row(reading, client_id, row.values["unit"])] if row.values.get("unit") else []
    [declared] = await declare(connection, [row], units)
    await append(connection, CONSOLE, "created", None, declared.client)
    return await give_secret(connection, client_id)


async def rotate_secret(connection: Connection, client_id: str, *, overlap_minutes: int) -> str:
    """Give a client a new secret, shown this once; the one before holds for the minutes given. Raises Refused."""
    await log.lock(connection)
    client = await _known(connection, client_id)
    await append(connection, CONSOLE, "rotated", client, client, overlap_minutes=overlap_minutes)
    return await give_secret(connection, client_id, overlap_minutes=overlap_minutes)


async def set_status(connection: Connection, client_id: str, status: Status) -> None:
    """Suspend or resume a client; its tokens are refused as soon as the others hear of it. Raises Refused."""
    await log.lock(connection)
    client = await _known(connection, client_id)
    if client.status != status:
        action = "suspended" if status == "suspended" else "resumed"
        await append(connection, CONSOLE, action, client, replace(client, status=status))


async def list_rows(connection: Connection) -> list[tuple[str, ...]]:
    """Give every client as columns of text; what it has none of is `-`, as the unit of one that may act everywhere."""
    clients = await access.list_clients(connection)
    wanted = {client.unit_id for client in clients if client.unit_id is not None}
    units = {
        unit_id: unit_of(head.body)
        for unit_id, head in (await log.heads_of(connection, type_of(UnitV1), wanted)).items()
    }
    rows = []
    for client in clients:
        unit = units.get(client.unit_id) if client.unit_id else None
        told = (
            f"{unit.code} {unit.name}".strip() if unit else str(client.unit_id or ""),
            client.partner.code if client.partner else "",
            client.expires_at.isoformat() if client.expires_at else "",
        )
        row = (client.client_id, client.status, client.kind, " ".join(client.scopes), *told)
        rows.append(tuple(text or "-" for text in row))
    return rows


async def _known(connection: Connection, client_id: str) -> Client:
    client = await access.load_client(connection, client_id)
    if client is None:
        raise Refused(f"không có ứng dụng {client_id}", f"there is no client {client_id}")
    return client
