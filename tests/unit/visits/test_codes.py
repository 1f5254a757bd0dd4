"""A code means the unit of the list it is of: the cases of the reform of 1 July 2025 on the map of the tree."""

import uuid
from datetime import date, timedelta

import pytest

from libs.common.problem import Fault
from services.visits.domain.codes import LATER_LIST, REUSED, SUPERSEDED, CodeList, Named, named
from services.visits.domain.directory import Directory, Unit
from services.visits.domain.place import Settled, Waiting, candidates, settle
from tests.support.map import add_map, the_map

BEFORE, REFORM, AFTER = date(2025, 6, 30), date(2025, 7, 1), date(2025, 9, 2)
JANUARY, RECEIVED = date(2025, 1, 1), date(2025, 11, 1)


@pytest.fixture(scope="module")
def directory() -> Directory:
    made = Directory()
    add_map(made)
    return made


def _named(
    directory: Directory, code: str, day: date, declared: date | None = None, received: date = RECEIVED
) -> Named:
    found = named(code, day, CodeList(declared, received), directory, "/unit")
    assert isinstance(found, Named), found
    return found


def _place(directory: Directory, code: str, day: date, declared: date | None) -> Unit | list[str]:
    """Give the unit a partner's report counts in, or the codes of those it may be."""
    place = settle(None, _named(directory, code, day, declared), day, directory, None)
    if isinstance(place, Settled):
        return directory.units[place.unit_id]
    assert isinstance(place, Waiting), place
    return [unit.code or "" for unit in candidates(place.waiting_for, day, directory)]


@pytest.mark.parametrize(
    ("old", "code", "name"),
    [
        ("03286", "03316", "Xã Nà Tấu"),  # Mường Đăng, across an old district's line.
        ("01837", "01843", "Phường Bắc Kạn"),  # Sông Cầu; 01843 itself was Phùng Chí Kiên.
        ("01843", "01843", "Phường Bắc Kạn"),
        ("29902", "29905", "Phường Sa Đéc"),
        ("29905", "29905", "Phường Sa Đéc"),
        ("82", "82", "Tỉnh Đồng Tháp"),  # Tiền Giang.
        ("87", "82", "Tỉnh Đồng Tháp"),
        ("06", "19", "Tỉnh Thái Nguyên"),  # Bắc Kạn.
        ("36", "37", "Tỉnh Ninh Bình"),  # Nam Định.
    ],
)
def test_a_code_of_an_old_list_counts_where_its_unit_went_whole(
    directory: Directory, old: str, code: str, name: str
) -> None:
    assert _named(directory, old, AFTER, JANUARY).flag == SUPERSEDED
    unit = _place(directory, old, AFTER, JANUARY)
    assert isinstance(unit, Unit)
    assert (unit.code, unit.name, unit.valid_from) == (code, name, REFORM)


def test_every_commune_of_the_old_list_goes_where_the_official_table_says(directory: Directory) -> None:
    over: dict[int, int] = {}
    for unit in the_map():
        if unit.level != "commune" or unit.valid_to != REFORM:
            continue
        place = _place(directory, unit.code, AFTER, JANUARY)
        went = [place.unit_id] if isinstance(place, Unit) else place
        over[len(went)] = over.get(len(went), 0) + 1
        assert isinstance(place, Unit) == (len(unit.successors) == 1)
        assert len(went) == len(unit.successors)
    assert over == {1: 9594, 2: 369, 3: 54, 4: 17, 5: 1}


@pytest.mark.parametrize(
    ("district", "communes"),
    [
        ("360", ["13795", "13807", "13822", "13834", "13864", "13870", "13879"]),  # Ý Yên.
        ("359", ["13699", "13741", "13750", "13753", "13777", "13786"]),  # Vụ Bản.
        ("867", ["29905", "30214"]),  # TP Sa Đéc.
        ("058", ["01840", "01843", "01849"]),  # TP Bắc Kạn.
        ("102", ["03256", "03301", "03313", "03316"]),  # Mường Ảng.
        ("872", ["30037", "30043", "30046", "30055", "30061", "30073"]),  # Tháp Mười.
    ],
)
def test_a_district_that_was_abolished_is_divided_among_the_communes_its_own_went_to(
    directory: Directory, district: str, communes: list[str]
) -> None:
    assert _place(directory, district, AFTER, JANUARY) == communes


def test_a_commune_split_over_five_waits_with_all_of_them(directory: Directory) -> None:
    assert _place(directory, "00634", AFTER, JANUARY) == ["00622", "00634", "00637", "09556", "09886"]


@pytest.mark.parametrize("code", ["00634", "03286", "867", "82"])
def test_on_a_day_of_its_own_list_a_code_is_just_its_unit(directory: Directory, code: str) -> None:
    unit = _place(directory, code, BEFORE, JANUARY)
    assert isinstance(unit, Unit)
    assert (unit.code, unit.valid_to) == (code, REFORM)
    assert _named(directory, code, BEFORE, JANUARY).flag is None


def test_a_code_of_the_new_list_for_an_old_day_goes_back_where_one_unit_held_it_all(directory: Directory) -> None:
    alone = [
        unit
        for unit in the_map()
        if unit.level == "commune" and unit.valid_from == REFORM and _is_just(directory, unit.record_id)
    ]
    assert len(alone) == 132
    found = _named(directory, alone[0].code, BEFORE, AFTER)
    assert found.flag == LATER_LIST
    assert directory.units[found.unit_id].valid_to == REFORM


