"""What one client may grant another: never more than it has itself."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.problem import Fault
from services.registry.domain.atlas import Atlas
from services.registry.domain.clients import Client

__all__ = ["Grantor"]


@dataclass(frozen=True)
class Grantor:
    """Who grants: the scopes it has now, the root of its subtree (None: the whole country), until when it has them."""

    client_id: str
    scopes: frozenset[str]
    root: UUID | None
    expires_at: datetime | None

    def oversees(self, client: Client, atlas: Atlas) -> bool:
        """Say whether a client lies within the grantor's subtree; one of the whole country does for nobody else."""
        return self.root is None or (client.unit_id is not None and self._holds(client.unit_id, atlas))

    def excess(self, client: Client, atlas: Atlas) -> list[Fault]:
        """Give what of a client's rights goes beyond the grantor's own, each by where it stands."""
        faults = [
            Fault("scope_beyond_own", f"/scopes/{index}", {"scope": scope})
            for index, scope in enumerate(client.scopes)
            if scope not in self.scopes
        ]
        if not self.oversees(client, atlas):
            faults.append(Fault("unit_beyond_own", "/unit"))
        if self.expires_at is not None and (client.expires_at is None or client.expires_at > self.expires_at):
            faults.append(Fault("expiry_beyond_own", "/expires_at", {"limit": self.expires_at.isoformat()}))
        return faults

    def _holds(self, unit_id: UUID, atlas: Atlas) -> bool:
        unit = atlas.units.get(unit_id)
        return unit is not None and self.root in unit.within
