"""The contract events of the registry, made from domain values; each is a row of the log."""

from services.registry.events.network import member_of, model_of, roster_of, team_of, wave_of
from services.registry.events.record import Event, Record, event_of, unit_of

__all__ = ["Event", "Record", "event_of", "member_of", "model_of", "roster_of", "team_of", "unit_of", "wave_of"]
