"""What was reported, over HTTP on a real PostgreSQL, with the map and the figures of data/."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.common.log import BEGINNING
from libs.contracts.statements_api import ComparisonAnswer, ProgressAnswer, StatementPage, StatementView, SumAnswer
from services.metrics.__main__ import main
from services.metrics.consumer.references import reference_handlers
from services.metrics.domain.references import Denominator, Target
from services.metrics.use_cases.statements import Loaded, load_statements
from services.registry.domain import catalogue
from services.registry.domain.ids import record_id
from services.registry.events import event_of
from tests.support.http import Answer, call
from tests.support.metrics import Metrics, open_metrics
from tests.support.postgres import MakeDatabase
from tests.support.real_map import real_map

DATA = Path(__file__).parents[3] / "data"
WORDS = ("statement_words.toml", (DATA / "statement_words.toml").read_bytes())
SEEDS = ("seed_statements.csv", (DATA / "seed_statements.csv").read_bytes())
NAM_DINH, NINH_BINH = record_id("unit", "province", "36", ""), record_id("unit", "province", "37", "2025-07-01")
DONG_THAP, DIEN_BIEN = record_id("unit", "province", "82", "2025-07-01"), record_id("unit", "province", "11", "")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def said(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    """The seeds, the real map, the catalogue's indicators."""
    async with open_metrics(await make_database("metrics")) as opened:
        opened.picture.units = real_map()
        opened.picture.moved((1, 6, 6), map_changed=True)
        files = [(name, (DATA / name).read_bytes()) for name in ("catalogue.toml", "indicators.toml")]
        handlers = reference_handlers(opened.picture.references)
        for indicator in catalogue.build(*files).indicators:
            event = event_of(indicator, 1)
            handlers[event.type](event.body, BEGINNING)
        async with transaction(opened.engine) as connection:
            assert await load_statements(connection, WORDS, SEEDS) == Loaded(75, 75, 0)
        opened.issuer.client("ninh binh", scopes=["metrics:read"], unit_id=NINH_BINH)
        opened.issuer.client("dong thap", scopes=["metrics:read"], unit_id=DONG_THAP)
        yield opened


async def get(metrics: Metrics, target: str, client: str = "portal", **headers: str) -> Answer:
    return await call(metrics.app, "GET", target, headers={**metrics.issuer.headers(client), **headers})


async def page(metrics: Metrics, query: str = "", client: str = "portal") -> list[StatementView]:
    answer = await get(metrics, f"/v1/statements?limit=500&{query}".rstrip("&"), client)
    assert answer.status == 200, answer.body
    return StatementPage.model_validate_json(answer.body).statements


async def one(metrics: Metrics, statement_id: str, query: str = "") -> StatementView:
    return next(each for each in await page(metrics, query) if each.id == statement_id)


async def compare(metrics: Metrics, left: str, right: str) -> ComparisonAnswer:
    answer = await get(metrics, f"/v1/statements:compare?left={left}&right={right}")
    assert answer.status == 200, answer.body
    return ComparisonAnswer.model_validate_json(answer.body)


async def reasons(metrics: Metrics, left: str, right: str) -> set[str]:
    found = await compare(metrics, left, right)
    assert (found.verdict == "comparable") == (not any(pair.reasons for pair in found.pairs))
    return {reason.code for pair in found.pairs for reason in pair.reasons}


async def add(metrics: Metrics, *ids: str) -> SumAnswer:
    answer = await get(metrics, f"/v1/statements:add?ids={','.join(ids)}")
    assert answer.status == 200, answer.body
    return SumAnswer.model_validate_json(answer.body)


async def test_all_the_seeds_can_be_read_and_show_what_they_said(said: Metrics) -> None:
    everything = await page(said)
    assert len(everything) == 75
    about = {each.id: each for each in everything}
    assert about["1.01"].text.vi == "gần 105.000"
    assert (about["1.01"].qualifier, about["1.01"].value, about["1.01"].sort_value) == (
        "just_under",
        "105000",
        "105000",
    )
    assert (about["1.01"].unit_names.vi, about["1.01"].shape, str(about["1.01"].since)) == (
        "người",
        "cumulative",
        "2023-01-01",
    )
    assert about["1.11"].indicator_names is not None
    assert about["1.11"].denominator == "population_14_plus"
    assert about["5.06"].note is not None
    assert not about["5.14"].usable_in_rates
    assert {each.id for each in everything if each.scope_confidence == "ambiguous"} == {"5.15", "5.16", "5.17", "5.18"}
    assert all(each.said_of[0].unit_id for each in everything)


