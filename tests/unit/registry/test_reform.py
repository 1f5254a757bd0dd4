"""What a decree makes of a map, and each way in which one cannot be carried out, named at its place."""

from datetime import date, timedelta

import pytest

from services.registry.domain.atlas import Atlas, Wanted
from services.registry.domain.invariants import conflicts
from services.registry.domain.reform.applying import apply
from services.registry.domain.reform.operations import (
    AbolishLevel,
    ChangeType,
    Create,
    Merge,
    NewUnit,
    Operation,
    Part,
    Place,
    Rename,
    Source,
    Split,
    Transfer,
    short_name_of,
)
from services.registry.domain.units import Unit
from tests.unit.registry.small_map import DAY, decree, faults, hamlet_id, new_commune, reformed, small_atlas

EVE = DAY - timedelta(days=1)


def into(code: str, key: str = "new", parent: str | None = "20") -> Place:
    return Place(new=new_commune(code, key, parent))


def of(*units: str) -> tuple[Source, ...]:
    return tuple(Source(unit) for unit in units)


def parts(*units: str) -> tuple[Source, ...]:
    return tuple(Source(unit, "part") for unit in units)


def at(atlas: Atlas, code: str, day: date = DAY) -> Unit:
    unit = atlas.on(code, day)
    assert unit is not None
    return unit


def after(*operations: Operation) -> Atlas:
    before = small_atlas()
    atlas = reformed(before, apply(before, decree(*operations)))
    assert list(conflicts(atlas.units)) == []
    return atlas


def test_a_merger_gives_a_new_unit_under_a_code_of_old_that_holds_all_that_they_held() -> None:
    atlas = after(Merge(of("20001", "20002"), into("20001")))
    old, new = at(atlas, "20001", EVE), at(atlas, "20001")
    assert old.record_id != new.record_id
    assert old.valid_to == new.valid_from == DAY
    assert [(edge.unit_id, edge.share, edge.decree) for edge in old.successors] == [(new.record_id, "whole", "1/NQ")]
    assert new.record_id in at(atlas, "20002", EVE).within
    assert atlas.on("20002", DAY) is None


def test_hamlets_follow_a_merged_commune_as_new_versions() -> None:
    atlas = after(Merge(of("20001", "20002"), into("20001")))
    (hamlet,) = atlas.find(Wanted(level="subcommune", parent_id=at(atlas, "20001").record_id))
    assert (hamlet.name, hamlet.valid_from) == ("Thôn b1", DAY)
    old = atlas.units[hamlet_id("b1")]
    assert [(edge.unit_id, edge.share) for edge in old.successors] == [(hamlet.record_id, "whole")]
    assert at(atlas, "20001").record_id in old.within


def test_a_target_that_there_is_goes_on_under_its_name_with_more_territory() -> None:
    atlas = after(Merge(of("20001"), Place("20002")))
    target = at(atlas, "20002")
    assert target.valid_from == DAY
    assert target.record_id in at(atlas, "20002", EVE).within
    assert target.record_id in at(atlas, "20001", EVE).within


def test_hamlets_of_a_divided_commune_go_with_their_part_or_lie_nobody_knows_where() -> None:
    assigned = Part(into("20003", "c"), (str(hamlet_id("a1")),))
    atlas = after(Split("10001", (Part(into("10001", "b", "101")), Part(assigned.to, assigned.units))))
    kept, other = at(atlas, "10001"), at(atlas, "20003")
    old = at(atlas, "10001", EVE)
    assert {(edge.unit_id, edge.share) for edge in old.successors} == {
        (kept.record_id, "part"),
        (other.record_id, "part"),
    }
    assert not {kept.record_id, other.record_id} & set(old.within)
    assert other.record_id in atlas.units[hamlet_id("a1")].within
    nowhere = atlas.units[hamlet_id("a2")]
    assert {edge.unit_id for edge in nowhere.successors} == {kept.record_id, other.record_id}
    assert {edge.share for edge in nowhere.successors} == {"part"}
    assert nowhere.valid_to == DAY


def test_parts_of_one_commune_may_go_into_two_mergers() -> None:
    atlas = after(
        Merge((*of("20001"), *parts("10001")), into("20001", "one")),
        Merge((*of("20002"), *parts("10001")), into("20002", "two")),
    )
    shares = {edge.share for edge in at(atlas, "10001", EVE).successors}
    assert shares == {"part"}
    assert at(atlas, "20001").record_id in at(atlas, "20001", EVE).within


