"""The atlas answers by name, by code and day, and by lineage; the map of the reference data is asked."""

from dataclasses import replace
from datetime import date
from functools import cache
from uuid import UUID

import pytest

from deploy.local.system import ROOT
from services.registry.domain.atlas import Atlas, Wanted, fold
from services.registry.domain.map_files import build_map
from services.registry.domain.units import Unit

BEFORE, REFORM, AFTER = date(2025, 6, 30), date(2025, 7, 1), date(2026, 1, 1)


@cache
def the_map() -> tuple[Unit, ...]:
    data = ROOT / "data"
    units, lineage = ((name, (data / name).read_bytes()) for name in ("admin_units.csv", "admin_lineage.csv"))
    return tuple(build_map(units, lineage))


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas.of(the_map())


def codes(units: object) -> list[str]:
    assert isinstance(units, list | tuple)
    return [unit.code for unit in units]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Phường Sa Đéc", "phuong sa dec"),
        ("Ea H'Leo", "ea h leo"),
        ("  KON  TUM ", "kon tum"),
        ("Bà Rịa – Vũng Tàu", "ba ria vung tau"),
    ],
)
def test_a_name_is_folded_to_what_one_types_without_diacritics(name: str, folded: str) -> None:
    assert fold(name) == folded


@pytest.mark.parametrize("typed", ["sa dec", "Sa Đéc", "SA DEC", "sa đec", "sa de"])
def test_a_name_is_found_with_and_without_diacritics_the_nearest_first(atlas: Atlas, typed: str) -> None:
    found = atlas.find(Wanted(name=typed, day=AFTER))
    assert found[0].code == "29905"
    assert atlas.find(Wanted(name=typed, level="district"))[0].code == "867"


def test_a_part_of_a_name_begins_with_a_word(atlas: Atlas) -> None:
    assert not [unit for unit in atlas.find(Wanted(name="a dec")) if "sa dec" in fold(unit.name)]
    assert "29905" in codes(atlas.find(Wanted(name="dec", day=AFTER)))


def test_a_subtree_is_that_of_its_day(atlas: Atlas) -> None:
    old, new = atlas.on("87", BEFORE), atlas.on("82", AFTER)
    assert old is not None
    assert new is not None
    assert len(atlas.find(Wanted(within=old.record_id, level="commune", day=BEFORE))) == 141
    assert len(atlas.find(Wanted(within=new.record_id, level="commune", day=AFTER))) == 102


def test_what_lies_in_an_abolished_unit_can_be_asked_for_on_any_later_day(atlas: Atlas) -> None:
    """All that a unit is made of must lie in it: Tân Dương is of Sa Đéc's land and of others'."""
    sa_dec, dong_thap = atlas.on("867", BEFORE), atlas.on("87", BEFORE)
    assert sa_dec is not None
    assert dong_thap is not None
    assert codes(atlas.find(Wanted(within=sa_dec.record_id, day=AFTER))) == ["29905"]
    of_old_dong_thap = atlas.find(Wanted(within=dong_thap.record_id, day=AFTER))
    assert {unit.level for unit in of_old_dong_thap} == {"commune"}
    assert "29905" in codes(of_old_dong_thap)
    assert "30214" in codes(of_old_dong_thap)
    # And backwards: the ward of today is what eight were.
    ward = atlas.on("29905", AFTER)
    assert ward is not None
    assert len(atlas.find(Wanted(within=ward.record_id, day=BEFORE))) == 8


def test_one_code_is_two_provinces_in_turn(atlas: Atlas) -> None:
    before, after = atlas.on("82", BEFORE), atlas.on("82", REFORM)
    assert before is not None
    assert after is not None
    assert (before.short_name, after.short_name) == ("Tiền Giang", "Đồng Tháp")


