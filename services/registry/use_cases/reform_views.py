"""A reform as it is shown: how it stands, who follows, who waits, and the states that it writes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.registry.domain.atlas import Atlas
from services.registry.domain.clients import Client
from services.registry.domain.reform.applying import Outcome
from services.registry.domain.reform.standing import Standing
from services.registry.domain.units import Unit
from services.registry.use_cases.briefs import brief
from services.registry.use_cases.decree import described

__all__ = ["clients_touched", "full_view", "in_short", "view"]


def in_short(standing: Standing) -> dict[str, Any]:
    """Give a reform without its operations."""
    return {**view(standing), "operations": len(msgspec.json.decode(standing.operations, type=list[msgspec.Raw]))}


def view(standing: Standing) -> dict[str, Any]:
    """Give a reform as it stands."""
    return {
        "id": standing.reform_id,
        "revision": standing.revision,
        "status": standing.status,
        "decree": standing.decree,
        "effective_date": standing.effective,
        "operations": msgspec.Raw(standing.operations),
        "client_id": standing.client_id,
        "created_at": standing.created_at,
        "changed_at": standing.changed_at,
    }


def full_view(standing: Standing, atlas: Atlas, outcome: Outcome, clients: Sequence[Client]) -> dict[str, Any]:
    """Give a reform with what stands in its way now, and the clients that it leaves waiting."""
    enacted, open_still = standing.status == "enacted", standing.status in ("draft", "scheduled", "failed")
    waiting = clients_touched(atlas, None, outcome, clients)[1] if enacted or open_still else []
    return {
        **view(standing),
        "faults": described(outcome.faults[:20]) if open_still else [],
        "failure": msgspec.Raw(standing.failure) if standing.failure is not None else None,
        "units_begun": len(standing.begun) if enacted else None,
        "units_ended": len(standing.ended) if enacted else None,
        "clients_waiting": waiting,
    }


def clients_touched(
    atlas: Atlas, after: Mapping[UUID, Unit] | None, outcome: Outcome, clients: Sequence[Client]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the clients that follow their unit into another, and those whose unit is divided or abolished."""
    reached = {unit_id: None if unit_id in outcome.abolished else to for unit_id, to in outcome.reached}
    units = atlas.units if after is None else after
    following: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for client in clients:
        if client.unit_id is None or client.unit_id not in reached:
            continue
        to = reached[client.unit_id]
        told = _touched(client, atlas.units[client.unit_id], units.get(to) if to is not None else None)
        (waiting if to is None else following).append(told)
    return following, waiting


def _touched(client: Client, unit: Unit, to: Unit | None) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "unit": brief(unit),
        "to": brief(to) if to is not None else None,
    }
