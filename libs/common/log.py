"""The append-only log of revisions: its table, its positions, how it is read in commit order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from libs.common.db import Connection
from libs.common.tracing import span, traceparent

__all__ = [
    "BEGINNING",
    "Announced",
    "Entry",
    "Page",
    "Position",
    "TABLE",
    "append",
    "oldest_behind",
    "read",
    "schema",
]


class Position(NamedTuple):
    """A place in a log: rows are ordered by (epoch, xid, seq); the epoch is raised by each restore."""

    epoch: int
    xid: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read `epoch.xid.seq`; raises ValueError for anything else."""
        epoch, xid, seq = text.split(".")
        if not (epoch.isascii() and xid.isascii() and seq.isascii()):
            raise ValueError(text)
        position = cls(int(epoch), int(xid), int(seq))
        if str(position) != text or max(position.xid, position.seq) >= 2**63 or position.epoch >= 2**31:
            raise ValueError(text)
        return position


BEGINNING = Position(0, 0, 0)

TABLE = "log"


def schema(*columns: str) -> list[str]:
    """Give the statements that make a log with further columns of its owner's."""
    extra = "".join(f",\n            {column}" for column in columns)
    return [
        "CREATE TABLE log_epoch (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), epoch integer NOT NULL)",
        "INSERT INTO log_epoch (epoch) VALUES (1)",
        f"""CREATE TABLE {TABLE} (
            record_id uuid NOT NULL,
            revision integer NOT NULL CHECK (revision >= 1),
            edition integer NOT NULL DEFAULT 0 CHECK (edition >= 0),
            epoch integer NOT NULL,
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            seq bigint GENERATED ALWAYS AS IDENTITY,
            type text NOT NULL,
            partition_key uuid NOT NULL,
            held boolean NOT NULL DEFAULT false,
            request_id text NOT NULL DEFAULT '',
            appended_at timestamptz NOT NULL DEFAULT now(),
            body json NOT NULL{extra},
            PRIMARY KEY (record_id, revision, edition)
        )""",
        f"CREATE UNIQUE INDEX {TABLE}_order ON {TABLE} (epoch, xid, seq)",
        """CREATE TABLE log_position (
            relay text PRIMARY KEY,
            target text NOT NULL,
            epoch integer NOT NULL,
            xid xid8 NOT NULL,
            seq bigint NOT NULL,
            released boolean NOT NULL
        )""",
    ]


class Entry(Protocol):
    """What the log asks of a row."""

    @property
    def record_id(self) -> UUID:
        """Identity, and key of the message."""

    @property
    def revision(self) -> int:
        """From 1 up."""

    @property
    def type(self) -> str:
        """CloudEvents type of the body."""

    @property
    def body(self) -> bytes:
        """The whole state at this revision, JSON."""


class Announced(NamedTuple):
    """A record's newest state, as it is to be sent."""

    record_id: UUID
    revision: int
    edition: int
    position: Position
    type: str
    partition_key: UUID
    request_id: str
    appended_at: float
    body: bytes
    traceparent: str | None = None


@dataclass(frozen=True)
class Page:
    """What one read gave: the states to send, how far it went, how many rows that was."""

    announced: Sequence[Announced]
    reached: Position
    rows: int


async def append(connection: Connection, entries: Sequence[Entry], *, request_id: str = "") -> int:
    """Append first editions, sorted by id, in one statement; rows that exist stay; gives the number appended.

    The caller owns the transaction. Raises asyncpg's own errors.
    """
    ordered = sorted(entries, key=lambda entry: (entry.record_id, entry.revision))
    with span("append", rows=len(ordered)):
        return await _append(connection, ordered, request_id)


async def _append(connection: Connection, ordered: Sequence[Entry], request_id: str) -> int:
    status = await connection.execute(
        f"""INSERT INTO {TABLE} (record_id, revision, epoch, type, partition_key, request_id, traceparent, body)
            SELECT row.id, row.revision, (SELECT epoch FROM log_epoch), row.type, row.id, $5, $6, row.body::json
            FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[]) AS row (id, revision, type, body)
            ON CONFLICT DO NOTHING""",
        [entry.record_id for entry in ordered],
        [entry.revision for entry in ordered],
        [entry.type for entry in ordered],
        [entry.body.decode() for entry in ordered],
        request_id,
        traceparent(),
    )
    return int(status.rsplit(" ", 1)[1])


# Rows of the present epoch are read only below the snapshot's xmin: every transaction under it has
# ended, so nothing can still appear behind the position. The order of xids is not the order of commits
# within a record, so what is sent is the record's highest revision that is not held, whatever row said
# that it changed; it, too, only if settled: a progress row must not run ahead of the rows it speaks of.
_SETTLED = "(epoch < (SELECT epoch FROM log_epoch) OR xid < pg_snapshot_xmin(pg_current_snapshot()))"
_READ = f"""
    WITH page AS MATERIALIZED (
        SELECT epoch, xid, seq, record_id FROM {TABLE}
        WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3)
          AND {_SETTLED}
        ORDER BY epoch, xid, seq LIMIT $4
    )
    SELECT page.epoch AS at_epoch, page.xid::text::bigint AS at_xid, page.seq AS at_seq, newest.record_id,
           newest.revision, newest.edition, newest.epoch, newest.xid::text::bigint AS xid, newest.seq,
           newest.type, newest.partition_key, newest.request_id,
           date_part('epoch', newest.appended_at) AS appended_at, newest.body::text AS body, newest.traceparent
    FROM page LEFT JOIN LATERAL (
        SELECT * FROM {TABLE} WHERE {TABLE}.record_id = page.record_id AND NOT held AND {_SETTLED}
        ORDER BY revision DESC, edition DESC LIMIT 1
    ) AS newest ON true
    ORDER BY page.epoch, page.xid, page.seq
"""


async def read(connection: Connection, after: Position, limit: int) -> Page:
    """Read up to `limit` rows behind a position, in position order; nothing is locked."""
    rows = await connection.fetch(_READ, after.epoch, str(after.xid), after.seq, limit)
    if not rows:
        return Page((), after, 0)
    announced = [
        Announced(
            record_id, revision, edition, Position(epoch, xid, seq), type_, key, request_id, at, body.encode(), trace
        )
        for _, _, _, record_id, revision, edition, epoch, xid, seq, type_, key, request_id, at, body, trace in rows
        if revision is not None
    ]
    last = rows[-1]
    return Page(announced, Position(last["at_epoch"], last["at_xid"], last["at_seq"]), len(rows))


async def oldest_behind(connection: Connection, after: Position) -> float | None:
    """Give when the first row behind a position was appended, in seconds since 1970; None where there is none."""
    appended_at: float | None = await connection.fetchval(
        f"""SELECT date_part('epoch', appended_at) FROM {TABLE}
            WHERE (epoch, xid, seq) > ($1, $2::text::xid8, $3) ORDER BY epoch, xid, seq LIMIT 1""",
        after.epoch,
        str(after.xid),
        after.seq,
    )
    return appended_at
