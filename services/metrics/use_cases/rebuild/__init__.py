"""Metrics made anew from the topics, beside the live tables, and put in their place."""

from services.metrics.use_cases.rebuild.comparing import Comparison
from services.metrics.use_cases.rebuild.filling import Filling
from services.metrics.use_cases.rebuild.work import Obstacle, Rebuild, Status

__all__ = ["Comparison", "Filling", "Obstacle", "Rebuild", "Status"]
