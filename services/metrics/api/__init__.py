"""HTTP in."""

from services.metrics.api.queries import QueryApi
from services.metrics.api.statements import StatementsApi

__all__ = ["QueryApi", "StatementsApi"]
