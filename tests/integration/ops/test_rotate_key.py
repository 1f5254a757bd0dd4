"""Another key for pseudonyms: everybody stays who they are, in whichever state the rotation is left."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.ops.__main__ import main
from libs.common.consume import Handled, StoppedItself
from libs.common.db import Unavailable, transaction
from libs.common.inbox import Move, move, resume
from libs.contracts.records import RecordV1
from services.metrics.consumer import handle
from services.metrics.domain.keys import NO_KEYS, Lifter
from services.metrics.use_cases.lift import lift_known, settle_level
from services.visits.domain.identity import KeyChain
from tests.integration.visits.life import correction, published
from tests.support.metrics import Metrics, open_metrics, told
from tests.support.postgres import MakeDatabase
from tests.support.visits import KEYS, Visits, a_line, a_visit, open_visits

SUMS = """SELECT measure, platform, day, quantity, unknown, persons, households FROM named_cells
          ORDER BY measure, platform, day, reporter_id, unit_id"""


def keys_in(path: Path) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(line) for line in path.read_text().split())


@dataclass
class World:
    """A database of visits and one of metrics, with the files of one chain of keys."""

    visits_url: str
    metrics: Metrics
    metrics_url: str
    chain_file: Path
    lift_file: Path

    @asynccontextmanager
    async def visits(self, *, restarted: bool = True) -> AsyncIterator[Visits]:
        """Visits with the keys that the file has now, or as it was started with the first."""
        keys = KeyChain(keys_in(self.chain_file)) if restarted else KEYS
        async with open_visits(self.visits_url, keys=keys) as opened:
            yield opened

    async def fold(self, states: Iterable[RecordV1], *, restarted: bool = True) -> Handled:
        """Fold as a consumer with the keys that the file has now, or with those of its start."""
        lifter = Lifter(keys_in(self.lift_file)) if restarted else NO_KEYS
        async with transaction(self.metrics.engine) as connection:
            return await handle(connection, told(*states), lifter)

    async def people(self) -> tuple[Any, ...]:
        """Every cell whole, and how many people and households there are."""
        counted = await self.metrics.fetch(
            "SELECT (SELECT count(*) FROM persons), (SELECT count(*) FROM households), (SELECT level FROM key_level)"
        )
        return counted[0], await self.metrics.fetch(SUMS)

    async def ops(self, *arguments: str) -> int:
        """Run the operators' program as a person would."""
        return await asyncio.to_thread(main, ["rotate-key", *arguments])


