"""How far the tables beside the live ones are filled."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.db import Connection
from services.metrics.store.rebuild.tables import BESIDE, FROM_TOPICS

__all__ = ["Filled", "Place", "key_levels", "read_filled", "vacuum"]

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Filled:
    """Where each partition is to be read next, beside and live; `same` are those that both read of the same topic.

    Of the others the live tables' offsets mean another topic, of a cluster that is no more.
    """

    beside: Mapping[Place, int]
    live: Mapping[Place, int]
    same: frozenset[Place]

    def behind(self, ends: Mapping[Place, int]) -> int:
        """Count the messages that lie before the tables beside are where the live ones are, and at these ends."""
        return sum(max(0, self._goal(place, ends) - self.beside.get(place, 0)) for place in ends)

    def behind_live(self, ends: Mapping[Place, int]) -> int:
        """Count the messages before the tables beside are where the live ones are; elsewhere up to these ends."""
        return sum(
            max(0, (self.live[place] if place in self.same else end) - self.beside.get(place, 0))
            for place, end in ends.items()
        )

    def done(self, ends: Mapping[Place, int]) -> tuple[int, int]:
        """Give how many messages are behind us, of how many."""
        goals = {place: self._goal(place, ends) for place in ends}
        return sum(min(goal, self.beside.get(place, 0)) for place, goal in goals.items()), sum(goals.values())

    def _goal(self, place: Place, ends: Mapping[Place, int]) -> int:
        return max(ends[place], self.live[place]) if place in self.same else ends[place]


async def read_filled(connection: Connection, live: str) -> Filled:
    """Look how far both are, in one statement."""
    rows = await connection.fetch(
        f"""SELECT topic, partition, beside.next AS beside, live.next AS live, beside.source = live.source AS same
            FROM {BESIDE}.inbox AS beside FULL JOIN {live}.inbox AS live USING (topic, partition)"""
    )
    return Filled(
        {(row["topic"], row["partition"]): row["beside"] for row in rows if row["beside"] is not None},
        {(row["topic"], row["partition"]): row["live"] for row in rows if row["live"] is not None},
        frozenset((row["topic"], row["partition"]) for row in rows if row["same"]),
    )


async def key_levels(connection: Connection, live: str) -> tuple[int, int]:
    """Give the level of the key at which people are kept, beside and live."""
    row = await connection.fetchrow(
        f"SELECT (SELECT level FROM {BESIDE}.key_level) AS beside, (SELECT level FROM {live}.key_level) AS live"
    )
    assert row is not None
    return row["beside"], row["live"]


async def vacuum(connection: Connection) -> None:
    """Let the planner know the tables, and queries read their indexes alone; outside of a transaction."""
    for table in FROM_TOPICS:
        await connection.execute(f"VACUUM (ANALYZE) {BESIDE}.{table}")
