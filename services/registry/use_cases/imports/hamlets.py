"""Planning a list of units below commune level: those that their commune has already are passed over."""

from collections.abc import Sequence
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain import hamlets
from services.registry.domain.closure import closed
from services.registry.domain.imports import hamlets as listed
from services.registry.domain.imports.fields import RowRead, Source
from services.registry.domain.imports.places import Places
from services.registry.domain.imports.planned import Planned, faulted, planned, refused
from services.registry.domain.units import Unit, valid_on
from services.registry.events import event_of
from services.registry.store import log
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports.planner import Bounds, in_pieces

__all__ = ["plan"]


async def plan(desk: Desk, bounds: Bounds, rows: Sequence[RowRead], write: bool) -> list[Planned]:
    """Say what becomes of the rows of a list of hamlets, and begin these units where that is asked."""
    places = Places(desk.atlas, bounds.root, bounds.codes_as_of or desk.today)
    known = {
        listed.key_of(unit): unit
        for unit in desk.atlas.units.values()
        if unit.level == "subcommune" and valid_on(unit.valid_from, unit.valid_to, places.day)
    }
    seen: dict[UUID, Source] = {}
    made: dict[UUID, Unit] = {}
    found = []
    async for some in in_pieces(rows):
        for row in some:
            unit = _unit(desk, bounds, places, row, known)
            if unit is not None and (first := seen.setdefault(unit.record_id, row.source)) != row.source:
                row.wrong("row_repeated", "name", sheet=first.sheet, line=first.line)
            if unit is None or row.is_wrong:
                found.append(refused(row, row.values.get("name", "")))
                continue
            is_new = unit.record_id not in desk.atlas.units
            if is_new:
                made[unit.record_id] = unit
            found.append(planned(row, unit.name, unit.record_id, is_new=is_new, fields=()))
    if write and made:
        states = closed({**desk.atlas.units, **made}, made.keys())
        await log.append(desk.connection, [event_of(unit, 1) for unit in states])
    return found


def _unit(desk: Desk, bounds: Bounds, places: Places, row: RowRead, known: dict[listed.Key, Unit]) -> Unit | None:
    """Give the hamlet that a row means, as it is known or as it would begin; notes in the row why there is none."""
    commune = places.find(row)
    asked = None if commune is None or row.is_wrong else listed.asked_of(row, commune)
    if commune is None or asked is None:
        return None
    unit = hamlets.begin(desk.atlas, asked, bounds.root, desk.today)
    if isinstance(unit, Fault):
        row.findings.append(faulted(row, unit, listed.AT))
        return None
    standing = known.get(listed.key_of(unit))
    ended = desk.atlas.units.get(unit.record_id)
    if standing is None and ended is not None and ended.valid_to is not None:
        row.wrong("unit_abolished", "name", unit=ended.name, day=ended.valid_to)
        return None
    return standing or unit
