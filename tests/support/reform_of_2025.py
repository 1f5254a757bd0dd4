"""The reform of 1 July 2025 as a decree: derived from the files of the tree, which say what it came to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

from services.registry.domain.closure import closed
from services.registry.domain.map_files import build_map
from services.registry.domain.reform.operations import (
    AbolishLevel,
    Create,
    Merge,
    NewUnit,
    Operation,
    Place,
    Reform,
    Source,
)
from services.registry.domain.units import Unit

__all__ = ["DECREE", "REFORM_DAY", "decree_of_2025", "listed", "map_before"]

DATA = Path(__file__).parents[2] / "data"
REFORM_DAY = date(2025, 7, 1)
DECREE = "202/2025/QH15"


def listed() -> list[Unit]:
    """Give the map as the files tell it: before and after."""
    names = ("admin_units.csv", "admin_lineage.csv")
    units, lineage = ((name, (DATA / name).read_bytes()) for name in names)
    return build_map(units, lineage)


def map_before(units: Iterable[Unit]) -> list[Unit]:
    """Give the legacy half, as it stood before anyone knew of its end."""
    legacy = {
        unit.record_id: replace(unit, valid_to=None, successors=()) for unit in units if unit.valid_to == REFORM_DAY
    }
    return closed(legacy, legacy.keys())


def decree_of_2025(units: Iterable[Unit]) -> Reform:
    """Derive the operations: the level of districts ends; what had predecessors is merged of them, the rest created."""
    known = {unit.record_id: unit for unit in units}
    sources: defaultdict[UUID, list[Source]] = defaultdict(list)
    for unit in known.values():
        for edge in unit.successors:
            sources[edge.unit_id].append(Source(str(unit.record_id), edge.share))
    operations: list[Operation] = [AbolishLevel("district")]
    for unit in known.values():
        if unit.valid_from == REFORM_DAY:
            new = _new(unit, known)
            place = Place(new=new)
            came = sources.get(unit.record_id)
            operations.append(Merge(tuple(came), place) if came else Create(new))
    numbered = tuple((f"/operations/{number}", operation) for number, operation in enumerate(operations))
    return Reform(UUID("0197c000-0000-7000-8000-000000000001"), DECREE, REFORM_DAY, numbered)


def _new(unit: Unit, known: Mapping[UUID, Unit]) -> NewUnit:
    parent = f"#{unit.level[0]}{known[unit.parent_id].code}".replace("#c", "#p") if unit.parent_id else None
    return NewUnit(f"{unit.level[0]}{unit.code}", unit.level, unit.type, unit.name, unit.short_name, unit.code, parent)