def test_a_transferred_district_takes_all_that_lies_in_it_along() -> None:
    atlas = after(Transfer("101", "20"))
    district = at(atlas, "101")
    assert [unit.code for unit in atlas.find(Wanted(parent_id=district.record_id))] == ["10001", "10002"]
    assert at(atlas, "20").record_id in at(atlas, "10001").path
    # The old version lay in the old province, and its territory lies in the new one as well.
    assert {at(atlas, "10").record_id, at(atlas, "20").record_id} <= set(at(atlas, "10001", EVE).within)
    hamlet = atlas.units[hamlet_id("a1")]
    assert at(atlas, "20").record_id in hamlet.within


def test_a_renamed_province_is_a_new_version_and_so_is_all_that_lies_in_it() -> None:
    atlas = after(Rename("20", name="Tỉnh Mới"), ChangeType("20", "thanh_pho"))
    province = at(atlas, "20")
    assert (province.name, province.short_name, province.type) == ("Tỉnh Mới", "Tỉnh Mới", "thanh_pho")
    assert at(atlas, "20", EVE).name == "Đơn vị 20"
    assert at(atlas, "20001").parent_id == province.record_id
    assert at(atlas, "20001").record_id != at(atlas, "20001", EVE).record_id


def test_a_new_code_is_a_new_version_under_it() -> None:
    atlas = after(Rename("20002", code="20009"))
    assert atlas.on("20002", DAY) is None
    assert at(atlas, "20009").record_id in at(atlas, "20002", EVE).within


def test_where_a_level_ends_what_lay_in_its_units_lies_in_what_held_them() -> None:
    atlas = after(AbolishLevel("district", "10"))
    assert at(atlas, "10001").parent_id == at(atlas, "10").record_id
    assert at(atlas, "101", EVE).successors == ()
    assert at(atlas, "101", EVE).valid_to == DAY
    assert at(atlas, "10").valid_from is None  # The province itself goes on as it was.


def test_a_unit_may_begin_where_none_was() -> None:
    atlas = after(Create(new_commune("20009")))
    assert at(atlas, "20009").parent_id == at(atlas, "20").record_id


def test_a_unit_that_began_after_a_decree_took_effect_gets_the_new_parent_and_stays() -> None:
    before = small_atlas()
    late = before.units[hamlet_id("b1")]
    before.take(Unit(**{**{name: getattr(late, name) for name in late.__dataclass_fields__}, "valid_from": DAY}))
    atlas = reformed(before, apply(before, decree(Merge(of("20001", "20002"), into("20001")))))
    assert list(conflicts(atlas.units)) == []
    assert atlas.units[hamlet_id("b1")].valid_to is None
    assert atlas.units[hamlet_id("b1")].parent_id == at(atlas, "20001").record_id


