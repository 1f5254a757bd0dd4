"""Clients by the API: made, changed, given new secrets, suspended by a client that may, within its own rights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from libs.common.auth import Caller
from libs.common.db import Connection
from libs.common.problem import Fault, Problem
from libs.contracts.clients_api import ClientChange, ClientCreation
from libs.contracts.registry import ClientV1
from libs.contracts.topics import type_of
from services.registry.domain.atlas import Atlas
from services.registry.domain.clients import Client, Partner, needs_partner
from services.registry.domain.granting import Grantor
from services.registry.domain.ids import record_id
from services.registry.store import access, log
from services.registry.use_cases.changing import refuse, unit_named
from services.registry.use_cases.clients import append, give_secret

__all__ = ["Office", "change", "create", "open_office", "read_one", "rotate", "set_status", "view"]


@dataclass(frozen=True)
class Office:
    """What a use case works with; the caller owns the connection's transaction and commits."""

    connection: Connection
    atlas: Atlas
    grantor: Grantor
    today: date


@dataclass(frozen=True)
class _Known:
    client: Client
    revision: int


async def open_office(connection: Connection, atlas: Atlas, caller: Caller, today: date) -> Office:
    """Make an office for a caller, with the rights that both its token and its newest state give."""
    client = await access.load_client(connection, caller.client_id)
    if client is None or client.status != "active":
        raise Problem("client_suspended")
    scopes = caller.scopes & set(client.scopes)
    if "clients:write" not in scopes:
        raise Problem("scope_missing", scope="clients:write")
    return Office(connection, atlas, Grantor(client.client_id, scopes, client.unit_id, client.expires_at), today)


async def create(office: Office, asked: ClientCreation) -> tuple[dict[str, Any], str]:
    """Make a client; gives how it is shown, and its secret, which is shown this once.

    Raises Problem: client_exists, beyond_own, unknown_unit …
    """
    await log.lock(office.connection)
    if await access.load_client(office.connection, asked.client_id) is not None:
        raise Problem("client_exists", id=asked.client_id)
    client = Client(
        record_id=record_id("client", asked.client_id),
        client_id=asked.client_id,
        name=asked.name,
        kind=asked.kind,
        scopes=tuple(asked.scopes),
        unit_id=_unit(office, asked.unit),
        partner=await _partner(office, asked.partner),
        status="active",
        expires_at=asked.expires_at,
        quota_class=asked.quota_class,
        codes_as_of=asked.codes_as_of,
    )
    _check(office, client)
    revision = await append(office.connection, office.grantor.client_id, "created", None, client)
    secret = await give_secret(office.connection, client.client_id)
    return await _shown(office, client, revision), secret


async def change(office: Office, client_id: str, asked: ClientChange) -> dict[str, Any]:
    """Change a client; what is as it was before makes no revision. Raises Problem."""
    known = await _to_change(office, client_id, asked.revision)
    given = {name: getattr(asked, name) for name in asked.model_fields_set - {"revision"}}
    for name in ("name", "scopes", "quota_class"):
        if name in given and given[name] is None:
            raise Problem("malformed", faults=[Fault("missing", f"/{name}")])
    if "unit" in given:
        given["unit_id"] = _unit(office, given.pop("unit"))
    if "scopes" in given:
        given["scopes"] = tuple(given["scopes"])
    return await _changed(office, known, "changed", replace(known.client, **given))


async def set_status(office: Office, client_id: str, revision: int, *, active: bool) -> dict[str, Any]:
    """Suspend a client or resume it; raises Problem. Whoever oversees a client may suspend it, whatever it may do."""
    known = await _to_change(office, client_id, revision)
    if active:
        return await _changed(office, known, "resumed", replace(known.client, status="active"))
    return await _changed(office, known, "suspended", replace(known.client, status="suspended"), limits=False)


