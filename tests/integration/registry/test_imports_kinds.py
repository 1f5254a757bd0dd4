"""Lists of hamlets, of denominators and of targets, brought in like the others."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.registry.conftest import open_registry, the_tree
from tests.integration.registry.imports_support import Officer, officer_of
from tests.support.postgres import MakeDatabase
from tests.support.workbooks import table

SA_DEC = "Phường Sa Đéc"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def officer(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Officer]:
    """An officer of Đồng Tháp, over the map of the tree."""
    async with open_registry(await make_database("registry", the_tree), tmp_path_factory.mktemp("registry")) as opened:
        yield await officer_of(opened, unit={"code": "82", "valid_on": "2025-07-01"})


async def outcomes(officer: Officer, kind: str, *rows: Sequence[Any]) -> list[str]:
    """Bring a list in and commit it; gives what became of each row."""
    job = await officer.planned(table(rows), kind)
    assert job.problems == []
    found: list[str] = [row.outcome for row in await officer.rows(job)]
    if "error" not in found:
        done = await officer.commit(job)
        assert done.status == 200, done.body
    return found


async def test_hamlets_come_first_then_their_teams(officer: Officer) -> None:
    team: list[list[Any]] = [["Tên tổ", "Xã", "Khóm/ấp"], ["Tổ khóm Hòa An", SA_DEC, "khom hoa an"]]
    assert await outcomes(officer, "teams", *team) == ["error"]
    hamlets: list[list[Any]] = [
        ["STT", "Xã/phường", "Tên khóm/ấp", "Loại"],
        [1, SA_DEC, "Khóm Hòa An", None],
        [2, SA_DEC, "Hòa Khánh", "Khóm"],
    ]
    assert await outcomes(officer, "units", *hamlets) == ["create", "create"]
    assert await outcomes(officer, "units", *hamlets) == ["same", "same"]
    assert await outcomes(officer, "teams", *team) == ["create"]
    units = await officer.ask("GET", "/v1/units?name=hoa%20an&level=subcommune")
    assert [(unit["name"], unit["type"], unit["short_name"]) for unit in units.json["units"]] == [
        ("Khóm Hòa An", "khom", "Hòa An")
    ]


async def test_a_hamlet_without_a_type_or_told_twice_is_an_error(officer: Officer) -> None:
    job = await officer.planned(
        table([["Xã", "Tên thôn", "Loại"], [SA_DEC, "Số Bốn", None], [SA_DEC, "Khóm 9", None], [SA_DEC, "9", "Khóm"]]),
        "units",
    )
    assert await officer.told(job) == [("cell_missing", "C2"), ("row_repeated", "B4")]


async def test_denominators_are_taken_as_of_their_own_day(officer: Officer) -> None:
    header = ["Tên xã", "Loại số liệu", "Giá trị", "Ngày số liệu", "Nguồn"]
    row = [SA_DEC, "Số hộ", "12.345", "31/12/2025", "Niên giám"]
    early = [SA_DEC, "Số hộ", "12.345", "01/10/2025", "Niên giám"]
    assert await outcomes(officer, "denominators", header, early) == ["create"]
    assert await outcomes(officer, "denominators", header, early) == ["same"]
    assert await outcomes(officer, "denominators", header, [*early[:2], 12346, *early[3:]]) == ["change"]
    assert await outcomes(officer, "denominators", header, row) == ["create"]
    listed = await officer.ask("GET", "/v1/denominators?base=households")
    assert sorted(each["value"] for each in listed.json["denominators"]) == [12345, 12346]
    job = await officer.planned(
        table(
            [header, [SA_DEC, "Dân số trưởng thành", 5, "01/10/2025", "x"], ["Sơn La", "Số hộ", 5, "01/10/2025", "x"]]
        ),
        "denominators",
    )
    assert [code for code, _ in await officer.told(job)] == ["age_bound_missing", "unit_name_unknown"]


async def test_targets_name_their_indicator_and_decision(officer: Officer) -> None:
    header = ["Mã đơn vị", "Mã chỉ tiêu", "So sánh", "Giá trị", "Hạn", "Số quyết định"]
    row = ["82", "NET-03", "tối thiểu", "97,5", "31/12/2026", "12/KH-UBND"]
    assert await outcomes(officer, "targets", header, row) == ["create"]
    assert await outcomes(officer, "targets", header, row) == ["same"]
    listed = await officer.ask("GET", "/v1/targets?indicator=NET-03")
    assert [(each["value"], each["comparator"]) for each in listed.json["targets"]] == [("97.5", ">=")]
    job = await officer.planned(table([header, ["82", "NET-99", None, 5, "31/12/2026", None]]), "targets")
    assert await officer.told(job) == [("unknown_indicator", "B2")]