async def test_statements_are_filtered_and_sorted(said: Metrics) -> None:
    assert [each.id for each in await page(said, "indicator=FLD-06&sort=value")] == ["1.02", "1.03"]
    assert [each.id for each in await page(said, "indicator=NET-02&sort=-value")] == ["3.02", "3.06", "4.02", "3.04"]
    assert {each.source.code for each in await page(said, "source=S3")} == {"S3"}
    assert {each.id for each in await page(said, "shape=rank")} == {"2.13", "2.14"}
    field = await page(said, "source=S1&sort=value")
    assert [each.id for each in field][-1] == "1.01"
    for wrong in ("sort=colour", "shape=round", "limit=0", "cursor=x", "boundaries=then", "unit=99999", "colour=1"):
        assert (await get(said, f"/v1/statements?{wrong}")).status == 422, wrong


async def test_pages_follow_each_other_in_every_order(said: Metrics) -> None:
    for sort in ("id", "-id", "value", "-value", "day", "-day"):
        seen: list[str] = []
        target = f"/v1/statements?limit=20&sort={sort}"
        answer = await get(said, target)
        while True:
            body = StatementPage.model_validate_json(answer.body)
            seen += [each.id for each in body.statements]
            if body.next is None:
                break
            answer = await get(said, f"{target}&cursor={body.next}")
        assert seen == [each.id for each in await page(said, f"sort={sort}")], sort
        assert len(seen) == 75
    cursor = StatementPage.model_validate_json((await get(said, "/v1/statements?limit=20")).body).next
    assert (await get(said, f"/v1/statements?limit=20&sort=value&cursor={cursor}")).status == 422


async def test_an_entity_tag_saves_the_body(said: Metrics) -> None:
    first = await get(said, "/v1/statements?source=S2")
    assert (await get(said, "/v1/statements?source=S2", **{"if-none-match": first.headers["etag"]})).status == 304


async def test_nam_dinh_is_a_part_of_ninh_binh_and_never_its_value(said: Metrics) -> None:
    then = await one(said, "2.01", "boundaries=as_recorded")
    assert [(unit.code, unit.name) for unit in then.said_of] == [("36", "Tỉnh Nam Định")]
    assert then.held_by == []
    now = await one(said, "2.01", "boundaries=current")
    (holder,) = now.held_by
    assert (holder.unit.code, holder.unit.unit_id, holder.share, holder.holds) == ("37", NINH_BINH, "partial", "all")
    assert (holder.coverage.covered, holder.coverage.predecessors, holder.coverage.divided) == (1, 3, 0)
    assert (holder.coverage.vi, holder.coverage.en) == ("một trong ba đơn vị cũ", "one of three predecessors")
    before = await one(said, "2.01", "boundaries=2025-06-30")
    assert [(each.unit.unit_id, each.share) for each in before.held_by] == [(NAM_DINH, "whole")]


async def test_a_province_that_stayed_what_it_was_keeps_its_figures(said: Metrics) -> None:
    (holder,) = (await one(said, "1.04")).held_by
    assert (holder.unit.code, holder.share, holder.coverage.en) == ("11", "whole", "one of one predecessors")


async def test_a_district_is_shown_by_the_communes_that_hold_it_today(said: Metrics) -> None:
    sa_dec = (await one(said, "5.13")).held_by
    assert (sa_dec[0].unit.code, sa_dec[0].share, sa_dec[0].holds) == ("82", "partial", "all")
    communes = {each.unit.code: each for each in sa_dec[1:]}
    assert communes.keys() == {"29905", "30214"}
    assert (communes["29905"].share, communes["29905"].holds, communes["29905"].coverage.covered) == (
        "whole",
        "some",
        8,
    )
    assert communes["30214"].share == "partial"
    assert communes["30214"].coverage.covered == 1
    thap_muoi = (await one(said, "5.11")).held_by
    assert {each.unit.code for each in thap_muoi[1:]} == {"30037", "30043", "30046", "30055", "30061", "30073"}
    two_districts = (await one(said, "2.05")).held_by
    assert two_districts[0].unit.code == "37"
    assert {"13795", "13741"} <= {each.unit.code for each in two_districts}
    song_cau = (await one(said, "4.04")).held_by
    assert [(each.unit.code, each.unit.name, each.share) for each in song_cau] == [
        ("01843", "Phường Bắc Kạn", "partial")
    ]


async def test_a_unit_old_or_new_finds_what_was_said_of_it(said: Metrics) -> None:
    assert {each.source.code for each in await page(said, "unit=37")} == {"S2"}
    assert {each.source.code for each in await page(said, f"unit={NAM_DINH}")} == {"S2"}
    assert {each.id for each in await page(said, "unit=867")} == {"5.13", "5.14"}
    assert {each.source.code for each in await page(said, "unit=82")} == {"S5"}
    assert await page(said, "unit=01") == []


