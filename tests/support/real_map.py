"""The map of data/, as metrics hears of it."""

from functools import cache
from pathlib import Path

from services.metrics.domain.map import Unit, UnitMap
from services.registry.domain.map_files import build_map

__all__ = ["real_map", "real_units"]

DATA = Path(__file__).parents[2] / "data"


@cache
def real_units() -> tuple[Unit, ...]:
    """Give every unit version of data/."""
    files = [(name, (DATA / name).read_bytes()) for name in ("admin_units.csv", "admin_lineage.csv")]
    return tuple(
        Unit(
            told.record_id,
            1,
            told.code,
            told.level,
            told.name,
            told.valid_from,
            told.valid_to,
            told.path,
            told.within,
            tuple(edge.unit_id for edge in told.successors),
        )
        for told in build_map(*files)
    )


def real_map() -> UnitMap:
    """Give a map of all of them, of the caller's own."""
    made = UnitMap()
    for unit in real_units():
        made.take(unit)
    return made
