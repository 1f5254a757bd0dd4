"""HTTP in."""

from services.registry.api.access import Api
from services.registry.api.map import MapApi

__all__ = ["Api", "MapApi"]
