"""A province's own list of teams: looked through, mended, taken as a whole or not at all."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.contracts.imports_api import XLSX_TYPE, ImportView
from libs.contracts.registry import TeamV1
from libs.contracts.topics import type_of
from services.registry.store import imports, log
from services.registry.use_cases.loading import load_teams
from tests.integration.registry.conftest import Registry, open_registry, the_tree
from tests.integration.registry.imports_support import Officer, officer_of
from tests.support.postgres import MakeDatabase
from tests.support.workbooks import SON_LA_TEAMS, son_la_teams, table, workbook

DONG_THAP = {"code": "82", "valid_on": "2025-07-01"}
HEADER = ["Tên tổ", "Xã/phường", "Số QĐ", "Ngày thành lập"]
OLD_SON_LA = "&codes_as_of=2023-12-31"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def officer(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Officer]:
    """An officer of the whole country, over the map of the tree."""
    async with open_registry(await make_database("registry", the_tree), tmp_path_factory.mktemp("registry")) as opened:
        yield await officer_of(opened)


async def teams(registry: Registry) -> dict[str, TeamV1]:
    async with transaction(registry.engine) as connection:
        heads = await log.heads(connection, type_of(TeamV1))
    told = (TeamV1.model_validate_json(head.body) for head in heads.values())
    return {team.code: team for team in told}


async def son_la_communes(registry: Registry) -> list[tuple[str, str]]:
    async with transaction(registry.engine) as connection:
        rows = await connection.fetch(
            """SELECT body ->> 'code' AS code, body ->> 'name' AS name FROM log
               WHERE type LIKE '%unit%' AND body ->> 'level' = 'commune' AND body ->> 'valid_to' = '2025-07-01'
                 AND (body -> 'path' ->> 0) = (SELECT record_id::text FROM log WHERE body ->> 'code' = '14'
                      AND body ->> 'level' = 'province' ORDER BY body ->> 'valid_from' NULLS FIRST LIMIT 1)
                 AND (body ->> 'valid_from' IS NULL OR body ->> 'valid_from' <= '2023-12-31') ORDER BY code"""
        )
    return [(row["code"], row["name"]) for row in rows]


async def test_a_list_is_looked_through_then_taken_as_a_whole(officer: Officer) -> None:
    before = await teams(officer.registry)
    file = table([HEADER, ["Tổ số bản Mòn", "Phường Tô Hiệu", "12/QĐ", "13/03/2026"]])
    planned = await officer.planned(file)
    assert (planned.state, planned.counts.create, planned.counts.error) == ("planned", 1, 0)
    assert await teams(officer.registry) == before
    done = await officer.commit(planned)
    assert done.status == 200, done.body
    assert ImportView.model_validate_json(done.body).file_kept is False
    (added,) = [team for code, team in (await teams(officer.registry)).items() if code not in before]
    assert added.establishment is not None
    assert (added.name, added.establishment.number) == ("Tổ số bản Mòn", "12/QĐ")
    again = await officer.planned(file)
    assert (again.counts.create, again.counts.change, again.counts.same) == (0, 0, 1)
    changed = await officer.planned(table([HEADER, ["Tổ số bản Mòn", "To Hieu", "13/QĐ", None]]))
    (row,) = await officer.rows(changed)
    assert (row.outcome, row.fields, row.key) == ("change", ["establishment"], added.code)


async def test_headers_come_in_any_order_case_and_with_a_title_and_two_lines(officer: Officer) -> None:
    rows: list[list[Any]] = [
        ["DANH SÁCH TỔ CÔNG NGHỆ SỐ CỘNG ĐỒNG", None, None, None, None, None],
        [],
        ["stt", "TEN TO", "Xã, phường", "Quyết định thành lập", None, "Ghi chú"],
        [None, None, None, "Số", "Ngày", None],
        [1, "Tổ một", "Phường Sa Đéc", "1/QĐ", "01/08/2025", "x"],
        [2, "Tổ hai", None, "2/QĐ", "02/08/2025", None],
        [],
        [3, "Tổ ba", None, "3/QĐ", "31/02/2025", None],
    ]
    merges = {"Sheet A": ["A1:F1", "A3:A4", "B3:B4", "C3:C4", "D3:E3", "F3:F4", "C5:C8"]}
    file = workbook({"Sheet A": rows, "Tổng hợp": [["Huyện", "Số tổ"], ["A", 3]]}, merges)
    job = await officer.planned(file)
    assert [(sheet.name, sheet.header_line, sheet.not_read is not None) for sheet in job.sheets] == [
        ("Sheet A", 4, False),
        ("Tổng hợp", 1, True),
    ]
    assert {column.field: column.column for column in job.sheets[0].columns} == {
        "name": "B",
        "commune": "C",
        "decision_number": "D",
        "decision_date": "E",
    }
    assert (job.counts.create, job.counts.error, job.rows_read, job.rows_total) == (2, 1, 3, 3)
    assert await officer.told(job) == [("cell_not_a_day", "E8")]
    (row,) = await officer.rows(job, "&outcome=error")
    assert "31/02/2025" in row.findings[0].vi


async def test_every_mistake_has_its_cell(officer: Officer) -> None:
    file = table(
        [
            ["Tên tổ", "Mã đơn vị", "Xã/phường", "Loại tổ", "Ngày thành lập", "Mã tổ", "Cột lạ"],
            ["Tổ A", "29902", None, None, None, "A1", "?"],
            ["Tổ B", None, "Tân Thành", None, None, None, None],
            ["Tổ C", None, "Xã Không Có", None, None, None, None],
            ["Tổ D", "03646", "Phường Sa Đéc", None, None, None, None],
            ["Tổ E", "03646", None, "Tổ bay", None, "A2", None],
            [None, "03646", None, None, "=A1+1", None, None],
            ["Tổ F", "03646", None, None, None, "A B", None],
            ["Tổ G", 3646, None, None, None, "A3", None],
            ["Tổ G2", "03646", None, None, None, "A3", None],
            ["Tổ H", "99999", None, None, None, None, None],
        ]
    )
    job = await officer.planned(file)
    assert [(each.column, each.header) for each in job.sheets[0].columns if each.field is None] == [("G", "Cột lạ")]
    assert await officer.told(job) == [
        ("unit_code_not_listed", "B2"),
        ("unit_name_ambiguous", "C3"),
        ("unit_name_unknown", "C4"),
        ("unit_code_and_name_differ", "C5"),
        ("cell_not_a_choice", "D6"),
        ("cell_formula_without_value", "E7"),
        ("cell_missing", "A7"),
        ("cell_bad_code", "F8"),
        ("row_repeated", "F10"),
        ("unit_code_unknown", "B11"),
    ]
    assert await officer.told(job, "create") == [("unit_code_zero", "B9")]
    refused = await officer.commit(job)
    assert (refused.status, refused.json["code"], refused.json["import"]["state"]) == (
        409,
        "import_has_errors",
        "planned",
    )
    listed = await officer.ask("GET", f"/v1/imports/{job.import_id}/findings.csv")
    assert listed.headers["content-type"].startswith("text/csv")
    assert listed.body.decode("utf-8-sig").count("\n") == 12


async def test_what_a_sheet_lacks_is_told_with_what_was_seen(officer: Officer) -> None:
    job = await officer.planned(table([["Họ tên", "Xã"], ["Lò Văn A", "Tô Hiệu"]]))
    assert (job.state, job.file_kept) == ("failed", False)
    assert [each.code for each in job.problems] == ["import_columns_missing"]
    assert "“Tên tổ”" in job.problems[0].vi
    assert "“Họ tên”" in job.problems[0].vi


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_a_csv_is_read_whatever_separates_its_cells(officer: Officer, separator: str, mark: str) -> None:
    lines = [HEADER, ["Tổ công nghệ số, bản Pán", "Phường Sa Đéc", "=1+1", "1/9/2025"]]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines)
    job = await officer.planned((mark + text).encode())
    assert (job.format, job.counts.create, job.counts.error) == ("csv", 1, 0)


async def test_an_officer_sees_and_changes_only_the_own_subtree(make_database: MakeDatabase, tmp_path: Any) -> None:
    async with open_registry(await make_database("registry", the_tree), tmp_path) as registry:
        anyone, local = await officer_of(registry), await officer_of(registry, "dong-thap", unit=DONG_THAP)
        file = table([["Tên tổ", "Mã đơn vị"], ["Tổ", "03646"]])
        job = await local.planned(file)
        assert await local.told(job) == [("unit_outside", "B2")]
        named = await local.planned(table([["Tên tổ", "Xã"], ["Tổ", "Tô Hiệu"]]))
        assert await local.told(named) == [("unit_name_unknown", "B2")]
        theirs = await anyone.planned(file)
        assert (await local.ask("GET", f"/v1/imports/{theirs.import_id}")).status == 404
        assert (await anyone.view(job)).import_id == job.import_id


async def test_of_two_who_commit_one_wins_and_the_other_is_told(officer: Officer) -> None:
    file = table([HEADER, ["Tổ của hai người", "Phường Sa Đéc", None, None]])
    one = await officer.planned(file)
    same = await officer.send(file)
    assert (same.status, same.json["import_id"]) == (200, str(one.import_id))
    first, second = await asyncio.gather(officer.commit(one), officer.commit(one))
    assert sorted([first.status, second.status]) == [200, 409]
    loser = first if first.status == 409 else second
    assert loser.json["code"] == "import_state"
    assert loser.json["import"]["state"] in ("committing", "committed")
    rows = await officer.registry.rows()
    assert (await officer.commit(one)).json["import"]["state"] == "committed"
    assert await officer.registry.rows() == rows


async def test_a_registry_that_changed_since_is_noticed(officer: Officer) -> None:
    one = await officer.planned(table([HEADER, ["Tổ đổi", "Phường Sa Đéc", "1", None]]))
    other = await officer.planned(table([HEADER, ["Tổ đổi", "Phường Sa Đéc", "2", None]]))
    assert (await officer.commit(other)).status == 200
    rows = await officer.registry.rows()
    told = await officer.commit(one)
    assert (told.status, told.json["code"]) == (409, "import_changed")
    assert await officer.registry.rows() == rows
    now = await officer.view(one)
    assert (now.state, now.changed_since, now.counts.create, now.counts.change) == ("planned", True, 0, 1)
    assert (await officer.commit(one)).status == 200


async def test_a_file_let_go_is_gone_and_cannot_be_committed(officer: Officer) -> None:
    job = await officer.planned(table([HEADER, ["Tổ bỏ", "Phường Sa Đéc", None, None]]))
    gone = await officer.ask("POST", f"/v1/imports/{job.import_id}:cancel")
    assert (gone.status, gone.json["state"], gone.json["file_kept"]) == (200, "cancelled", False)
    assert (await officer.commit(job)).json["code"] == "import_state"
    async with transaction(officer.registry.engine) as connection:
        assert await imports.file_of(connection, job.import_id) is None


async def test_after_its_days_nothing_of_a_file_is_left(officer: Officer) -> None:
    job = await officer.planned(table([HEADER, ["Tổ cũ", "Phường Sa Đéc", None, None]]))
    async with transaction(officer.registry.engine) as connection:
        await connection.execute(
            "UPDATE imports SET expires_at = now() - interval '1 s' WHERE import_id = $1", job.import_id
        )
        await imports.expire(connection)
    now = await officer.view(job)
    assert (now.state, now.file_kept, now.sheets) == ("expired", False, [])
    assert await officer.rows(now) == []


async def test_file_and_rows_lie_sealed(officer: Officer) -> None:
    job = await officer.planned(table([HEADER, ["Tổ KÍN ĐÁO", "Phường Sa Đéc", None, "hôm qua"]]))
    async with transaction(officer.registry.engine) as connection:
        whole = await connection.fetchval(
            "SELECT string_agg(imports::text || import_rows::text, '') FROM imports JOIN import_rows USING (import_id)"
        )
    for secret in ("Tổ KÍN ĐÁO", "hôm qua"):
        assert secret not in whole
        assert secret.encode().hex() not in whole
    assert await officer.told(job) == [("cell_not_a_day", "D2")]


async def test_a_worker_that_died_is_followed_by_another(officer: Officer) -> None:
    answer = await officer.send(table([HEADER, ["Tổ bền", "Phường Sa Đéc", None, None]]))
    job = ImportView.model_validate_json(answer.body)

    async def die() -> None:
        """Take the job and end, as a killed process does: its lease runs out."""
        async with transaction(officer.registry.engine) as connection:
            claimed = await imports.claim(connection, job.import_id, 5)
            assert claimed is not None
            assert claimed.import_id == job.import_id
        assert not await officer.worker.work()
        async with transaction(officer.registry.engine) as connection:
            await connection.execute("UPDATE imports SET lease_until = now() WHERE import_id = $1", job.import_id)

    await die()
    await officer.work()
    assert (await officer.view(job)).state == "planned"
    async with transaction(officer.registry.engine) as connection:
        await imports.move(connection, job.import_id, ["planned"], "committing")
    rows = await officer.registry.rows()
    await die()
    await officer.work()
    assert (await officer.view(job)).state == "committed"
    assert await officer.registry.rows() == rows + 1


async def test_a_file_on_which_workers_die_is_given_up(officer: Officer) -> None:
    answer = await officer.send(table([HEADER, ["Tổ độc", "Phường Sa Đéc", None, None]]))
    job = ImportView.model_validate_json(answer.body)
    async with transaction(officer.registry.engine) as connection:
        await connection.execute("UPDATE imports SET attempts = 3 WHERE import_id = $1", job.import_id)
    await officer.work()
    now = await officer.view(job)
    assert (now.state, [each.code for each in now.problems]) == ("failed", ["import_gave_up"])


async def test_the_template_is_read_as_it_is_and_offers_choices(officer: Officer) -> None:
    answer = await officer.ask("GET", "/v1/imports/template?kind=teams")
    assert (answer.status, answer.headers["content-type"]) == (200, XLSX_TYPE)
    job = await officer.planned(answer.body)
    assert [each.code for each in job.problems] == ["import_no_rows"]


@pytest.mark.timeout(300)
async def test_son_la_is_taken_in_and_again_changes_nothing(officer: Officer) -> None:
    listed = son_la_teams(await son_la_communes(officer.registry))
    begun = time.perf_counter()
    job = await officer.planned(table(listed), more=OLD_SON_LA)
    assert (job.counts.create, job.counts.error) == (sum(SON_LA_TEAMS.values()), 0)
    assert (await officer.commit(job)).status in (200, 202)
    await officer.work()
    assert (await officer.view(job)).state == "committed"
    assert time.perf_counter() - begun < 60
    found = [team for code, team in (await teams(officer.registry)).items() if code.startswith("SL-")]
    assert {level: sum(team.level == level for team in found) for level in SON_LA_TEAMS} == SON_LA_TEAMS
    header, *rows = listed
    order = random.Random(3).sample(range(len(header)), len(header))  # noqa: S311
    random.Random(4).shuffle(rows)  # noqa: S311
    shuffled = [[row[column] for column in order] for row in [header, *rows]]
    again = await officer.planned(table(shuffled), more=OLD_SON_LA)
    assert (again.counts.same, again.counts.create, again.counts.change) == (len(rows), 0, 0)


async def test_a_known_team_keeps_what_the_list_leaves_empty(officer: Officer) -> None:
    header = "code,name,type,level,unit_code,unit_valid_on,established_on"
    line = "K-1,To K,community_digital_team,commune,03646,2026-01-01,2026-01-02"
    await officer.registry.load(load_teams, ("teams.csv", f"{header}\n{line}\n".encode()))
    job = await officer.planned(
        table([["Mã tổ", "Tên tổ", "Mã đơn vị", "Ngày thành lập"], ["K-1", "Tổ K", "03646", None]])
    )
    (row,) = await officer.rows(job)
    assert (row.outcome, row.fields) == ("change", ["name"])
