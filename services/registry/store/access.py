"""Clients, partners, and the digests of secrets."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.db import Connection
from libs.contracts.registry import ClientV1, SigningKeyV1
from libs.contracts.topics import type_of
from services.registry.domain.clients import Client, Partner, SigningKey
from services.registry.domain.ids import record_id
from services.registry.store.log import heads, newest

__all__ = [
    "Secret",
    "client_of",
    "knows_secret",
    "list_clients",
    "list_keys",
    "list_partners",
    "list_secrets",
    "load_client",
    "load_key",
    "load_secrets",
    "replace_secrets",
    "save_partners",
]


@dataclass(frozen=True)
class Secret:
    """From when and until when a secret holds, None for as long as it is not replaced."""

    created_at: datetime
    expires_at: datetime | None


def client_of(body: bytes) -> Client:
    """Read a client's state back."""
    told = ClientV1.model_validate_json(body)
    partner = told.partner
    return Client(
        record_id=record_id("client", told.client_id),
        client_id=told.client_id,
        name=told.name,
        kind=told.kind,
        scopes=tuple(told.scopes),
        unit_id=told.unit_id,
        partner=Partner(partner.partner_id, partner.code, partner.name, partner.kind) if partner else None,
        status=told.status,
        expires_at=told.expires_at,
        quota_class=told.quota_class,
        codes_as_of=told.codes_as_of,
    )


def _key(body: bytes) -> SigningKey:
    told = SigningKeyV1.model_validate_json(body)
    return SigningKey(record_id("key", told.kid), told.kid, told.jwk, told.retired)


async def load_client(connection: Connection, client_id: str) -> Client | None:
    """Give a client as it is now."""
    head = await newest(connection, type_of(ClientV1), record_id("client", client_id))
    return client_of(head.body) if head else None


async def list_clients(connection: Connection) -> list[Client]:
    """Give every client by client_id."""
    found = await heads(connection, type_of(ClientV1))
    return sorted((client_of(head.body) for head in found.values()), key=lambda client: client.client_id)


async def load_key(connection: Connection, kid: str) -> SigningKey | None:
    """Give a signing key as it is now."""
    head = await newest(connection, type_of(SigningKeyV1), record_id("key", kid))
    return _key(head.body) if head else None


async def list_keys(connection: Connection) -> list[SigningKey]:
    """Give every signing key there ever was."""
    found = await heads(connection, type_of(SigningKeyV1))
    return sorted((_key(head.body) for head in found.values()), key=lambda key: key.kid)


async def list_partners(connection: Connection) -> dict[str, Partner]:
    """Give every partner by code."""
    rows = await connection.fetch("SELECT partner_id, code, name, kind FROM partners")
    return {row["code"]: Partner(row["partner_id"], row["code"], row["name"], row["kind"]) for row in rows}


async def save_partners(connection: Connection, partners: Sequence[Partner]) -> None:
    """Insert or replace partners."""
    await connection.execute(
        """INSERT INTO partners (partner_id, code, name, kind)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           ON CONFLICT (partner_id) DO UPDATE SET name = excluded.name, kind = excluded.kind""",
        [partner.partner_id for partner in partners],
        [partner.code for partner in partners],
        [partner.name for partner in partners],
        [partner.kind for partner in partners],
    )


async def load_secrets(connection: Connection, client_id: str) -> list[bytes]:
    """Give the digests of a client's secrets that hold now."""
    rows = await connection.fetch(
        "SELECT secret_sha256 FROM client_secrets WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > now())",
        client_id,
    )
    return [bytes(row["secret_sha256"]) for row in rows]


async def list_secrets(connection: Connection, client_ids: Sequence[str]) -> dict[str, list[Secret]]:
    """Give the secrets of clients that hold now, the newest first, by client: only how long each does."""
    rows = await connection.fetch(
        """SELECT client_id, created_at, expires_at FROM client_secrets
           WHERE client_id = ANY($1::text[]) AND (expires_at IS NULL OR expires_at > now())
           ORDER BY created_at DESC, secret_sha256""",
        list(client_ids),
    )
    found: dict[str, list[Secret]] = defaultdict(list)
    for row in rows:
        found[row["client_id"]].append(Secret(row["created_at"], row["expires_at"]))
    return found


async def knows_secret(connection: Connection, client_id: str, secret_sha256: bytes) -> bool:
    """Say whether this was ever a secret of the client's, expired or not."""
    known: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM client_secrets WHERE client_id = $1 AND secret_sha256 = $2)",
        client_id,
        secret_sha256,
    )
    return known


async def replace_secrets(
    connection: Connection, client_id: str, secret_sha256: bytes, *, overlap_minutes: int = 0
) -> None:
    """Keep a new secret's digest; the one before it ends after the overlap, unless it ends earlier, older ones now."""
    await connection.execute(
        """WITH live AS (
               SELECT secret_sha256, row_number() OVER (ORDER BY created_at DESC, secret_sha256) AS age
               FROM client_secrets WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > now())
           )
           UPDATE client_secrets AS secret
           SET expires_at = least(
               secret.expires_at, now() + make_interval(mins => CASE live.age WHEN 1 THEN $2 ELSE 0 END)
           )
           FROM live WHERE secret.client_id = $1 AND secret.secret_sha256 = live.secret_sha256""",
        client_id,
        overlap_minutes,
    )
    await connection.execute(
        "INSERT INTO client_secrets (client_id, secret_sha256) VALUES ($1, $2)", client_id, secret_sha256
    )
