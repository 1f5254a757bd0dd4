"""HTTP in."""

from services.metrics.api.queries import QueryApi

__all__ = ["QueryApi"]
