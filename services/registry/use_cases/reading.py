"""What portals and apps read: the catalogue, units, teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.common.db import Connection
from libs.contracts.reference import IndicatorV1
from libs.contracts.registry import MeasureV1, PlatformV1, TopicV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.atlas import Atlas, Wanted
from services.registry.domain.units import valid_on
from services.registry.store import log, reads
from services.registry.store.reads import Page, TeamFilter

__all__ = ["BadCursor", "Page", "Paging", "TeamFilter", "list_teams", "list_units", "read_catalogue", "read_unit"]


class BadCursor(Exception):
    """A cursor of another question, or of a map that has changed since."""


@dataclass(frozen=True)
class Paging:
    """Which page: behind an id, so many rows."""

    after: UUID | None
    limit: int


CATALOGUE: Mapping[str, type[MeasureV1] | type[PlatformV1] | type[TopicV1] | type[IndicatorV1]] = {
    "measures": MeasureV1,
    "platforms": PlatformV1,
    "topics": TopicV1,
    "indicators": IndicatorV1,
}


async def read_catalogue(connection: Connection, day: date | None) -> dict[str, list[bytes]]:
    """Give every measure, platform, topic and indicator, each by code; with a day, those valid then."""
    found = {kind: await log.heads(connection, type_of(contract)) for kind, contract in CATALOGUE.items()}
    return {
        # A body begins with its code.
        kind: sorted(head.body for head in heads.values() if day is None or _holds(CATALOGUE[kind], head.body, day))
        for kind, heads in found.items()
    }


def _holds(
    contract: type[MeasureV1] | type[PlatformV1] | type[TopicV1] | type[IndicatorV1], body: bytes, day: date
) -> bool:
    told = contract.model_validate_json(body)
    return valid_on(told.valid_from, told.valid_to, day)


async def read_unit(connection: Connection, unit_id: UUID) -> bytes | None:
    """Give a unit version."""
    head = await log.newest(connection, type_of(UnitV1), unit_id)
    return head.body if head else None


async def list_units(connection: Connection, atlas: Atlas, wanted: Wanted, paging: Paging) -> Page:
    """Give a page of units; raises BadCursor."""
    found = [unit.record_id for unit in atlas.find(wanted)]
    if paging.after is not None:
        try:
            found = found[found.index(paging.after) + 1 :]
        except ValueError:
            raise BadCursor from None
    page = found[: paging.limit]
    last = page[-1] if len(found) > len(page) else None
    return Page(await log.bodies(connection, type_of(UnitV1), page), last)


async def list_teams(connection: Connection, wanted: TeamFilter, paging: Paging) -> Page:
    """Give a page of teams."""
    return await reads.read_teams(connection, wanted, paging.after, paging.limit)
