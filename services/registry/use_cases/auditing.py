"""Changes of clients as the audit log has them: what was, what is, and who made it so; never a secret."""

from typing import Any

from services.registry.domain.clients import Client
from services.registry.store.audit import Audited

__all__ = ["CONSOLE", "of_client"]

CONSOLE = "@console"
"""Who works with the commands of `python -m services.registry`; no client can have this id."""


def of_client(by: str, action: str, before: Client | None, after: Client, **beside: object) -> Audited:
    """Make the entry of a client's change: what differs, and what changed `beside` the client's state."""
    was, now = (_told(before) if before is not None else {}), _told(after)
    changed = [name for name in now if was.get(name) != now[name]]
    return Audited(
        client_id=by,
        action=f"client.{action}",
        object_kind="client",
        object_id=after.client_id,
        unit_id=after.unit_id,
        before={name: was[name] for name in changed} if before is not None else None,
        after={name: now[name] for name in changed} | beside,
    )


def _told(client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "kind": client.kind,
        "scopes": list(client.scopes),
        "unit_id": str(client.unit_id) if client.unit_id is not None else None,
        "partner": client.partner.code if client.partner is not None else None,
        "status": client.status,
        "expires_at": client.expires_at.isoformat() if client.expires_at is not None else None,
        "quota_class": client.quota_class,
        "codes_as_of": client.codes_as_of.isoformat() if client.codes_as_of is not None else None,
    }
