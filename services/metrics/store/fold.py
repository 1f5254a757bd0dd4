"""What a fold reads, locks and writes, one statement each; locks are taken in the order of this file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from pyroaring import BitMap

from libs.common.db import Connection
from services.metrics.domain.cells import Cell, CellKey, Delta, fresh_cell
from services.metrics.domain.completeness import Progress
from services.metrics.domain.facts import Fact, Record
from services.metrics.store.changes import pack
from services.metrics.store.copying import COLUMNS, rows_of
from services.metrics.store.literal import blobs, plain
from services.metrics.store.names import Book, Names

__all__ = [
    "Begun",
    "begin_fold",
    "live_facts",
    "lock_cells",
    "raise_heads",
    "raise_progress",
    "raise_revision",
    "save_cells",
    "still_held",
    "write_facts",
]

FEW = 16
"""A set that is no larger cannot become smaller as runs."""

_FACT_COLUMNS = ", ".join(Fact._fields)


class Begun(NamedTuple):
    """A fold's id, the book whose numbers stand in its database, and the level of the key that people are kept at."""

    fold: int
    book: Book
    key_level: int


async def begin_fold(connection: Connection) -> Begun:
    """Take the id of a fold, and make the transaction's statements look up key by key.

    A batch is small against the tables, which the planner cannot know of a parameter: it would read a table whole.
    """
    row = await connection.fetchrow(
        """SELECT nextval('fold_ids'), (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
               'ids'::regclass::oid::bigint, pg_postmaster_start_time(), (SELECT level FROM key_level),
               set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
               set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true)"""
    )
    assert row is not None
    return Begun(row[0], Book(*row[1:4]), row[4])


async def raise_heads(connection: Connection, records: Collection[Record]) -> dict[UUID, bool]:
    """Raise the heads of the records that are newer than what was folded; gives those, each with whether it is new.

    The rows stay locked, also of those that are not newer.
    """
    rows = await connection.fetch(
        """INSERT INTO heads AS head (record_id, revision, edition)
           SELECT * FROM unnest($1::text::uuid[], $2::text::integer[], $3::text::integer[])
               AS told (record_id, revision, edition)
           ORDER BY record_id
           ON CONFLICT (record_id) DO UPDATE SET revision = excluded.revision, edition = excluded.edition
               WHERE (head.revision, head.edition) < (excluded.revision, excluded.edition)
           RETURNING record_id, xmax = 0 AS is_new""",
        plain(record.record_id for record in records),
        plain(record.revision for record in records),
        plain(record.edition for record in records),
    )
    return {record_id: is_new for record_id, is_new in rows}


async def live_facts(connection: Connection, record_ids: Sequence[UUID]) -> list[Fact]:
    """Give the facts that are so now."""
    # Said as `fold_out IS NULL`, it would offer the planner the indexes of all live facts, to be read whole.
    rows = await connection.fetch(
        f"""SELECT {_FACT_COLUMNS} FROM named_facts
           WHERE record_id = ANY($1::uuid[]) AND coalesce(fold_out, 0) = 0""",
        record_ids,
    )
    return [Fact(*row) for row in rows]


async def lock_cells(connection: Connection, names: Names, deltas: Mapping[CellKey, Delta]) -> dict[CellKey, Cell]:
    """Make the cells that are missing, of what their delta brings, and give those that were there; all are locked."""
    by_number = dict(zip(_numbered(deltas, names), deltas, strict=True))
    # The update that never happens locks the row: making and locking in one statement keeps one order for both.
    made = await connection.fetch(
        f"""INSERT INTO cells ({_KEY}, reporter_kind, quantity, unknown, persons, households)
           SELECT * FROM unnest({_KEY_NUMBERS}, $6::text::smallint[], $7::text::bigint[], $8::text::bigint[],
                   $9::text::bytea[], $10::text::bytea[])
               AS told ({_KEY}, reporter_kind, quantity, unknown, persons, households)
           ORDER BY {_KEY}
           ON CONFLICT ({_KEY}) DO UPDATE SET quantity = cells.quantity WHERE false
           RETURNING {_KEY}""",
        *_keys(by_number),
        plain(delta.reporter_kind for delta in deltas.values()),
        *_contents([fresh_cell(delta) for delta in deltas.values()]),
    )
    known = list(by_number.keys() - set(map(tuple, made)))
    if not known:
        return {}
    rows = await connection.fetch(
        f"""SELECT place, quantity, unknown, persons, households
           FROM unnest({_KEY_NUMBERS}) WITH ORDINALITY AS told ({_KEY}, place) JOIN cells USING ({_KEY})""",
        *_keys(known),
    )
    return {
        by_number[known[place - 1]]: Cell(quantity, unknown, _set(persons), _set(households))
        for place, quantity, unknown, persons, households in rows
    }


