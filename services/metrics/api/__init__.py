"""HTTP in."""

from services.metrics.api.network import NetworkApi
from services.metrics.api.queries import QueryApi
from services.metrics.api.rehearsal import RehearsalApi
from services.metrics.api.statements import StatementsApi

__all__ = ["NetworkApi", "QueryApi", "RehearsalApi", "StatementsApi"]
