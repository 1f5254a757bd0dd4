"""HTTP in."""

from services.metrics.api.network import NetworkApi
from services.metrics.api.queries import QueryApi
from services.metrics.api.statements import StatementsApi

__all__ = ["NetworkApi", "QueryApi", "StatementsApi"]