async def write_facts(
    connection: Connection, fold: int, names: Names, retired: Sequence[Fact], entered: Sequence[Fact]
) -> None:
    """Mark the facts that left with the fold, and add those that came; the cells must be locked."""
    if retired:
        await connection.execute(
            """UPDATE facts SET fold_out = $1
               FROM unnest($2::uuid[], $3::smallint[]) AS told (record_id, line)
               WHERE facts.record_id = told.record_id AND facts.line = told.line AND facts.fold_out IS NULL""",
            fold,
            [fact.record_id for fact in retired],
            [fact.line for fact in retired],
        )
    if entered:
        await connection.copy_to_table("facts", source=rows_of(entered, fold, names), columns=COLUMNS, format="binary")


async def still_held(
    connection: Connection, names: Names, column: str, candidates: Sequence[tuple[CellKey, int]]
) -> set[tuple[CellKey, int]]:
    """Give those whom a live fact still puts into the cell; `column` is person or household."""
    if not candidates:
        return set()
    rows = await connection.fetch(
        f"""SELECT DISTINCT place FROM unnest({_KEY_NUMBERS}, $6::text::bigint[]) WITH ORDINALITY
               AS told ({_KEY}, {column}, place) JOIN facts USING ({_KEY}, {column})
           WHERE fold_out IS NULL""",
        *_keys(_numbered([key for key, _ in candidates], names)),
        plain(number for _, number in candidates),
    )
    return {candidates[row["place"] - 1] for row in rows}


async def save_cells(connection: Connection, names: Names, cells: Mapping[CellKey, Cell]) -> None:
    """Write cells that were locked before."""
    await connection.execute(
        f"""UPDATE cells SET quantity = told.quantity, unknown = told.unknown,
               persons = told.persons, households = told.households
           FROM unnest({_KEY_NUMBERS}, $6::text::bigint[], $7::text::bigint[], $8::text::bytea[], $9::text::bytea[])
               AS told ({_KEY}, quantity, unknown, persons, households)
           WHERE (cells.unit, cells.day, cells.reporter, cells.measure, cells.platform)
               = (told.unit, told.day, told.reporter, told.measure, told.platform)""",
        *_keys(_numbered(cells, names)),
        *_contents(cells.values()),
    )


async def raise_progress(connection: Connection, told: Collection[Progress]) -> int:
    """Keep what is newer of how far reporters have synced; gives how many changed."""
    rows = await connection.fetch(
        """INSERT INTO progress AS known (progress_id, revision, reporter_id, device, synced_through, held_since)
           SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[])
               AS told (progress_id, revision, reporter_id, device, synced_through, held_since)
           ORDER BY progress_id
           ON CONFLICT (progress_id) DO UPDATE SET revision = excluded.revision, reporter_id = excluded.reporter_id,
               device = excluded.device, synced_through = excluded.synced_through, held_since = excluded.held_since
               WHERE known.revision < excluded.revision
           RETURNING true""",
        *zip(*map(_progress_row, told), strict=True),
    )
    return len(rows)


async def raise_revision(connection: Connection, fold: int, deltas: Mapping[CellKey, Delta]) -> None:
    """Raise the data revision, last in the transaction, so that revisions become visible in their order.

    What changed is kept beside it until the roll-ups have it.
    """
    await connection.execute(
        """WITH raised AS (
               UPDATE data_revision SET n = n + 1, changed_at = clock_timestamp() RETURNING epoch, n, changed_at
           ), folded AS (
               INSERT INTO folds (fold, epoch, n, folded_at, entries) SELECT $1, epoch, n, changed_at, $2 FROM raised
           )
           INSERT INTO fold_changes (n, entries, changes) SELECT n, $2, $3 FROM raised WHERE $2 > 0""",
        fold,
        len(deltas),
        pack(deltas),
    )


_KEY = "unit, day, reporter, measure, platform"
_KEY_NUMBERS = "$1::text::integer[], $2::text::date[], $3::text::integer[], $4::text::integer[], $5::text::integer[]"
Key = tuple[int, date, int, int, int]
"""A cell's key as it is stored."""


def _numbered(keys: Iterable[CellKey], names: Names) -> list[Key]:
    ids, codes = names.ids, names.codes
    return [
        (ids[unit_id], day, ids[reporter_id], codes[measure], codes[platform])
        for unit_id, measure, platform, day, reporter_id in keys
    ]


def _keys(keys: Iterable[Key]) -> list[str]:
    return [plain(column) for column in zip(*keys, strict=True)]


def _contents(cells: Collection[Cell]) -> tuple[str, ...]:
    return (
        plain(cell.quantity for cell in cells),
        plain(cell.unknown for cell in cells),
        blobs(_bytes(cell.persons) for cell in cells),
        blobs(_bytes(cell.households) for cell in cells),
    )


def _progress_row(told: Progress) -> tuple[object, ...]:
    return (told.progress_id, told.revision, told.reporter_id, told.device, told.synced_through, told.held_since)


def _set(serialised: bytes) -> BitMap:
    return BitMap.deserialize(serialised) if serialised else BitMap()


def _bytes(members: BitMap) -> bytes:
    if not members:
        return b""
    if len(members) > FEW:
        members.run_optimize()
    return members.serialize()