@pytest.mark.parametrize(
    ("code", "status", "now"),
    [
        ("03286", "superseded", ["03316"]),  # Mường Đăng lies in Nà Tấu.
        ("01837", "superseded", ["01843"]),  # Sông Cầu lies in Bắc Kạn, whose code was Phùng Chí Kiên's.
        ("87", "superseded", ["82"]),
        ("99999", "unknown", []),
    ],
)
def test_a_code_of_an_older_list_is_resolved_by_that_list(atlas: Atlas, code: str, status: str, now: list[str]) -> None:
    found = atlas.resolve(code, BEFORE, AFTER)
    assert (found.status, codes(found.units)) == (status, now)


def test_a_divided_unit_has_all_that_hold_some_of_it(atlas: Atlas) -> None:
    divided = next(
        unit for unit in the_map() if unit.level == "commune" and unit.valid_to == REFORM and len(unit.successors) == 3
    )
    found = atlas.resolve(divided.code, BEFORE, AFTER)
    assert found.status == "divided"
    assert {unit.record_id for unit in found.units} == {edge.unit_id for edge in divided.successors}


def test_a_code_that_stays_with_its_territory_is_the_same_and_one_of_another_list_is_told(atlas: Atlas) -> None:
    assert atlas.resolve("29905", AFTER, AFTER).status == "same"
    assert atlas.resolve("867", AFTER, AFTER).status == "not_listed"


def test_a_code_of_the_new_list_asked_for_an_older_day_is_what_it_was_made_of(atlas: Atlas) -> None:
    found = atlas.resolve("29905", AFTER, BEFORE)
    assert found.status == "divided"
    assert len(found.units) == 8


def test_lineage_follows_both_ways_to_the_end(atlas: Atlas) -> None:
    after = atlas.on("29905", AFTER)
    assert after is not None
    came = atlas.lineage(after.record_id, "backward")
    assert {
        edge.to.unit_id
        for edge in came
        if edge.source in {unit.record_id for unit in atlas.resolve("29905", AFTER, BEFORE).units}
    } == {after.record_id}
    first = came[0].source
    assert after.record_id in {edge.to.unit_id for edge in atlas.lineage(first, "forward")}
    assert atlas.lineage(UUID(int=0), "forward") == []


def test_a_unit_taken_again_replaces_what_it_was(atlas: Atlas) -> None:
    from dataclasses import replace

    own = Atlas.of(the_map()[:50])
    unit = next(iter(own.units.values()))
    own.take(replace(unit, code="00000", name="Xã Đổi Tên", short_name="Đổi Tên"))
    assert own.find(Wanted(name="doi ten"))[0].record_id == unit.record_id
    assert unit.record_id not in [each.record_id for each in own.find(Wanted(code=unit.code))]


def test_a_name_that_changed_is_found_by_its_new_words_only() -> None:
    changing = Atlas.of(the_map())
    ward = changing.on("29905", AFTER)
    assert ward is not None
    changing.take(replace(ward, name="Phường Hoa Hồng", short_name="Hoa Hồng"))
    assert changing.find(Wanted(name="hoa hong", day=AFTER))[0].record_id == ward.record_id
    assert ward.record_id in {unit.record_id for unit in changing.find(Wanted(name="hoa ho"))}
    assert ward.record_id not in {unit.record_id for unit in changing.find(Wanted(name="sa dec"))}


@pytest.mark.parametrize("code", ["867", "87", "82", "29905"])
def test_what_lies_in_a_unit_is_found_by_going_from_it_as_by_asking_every_unit(atlas: Atlas, code: str) -> None:
    for day in (BEFORE, AFTER):
        holder = atlas.meant(code, day)
        assert holder is not None
        for other in (BEFORE, AFTER):
            found = {unit.record_id for unit in atlas.find(Wanted(within=holder.record_id, day=other))}
            one_by_one = {
                unit.record_id
                for unit in atlas.find(Wanted(day=other))
                if atlas.find(Wanted(code=unit.code, within=holder.record_id, day=other))
            }
            assert found == one_by_one
