"""Conservation, on the services' own stores: what is lost is seen, and what is not lost is never called so."""

import asyncio
import dataclasses
import random
import uuid
from typing import Any

import pytest

from deploy.ops.watch.conservation import Audit, AuditPace, Places
from deploy.ops.watch.log_side import standing
from libs.common.db import transaction
from libs.common.log import BEGINNING
from services.metrics.consumer import redrive
from tests.integration.ops.conftest import AT_ONCE, Both, rounds
from tests.support.delivery import Delivery
from tests.support.visits import a_line, a_visit

ONLY_FOLLOWING = dataclasses.replace(AT_ONCE, sweep_every_seconds=1e9)
UNKNOWN_TEAM = str(uuid.UUID(int=91, version=4))


async def test_all_that_was_delivered_is_folded_and_counted_by_place(both: Both) -> None:
    await both.send(30)
    await both.delivery.all()
    await both.send(5)
    found = await rounds(both.audit())
    assert (found.missing, found.unknown) == (0, 0)
    # 35 visits and the device's progress; five visits are not delivered yet, the progress was not said anew.
    assert found.places == Places(log=36, folded=31, waiting=5, dead=0)
    assert (found.unfolded.records, found.unfolded.new, found.unfolded.exact) == (5, 5, True)
    assert found.unfolded.oldest_at is not None


async def test_a_message_that_is_lost_is_seen_at_once_and_healed_by_an_announce(both: Both) -> None:
    audit = both.audit(ONLY_FOLLOWING)
    await rounds(audit)
    lost = (await both.send(20))[3]
    both.delivery.lost = {lost}
    await both.delivery.all()
    await both.send(5)
    await both.delivery.all()
    found = await rounds(audit)
    assert (found.missing, found.unknown) == (1, 0)
    both.delivery.lost = ()
    both.delivery.announce()
    await both.delivery.all()
    assert (await audit.round()).missing == 0


async def test_what_was_lost_before_the_watch_began_is_found_by_the_sweep(both: Both) -> None:
    both.delivery.lost = {(await both.send(20))[3]}
    await both.delivery.all()
    audit = both.audit()
    assert (await rounds(audit)).missing == 1
    found = await rounds(audit)
    assert found.places == Places(log=21, folded=20, waiting=0, dead=0)


async def test_what_is_lost_after_it_had_been_folded_is_found_by_the_sweep(both: Both) -> None:
    ids = await both.send(20)
    await both.delivery.all()
    audit = both.audit()
    assert (await rounds(audit)).missing == 0
    await both.on_metrics("DELETE FROM heads WHERE record_id = ANY($1)", ids[:4])
    assert (await rounds(audit)).missing == 4


async def test_a_head_that_stayed_behind_its_correction_is_missing(both: Both) -> None:
    audit = both.audit(ONLY_FOLLOWING)
    (corrected,) = await both.send(1)
    await both.delivery.all()
    await rounds(audit)
    await _correct(both, corrected)
    both.delivery.lost = {corrected}
    await both.delivery.all()
    assert (await rounds(audit)).missing == 1


async def _correct(both: Both, record_id: uuid.UUID, replaces: int = 1) -> None:
    fresh = {name: value for name, value in a_visit(lines=[a_line(quantity=9)]).items() if name not in ("id", "team")}
    change = {**fresh, "id": str(uuid.uuid4()), "replaces": replaces}
    answer = await both.visits.post(f"/v1/visits/{record_id}:correct", change)
    assert answer.status == 200, answer.body


async def test_the_progress_of_a_device_is_a_record_too(both: Both) -> None:
    await both.send(3)
    await both.delivery.all()
    await both.on_metrics("DELETE FROM progress")
    assert (await rounds(both.audit())).missing == 1


async def test_a_dead_letter_is_not_missing_until_it_is_deleted_and_folded_once_it_is_redriven(both: Both) -> None:
    ids = await both.send(10)
    both.delivery.poisoned = set(ids[:2])
    await both.delivery.all()
    audit = both.audit()
    found = await rounds(audit)
    assert found.missing == 0
    assert found.places == Places(log=11, folded=9, waiting=0, dead=2)
    async with transaction(both.metrics) as connection:  # What is still poison stays where it is.
        assert await redrive(connection, [], limit=10) != (2, [])
    assert (await rounds(audit)).places == found.places
    await both.on_metrics("DELETE FROM dead_letters WHERE key = $1", str(ids[0]).encode())
    assert (await rounds(audit)).missing == 1
    both.delivery.poisoned = ()
    both.delivery.announce()
    await both.delivery.all()
    found = await rounds(audit)
    assert (found.missing, found.places) == (0, Places(log=11, folded=11, waiting=0, dead=0))


async def test_a_dead_letter_of_an_older_state_does_not_excuse_the_loss_of_a_newer_one(both: Both) -> None:
    (poisoned,) = await both.send(1)
    both.delivery.poisoned = {poisoned}
    await both.delivery.all()
    await _correct(both, poisoned)
    both.delivery.lost, both.delivery.poisoned = {poisoned}, ()
    await both.delivery.all()
    assert (await rounds(both.audit())).missing == 1


async def test_a_letter_that_says_of_no_state_may_be_of_this_one_whatever_its_headers_hold(both: Both) -> None:
    (lost,) = await both.send(1)
    both.delivery.lost = {lost}
    await both.delivery.all()
    await both.on_metrics(
        """INSERT INTO dead_letters (topic, partition, "offset", source, type, key, value, headers, reason)
           VALUES ('tungnha.visits.records', 0, 999, 's', 't', $1, '', $2, 'r')""",
        str(lost).encode(),
        '{"other": "\\u0000"}',
    )
    assert (await rounds(both.audit())).missing == 0