async def test_a_client_sees_the_figures_of_its_own_territory(said: Metrics) -> None:
    assert {each.source.code for each in await page(said, client="ninh binh")} == {"S2"}
    assert {each.source.code for each in await page(said, client="dong thap")} == {"S5"}
    refused = await get(said, "/v1/statements:compare?left=1.11&right=2.08", "ninh binh")
    assert (refused.status, refused.json["code"]) == (404, "unknown_statement")
    for elsewhere in ("/v1/progress?indicator=ADO-02&unit=11", "/v1/statements?unit=11"):
        assert (await get(said, elsewhere, "ninh binh")).json["code"] == "outside_subtree"
    assert {each.source.code for each in await page(said, f"unit={NAM_DINH}", "ninh binh")} == {"S2"}
    assert (await get(said, "/v1/statements", "app")).json["code"] == "scope_missing"


async def test_1_11_and_1_12_cannot_be_compared(said: Metrics) -> None:
    found = await compare(said, "1.11", "1.12")
    assert found.verdict == "not_comparable"
    assert [(pair.left, pair.right) for pair in found.pairs] == [("1.11", "1.12a"), ("1.11", "1.12b")]
    for pair in found.pairs:
        assert {"different_denominator", "different_shape", "compound_target"} <= {each.code for each in pair.reasons}
        assert pair.difference is None
    assert "Mẫu số khác nhau" in next(r.vi for r in found.pairs[0].reasons if r.code == "different_denominator")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("1.01", "1.02", "different_unit_of_count"),
        ("1.02", "1.03", "different_part"),
        ("1.09", "1.09", "unbounded_denominator"),
        ("1.10", "2.08", "different_part"),
        ("1.10", "5.11", "different_unit"),
        ("2.08", "2.16", "different_shape"),
        ("2.13", "2.14", "rank_scope"),
        ("2.15", "2.18", "different_denominator"),
        ("3.01", "4.01", "different_unit"),
        ("3.03", "3.05", "different_part"),
        ("3.07", "5.14", "only_an_order_of_magnitude"),
        ("5.14", "5.15", "mixed_unit"),
        ("5.13", "5.15", "scope_ambiguous"),
        ("5.06", "2.02", "magnitude_missing"),
        ("5.01", "5.13", "partial_coverage"),
        ("5.19", "2.15", "different_denominator"),
    ],
)
async def test_why_two_figures_cannot_be_compared_is_said(said: Metrics, left: str, right: str, expected: str) -> None:
    assert expected in await reasons(said, left, right)
    assert expected in await reasons(said, right, left)


async def test_figures_of_one_kind_place_and_shape_are_compared(said: Metrics) -> None:
    found = await compare(said, "5.03", "5.03")
    assert (found.verdict, found.pairs[0].difference) == ("comparable", "0")
    assert await reasons(said, "2.03", "2.03") == set()
    assert (await compare(said, "2.03", "2.03")).pairs[0].difference is None, "trên 82 % is not a number to subtract"


async def test_the_split_of_base_stations_comes_to_the_whole(said: Metrics) -> None:
    found = await add(said, "5.04")
    assert (found.verdict, found.value, found.stated_as, found.agrees) == ("addable", "4599", "5.03", True)
    assert (await add(said, "5.04a", "5.04b")).stated_as is None
    doubled = await add(said, "5.03", "5.04a")
    assert (doubled.verdict, [each.code for each in doubled.reasons]) == ("not_addable", ["overlapping"])


async def test_the_levels_of_son_la_come_to_its_whole_network(said: Metrics) -> None:
    teams, members = await add(said, "3.03", "3.05"), await add(said, "3.04", "3.06")
    assert (teams.value, teams.unit_of_count, teams.stated_as, teams.agrees) == ("3090", "team", "3.01", True)
    assert (members.value, members.unit_of_count, members.stated_as, members.agrees) == (
        "15902",
        "person",
        "3.02",
        True,
    )


async def test_almost_105000_is_never_added_to_anything(said: Metrics) -> None:
    for ids in (("1.01", "1.02"), ("1.01", "1.03"), ("1.01", "1.02", "1.03"), ("1.02", "1.03")):
        found = await add(said, *ids)
        assert (found.verdict, found.value) == ("not_addable", None)
        assert "qualified" in {each.code for each in found.reasons}
    for ids in (("1.10", "1.08"), ("2.13", "2.14"), ("5.15", "5.16"), ("1.04", "3.01"), ("5.14", "5.15")):
        assert (await add(said, *ids)).verdict == "not_addable"