def test_nothing_that_the_decree_does_not_touch_is_written() -> None:
    outcome = apply(small_atlas(), decree(Merge(of("20001"), Place("20002"))))
    assert {unit.level for unit in outcome.states} == {"commune", "subcommune"}
    assert {unit.code for unit in outcome.states if unit.code} == {"20001", "20002"}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([Merge(of("20001"), Place("20001"))], ("source_is_target", "/operations/0/sources/0/unit")),
        ([Merge(of("101"), Place("10001"))], ("target_descends_from_source", "/operations/0/sources/0/unit")),
        ([Transfer("101", "10001")], ("target_descends_from_source", "/operations/0/new_parent")),
        ([Merge(of("99999"), Place("20001"))], ("unknown_unit", "/operations/0/sources/0/unit")),
        ([Merge(of("20001"), into("20002"))], ("code_taken", "/operations/0/target/new/code")),
        (
            [Merge(of("20001"), into("20001", "a")), Merge(of("20002"), into("20001", "b"))],
            ("code_taken", "/operations/1/target/new/code"),
        ),
        (
            [Merge(of("20001"), Place("20002")), Merge(of("20002"), Place("20001"))],
            ("reform_cycle", "/operations/0/sources/0/unit"),
        ),
        (
            [Merge(of("20001"), Place("20002")), Merge(of("20002"), into("20002"))],
            ("reform_touched_twice", "/operations/0/sources/0/unit"),
        ),
        (
            [Merge(of("20001"), into("20001", "a")), Merge(of("20001"), into("20002", "b"))],
            ("reform_touched_twice", "/operations/1/sources/0/unit"),
        ),
        (
            [Rename("20001", name="A"), Rename("20001", name="B")],
            ("reform_touched_twice", "/operations/1/name"),
        ),
        ([Merge(parts("20001"), Place("20002"))], ("reform_rest_missing", "/operations/0/sources/0/unit")),
        ([Merge(of("101"), Place("20001"))], ("level_differs", "/operations/0/sources/0/unit")),
        ([Transfer("20001", "20002")], ("parent_of_wrong_level", "/operations/0/new_parent")),
        ([Create(new_commune("20009", parent="20001"))], ("parent_of_wrong_level", "/operations/0/parent")),
        ([Create(new_commune("20009", parent=None))], ("parent_of_wrong_level", "/operations/0/parent")),
        ([Create(new_commune("20009", parent="#none"))], ("reform_unknown_key", "/operations/0/parent")),
        ([Merge(of("#new"), into("20009"))], ("reform_key_misplaced", "/operations/0/sources/0/unit")),
        (
            [Create(new_commune("20008")), Create(new_commune("20009"))],
            ("reform_key_repeated", "/operations/1/key"),
        ),
        ([Create(new_commune("209"))], ("bad_unit_code", "/operations/0/code")),
        (
            [Create(NewUnit("x", "subcommune", "thon", "Thôn X", code="20009", parent="20001"))],
            ("unit_code_not_allowed", "/operations/0/code"),
        ),
        (
            [Create(NewUnit("x", "commune", "huyen", "X", code="20009", parent="20"))],
            ("unknown_unit_type", "/operations/0/type"),
        ),
        ([ChangeType("20001", "huyen")], ("unknown_unit_type", "/operations/0/type")),
        ([ChangeType("20001", "xa")], ("reform_changes_nothing", "/operations/0/type")),
        ([Rename("20001", name="Đơn vị 20001")], ("reform_changes_nothing", "/operations/0")),
        ([Transfer("20001", "20")], ("reform_changes_nothing", "/operations/0/new_parent")),
        (
            [AbolishLevel("district"), Rename("101", name="Huyện Mới")],
            ("level_not_empty", "/operations/1/name"),
        ),
        (
            [
                AbolishLevel("district"),
                Create(NewUnit("d", "district", "huyen", "Huyện Mới", code="109", parent="10")),
            ],
            ("level_not_empty", "/operations/0"),
        ),
        (
            [Merge(of("20001"), into("20001", parent="101")), Merge(of("101"), Place("102"))],
            ("parent_ends", "/operations/0/target/new/parent"),
        ),
        (
            [Merge(of("20001", "20002"), into("20001", parent="10"))],
            ("reform_nothing_left", "/operations"),
        ),
        (
            [
                Split(
                    "101",
                    (
                        Part(Place(new=NewUnit("p", "district", "huyen", "P", code="101", parent="10"))),
                        Part(Place(new=NewUnit("q", "district", "huyen", "Q", code="103", parent="10"))),
                    ),
                )
            ],
            ("reform_child_not_assigned", "/operations/0/targets/0"),
        ),
        (
            [Split("10001", (Part(Place("10002"), (str(hamlet_id("b1")),)), Part(Place("10003"))))],
            ("reform_not_in_source", "/operations/0/targets/0/units/0"),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_cannot_be_is_named_at_its_place(operations: list[Operation], expected: tuple[str, str]) -> None:
    assert expected in faults(*operations)


def test_a_unit_must_be_open_on_the_day_and_have_begun_before() -> None:
    atlas = after(Merge(of("20001"), Place("20002")))

    def first(operation: Operation, day: date) -> str:
        return apply(atlas, decree(operation, on=day)).faults[0].code

    assert first(Rename("20001", name="X"), DAY + timedelta(days=9)) == "not_open_at_date"
    assert first(Rename(str(at(atlas, "20001", EVE).record_id), name="X"), DAY) == "not_open_at_date"
    assert first(Rename(str(at(atlas, "20002").record_id), name="X"), DAY) == "reform_before_unit_began"
    # Backdated: the code was another's from the ninth to the day on which that ended.
    back = apply(atlas, decree(Create(new_commune("20001")), on=date(2025, 1, 1)))
    assert [fault.code for fault in back.faults] == ["overlapping_validity"]


def test_a_decree_names_all_that_must_be_the_officers_to_change() -> None:
    atlas = small_atlas()
    merger = apply(atlas, decree(Merge(of("20001"), into("20001"))))
    assert {atlas.units[unit_id].code for unit_id, _ in merger.area if unit_id} == {"20001", "20"}
    assert (None, "/operations/0") in apply(atlas, decree(AbolishLevel("district"))).area


@pytest.mark.parametrize(
    ("type_", "name", "short"),
    [("phuong", "Phường Sa Đéc", "Sa Đéc"), ("phuong", "Phường 1", "1"), ("xa", "Tân Dương", "Tân Dương")],
)
def test_a_short_name_is_the_name_without_its_type(type_: str, name: str, short: str) -> None:
    assert short_name_of("commune", type_, name) == short
