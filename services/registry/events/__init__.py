"""The contract events of the registry, made from domain values; each is a row of the log."""

from services.registry.events.catalogue import indicator_of, measure_of
from services.registry.events.network import member_of, model_of, roster_of, team_of, wave_of
from services.registry.events.record import Event, Record, event_of, unit_of
from services.registry.events.reference import target_of

__all__ = [
    "Event",
    "Record",
    "event_of",
    "indicator_of",
    "measure_of",
    "member_of",
    "model_of",
    "roster_of",
    "target_of",
    "team_of",
    "unit_of",
    "wave_of",
]