@pytest_asyncio.fixture
async def world(make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    chain_file, lift_file = tmp_path / "chain.txt", tmp_path / "lift.txt"
    chain_file.write_text(KEYS.keys[0].hex() + "\n")
    lift_file.write_text("")
    visits_url, metrics_url = await make_database("visits"), await make_database("metrics")
    for name, value in {
        "DATABASE_URL_REGISTRY": visits_url,
        "DATABASE_URL_VISITS": visits_url,
        "DATABASE_URL_METRICS": metrics_url,
        "VISITS_PSEUDONYM_KEYS_FILE": str(chain_file),
        "METRICS_LIFT_KEYS_FILE": str(lift_file),
    }.items():
        monkeypatch.setenv(name, value)
    async with open_metrics(metrics_url) as metrics:
        yield World(visits_url, metrics, metrics_url, chain_file, lift_file)


def somebody(number: int) -> dict[str, Any]:
    return a_visit(
        household={"ref": f"H{number}"},
        lines=[a_line(person={"national_id": f"0870850000{number:02}", "phone": f"09123456{number:02}"})],
    )


async def test_everybody_is_counted_once_through_the_whole_rotation(world: World) -> None:
    met = [somebody(n) for n in range(10)]
    async with world.visits() as visits:
        await visits.send(*met)
        await world.fold((await published(visits)).values())
    assert (before := await world.people())[0] == (20, 10, 1)

    assert await world.ops("--add-key") == 0
    assert await world.ops("--lift-visits") == 1, "metrics could not follow yet"
    async with world.visits(restarted=False) as visits:
        await visits.send(a_visit(id=met[0]["id"], **{k: v for k, v in met[0].items() if k != "id"}), somebody(0))
        late = (await published(visits)).values()  # Of the old key, and not folded before people are lifted.
    assert await world.ops("--lift-metrics") == 0
    assert (await world.people())[0] == (20, 10, 2)
    assert (await world.people())[1] == before[1]
    await world.fold(late)
    assert (await world.people())[0] == (20, 10, 2)

    async with world.visits() as visits:
        receipts = await visits.send(*met, *(somebody(n) for n in range(5, 12)))
        assert [row["status"] for row in receipts] == ["duplicate"] * 10 + ["accepted"] * 7
        await world.fold((await published(visits)).values())
    assert (await world.people())[0] == (24, 12, 2), "two people are new, in two households"
    whole = await world.people()

    assert await world.ops("--lift-visits") == 0
    async with world.visits() as visits:
        states = list((await published(visits)).values())
        assert {line.person.level for state in states for line in state.lines if line.person} == {2}
        assert {state.household_level for state in states} == {2}
        assert {row["status"] for row in await visits.send(*met)} == {"duplicate"}
    await world.fold(states)
    assert await world.people() == whole


async def test_an_empty_metrics_database_reads_both_levels_as_the_same_people(
    world: World, make_database: MakeDatabase
) -> None:
    async with world.visits() as visits:
        await visits.send(*(somebody(n) for n in range(4)))
        old = list((await published(visits)).values())
    await world.ops("--add-key")
    async with world.visits() as visits:
        await visits.send(*(somebody(n) for n in range(4)))
        both = list((await published(visits)).values())
    assert len(both) == 8
    async with open_metrics(await make_database("metrics")) as metrics:
        rebuilt = World(world.visits_url, metrics, "", world.chain_file, world.lift_file)
        async with transaction(metrics.engine) as connection:
            await settle_level(connection, Lifter(keys_in(world.lift_file)))
        await rebuilt.fold([*old, *both])
        assert (await rebuilt.people())[0] == (8, 4, 2)


async def test_pseudonyms_of_a_newer_key_wait_until_people_are_lifted(world: World) -> None:
    async with world.visits() as visits:
        await visits.send(somebody(1))
        await world.fold((await published(visits)).values())
    await world.ops("--add-key")
    async with world.visits() as visits:
        await visits.send(somebody(1))
        newer = list((await published(visits)).values())
    before = await world.people()
    with pytest.raises(Unavailable, match="level 2"):
        await world.fold(newer)
    assert await world.people() == before
    await world.ops("--lift-metrics")
    with pytest.raises(StoppedItself, match="keys up to level 1"):
        await world.fold([newer[0].model_copy(update={"revision": 9, "lines": newer[0].lines})], restarted=False)
    await world.fold(newer)
    assert (await world.people())[0] == (2, 1, 2)


async def test_lifting_that_is_cut_off_leaves_everybody_as_they_were(world: World) -> None:
    async with world.visits() as visits:
        await visits.send(*(somebody(n) for n in range(3)))
        await world.fold((await published(visits)).values())
    before = await world.people()

    def cut(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with transaction(world.metrics.engine) as connection:
            await lift_known(connection, Lifter((b"n" * 32,)), cut)
    assert await world.people() == before


async def test_a_fold_waits_while_people_are_lifted(world: World) -> None:
    async with transaction(world.metrics.engine) as connection:
        await resume(connection, "here", {("records", 0): 0})
    async with transaction(world.metrics.engine) as lifting, transaction(world.metrics.engine) as folding:
        await lift_known(lifting, Lifter((b"n" * 32,)), lambda _, __: None)
        await folding.execute("SET LOCAL lock_timeout = '50ms'")
        waited = False
        try:
            async with folding.transaction():
                await move(folding, {("records", 0): Move(0, 1)})
        except asyncpg.LockNotAvailableError:
            waited = True
    assert waited
    async with transaction(world.metrics.engine) as folding:
        await move(folding, {("records", 0): Move(0, 1)})


async def test_a_correction_that_keeps_a_person_keeps_the_same_one_under_a_newer_key(world: World) -> None:
    visit = somebody(1)
    async with world.visits() as visits:
        await visits.send(visit)
        await world.fold((await published(visits)).values())
    await world.ops("--add-key")
    await world.ops("--lift-metrics")
    async with world.visits() as visits:
        body = correction(visit, lines=[a_line(quantity=2, person={"keep": True})])
        answer = await visits.post(f"/v1/visits/{visit['id']}:correct", body)
        assert answer.status == 200, answer.body
        await world.fold((await published(visits)).values())
    assert (await world.people())[0] == (2, 1, 2)


async def test_a_replica_of_the_old_key_takes_a_resend_for_one_and_mixes_no_levels(world: World) -> None:
    visit = somebody(1)
    await world.ops("--add-key")
    async with world.visits() as visits:
        await visits.send(visit)
    async with world.visits(restarted=False) as behind:
        assert [row["status"] for row in await behind.send(visit)] == ["duplicate"]
        body = correction(visit, lines=[a_line(person={"keep": True})])
        assert (await behind.post(f"/v1/visits/{visit['id']}:correct", body)).status == 503


async def test_two_files_of_different_chains_are_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.lift_file.write_text("ab" * 32 + "\n" + "cd" * 32 + "\n")
    assert await world.ops("--lift-metrics") == 1
    assert "but the first" in capsys.readouterr().err


async def test_an_addition_that_was_cut_off_is_finished_and_no_second_key_made(world: World) -> None:
    world.lift_file.write_text("ab" * 32 + "\n")
    assert await world.ops("--add-key") == 0
    assert keys_in(world.chain_file) == (*KEYS.keys, bytes.fromhex("ab" * 32))
    assert await world.ops("--add-key") == 1, "the rotation before is not finished"


async def test_the_key_that_seals_members_is_another_and_its_steps_are_its_own(
    world: World, make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing = tmp_path / "sealing.txt"
    sealing.write_text("ab" * 32 + "\n")
    monkeypatch.setenv("DATABASE_URL_REGISTRY", await make_database("registry"))
    monkeypatch.setenv("REGISTRY_SEALING_KEYS_FILE", str(sealing))
    assert await world.ops("--members", "--lift-metrics") == 1
    assert await world.ops("--members", "--add-key") == 0
    assert len(keys_in(sealing)) == 2
    assert keys_in(world.chain_file) == KEYS.keys
    assert await world.ops("--members") == 0
