"""Units told in short, as several answers name them."""

from services.registry.domain.units import Unit

__all__ = ["brief"]


def brief(unit: Unit) -> dict[str, object]:
    """Give what tells a unit version from others."""
    return {
        "unit_id": unit.record_id,
        "code": unit.code or None,
        "level": unit.level,
        "type": unit.type,
        "name": unit.name,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
    }
