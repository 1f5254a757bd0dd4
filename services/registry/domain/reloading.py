"""The files of the map loaded beside what the registry has of its own: what a reform has done, no file undoes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from libs.common.files import Reading
from services.registry.domain.closure import closed
from services.registry.domain.invariants import Conflict, conflicts
from services.registry.domain.units import Unit

__all__ = ["merge"]


def merge(name: str, read: Iterable[Unit], beside: Mapping[UUID, Unit]) -> list[Unit]:
    """Put the units of a file beside those that it does not tell, or only as they were before a reform.

    `beside` are the registry's own: units that no file has, and units that reforms changed. Raises BadFile under the
    file's name where both cannot be on one map.
    """
    units = dict(beside)
    for unit in read:
        known = beside.get(unit.record_id)
        units[unit.record_id] = unit if known is None or unit.valid_to is not None else _gone_on(unit, known)
    reading = Reading(name)
    for conflict in conflicts(units):
        _note(reading, conflict)
    reading.done()
    return closed(units, units.keys())


def _gone_on(told: Unit, known: Unit) -> Unit:
    """Keep of a unit that the file has as open what became of it since."""
    return replace(told, valid_to=known.valid_to, parent_id=known.parent_id, successors=known.successors)


def _note(reading: Reading, conflict: Conflict) -> None:
    unit, other = conflict.unit, conflict.other
    place = unit.code or str(unit.record_id)
    if conflict.kind == "code":
        vi, en = f"{place} đã có cho cùng thời gian trong hệ thống", f"{place} is taken for the same time by a reform"
        reading.wrong(place, "code", vi, en)
    elif conflict.kind == "parent":
        above = (other.code or str(other.record_id)) if other is not None else "–"
        vi = f"đơn vị cấp trên {above} không có hiệu lực suốt thời gian ấy"
        reading.wrong(place, "parent_code", vi, f"its parent {above} is not valid for all that time")
    else:
        vi = "đơn vị kế thừa không có hiệu lực vào ngày ấy, hoặc phần chia mâu thuẫn"
        reading.wrong(place, "successors", vi, "a successor is not valid that day, or the shares contradict each other")
