"""The numbers: what the log of visits amounts to, and what metrics has counted; compared cell by cell."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from pyroaring import BitMap

from libs.common.db import Connection

__all__ = ["Numbers", "of_log", "of_metrics"]

# A record's newest state that is not held, as it was at a restore point; see `Numbers`.
NEWEST = """
    newest AS MATERIALIZED (
        SELECT DISTINCT ON (record_id) body::jsonb AS body FROM log
        WHERE kind <> 'progress' AND NOT held AND epoch <= $1
        ORDER BY record_id, revision DESC, edition DESC
    ), lines AS MATERIALIZED (
        SELECT (body ->> 'unit_id')::uuid AS unit, line ->> 'measure' AS measure,
               coalesce(line ->> 'platform', '') AS platform, (body ->> 'day')::date AS day,
               (body #>> '{reporter,id}')::uuid AS reporter, (line ->> 'quantity')::bigint AS quantity,
               coalesce(line #>> '{person,national_id}', line #>> '{person,phone}', line #>> '{person,ref}',
                        line #>> '{person,receipt}') AS person,
               (line #>> '{person,level}')::integer AS level, body ->> 'household' AS household
        FROM newest, jsonb_array_elements(body -> 'lines') AS line WHERE body ->> 'state' = 'recorded'
    )"""
CELLS_OF_LOG = f"""
    WITH {NEWEST}
    SELECT unit, measure, platform, day, reporter, sum(quantity)::bigint AS quantity,
           coalesce(sum(quantity) FILTER (WHERE person IS NULL), 0)::bigint AS unknown,
           count(DISTINCT person) AS people, count(DISTINCT household) AS households
    FROM lines GROUP BY unit, measure, platform, day, reporter
    ORDER BY unit, measure COLLATE "C", platform COLLATE "C", day, reporter"""
PEOPLE_OF_LOG = f"""
    WITH {NEWEST} SELECT measure, count(DISTINCT person) AS people, array_agg(DISTINCT level) AS levels
    FROM lines GROUP BY measure"""

CELLS_OF_METRICS = """
    SELECT unit_id, measure, platform, day, reporter_id, quantity, unknown, persons, households
    FROM named_cells WHERE quantity > 0
    ORDER BY unit_id, measure COLLATE "C", platform COLLATE "C", day, reporter_id"""
PEOPLE_OF_METRICS = """
    SELECT measure, count(DISTINCT person) AS people FROM named_facts WHERE fold_out IS NULL GROUP BY measure"""

ALL_EPOCHS = 2**31 - 1


@dataclass
class Numbers:
    """Lượt and người of each measure, how many cells, and a digest of every cell's four numbers.

    Where a log holds pseudonyms of several levels of the key chain, who is who is known only with the keys: then
    people are left out, and `people` is None.
    """

    quantity: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] | None = None
    cells: int = 0
    sha256: str = ""

    def differences(self, other: "Numbers") -> list[str]:
        """Say what differs from others, in the words of an operator."""
        found = [
            f"{measure}: {self.quantity.get(measure, 0):,} ≠ {other.quantity.get(measure, 0):,} lượt"
            for measure in sorted(self.quantity.keys() | other.quantity.keys())
            if self.quantity.get(measure, 0) != other.quantity.get(measure, 0)
        ]
        mine, theirs = self.people or {}, other.people or {}
        found += [
            f"{measure}: {mine.get(measure, 0):,} ≠ {theirs.get(measure, 0):,} người"
            for measure in sorted(mine.keys() | theirs.keys())
            if mine.get(measure, 0) != theirs.get(measure, 0)
        ]
        if (self.cells, self.sha256) != (other.cells, other.sha256):
            found.append(f"cells: {self.cells:,} {self.sha256[:12]} ≠ {other.cells:,} {other.sha256[:12]}")
        return found


async def of_log(
    connection: Connection, epoch: int = ALL_EPOCHS, told: Callable[[int], None] = lambda cells: None
) -> Numbers:
    """Count what the rows of the log up to an epoch amount to, in the caller's transaction."""
    people = await connection.fetch(PEOPLE_OF_LOG, epoch)
    known = len({level for row in people for level in row["levels"] if level is not None}) <= 1
    cells = connection.cursor(CELLS_OF_LOG, epoch, prefetch=5000)
    numbers = await _numbers(((*row,) async for row in cells), known, told)
    numbers.people = {row["measure"]: row["people"] for row in people} if known else None
    return numbers


async def of_metrics(
    connection: Connection, *, people: bool, told: Callable[[int], None] = lambda cells: None
) -> Numbers:
    """Read what is counted, from the cells that answer queries, in the caller's transaction."""

    async def cells() -> AsyncIterator[tuple[object, ...]]:
        async for *place, quantity, unknown, persons, households in connection.cursor(CELLS_OF_METRICS, prefetch=5000):
            yield (*place, quantity, unknown, _size(persons), _size(households))

    numbers = await _numbers(cells(), people, told)
    if people:
        rows = await connection.fetch(PEOPLE_OF_METRICS)
        numbers.people = {row["measure"]: row["people"] for row in rows}
    return numbers


def _size(bitmap: bytes) -> int:
    return len(BitMap.deserialize(bitmap)) if bitmap else 0


async def _numbers(cells: AsyncIterator[tuple[object, ...]], people: bool, told: Callable[[int], None]) -> Numbers:
    numbers, digest = Numbers(), hashlib.sha256()
    async for cell in cells:
        measure, quantity = str(cell[1]), cell[5]
        assert isinstance(quantity, int)
        digest.update("\t".join(map(str, cell if people else cell[:7])).encode() + b"\n")
        numbers.quantity[measure] = numbers.quantity.get(measure, 0) + quantity
        numbers.cells += 1
        if numbers.cells % 5000 == 0:
            told(numbers.cells)
    numbers.sha256 = digest.hexdigest()
    return numbers