async def test_2g_stations_after_the_networks_ended_are_flagged_and_not_zero(said: Metrics) -> None:
    before = await one(said, "5.04a", "boundaries=2026-09-15")
    after = await one(said, "5.04a", "boundaries=2026-09-16")
    assert (before.value, before.caveats) == ("1144", [])
    assert (after.value, [each.code for each in after.caveats]) == ("1144", ["part_ended"])
    assert "2G" in after.caveats[0].vi
    assert (await one(said, "5.04b", "boundaries=2026-09-16")).caveats == []


async def test_progress_keeps_the_qualifier_and_says_where_there_is_none(said: Metrics) -> None:
    references = said.picture.references
    base = {"unit_of_count": "percent", "due": date(2026, 12, 31), "decision": "12/KH-UBND", "revision": 1}
    target = Target(
        target_id=UUID(int=7, version=4),
        indicator="ADO-13",
        unit_id=DIEN_BIEN,
        comparator=">=",
        value=Decimal(90),
        denominator="households",
        min_age=None,
        parent_id=UUID(int=8, version=4),
        **base,  # type: ignore[arg-type]
    )
    references.take_target(target)
    references.take_denominator(
        Denominator(UUID(int=9, version=4), 1, DIEN_BIEN, "households", None, None, date(2024, 1, 1), 137_000, "x")
    )
    answer = await get(said, f"/v1/progress?indicator=ADO-13&unit={DIEN_BIEN}")
    found = ProgressAnswer.model_validate_json(answer.body)
    (progress,) = found.targets
    (against,) = progress.against
    assert (against.statement, against.verdict, against.text.vi, against.gap) == (
        "1.08",
        "comparable",
        "gần 80 %",
        "10",
    )
    assert (against.qualifier, against.reached) == ("just_under", False)
    assert progress.lineage == [UUID(int=8, version=4)]
    assert [(row.base, row.value) for row in found.denominators] == [("households", 137_000)]


async def test_progress_that_cannot_be_measured_is_a_legal_outcome(said: Metrics) -> None:
    found = ProgressAnswer.model_validate_json((await get(said, "/v1/progress?indicator=ADO-02&unit=36")).body)
    (progress,) = found.targets
    assert (progress.target, progress.kind, str(progress.due)) == ("2.16", "statement", "2025-12-31")
    assert [(each.statement, each.verdict, each.gap) for each in progress.against] == [("2.08", "not_comparable", None)]
    assert {each.code for each in progress.against[0].reasons} == {"different_part"}
    for wrong in ("indicator=ADO-02", "indicator=ADO-99&unit=36", "indicator=ADO-02&unit=99999", "unit=36"):
        assert (await get(said, f"/v1/progress?{wrong}")).status == 422


async def test_loading_again_appends_nothing_and_a_change_is_a_revision(make_database: MakeDatabase) -> None:
    async with open_metrics(await make_database("metrics")) as metrics:
        async with transaction(metrics.engine) as connection:
            await load_statements(connection, WORDS, SEEDS)
        before = await metrics.fetch("SELECT n FROM statements_revision")
        async with transaction(metrics.engine) as connection:
            assert await load_statements(connection, WORDS, SEEDS) == Loaded(75, 0, 0)
        assert await metrics.fetch("SELECT n FROM statements_revision") == before
        changed = (SEEDS[0], SEEDS[1].replace(b"exact,684,team", b"exact,685,team"))
        async with transaction(metrics.engine) as connection:
            assert await load_statements(connection, WORDS, changed) == Loaded(75, 0, 1)
        rows = await metrics.fetch("SELECT revision, value FROM statements WHERE id = '5.01' ORDER BY revision")
        assert rows == [(1, Decimal(684)), (2, Decimal(685))]
        assert await metrics.fetch("SELECT value::text FROM statements WHERE id = '2.04'") == [("9.07",)]


async def test_a_file_with_a_mistake_leaves_nothing(
    make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await make_database("metrics")
    monkeypatch.setenv("DATABASE_URL_METRICS", url)
    file = tmp_path / "figures.csv"
    lines = SEEDS[1].decode().splitlines()
    file.write_text("\n".join(line.split(',"In')[0] + ("," if ',"In' in line else "") for line in lines))
    words = str(DATA / "statement_words.toml")
    assert await asyncio.to_thread(main, ["load-statements", str(file), "--words", words]) == 1
    told = capsys.readouterr().err
    assert "figures.csv:60 value: magnitude_missing" in told
    assert "nothing was loaded" in told
    async with open_metrics(url) as metrics:
        assert await metrics.fetch("SELECT count(*) FROM statements") == [(0,)]
        assert await asyncio.to_thread(main, ["load-statements", str(DATA / "seed_statements.csv")]) == 0
        assert "statements: 75 read, 75 new, 0 changed" in capsys.readouterr().out
        assert await metrics.fetch("SELECT count(*) FROM statements") == [(75,)]
