"""Which province a unit belongs to, when provinces merge: members and codes of teams are a province's own."""

from uuid import UUID

from services.registry.domain.atlas import Atlas

__all__ = ["family", "home"]


def home(atlas: Atlas, unit_id: UUID) -> UUID:
    """Give the province, as the newest map has it, that holds all of the province in which a unit lies."""
    unit = atlas.units[atlas.units[unit_id].path[0]]
    while len(unit.successors) == 1 and unit.successors[0].share == "whole":
        successor = atlas.units.get(unit.successors[0].unit_id)
        if successor is None:
            break
        unit = successor
    return unit.record_id


def family(atlas: Atlas, province_id: UUID) -> set[UUID]:
    """Give a province with all that became it whole: what was written under their ids is its own."""
    edges = atlas.lineage(province_id, "backward")
    return {province_id, *(edge.source for edge in edges if edge.to.share == "whole")}
