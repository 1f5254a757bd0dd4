"""HTTP in: every operation of the table is verified and forwarded; a few public pages are answered here."""

from services.gateway.api.edge import add_edges
from services.gateway.api.forwarding import forwarding_routes
from services.gateway.api.pages import page_routes
from services.gateway.api.rehearsing import rehearsal_routes

__all__ = ["add_edges", "forwarding_routes", "page_routes", "rehearsal_routes"]
