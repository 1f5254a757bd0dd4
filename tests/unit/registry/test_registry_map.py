"""The map in time, from the files of the tree and from small ones."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from libs.common.files import BadFile
from services.registry.domain.ids import record_id
from services.registry.domain.map_files import build_map
from services.registry.domain.units import Unit

DATA = Path(__file__).parents[3] / "data"
REFORM = date(2025, 7, 1)
UNITS = "code,valid_from,valid_to,level,type,name,short_name,parent_code\n"
EDGES = "level,old_code,new_code,effective,share,note\n"
OLD = "10,,2025-07-01,province,tinh,Tỉnh A,A,\n100,,2025-07-01,district,huyen,Huyện B,B,10\n"
SMALL = (
    UNITS
    + OLD
    + "10001,,2025-07-01,commune,xa,Xã C,C,100\n"
    + "10,2025-07-01,,province,tinh,Tỉnh A,A,\n10001,2025-07-01,,commune,xa,Xã C,C,10\n"
)


@pytest.fixture(scope="module")
def units() -> dict[tuple[str, date | None], Unit]:
    names = ("admin_units.csv", "admin_lineage.csv")
    files = [(name, (DATA / name).read_bytes()) for name in names]
    return {(unit.code, unit.valid_from): unit for unit in build_map(files[0], files[1])}


Units = dict[tuple[str, date | None], Unit]


def test_every_unit_version_is_there(units: Units) -> None:
    assert len(units) == 14_144
    assert len({unit.record_id for unit in units.values()}) == 14_144
    assert Counter((unit.level, unit.valid_from) for unit in units.values()) == {
        ("province", None): 63,
        ("district", None): 691,
        ("commune", None): 10_035,
        ("province", REFORM): 34,
        ("commune", REFORM): 3_321,
    }


def test_codes_are_texts_with_their_zeros(units: Units) -> None:
    assert units["01", None].name == "Thành phố Hà Nội"
    assert {len(unit.code) for unit in units.values()} == {2, 3, 5}


def test_province_82_was_tien_giang_before_july_2025(units: Units) -> None:
    assert units["82", None].short_name == "Tiền Giang"
    assert units["82", REFORM].short_name == "Đồng Tháp"
    assert units["82", None].record_id != units["82", REFORM].record_id


def test_an_old_commune_of_sa_dec_lies_within_what_it_became(units: Units) -> None:
    ward = units["29905", None]
    assert units["867", None].short_name == "Sa Đéc"
    assert ward.path == (units["87", None].record_id, units["867", None].record_id, ward.record_id)
    new = units["29905", REFORM]
    assert set(ward.within) == {
        ward.record_id,
        units["867", None].record_id,
        units["87", None].record_id,
        units["82", REFORM].record_id,
        new.record_id,
    }
    assert ward.within[0] == ward.record_id
    assert [(edge.unit_id, edge.share, edge.effective) for edge in ward.successors] == [
        (new.record_id, "whole", REFORM)
    ]


def test_the_nine_communes_of_sa_dec_went_to_two(units: Units) -> None:
    sa_dec = [u for u in units.values() if u.parent_id == units["867", None].record_id]
    went = Counter(edge.unit_id for unit in sa_dec for edge in unit.successors)
    assert went == {units["29905", REFORM].record_id: 8, units["30214", REFORM].record_id: 1}


def test_a_divided_commune_lies_within_neither_of_its_successors(units: Units) -> None:
    divided = [unit for unit in units.values() if len(unit.successors) == 2]
    assert divided
    for unit in divided:
        assert {edge.share for edge in unit.successors} == {"part"}
        assert not {edge.unit_id for edge in unit.successors} & set(unit.within)
        assert unit.path[0] in unit.within  # It still lies in its old province,
        province = next(u for u in units.values() if u.record_id == unit.path[0])
        assert {edge.unit_id for edge in province.successors} <= set(unit.within)  # and in what that became.


def test_ids_are_the_same_on_every_load() -> None:
    assert str(record_id("unit", "commune", "29905", "")) == "75951b4e-d8cb-5c9f-a27a-61b1b07fb208"


def _build(units: str, edges: str = EDGES) -> list[Unit]:
    return build_map(("u.csv", units.encode()), ("l.csv", edges.encode()))


def _mistakes(units: str, edges: str = EDGES) -> list[tuple[str, str, str]]:
    with pytest.raises(BadFile) as raised:
        _build(units, edges)
    assert all(mistake.vi and mistake.en for mistake in raised.value.mistakes)
    return [(raised.value.name, mistake.place, mistake.column) for mistake in raised.value.mistakes]


def test_a_small_map_is_built() -> None:
    built = {
        (unit.code, unit.valid_from): unit for unit in _build(SMALL, EDGES + "commune,10001,10001,2025-07-01,whole,\n")
    }
    assert built["10001", REFORM].record_id in built["10001", None].within


def test_mistakes_in_units_are_named_by_line_and_column() -> None:
    assert _mistakes(SMALL.replace("10001,,", "1001,,")) == [("u.csv", "4", "code")]
    assert _mistakes(SMALL.replace("Xã C,C,100\n", "Xã C,C,101\n")) == [("u.csv", "4", "parent_code")]
    assert _mistakes(SMALL.replace("10,2025-07-01,,", "10,2025-06-01,,")) == [("u.csv", "5", "code")]
    assert _mistakes(SMALL.replace("10001,2025-07-01,", "10001,1/7/2025,")) == [("u.csv", "6", "valid_from")]
    assert _mistakes(SMALL + "10002,2025-07-01,,commune,xa,Xã\n") == [("u.csv", "7", "")]
    assert _mistakes(SMALL.replace("parent_code", "parent")) == [
        ("u.csv", "1", "parent_code"),
        ("u.csv", "1", "parent"),
    ]


def test_mistakes_in_the_lineage_are_named_by_line_and_column() -> None:
    assert _mistakes(SMALL, EDGES + "commune,10009,10001,2025-07-01,whole,\n") == [("l.csv", "2", "old_code")]
    assert _mistakes(SMALL, EDGES + "commune,10001,10001,2025-06-30,whole,\n")[0] == ("l.csv", "2", "old_code")
    assert _mistakes(SMALL, EDGES + "commune,10001,10,2025-07-01,whole,\n") == [("l.csv", "2", "new_code")]
    twice = "commune,10001,10001,2025-07-01,whole,\n" * 2
    assert ("l.csv", "3", "new_code") in _mistakes(SMALL, EDGES + twice)


def test_text_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(BadFile) as raised:
        build_map(("u.csv", SMALL.encode("utf-16")), ("l.csv", EDGES.encode()))
    assert raised.value.mistakes[0].place == "1"


def _sentences(units: str, edges: str = EDGES) -> list[str]:
    with pytest.raises(BadFile) as raised:
        _build(units, edges)
    return [mistake.en for mistake in raised.value.mistakes]


def test_two_open_units_with_one_code_and_overlapping_times_are_told_apart() -> None:
    twice = SMALL + "10001,2025-08-01,,commune,xa,Xã D,D,10\n"
    assert _mistakes(twice) == [("u.csv", "7", "code")]
    assert _sentences(twice) == ["two open units have the code 10001"]
    overlapping = SMALL.replace("10001,2025-07-01,,", "10001,2025-06-01,,")
    assert _mistakes(overlapping) == [("u.csv", "6", "code")]
    assert _sentences(overlapping) == ["10001 is taken for the same time"]


def test_a_parent_that_ends_before_its_unit_is_named() -> None:
    orphan = SMALL.replace("10001,,2025-07-01,commune", "10002,,2025-08-01,commune")
    assert _mistakes(orphan) == [("u.csv", "4", "parent_code")]
    assert _sentences(orphan) == ["100 ends before it, on 2025-07-01"]


def test_a_lineage_that_runs_in_a_circle_is_named() -> None:
    two = SMALL + "10002,,2025-07-01,commune,xa,Xã E,E,100\n"
    circle = EDGES + "commune,10002,10009,2025-07-01,whole,\n"
    assert _mistakes(two, circle) == [("l.csv", "2", "new_code")]
    assert _sentences(two, EDGES + "commune,10001,10002,2025-07-01,whole,\n") == ["10002 ends that day too: a circle"]
    assert _mistakes(two, EDGES + "district,100,100,2025-07-01,whole,\n") == [("l.csv", "2", "new_code")]
