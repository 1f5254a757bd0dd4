"""The map of the reference data, as the visits service hears of it."""

from functools import cache

from deploy.local.system import ROOT
from services.registry.domain.map_files import build_map
from services.registry.domain.units import Unit as MapUnit
from services.visits.domain.directory import Directory, Unit

__all__ = ["add_map", "the_map"]


@cache
def the_map() -> tuple[MapUnit, ...]:
    """Give every unit version of `data/`."""
    data = ROOT / "data"
    files = ((name, (data / name).read_bytes()) for name in ("admin_units.csv", "admin_lineage.csv"))
    return tuple(build_map(*files))


def add_map(directory: Directory) -> None:
    """Tell a directory of the whole map."""
    for unit in the_map():
        whole = next((edge.unit_id for edge in unit.successors if edge.share == "whole"), None)
        directory.add_unit(
            Unit(
                unit_id=unit.record_id,
                revision=1,
                code=unit.code,
                valid_from=unit.valid_from,
                valid_to=unit.valid_to,
                within=frozenset(unit.within),
                whole_successor=whole,
                successors=tuple(edge.unit_id for edge in unit.successors),
                parent_id=unit.parent_id,
                name=unit.name,
            )
        )
