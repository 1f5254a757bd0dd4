"""The catalogue's meanings, denominators and targets, on a real PostgreSQL and over HTTP."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.common.files import BadFile
from libs.contracts.reference_api import DenominatorPage, ReferenceAnswer, TargetPage
from libs.contracts.registry_api import CatalogueView
from services.registry.use_cases import loading
from tests.integration.registry.conftest import DATA, Registry, open_registry, the_tree
from tests.integration.registry.test_registry_api import DIGEST, token_of
from tests.support.http import Answer, call
from tests.support.postgres import MakeDatabase

CATALOGUE = [(name, (DATA / name).read_bytes()) for name in ("catalogue.toml", "indicators.toml")]
SOURCE = "Chi cục Thống kê Đồng Tháp, 2025"
HEADER = "unit,base,min_age,max_age,on,value,source\n"
LAST_DAY = "2025-06-30"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def officer(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    """A registry with the tree's map and catalogue, an officer of Đồng Tháp and one of the whole country."""
    async with open_registry(await make_database("registry", the_tree), tmp_path_factory.mktemp("registry")) as opened:
        writes = {"scopes": ["registry:read", "registry:write"], "secret_sha256": DIGEST}
        await opened.load_client("officer", unit={"code": "82", "valid_on": "2026-01-01"}, **writes)
        await opened.load_client("centre", **writes)
        await opened.load_client("portal", secret_sha256=DIGEST)
        yield opened


async def send(registry: Registry, path: str, body: Any, client: str = "officer") -> Answer:
    token = await token_of(registry, client)
    headers = {"authorization": f"Bearer {token}"}
    return await call(registry.app, "POST", path, headers=headers, body=json.dumps(body).encode())


async def read(registry: Registry, target: str, client: str = "portal", **headers: str) -> Answer:
    token = await token_of(registry, client)
    return await call(registry.app, "GET", target, headers={"authorization": f"Bearer {token}", **headers})


async def write(registry: Registry, path: str, *rows: dict[str, Any], client: str = "officer") -> list[Any]:
    answer = await send(registry, path, {"rows": list(rows)}, client)
    assert answer.status == 200, answer.body
    return ReferenceAnswer.model_validate_json(answer.body).rows


def many(value: int = 9120, **changes: Any) -> dict[str, Any]:
    row = {"unit": "29905", "base": "population_15_plus", "on": "2025-04-01", "value": value, "source": SOURCE}
    return {**row, **changes}


def a_target(**changes: Any) -> dict[str, Any]:
    return {"unit": "82", "indicator": "ADO-02", "value": "80", "due": "2026-12-31", **changes}


async def test_the_catalogue_has_the_indicators_and_what_held_on_a_day(officer: Registry) -> None:
    whole = CatalogueView.model_validate_json((await read(officer, "/v1/catalogue")).body)
    indicators = {indicator.code: indicator for indicator in whole.indicators}
    assert len(indicators) == 74
    assert indicators["ADO-10"].denominator == "population_14_plus"
    assert indicators["ADO-11"].denominator == "population_adult"
    assert indicators["FLD-07"].measures == ["FLD-07"]
    assert (indicators["ADO-01"].framework_refs, indicators["ADO-10"].framework_refs) == (["QD411"], [])
    late = CatalogueView.model_validate_json((await read(officer, "/v1/catalogue?on=2026-10-01")).body)
    gone = {measure.code for measure in whole.measures} - {measure.code for measure in late.measures}
    assert gone == {"FLD-12"}
    assert {each.code for each in whole.platforms} - {each.code for each in late.platforms} == {"dvc-tinh"}
    assert "FLD-12" not in {indicator.code for indicator in late.indicators}
    first = await read(officer, "/v1/catalogue")
    assert (await read(officer, "/v1/catalogue", **{"if-none-match": first.headers["etag"]})).status == 304
    assert (await read(officer, "/v1/catalogue?on=soon")).status == 422


async def test_a_change_of_meaning_needs_another_version(registry: Registry) -> None:
    await registry.load(loading.load_catalogue, *CATALOGUE)
    catalogue, indicators = (content.decode() for _, content in CATALOGUE)
    silent = [
        (catalogue.replace('unit_of_count = "case"', 'unit_of_count = "person"'), indicators, "unit_of_count"),
        (catalogue, indicators.replace('denominator = "population_14_plus"', 'denominator = "citizens_16_plus"'), "d"),
    ]
    for changed, of_indicators, column in silent:
        rows = await registry.rows()
        with pytest.raises(BadFile) as raised:
            await registry.load(
                loading.load_catalogue, ("c.toml", changed.encode()), ("i.toml", of_indicators.encode())
            )
        assert [m.column for m in raised.value.mistakes] == ["denominator" if column == "d" else column]
        assert "version" in raised.value.mistakes[0].en
        assert await registry.rows() == rows
    raised_version = indicators.replace('denominator = "population_14_plus"', 'denominator = "citizens_16_plus"')
    place = raised_version.index('code = "ADO-10"')
    raised_version = raised_version[:place] + raised_version[place:].replace("version = 1", "version = 2", 1)
    loaded = await registry.load(loading.load_catalogue, CATALOGUE[0], ("i.toml", raised_version.encode()))
    assert (loaded[-1].kind, loaded[-1].changed) == ("indicators", 1)
    with pytest.raises(BadFile) as back:
        await registry.load(loading.load_catalogue, *CATALOGUE)
    assert {m.column for m in back.value.mistakes} == {"version", "denominator"}


