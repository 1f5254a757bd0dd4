"""Who settled what was held, and how: by the id that the decider's client made."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.db import Connection

__all__ = ["Decision", "append_decision", "decision_of"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice of the unit of a held record; `edition` is the one it made of the record's revision."""

    decision_id: UUID
    record_id: UUID
    revision: int
    edition: int
    unit_id: UUID
    digest: bytes
    client_id: str
    decided_at: datetime


async def decision_of(connection: Connection, decision_id: UUID) -> Decision | None:
    """Give the decision with an id."""
    row = await connection.fetchrow(
        """SELECT decision_id, record_id, revision, edition, unit_id, digest, client_id, decided_at
           FROM decisions WHERE decision_id = $1""",
        decision_id,
    )
    return None if row is None else Decision(*row)


async def append_decision(connection: Connection, decision: Decision) -> bool:
    """Keep a decision; False where its id was used meanwhile. The caller commits it with the edition it made."""
    done: str = await connection.execute(
        """INSERT INTO decisions (decision_id, record_id, revision, edition, unit_id, digest, client_id, decided_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING""",
        decision.decision_id,
        decision.record_id,
        decision.revision,
        decision.edition,
        decision.unit_id,
        decision.digest,
        decision.client_id,
        decision.decided_at,
    )
    return done == "INSERT 0 1"
