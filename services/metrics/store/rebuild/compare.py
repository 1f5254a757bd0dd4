"""The live tables and those beside them compared: record by record, a slice in one statement; then in sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from libs.common.db import Connection
from services.metrics.store.rebuild.tables import BESIDE

__all__ = [
    "STATES",
    "Slice",
    "Total",
    "compare_slice",
    "count_people",
    "facts_about",
    "lost_states",
    "still_lost",
    "totals",
]

FEW = 1000

STATES = {
    "progress": "progress_id",
    "network_teams": "team_id",
    "network_members": "member_id",
    "denominators": "denominator_id",
}
"""What else is told with a revision, by its id."""

_FACTS = """SELECT record_id, count(*) AS facts,
        sum(hashtextextended(concat_ws('|', line, day, unit_of.id, reporter_of.id, reporter_kind, measure_of.code,
            platform_of.code, quantity, person IS NULL, national_id IS NULL, phone IS NULL, ref IS NULL,
            receipt IS NULL, household IS NULL, stage_of.code, '/', channel_of.code), 0)) AS digest
    FROM {schema}.facts
        JOIN {schema}.ids AS unit_of ON unit_of.number = unit
        JOIN {schema}.ids AS reporter_of ON reporter_of.number = reporter
        JOIN {schema}.codes AS measure_of ON measure_of.number = measure
        JOIN {schema}.codes AS platform_of ON platform_of.number = platform
        LEFT JOIN {schema}.codes AS stage_of ON stage_of.number = stage
        LEFT JOIN {schema}.codes AS channel_of ON channel_of.number = channel
    WHERE fold_out IS NULL AND {within} GROUP BY record_id"""
_WITHIN = "record_id >= $1 AND ($2::uuid IS NULL OR record_id < $2)"


@dataclass(frozen=True, slots=True)
class Slice:
    """How many records are at the same revision and of the same facts in both, and how many are not.

    `lost` are those that the tables beside lack, or have at an older revision: some of them.
    """

    same: int
    differing: int
    lost: int
    newer: int
    some_lost: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Total:
    """What the cells of a measure come to, and how many have a fact."""

    quantity: int
    unknown: int
    cells: int


async def facts_about(connection: Connection, live: str) -> int:
    """Give how many facts the planner believes that there are."""
    return cast(
        int,
        await connection.fetchval(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)", f"{live}.facts"
        ),
    )


async def compare_slice(connection: Connection, live: str, first: UUID, end: UUID | None) -> Slice:
    """Compare the records whose ids lie in [first, end), in one statement."""
    row = await connection.fetchrow(
        f"""WITH old_facts AS ({_FACTS.format(schema=live, within=_WITHIN)}),
            new_facts AS ({_FACTS.format(schema=BESIDE, within=_WITHIN)}),
            paired AS (
                SELECT record_id, (old.revision, old.edition) AS old, (new.revision, new.edition) AS new,
                    old.record_id IS NULL AS only_new, new.record_id IS NULL AS only_old
                FROM (SELECT * FROM {live}.heads WHERE {_WITHIN}) AS old
                    FULL JOIN (SELECT * FROM {BESIDE}.heads WHERE {_WITHIN}) AS new USING (record_id)
            ), judged AS (
                SELECT record_id, CASE WHEN only_old THEN 'lost' WHEN only_new THEN 'newer'
                    WHEN new < old THEN 'lost' WHEN old < new THEN 'newer'
                    WHEN (old_facts.facts, old_facts.digest) IS DISTINCT FROM (new_facts.facts, new_facts.digest)
                        THEN 'differing' ELSE 'same' END AS verdict
                FROM paired LEFT JOIN old_facts USING (record_id) LEFT JOIN new_facts USING (record_id)
            )
            SELECT count(*) FILTER (WHERE verdict = 'same'), count(*) FILTER (WHERE verdict = 'differing'),
                count(*) FILTER (WHERE verdict = 'lost'), count(*) FILTER (WHERE verdict = 'newer'),
                ARRAY(SELECT record_id FROM judged WHERE verdict = 'lost' LIMIT {FEW})
            FROM judged""",
        first,
        end,
    )
    assert row is not None
    return Slice(*row)


async def still_lost(connection: Connection, live: str, records: Sequence[UUID]) -> int:
    """Count those among some records that the tables beside lack, or have at an older revision."""
    found = await connection.fetchval(
        f"""SELECT count(*) FROM {live}.heads AS old LEFT JOIN {BESIDE}.heads AS new USING (record_id)
            WHERE record_id = ANY($1::uuid[])
                AND (new.record_id IS NULL OR (new.revision, new.edition) < (old.revision, old.edition))""",
        list(records),
    )
    return int(found)


async def lost_states(connection: Connection, live: str) -> dict[str, int]:
    """Count by table what the tables beside lack of what is told with a revision, or have at an older one."""
    return {
        table: int(
            await connection.fetchval(
                f"""SELECT count(*) FROM {live}.{table} AS old LEFT JOIN {BESIDE}.{table} AS new USING ({key})
                    WHERE new.{key} IS NULL OR new.revision < old.revision"""
            )
        )
        for table, key in STATES.items()
    }


async def totals(connection: Connection, schema: str) -> Mapping[str, Total]:
    """Sum the cells up by measure."""
    rows = await connection.fetch(
        f"""SELECT code, sum(quantity)::bigint, sum(unknown)::bigint, count(*)
            FROM {schema}.cells JOIN {schema}.codes ON number = measure
            WHERE quantity > 0 GROUP BY code ORDER BY code"""
    )
    return {code: Total(*numbers) for code, *numbers in rows}


async def count_people(connection: Connection, schema: str) -> dict[str, int]:
    """Count what live facts name: records, people and households; and the dead letters."""
    row = await connection.fetchrow(
        f"""SELECT count(*) AS facts, count(DISTINCT record_id) AS records, count(DISTINCT person) AS people,
                count(DISTINCT household) AS households, (SELECT count(*) FROM {schema}.dead_letters) AS dead_letters
            FROM {schema}.facts WHERE fold_out IS NULL"""
    )
    return dict(row or {})
