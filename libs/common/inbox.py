"""What a consumer keeps in its own database: how far it has handled each partition, and what it could not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from libs.common.db import Connection
from libs.common.kafka import Incoming
from libs.common.log import BEGINNING, Position

__all__ = ["DROPPED", "Fenced", "Move", "Unprocessable", "bury", "move", "reached", "reserve", "resume", "schema"]


DROPPED = "tungnha_dropped"
"""Stands among the headers of a dead letter that somebody decided never to process, with who, when and why. The letter
stays: what became of its record is still to be told, and whoever reads the topic again must not find it anew."""


class Fenced(Exception):
    """Another consumer has moved this partition's offset; what was decided here must not be stored."""


@dataclass(frozen=True)
class Unprocessable:
    """A message of a known type that does not validate, and why; it is never tried again by itself."""

    message: Incoming
    reason: str


def schema() -> list[str]:
    """Give the statements that make the tables."""
    return [
        """CREATE TABLE inbox (
            topic text NOT NULL,
            partition integer NOT NULL,
            source text NOT NULL,
            next bigint NOT NULL,
            epoch integer NOT NULL DEFAULT 0,
            xid bigint NOT NULL DEFAULT 0,
            seq bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (topic, partition)
        )""",
        """CREATE TABLE dead_letters (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            topic text NOT NULL,
            partition integer NOT NULL,
            "offset" bigint NOT NULL,
            source text NOT NULL,
            type text NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL,
            headers json NOT NULL,
            reason text NOT NULL,
            buried_at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (source, topic, partition, "offset")
        )""",
    ]


async def reserve(connection: Connection, source: str, places: Sequence[tuple[str, int]]) -> None:
    """Have every partition known from the first moment, also those that nobody has begun with.

    `reached` is the least of them: without a row, a partition would seem to hold nothing back.
    """
    await connection.execute(
        """INSERT INTO inbox (topic, partition, source, next)
           SELECT topic, partition, $3, 0 FROM unnest($1::text[], $2::integer[]) AS place (topic, partition)
           ORDER BY topic, partition ON CONFLICT DO NOTHING""",
        [topic for topic, _ in places],
        [partition for _, partition in places],
        source,
    )


async def resume(
    connection: Connection, source: str, ends: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    """Give the next offset of each partition.

    Another cluster or topic (`source`), or an offset beyond the log's end, begins again at 0: states carry their
    revision, so what was handled before changes nothing.
    """
    places = sorted(ends)
    rows = await connection.fetch(
        """INSERT INTO inbox (topic, partition, source, next)
           SELECT topic, partition, $4, 0 FROM unnest($1::text[], $2::integer[]) AS place (topic, partition)
           ORDER BY topic, partition
           ON CONFLICT (topic, partition) DO UPDATE SET source = excluded.source, next = CASE
               WHEN inbox.source = excluded.source AND inbox.next <= ($3::bigint[])[
                   array_position($5::text[], inbox.topic || '/' || inbox.partition)] THEN inbox.next ELSE 0 END
           RETURNING topic, partition, next""",
        [topic for topic, _ in places],
        [partition for _, partition in places],
        [ends[place] for place in places],
        source,
        [f"{topic}/{partition}" for topic, partition in places],
    )
    return {(row["topic"], row["partition"]): row["next"] for row in rows}


class Move(NamedTuple):
    """From which offset a partition goes on to which; `position`, where given, is how far its owner's log was sent."""

    expected: int
    following: int
    position: Position | None = None


async def move(connection: Connection, moves: Mapping[tuple[str, int], Move]) -> None:
    """Move partitions' offsets, first thing in the transaction: the row locks fence other consumers.

    A position only ever rises. Raises Fenced.
    """
    positions = [told.position or BEGINNING for told in moves.values()]
    moved = await connection.fetch(
        """WITH held AS MATERIALIZED (
               SELECT told.*, (inbox.epoch, inbox.xid, inbox.seq) < (told.epoch, told.xid, told.seq) AS later
               FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[],
                   $5::integer[], $6::bigint[], $7::bigint[])
                   AS told (topic, partition, expected, following, epoch, xid, seq)
                   JOIN inbox USING (topic, partition)
               WHERE next = expected ORDER BY topic, partition FOR UPDATE OF inbox
           )
           UPDATE inbox SET next = following,
             epoch = CASE WHEN later THEN held.epoch ELSE inbox.epoch END,
             xid = CASE WHEN later THEN held.xid ELSE inbox.xid END,
             seq = CASE WHEN later THEN held.seq ELSE inbox.seq END
           FROM held WHERE (inbox.topic, inbox.partition) = (held.topic, held.partition)
           RETURNING inbox.topic, inbox.partition""",
        [topic for topic, _ in moves],
        [partition for _, partition in moves],
        [told.expected for told in moves.values()],
        [told.following for told in moves.values()],
        [position.epoch for position in positions],
        [position.xid for position in positions],
        [position.seq for position in positions],
    )
    for topic, partition in moves.keys() - set(map(tuple, moved)):
        raise Fenced(f"{topic}[{partition}] is no longer at {moves[topic, partition].expected}")


async def bury(connection: Connection, source: str, letters: Sequence[Unprocessable]) -> None:
    """Keep what cannot be processed, with its bytes and the reason, in the caller's transaction."""
    await connection.executemany(
        """INSERT INTO dead_letters (topic, partition, "offset", source, type, key, value, headers, reason)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING""",
        [
            (
                letter.message.topic,
                letter.message.partition,
                letter.message.offset,
                source,
                letter.message.type,
                letter.message.key,
                letter.message.value,
                json.dumps(dict(letter.message.headers)),
                letter.reason,
            )
            for letter in letters
        ],
    )


async def reached(connection: Connection, *topics: str) -> Position | None:
    """Give the position of their owner's log up to which every partition of some topics has been handled.

    None before the first.
    """
    row = await connection.fetchrow(
        "SELECT epoch, xid, seq FROM inbox WHERE topic = ANY($1::text[]) ORDER BY epoch, xid, seq LIMIT 1", topics
    )
    return Position(row["epoch"], row["xid"], row["seq"]) if row else None
