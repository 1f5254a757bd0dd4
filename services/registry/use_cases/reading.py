"""What portals and apps read: the catalogue, units, teams."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.common.problem import Problem
from libs.contracts.model import Contract
from libs.contracts.registry import MeasureV1, PlatformV1, TopicV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.units import Level, find
from services.registry.store import log, reads
from services.registry.store.reads import Page

__all__ = ["Page", "Paging", "list_teams", "list_units", "read_catalogue", "read_unit"]


@dataclass(frozen=True)
class Paging:
    """Which page: behind an id, so many rows."""

    after: UUID | None
    limit: int


async def read_catalogue(connection: Connection) -> dict[str, list[bytes]]:
    """Give every measure, platform and topic, each by code."""
    kinds: dict[str, type[Contract]] = {"measures": MeasureV1, "platforms": PlatformV1, "topics": TopicV1}
    found = {kind: await log.heads(connection, type_of(contract)) for kind, contract in kinds.items()}
    # A body begins with its code.
    return {kind: sorted(head.body for head in heads.values()) for kind, heads in found.items()}


async def read_unit(connection: Connection, unit_id: UUID) -> bytes | None:
    """Give a unit version."""
    head = await log.newest(connection, type_of(UnitV1), unit_id)
    return head.body if head else None


async def list_units(
    connection: Connection,
    *,
    code: str | None,
    level: Level | None,
    parent: str | None,
    valid_on: date | None,
    today: date,
    paging: Paging,
) -> Page:
    """Give a page of units; `parent` is an id, or a code on the day asked for. Raises Problem unknown_unit."""
    parent_id = await _resolve(connection, parent, valid_on or today)
    asked = reads.UnitFilter(code, level, parent_id, valid_on)
    return await reads.read_units(connection, asked, paging.after, paging.limit)


async def list_teams(
    connection: Connection, *, code: str | None, unit: str | None, root: UUID | None, today: date, paging: Paging
) -> Page:
    """Give a page of the teams within a unit, an id or a code of today's, and within the client's own subtree."""
    unit_id = await _resolve(connection, unit, today)
    asked = reads.TeamFilter(code, [each for each in (unit_id, root) if each is not None])
    return await reads.read_teams(connection, asked, paging.after, paging.limit)


async def _resolve(connection: Connection, text: str | None, day: date) -> UUID | None:
    """Give the unit meant by an id, or by a code that holds on a day; raises Problem unknown_unit."""
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        pass
    unit = find(await reads.find_units(connection, [text]), text, day)
    if unit is None:
        raise Problem("unknown_unit", unit=text[:50])
    return unit.unit_id