async def test_what_is_held_is_not_expected_and_what_waits_for_its_correction_is_not_missing(both: Both) -> None:
    audit = both.audit()
    await both.send(3, team=UNKNOWN_TEAM)
    (corrected,) = await both.send(1)
    both.delivery.lost = {corrected}
    await both.delivery.all()
    await _correct(both, corrected)
    found = await rounds(audit)
    # The first state is lost, but another is under way that says more.
    assert found.missing == 0
    both.delivery.lost = ()
    await both.delivery.all()
    found = await rounds(audit)
    assert (found.missing, found.unknown) == (0, 0)


async def test_what_the_log_does_not_know_is_unknown(both: Both) -> None:
    ids = await both.send(10)
    await _correct(both, ids[0])
    await both.delivery.all()
    audit = both.audit()
    assert (await rounds(audit)).unknown == 0
    # As after a restore of visits to an earlier moment: a correction and a visit are not known any more.
    await both.on_visits("DELETE FROM log WHERE record_id = $1 AND revision = 2", ids[0])
    await both.on_visits("DELETE FROM log WHERE record_id = $1", ids[1])
    found = await rounds(audit)
    assert (found.missing, found.unknown) == (0, 2)
    await both.on_metrics("DELETE FROM heads WHERE record_id = $1", ids[1])
    await _correct(both, ids[0])
    assert (await rounds(audit)).unknown == 0


async def test_metrics_made_anew_misses_nothing_while_it_is_behind_and_what_is_lost_then_is_seen(
    both: Both, make_database: Any
) -> None:
    ids = await both.send(40)
    await both.delivery.all()
    audit = both.audit(ONLY_FOLLOWING)
    await rounds(audit)
    await both.on_metrics("TRUNCATE heads, progress, inbox")
    assert (await rounds(audit)).missing == 0
    async with transaction(both.visits.engine) as connection:
        (lost,) = await standing(connection, [ids[17]])
    place, anew = lost.position, Delivery(both.visits.engine, both.metrics, lost={ids[17]})
    while await anew.page(5):
        found = await audit.round()
        assert (found.missing, found.unknown) == (int(await audit.reached() >= place), 0)
    assert (await rounds(audit)).missing == 1


async def test_a_partition_that_nobody_has_begun_with_holds_everything_back(both: Both) -> None:
    """As in a new database whose replicas begin one after the other."""
    await both.send(5)
    await both.delivery.all()
    await both.on_metrics("DELETE FROM inbox WHERE partition = 3")
    await both.on_metrics("TRUNCATE heads, progress")
    audit = both.audit()
    assert await audit.reached() == BEGINNING
    assert (await rounds(audit)).missing == 0


async def test_an_empty_system_is_right(both: Both) -> None:
    found = await rounds(both.audit())
    assert (found.missing, found.unknown, found.places) == (0, 0, Places(0, 0, 0, 0))
    assert (found.unfolded.records, found.unfolded.oldest_at) == (0, None)
    assert await both.audit().reached() == BEGINNING


@pytest.mark.timeout(240)
async def test_under_load_with_announces_restarts_and_holds_nothing_is_ever_called_missing(both: Both) -> None:
    """No grace here: one snapshot that contradicts itself would be told."""
    pace = dataclasses.replace(AT_ONCE, page_rows=50)
    audit, another, chance = both.audit(pace), both.audit(pace), random.Random(7)  # noqa: S311
    written = random.Random(8)  # noqa: S311  of its own: what is written is the same each time
    looked, delivered = 0, False

    async def look() -> None:
        nonlocal looked
        while not (delivered and looked > 20):
            found = await audit.round()
            assert (found.missing, found.unknown) == (0, 0)
            looked += 1

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(_write(both, written, batches=12))
        group.create_task(look())
        while await _deliver_some(both, chance) or not writing.done() or looked <= 20:
            if chance.random() < 0.5:
                found = await another.round()  # Meanwhile corrections gather behind what is delivered.
                assert (found.missing, found.unknown) == (0, 0)
        delivered = True
    found = await rounds(audit, 3)
    assert found.places is not None
    assert (found.missing, found.unknown, found.places.waiting, found.places.dead) == (0, 0, 0, 0)
    assert found.places.log == found.places.folded > 100


async def _write(both: Both, chance: random.Random, batches: int) -> None:
    """Send visits, some of a team that nobody knows, and correct some of them, held or not."""
    for _ in range(batches):
        ids = await both.send(chance.randint(1, 60), team=chance.choice(["SD-01", "SD-02", UNKNOWN_TEAM]))
        for record_id in chance.sample(ids, len(ids) // 6):
            await _correct(both, record_id)


async def _deliver_some(both: Both, chance: random.Random) -> int:
    """Deliver a page of any size, and now and then begin again from the log's beginning, or from what is stored."""
    rows = await both.delivery.page(chance.choice([1, 7, 90, 400]))
    if chance.random() < 0.03:
        both.delivery.announce()
    elif chance.random() < 0.05:
        both.delivery.offsets = {}
    return rows


async def test_a_slow_sweep_counts_the_same_as_a_quick_one(both: Both) -> None:
    await both.send(60)
    await both.delivery.all(7)
    now = 0.0
    pace = AuditPace(page_rows=10, sweep_rows_per_second=10, confirm_seconds=0)
    audit = Audit(both.visits.engine, both.metrics, pace, lambda: now)
    while audit.swept_at is None:
        found = await audit.round()
        now += 1.0
        assert now < 30, "the sweep never ends"
    assert now > 10, "the sweep kept to no pace"
    assert found.places == Places(log=61, folded=61, waiting=0, dead=0)