async def test_an_indicator_counts_measures_that_there_are(registry: Registry) -> None:
    indicators = CATALOGUE[1][1].replace(b'measures = ["FLD-07"]', b'measures = ["FLD-77"]')
    with pytest.raises(BadFile) as raised:
        await registry.load(loading.load_catalogue, CATALOGUE[0], ("i.toml", indicators))
    assert [(m.column, "FLD-77" in m.vi) for m in raised.value.mistakes] == [("measures", True)]


async def test_every_row_of_denominators_is_answered(officer: Registry) -> None:
    rows = await write(
        officer,
        "/v1/denominators",
        many(),
        many(base="population_adult"),
        many(base="population_adult", min_age=18),
        many(base="households", min_age=18),
        many(min_age=18),
        many(base="population_total", min_age=18, max_age=16),
        many(on="2025-07-02", unit="29902"),
        many(unit="01837"),
        many(value=-1),
        many(unit="99999"),
    )
    assert [(row.status, [error.code for error in row.errors]) for row in rows] == [
        ("created", []),
        ("rejected", ["age_bound_missing"]),
        ("created", []),
        ("rejected", ["base_without_age"]),
        ("rejected", ["age_not_of_base"]),
        ("rejected", ["ages_reversed"]),
        ("rejected", ["unknown_unit"]),
        ("rejected", ["outside_subtree"]),
        ("rejected", ["out_of_range"]),
        ("rejected", ["unknown_unit"]),
    ]
    assert [row.errors[0].pointer for row in rows if row.errors][:2] == ["/min_age", "/min_age"]


async def test_the_same_again_is_nothing_and_another_value_is_a_revision(officer: Registry) -> None:
    row = many(7777, source="Điều tra hộ, 2025", base="households")
    first, again = [(await write(officer, "/v1/denominators", row))[0] for _ in range(2)]
    assert (first.status, again.status, first.id) == ("created", "same", again.id)
    corrected = (await write(officer, "/v1/denominators", {**row, "value": 7778}))[0]
    assert (corrected.status, corrected.revision, corrected.id) == ("changed", 2, first.id)
    page = DenominatorPage.model_validate_json(
        (await read(officer, "/v1/denominators?unit=29905&on=2025-05-21&base=households")).body
    )
    assert [(each.value, each.revision) for each in page.denominators] == [(7778, 2)]
    twice = await write(officer, "/v1/denominators", {**row, "value": 1}, {**row, "value": 2})
    assert [each.status for each in twice] == ["changed", "rejected"]
    assert twice[1].errors[0].code == "row_contradicted"


async def test_the_newest_row_not_after_a_day_is_given(officer: Registry) -> None:
    days = ("2023-04-01", "2024-04-01", "2025-04-01")
    await write(officer, "/v1/denominators", *(many(n, unit="867", on=day) for n, day in enumerate(days, start=1)))
    await write(officer, "/v1/denominators", many(20, unit="867", on="2024-04-01", source="Nguồn khác"))

    async def values(query: str) -> list[int]:
        found = await read(officer, f"/v1/denominators?{query}")
        return sorted(each.value for each in DenominatorPage.model_validate_json(found.body).denominators)

    assert await values("unit=867&on=2024-12-31") == [2, 20]
    assert await values("unit=867&on=2025-05-21") == [3]
    assert await values("unit=867&on=2022-01-01") == []
    assert 9120 not in await values(f"unit=867&on={LAST_DAY}&base=households")
    assert 3 in await values(f"unit=867&within=true&on={LAST_DAY}")
    assert (await read(officer, "/v1/denominators?unit=999")).json["code"] == "unknown_unit"


async def test_many_rows_of_one_unit_are_answered_as_quickly(officer: Registry) -> None:
    rows = [many(n, unit="29899", on=f"20{n % 20:02}-04-01", source=f"Nguồn {n // 20}") for n in range(1000)]
    assert {row.status for row in await write(officer, "/v1/denominators", *rows)} == {"created"}
    begun = time.monotonic()
    found = await read(officer, "/v1/denominators?unit=29899&on=2015-01-01&limit=500&base=population_15_plus")
    newest = DenominatorPage.model_validate_json(found.body).denominators
    assert {each.on.isoformat() for each in newest} == {"2014-04-01"}
    assert len(newest) == 50
    assert time.monotonic() - begun < 10, "each row is looked at once, not beside each other"


