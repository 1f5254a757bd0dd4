"""The reform of 2025, enacted by the registry's own code over facts of a province: they move, and none is written."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest_asyncio

from services.metrics.domain.map import Unit as Known
from services.metrics.domain.map import UnitMap
from services.registry.domain.atlas import Atlas
from services.registry.domain.reform.applying import apply
from services.registry.domain.units import Unit
from tests.support.metrics import Metrics, a_line, a_record, open_metrics, person
from tests.support.postgres import MakeDatabase
from tests.support.reform_of_2025 import decree_of_2025, listed, map_before

PUBLISHED = listed()
BEFORE = Atlas.of(map_before(PUBLISHED))
(OLD_PROVINCE,) = (unit for unit in BEFORE.units.values() if unit.level == "province" and unit.code == "87")
COMMUNES = [unit for unit in BEFORE.units.values() if unit.level == "commune" and OLD_PROVINCE.record_id in unit.path]
YEAR: dict[str, Any] = {"from_": "2025-01-01", "to": "2025-12-31", "group_by": ["unit:commune"]}
FACTS = "SELECT count(*), md5(string_agg(ctid::text || xmin::text, ' ' ORDER BY ctid)) FROM facts"


def known(unit: Unit, revision: int) -> Known:
    return Known(
        unit.record_id,
        revision,
        unit.code,
        unit.level,
        unit.name,
        unit.valid_from,
        unit.valid_to,
        unit.path,
        unit.within,
        tuple(edge.unit_id for edge in unit.successors),
    )


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    """A visit in each of the 141 communes of old Đồng Tháp, of someone of its own and of one whom everybody helps."""
    async with open_metrics(await make_database("metrics")) as opened:
        opened.picture.units = UnitMap()
        for unit in BEFORE.units.values():
            opened.picture.units.take(known(unit, 1))
        lines = [(person(phone=f"own {n}"), person(phone="everybody")) for n in range(len(COMMUNES))]
        await opened.fold(
            *(
                a_record(n, a_line(1, person=own), a_line(2, person=all_over), unit_id=commune.record_id)
                for n, (commune, (own, all_over)) in enumerate(zip(COMMUNES, lines, strict=True), 1)
            )
        )
        yield opened


def rows(answer: Any) -> dict[tuple[str, bool], tuple[int, int]]:
    return {(row["unit"]["id"], row["unallocated"]): (row["luot"], row["nguoi"]) for row in answer["rows"]}


def expected(successors: dict[UUID, list[UUID]], province: UUID) -> dict[tuple[str, bool], tuple[int, int]]:
    """Count by hand: a commune with one successor is counted there, one that was divided in no commune."""
    places = Counter(
        (str(heirs[0]), False) if len(heirs) == 1 else (str(province), True) for heirs in successors.values()
    )
    return {place: (2 * communes, communes + 1) for place, communes in places.items()}


async def test_facts_of_whole_and_divided_communes_are_found_by_both_maps_and_not_one_is_written(
    metrics: Metrics,
) -> None:
    facts = await metrics.fetch(FACTS)
    before = await metrics.numbers(**YEAR, boundaries="current")
    assert len(before["rows"]) == len(COMMUNES) == 141
    outcome = apply(BEFORE, decree_of_2025(PUBLISHED))
    for unit in outcome.states:
        metrics.picture.units.take(known(unit, 2))
    metrics.picture.moved((1, 6, 1), map_changed=True)

    after = await metrics.numbers(**YEAR, boundaries="current")
    changed = {unit.record_id: unit for unit in outcome.states}
    successors = {
        commune.record_id: [edge.unit_id for edge in changed[commune.record_id].successors] for commune in COMMUNES
    }
    (province,) = (edge.unit_id for edge in changed[OLD_PROVINCE.record_id].successors)
    assert rows(after) == expected(successors, province)
    assert [len(heirs) for heirs in successors.values() if len(heirs) > 1]
    assert after["total"] == before["total"]
    eve = await metrics.numbers(**YEAR, boundaries="2025-06-30")
    assert rows(eve) == rows(before)
    assert after["contract"]["map_revision"] != before["contract"]["map_revision"]
    assert await metrics.fetch(FACTS) == facts
    assert facts[0][0] == 2 * len(COMMUNES)
