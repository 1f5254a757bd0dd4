"""Fold a batch: take the records that are newer than what is counted, and change facts and cells by the difference."""

from collections.abc import Collection

from libs.common.db import Connection
from services.metrics.domain.cells import CellKey, Delta, deltas_of, leaving, names_in
from services.metrics.domain.completeness import Progress
from services.metrics.domain.facts import Changes, Record, changes, facts_of, households_in, newest, pseudonyms_in
from services.metrics.domain.keys import NO_KEYS, Lifter
from services.metrics.store import fold as store
from services.metrics.store.names import number_names
from services.metrics.store.numbers import number_households, number_persons

__all__ = ["fold_batch"]


async def fold_batch(
    connection: Connection, records: Collection[Record], told: Collection[Progress], lifter: Lifter = NO_KEYS
) -> bool:
    """Fold in the caller's transaction; says whether anything changed, and so whether there is a new data revision.

    The result does not depend on how often or in which order revisions come. Raises Ahead, KeyMissing.
    """
    if not records and not told:
        return False
    begun = await store.begin_fold(connection)
    changed = await _changes(connection, records, begun.key_level, lifter) if records else None
    deltas = await _apply(connection, begun, changed) if changed else {}
    raised = await store.raise_progress(connection, _newest_progress(told)) if told else 0
    if not changed and not raised:
        return False
    await store.raise_revision(connection, begun.fold, deltas)
    return True


async def _changes(connection: Connection, records: Collection[Record], level: int, lifter: Lifter) -> Changes:
    latest = newest(records)
    newer = await store.raise_heads(connection, latest.values())
    known = [record_id for record_id, is_new in newer.items() if not is_new]
    live = await store.live_facts(connection, known) if known else []
    folding = [latest[record_id] for record_id in newer]
    folding = [record if record.is_at(level) else lifter.lifted(record, level) for record in folding]
    persons = await number_persons(connection, pseudonyms_in(folding))
    households = await number_households(connection, households_in(folding))
    return changes(live, [fact for record in folding for fact in facts_of(record, persons, households)])


async def _apply(connection: Connection, begun: store.Begun, changed: Changes) -> dict[CellKey, Delta]:
    """Change facts and cells; gives what changed, with only those among the gone who have left their cell."""
    deltas = deltas_of(changed)
    names = await number_names(connection, begun.book, *names_in(deltas, changed.entered))
    cells = await store.lock_cells(connection, names, deltas)
    await store.write_facts(connection, begun.fold, names, changed.retired, changed.entered)
    persons, households = leaving(deltas)
    held_persons = await store.still_held(connection, names, "person", persons)
    held_households = await store.still_held(connection, names, "household", households)
    for key, cell in cells.items():
        delta = deltas[key]
        delta.gone_persons = {n for n in delta.gone_persons if (key, n) not in held_persons}
        delta.gone_households = {n for n in delta.gone_households if (key, n) not in held_households}
        cell.apply(delta, delta.gone_persons, delta.gone_households)
    if cells:
        await store.save_cells(connection, names, cells)
    return deltas


def _newest_progress(told: Collection[Progress]) -> Collection[Progress]:
    kept: dict[object, Progress] = {}
    for progress in told:
        known = kept.get(progress.progress_id)
        if known is None or known.revision < progress.revision:
            kept[progress.progress_id] = progress
    return kept.values()
