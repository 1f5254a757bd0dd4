"""Clients by hand: made, given a new secret, suspended, resumed."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from libs.common.db import Connection
from services.registry.domain.clients import Client
from services.registry.domain.files import Reading, Row
from services.registry.store import access, log
from services.registry.use_cases.loading import declare, save

__all__ = ["STATUS_AFTER", "Refused", "Status", "create_client", "digest_of", "rotate_secret", "set_status"]

Status = Literal["active", "suspended"]
STATUS_AFTER: Mapping[str, Status] = {"suspend": "suspended", "resume": "active"}
"""A client's status after each action."""


class Refused(Exception):
    """A command that cannot be carried out, with the reason in both languages."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} / {en}")


def digest_of(secret: str) -> bytes:
    """Give the digest under which a secret is kept; secrets are random, so one round is enough."""
    return hashlib.sha256(secret.encode()).digest()


def _new_secret() -> str:
    return f"tn_{secrets.token_urlsafe(32)}"


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
    declared = await declare(connection, [row], units)
    await save(connection, "clients", [each.client for each in declared])
    secret = _new_secret()
    await access.replace_secrets(connection, client_id, digest_of(secret))
    return secret


async def rotate_secret(connection: Connection, client_id: str, *, overlap_minutes: int) -> str:
    """Give a client a new secret, shown this once; the older ones hold for the minutes given. Raises Refused."""
    await log.lock(connection)
    await _known(connection, client_id)
    secret = _new_secret()
    await access.replace_secrets(connection, client_id, digest_of(secret), overlap_minutes=overlap_minutes)
    return secret


async def set_status(connection: Connection, client_id: str, status: Status) -> None:
    """Suspend or resume a client; its tokens are refused as soon as the others hear of it. Raises Refused."""
    await log.lock(connection)
    client = await _known(connection, client_id)
    await save(connection, "clients", [replace(client, status=status)])


async def _known(connection: Connection, client_id: str) -> Client:
    client = await access.load_client(connection, client_id)
    if client is None:
        raise Refused(f"không có ứng dụng {client_id}", f"there is no client {client_id}")
    return client