def test_where_several_made_it_up_the_new_unit_is_the_most_exact_that_is_known(directory: Directory) -> None:
    unit = _place(directory, "01843", BEFORE, AFTER)
    assert isinstance(unit, Unit)
    assert (unit.name, unit.valid_from) == ("Phường Bắc Kạn", REFORM)
    assert _named(directory, "01843", BEFORE, AFTER).flag == LATER_LIST


@pytest.mark.parametrize("code", ["01843", "82", "29905"])
@pytest.mark.parametrize("day", [BEFORE, AFTER])
def test_a_reused_code_without_a_list_is_that_of_the_day_and_flagged(
    directory: Directory, code: str, day: date
) -> None:
    found = _named(directory, code, day)
    assert found.flag == REUSED
    assert directory.units[found.unit_id].valid_on(day)
    assert _named(directory, code, day, day).flag is None


def test_before_the_new_list_was_in_being_nobody_can_have_meant_it(directory: Directory) -> None:
    assert _named(directory, "01843", BEFORE, received=BEFORE).flag is None
    assert _named(directory, "01843", BEFORE, received=REFORM).flag == REUSED


def test_lists_far_apart_are_not_confused(directory: Directory) -> None:
    assert _named(directory, "01843", REFORM + timedelta(days=730)).flag == REUSED
    assert _named(directory, "01843", REFORM + timedelta(days=731)).flag is None
    assert _named(directory, "01843", REFORM - timedelta(days=731)).flag is None


def test_a_unit_that_only_changed_its_name_is_no_confusion(directory: Directory) -> None:
    renamed = [
        (before, unit)
        for unit in the_map()
        if unit.level == "commune" and unit.valid_from == REFORM
        if (before := directory.before(unit.record_id, BEFORE)) is not None and before.whole_successor == unit.record_id
        if before.name != unit.name
    ]
    assert renamed
    for before, unit in renamed:
        assert before.code == unit.code
        assert _named(directory, unit.code, AFTER).flag is None
    assert _named(directory, "01", AFTER).flag is None  # Hà Nội.


def test_codes_of_both_lists_are_flagged_unless_all_that_changed_is_the_name(directory: Directory) -> None:
    old = {unit.code: unit for unit in the_map() if unit.level == "commune" and unit.valid_to == REFORM}
    new = [unit for unit in the_map() if unit.level == "commune" and unit.valid_from == REFORM and unit.code in old]
    flags = [(_named(directory, unit.code, AFTER).flag, _is_just(directory, unit.record_id)) for unit in new]
    assert len(new) == 3_316
    assert flags.count((None, True)) == 132
    assert flags.count((REUSED, False)) == 3_316 - 132


def _is_just(directory: Directory, unit_id: uuid.UUID) -> bool:
    """Say whether a unit is one old unit, whole."""
    before = directory.before(unit_id, BEFORE)
    return before is not None and before.whole_successor == unit_id


@pytest.mark.parametrize(
    ("code", "declared", "day", "fault"),
    [
        ("99999", None, AFTER, "unknown_unit_code"),
        ("867", None, AFTER, "unit_code_not_valid_on_day"),
        ("867", AFTER, AFTER, "unit_code_not_in_list"),
        ("03286", AFTER, BEFORE, "unit_code_not_in_list"),
    ],
)
def test_a_code_that_its_list_lacks_is_refused(
    directory: Directory, code: str, declared: date | None, day: date, fault: str
) -> None:
    found = named(code, day, CodeList(declared, RECEIVED), directory, "/unit")
    assert isinstance(found, Fault)
    assert found.code == fault


def test_a_divided_code_is_refused_where_no_candidate_lies_in_the_senders_subtree(directory: Directory) -> None:
    given = _named(directory, "00634", AFTER, JANUARY)
    elsewhere, one_piece = _named(directory, "29905", AFTER).unit_id, _named(directory, "09886", AFTER).unit_id
    faults = settle(None, given, AFTER, directory, elsewhere)
    assert isinstance(faults, list)
    assert faults[0].code == "outside_subtree"
    assert isinstance(settle(None, given, AFTER, directory, one_piece), Waiting)


def test_a_later_state_of_a_unit_takes_the_place_of_the_earlier() -> None:
    directory = Directory()
    old, new, other = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    directory.add_unit(Unit(old, 1, "00001", None, None, frozenset({old})))
    directory.add_unit(Unit(new, 1, "00001", REFORM, None, frozenset({new})))
    directory.add_unit(Unit(other, 1, "00002", REFORM, None, frozenset({other})))
    directory.add_unit(Unit(old, 2, "00001", None, REFORM, frozenset({old, other}), other))
    assert directory.before(other, BEFORE) == directory.units[old]
    directory.add_unit(Unit(old, 3, "00009", None, REFORM, frozenset({old}), None, (new, other)))
    assert [unit.code for unit in directory.pieces(old, AFTER)] == ["00001", "00002"]
    assert directory.before(new, BEFORE) == directory.units[old]
    assert list(directory.units_by_code("00001")) == [directory.units[new]]