async def rotate(office: Office, client_id: str, revision: int, overlap_minutes: int) -> tuple[dict[str, Any], str]:
    """Give a client a new secret beside the one it has, which holds for the minutes given; raises Problem.

    Who holds a secret has the client's rights: they may not go beyond those of who asks for it.
    """
    known = await _to_change(office, client_id, revision, own=True)
    _check(office, known.client)
    by = office.grantor.client_id
    new = await append(office.connection, by, "rotated", known.client, known.client, overlap_minutes=overlap_minutes)
    secret = await give_secret(office.connection, client_id, overlap_minutes=overlap_minutes)
    return await _shown(office, known.client, new), secret


async def read_one(office: Office, client_id: str) -> dict[str, Any]:
    """Show a client; raises Problem client_unknown."""
    known = await _known(office, client_id)
    return await _shown(office, known.client, known.revision)


async def view(office: Office, clients: Sequence[tuple[Client, int]]) -> list[dict[str, Any]]:
    """Show clients at their revisions, with how long their secrets hold."""
    secrets = await access.list_secrets(office.connection, [client.client_id for client, _ in clients])
    return [
        {
            "client_id": client.client_id,
            "revision": revision,
            "name": client.name,
            "kind": client.kind,
            "scopes": client.scopes,
            "unit": _unit_shown(office.atlas, client),
            "partner": client.partner.code if client.partner is not None else None,
            "status": client.status,
            "expires_at": client.expires_at,
            "quota_class": client.quota_class,
            "codes_as_of": client.codes_as_of,
            "secrets": secrets.get(client.client_id, []),
        }
        for client, revision in clients
    ]


def _unit_shown(atlas: Atlas, client: Client) -> dict[str, Any] | None:
    unit = atlas.units.get(client.unit_id) if client.unit_id is not None else None
    return None if unit is None else {"unit_id": unit.record_id, "code": unit.code or None, "name": unit.name}


async def _shown(office: Office, client: Client, revision: int) -> dict[str, Any]:
    return (await view(office, [(client, revision)]))[0]


async def _known(office: Office, client_id: str) -> _Known:
    head = await log.newest(office.connection, type_of(ClientV1), record_id("client", client_id))
    client = access.client_of(head.body) if head is not None else None
    if head is None or client is None or not office.grantor.oversees(client, office.atlas):
        raise Problem("client_unknown", id=client_id)
    return _Known(client, head.revision)


async def _to_change(office: Office, client_id: str, revision: int, *, own: bool = False) -> _Known:
    """Give a client alone, as whoever asks has seen it; raises Problem, for one's own unless `own` may be changed."""
    await log.lock(office.connection)
    known = await _known(office, client_id)
    if client_id == office.grantor.client_id and not own:
        raise Problem("own_client")
    if known.revision != revision:
        record = await _shown(office, known.client, known.revision)
        raise Problem("stale_revision", current=known.revision, replaces=revision, extra={"record": record})
    return known


async def _changed(
    office: Office, known: _Known, action: str, client: Client, *, limits: bool = True
) -> dict[str, Any]:
    if limits:
        _check(office, client)
    revision = known.revision
    if client != known.client:
        revision = await append(office.connection, office.grantor.client_id, action, known.client, client)
    return await _shown(office, client, revision)


def _check(office: Office, client: Client) -> None:
    """Raise Problem where a client would be what none may be, or more than the grantor is."""
    if client.partner is None and needs_partner(client.kind, client.scopes):
        refuse([Fault("partner_missing", "/partner")])
    if len(set(client.scopes)) < len(client.scopes):
        refuse([Fault("scope_repeated", "/scopes")])
    if client.codes_as_of is not None and client.codes_as_of > office.today:
        refuse([Fault("code_list_in_the_future", "/codes_as_of")])
    if faults := office.grantor.excess(client, office.atlas):
        raise Problem("beyond_own", faults=faults)


def _unit(office: Office, text: str | None) -> Any:
    return unit_named(office.atlas, text, office.today).record_id if text is not None else None


async def _partner(office: Office, code: str | None) -> Partner | None:
    if code is None:
        return None
    partner = (await access.list_partners(office.connection)).get(code)
    if partner is None:
        refuse([Fault("unknown_partner", "/partner", {"id": code})])
    return partner
