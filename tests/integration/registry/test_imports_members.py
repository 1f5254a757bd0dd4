"""A province's own list of members: who they are is sealed at once, and never told again by the import."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.contracts.imports_api import ImportView
from libs.contracts.network import MemberV1
from libs.contracts.topics import type_of
from services.registry.store import log
from tests.integration.registry.conftest import Registry, open_registry, the_tree
from tests.integration.registry.imports_support import Officer, officer_of
from tests.integration.registry.test_imports import OLD_SON_LA, son_la_communes
from tests.support.postgres import MakeDatabase
from tests.support.workbooks import SON_LA_MEMBERS, son_la_members, son_la_teams, table

HEADER = ["Họ và tên", "SĐT", "Năm sinh", "Vai trò", "Đơn vị công tác", "Mã tổ"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def officer(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Officer]:
    """An officer over Sơn La's teams."""
    async with open_registry(await make_database("registry", the_tree), tmp_path_factory.mktemp("registry")) as opened:
        made = await officer_of(opened)
        teams = await made.planned(table(son_la_teams(await son_la_communes(opened))), more=OLD_SON_LA)
        assert (await made.commit(teams)).status in (200, 202)
        await made.work()
        yield made


async def members(registry: Registry) -> list[MemberV1]:
    async with transaction(registry.engine) as connection:
        heads = await log.heads(connection, type_of(MemberV1))
    return [MemberV1.model_validate_json(head.body) for head in heads.values()]


async def everything(registry: Registry) -> str:
    """Give all that the database holds of members and imports, as text."""
    async with transaction(registry.engine) as connection:
        tables = ("log", "members", "member_keys", "imports", "import_rows", "audit")
        texts = [await connection.fetchval(f"SELECT string_agg(t::text, ' ') FROM {name} t") for name in tables]
    return " ".join(text or "" for text in texts)


async def people(officer: Officer, *rows: list[Any]) -> ImportView:
    return await officer.planned(table([HEADER, *rows]), "members")


async def test_members_are_met_again_and_one_in_two_teams_is_one(officer: Officer) -> None:
    before = len(await members(officer.registry))
    job = await people(
        officer,
        ["Quàng Văn Một", "0987 654 321", 1985, "Tổ trưởng", "Đoàn TN", "SL-0001"],
        ["QUÀNG VĂN MỘT", 987654321, None, "tổ viên", None, "SL-0002"],
        ["Lò Thị Hai", None, "02/03/1990", None, "Trạm y tế", "SL-0001"],
    )
    assert [row.outcome for row in await officer.rows(job)] == ["create", "change", "create"]
    assert await officer.told(job, "change") == [("cell_phone_zero", "B3")]
    assert await officer.told(job, "create") == [("cell_taken_as_other", "E4")]
    assert (await officer.commit(job)).status == 200
    now = await members(officer.registry)
    assert len(now) == before + 2
    assert max(len(member.memberships) for member in now) == 2
    again = await people(
        officer,
        ["Lò Thị Hai", None, "02/03/1990", None, "Trạm y tế", "SL-0001"],
        ["Quàng Văn Một", "+84987654321", 1985, "Tổ trưởng", "Đoàn TN", "SL-0001"],
    )
    assert (again.counts.same, again.counts.create) == (2, 0)


async def test_a_position_that_is_counted_is_taken_and_another_is_not(officer: Officer) -> None:
    rows = [["Vì Thị Ba", "Phó bí thư Đoàn xã", "SL-0003"], ["Tòng Văn Tư", "Chủ tịch hội đồng", "SL-0003"]]
    job = await officer.planned(table([["Họ và tên", "Chức vụ", "Mã tổ"], *rows]), "members")
    assert await officer.told(job, "create") == [("cell_post_not_taken", "B3")]
    before = {member.member_id for member in await members(officer.registry)}
    assert (await officer.commit(job)).status == 200
    made = [member for member in await members(officer.registry) if member.member_id not in before]
    assert sorted([post.post for post in member.posts] for member in made) == [[], ["youth_union_deputy_secretary"]]


async def test_what_is_wrong_is_told_by_its_cell_and_never_by_its_value(officer: Officer) -> None:
    job = await people(
        officer,
        ["Lò Văn Sai", "số kín", 1985, None, None, "SL-0001"],
        ["Lò Văn Già", None, 1880, None, None, "SL-0001"],
        ["Lò Văn Lạc", None, None, None, None, "SL-9999"],
        ["Lò Văn Vai", None, None, "Vua bếp", None, "SL-0001"],
        ["Lò Văn Đôi", None, None, None, None, "SL-0001"],
        ["Lò Văn Đôi", None, None, None, None, "SL-0001"],
    )
    assert await officer.told(job) == [
        ("cell_not_a_phone", "B2"),
        ("member_too_old", "C3"),
        ("team_unknown", "F4"),
        ("cell_not_a_choice", "D5"),
        ("row_repeated", "A7"),
    ]
    answer = await officer.ask("GET", f"/v1/imports/{job.import_id}/rows")
    listed = await officer.ask("GET", f"/v1/imports/{job.import_id}/findings.csv")
    for told in (answer.body.decode(), listed.body.decode(), await everything(officer.registry)):
        for personal in ("Lò Văn", "số kín", "Vua bếp"):
            assert personal not in told


@pytest.mark.timeout(300)
async def test_the_members_of_son_la_are_taken_in_and_again_change_nothing(
    officer: Officer, capsys: pytest.CaptureFixture[str]
) -> None:
    before, file = len(await members(officer.registry)), table(son_la_members())
    begun = time.perf_counter()
    job = await officer.planned(file, "members")
    planned = time.perf_counter()
    assert (job.counts.create, job.counts.change, job.counts.error) == (sum(SON_LA_MEMBERS.values()), 0, 0)
    assert (await officer.commit(job)).status in (200, 202)
    await officer.work()
    done = time.perf_counter()
    assert (await officer.view(job)).state == "committed"
    print(f"dry run {planned - begun:.1f} s, commit {done - planned:.1f} s")  # noqa: T201
    assert planned - begun < 60
    assert done - planned < 60
    assert len(await members(officer.registry)) == before + sum(SON_LA_MEMBERS.values())
    again = await officer.planned(file, "members")
    assert again.import_id != job.import_id
    assert again.counts.same == sum(SON_LA_MEMBERS.values())
