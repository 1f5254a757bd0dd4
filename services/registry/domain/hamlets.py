"""Units below commune level, which the province keeps itself: thôn, bản, tiểu khu, khóm, ấp, tổ dân phố.

They have no national code, and many have the same name; the registry knows each by an id of its own.
"""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from libs.common.problem import Fault
from libs.common.telephone import tells_identity
from services.registry.domain.atlas import Atlas
from services.registry.domain.ids import record_id
from services.registry.domain.reform.operations import short_name_of
from services.registry.domain.units import Successor, Unit, valid_on

__all__ = ["Asked", "Renaming", "begin", "end", "id_of", "is_same", "rename"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A unit as its province tells of it; the id is made by the client."""

    id: UUID
    parent: str
    type: str
    name: str
    short_name: str | None
    valid_from: date | None


@dataclass(frozen=True, slots=True)
class Renaming:
    """Another name or type from a day on; None keeps what the unit has."""

    on: date
    name: str
    short_name: str | None
    type: str | None
    decision: str | None


def id_of(client_made: UUID) -> UUID:
    """Give the unit's id: the same for whoever sends the same again."""
    return record_id("unit", "subcommune", str(client_made))


def begin(atlas: Atlas, asked: Asked, root: UUID | None, today: date) -> Unit | Fault:
    """Make the unit, or say what is wrong with it; `root` is the subtree in which whoever asks may act."""
    commune = _commune(atlas, asked, today)
    if commune is None:
        return Fault("unknown_unit", "/parent", {"unit": asked.parent[:50]})
    if commune.level != "commune":
        return Fault("not_a_commune", "/parent", {"unit": commune.name})
    if root is not None and root not in commune.within:
        return Fault("outside_subtree", "/parent", {"unit": commune.name})
    for name, text in (("name", asked.name), ("short_name", asked.short_name)):
        if tells_identity(text):
            return Fault("identity_in_text", f"/{name}")
    begins = asked.valid_from or commune.valid_from
    if begins is not None and not valid_on(commune.valid_from, commune.valid_to, begins):
        return Fault("outside_the_commune", "/valid_from", {"unit": commune.name, "day": begins})
    return Unit(
        record_id=id_of(asked.id),
        code="",
        level="subcommune",
        type=asked.type,
        name=asked.name,
        short_name=asked.short_name or short_name_of("subcommune", asked.type, asked.name),
        valid_from=begins,
        valid_to=commune.valid_to,
        parent_id=commune.record_id,
    )


def _commune(atlas: Atlas, asked: Asked, today: date) -> Unit | None:
    try:
        return atlas.units.get(UUID(asked.parent))
    except ValueError:
        return atlas.on(asked.parent, asked.valid_from or today)


def is_same(unit: Unit, known: Unit) -> bool:
    """Say whether a unit that was sent again is the one that is known; its parent may have changed since."""
    return (unit.type, unit.name, unit.short_name, unit.valid_from) == (
        known.type,
        known.name,
        known.short_name,
        known.valid_from,
    ) and (unit.parent_id == known.parent_id or known.parent_id in unit.within)


def rename(unit: Unit, to: Renaming) -> dict[UUID, Unit]:
    """Give the version that ends and the one that begins."""
    type_ = to.type or unit.type
    version = replace(
        unit,
        record_id=record_id("unit", "subcommune", str(unit.record_id), to.on.isoformat()),
        type=type_,
        name=to.name,
        short_name=to.short_name or short_name_of("subcommune", type_, to.name),
        valid_from=to.on,
    )
    edge = Successor(version.record_id, "whole", to.on, to.decision)
    ended = replace(unit, valid_to=to.on, successors=(edge,))
    return {ended.record_id: ended, version.record_id: version}


def end(unit: Unit, on: date) -> dict[UUID, Unit]:
    """Give the unit as it is once it has ended."""
    return {unit.record_id: replace(unit, valid_to=on)}