async def test_pages_and_entity_tags(officer: Registry) -> None:
    codes = ("29893", "29896", "29899", "29902")
    await write(officer, "/v1/denominators", *(many(5, unit=code, base="commune_units") for code in codes))
    seen: list[Any] = []
    target = "/v1/denominators?base=commune_units&limit=3"
    page = await read(officer, target)
    etag = page.headers["etag"]
    while True:
        body = DenominatorPage.model_validate_json(page.body)
        seen += [each.denominator_id for each in body.denominators]
        if body.next is None:
            break
        page = await read(officer, f"{target}&cursor={body.next}")
    assert len(seen) == len(set(seen)) == 4
    assert (await read(officer, target, **{"if-none-match": etag})).status == 304


async def test_all_or_nothing_and_only_checked(officer: Registry) -> None:
    good, wrong = many(1, source="atomic"), many(1, base="population_adult", source="atomic")
    rows = await officer.rows()
    refused = await send(officer, "/v1/denominators?atomic=true", {"rows": [good, wrong]})
    assert (refused.status, refused.json["code"], len(refused.json["rows"])) == (409, "batch_not_stored", 2)
    checked = await send(officer, "/v1/denominators?mode=validate", {"rows": [good]})
    assert checked.json["rows"][0]["status"] == "created"
    assert await officer.rows() == rows
    assert (await send(officer, "/v1/denominators", {"rows": [good]}, "portal")).json["code"] == "scope_missing"


async def test_targets_serve_targets_of_higher_units(officer: Registry) -> None:
    province = (await write(officer, "/v1/targets", a_target()))[0]
    ward = a_target(unit="29905", value="85.5", parent=str(province.id))
    mine = (await write(officer, "/v1/targets", ward))[0]
    assert (province.status, mine.status) == ("created", "created")
    rows = await write(
        officer,
        "/v1/targets",
        {**ward, "indicator": "ADO-05"},
        {**ward, "due": "2027-12-31", "parent": str(mine.id)},
        a_target(parent=str(province.id)),
        {**ward, "due": "2027-12-31", "parent": "0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59"},
        a_target(indicator="ADO-99"),
        a_target(indicator="ADO-01"),
        a_target(indicator="ADO-01", min_age=18, denominator="households"),
        a_target(value="180"),
        a_target(value="9,07"),
        a_target(indicator="NET-09", unit_of_count="helpers_per_commune", value="1"),
        a_target(unit="01"),
    )
    assert [error.code for row in rows for error in row.errors] == [
        "parent_of_other_indicator",
        "parent_not_above",
        "targets_in_a_cycle",
        "unknown_target",
        "unknown_indicator",
        "age_bound_missing",
        "base_not_of_indicator",
        "out_of_range",
        "malformed_value",
        "outside_subtree",
    ]
    found = TargetPage.model_validate_json((await read(officer, "/v1/targets?unit=82&indicator=ADO-02")).body).targets
    assert [(each.value, each.denominator, each.unit_of_count) for each in found] == [
        ("80", "population_15_plus", "percent")
    ]
    below = await read(officer, "/v1/targets?unit=82&indicator=ADO-02&within=true")
    assert {each.value for each in TargetPage.model_validate_json(below.body).targets} == {"80", "85.5"}


async def test_a_province_of_another_officer_is_not_shown_to_this_one(officer: Registry) -> None:
    await write(officer, "/v1/targets", a_target(unit="01"), client="centre")
    mine = TargetPage.model_validate_json((await read(officer, "/v1/targets", client="officer")).body).targets
    everyones = TargetPage.model_validate_json((await read(officer, "/v1/targets", client="centre")).body).targets
    assert len(everyones) == len(mine) + 1
    asked = TargetPage.model_validate_json((await read(officer, "/v1/targets?unit=01", client="officer")).body)
    assert asked.targets == []


async def test_a_file_of_denominators_is_loaded_whole_or_not_at_all(officer: Registry) -> None:
    good = f"29905,population_15_plus,,,2024-04-01,9000,{SOURCE.replace(',', '')}\n"
    wrong = "29905,population_adult,,,2024-04-01,9000,x\n29905,households,,,2024-04-01,9.000,x\n"
    assert await officer.load(loading.load_denominators, ("d.csv", (HEADER + good).encode())) == [
        loading.Loaded("denominators", 1, 1, 0)
    ]
    assert await officer.load(loading.load_denominators, ("d.csv", (HEADER + good).encode())) == [
        loading.Loaded("denominators", 1, 0, 0)
    ]
    with pytest.raises(BadFile) as raised:
        await officer.load(loading.load_denominators, ("d.csv", (HEADER + wrong).encode()))
    assert [(m.place, m.column) for m in raised.value.mistakes] == [("3", "value")]
    with pytest.raises(BadFile) as bound:
        await officer.load(loading.load_denominators, ("d.csv", (HEADER + wrong.splitlines()[0] + "\n").encode()))
    assert [(m.place, m.column) for m in bound.value.mistakes] == [("2", "min_age")]
