"""Epochs, manifests and marks of keys: what a restore decides by."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from deploy.ops.command import Refused
from deploy.ops.recovery.content import Content, differences
from deploy.ops.recovery.epochs import next_epoch
from deploy.ops.recovery.lost import Lost, Row
from deploy.ops.recovery.manifest import MANIFEST, Database, Manifest, digest_of, read_manifest, write_manifest
from deploy.ops.recovery.numbers import Numbers
from deploy.ops.recovery.restoring import check_files
from deploy.ops.recovery.taking import marks_of


@pytest.mark.parametrize(("known", "now", "wanted"), [(1, 500, 500), (500, 500, 501), (900, 500, 901), (499, 500, 500)])
def test_an_epoch_is_above_all_that_are_known_and_never_behind_the_clock(known: int, now: int, wanted: int) -> None:
    assert next_epoch(known, now) == wanted
    assert next_epoch(wanted, now) > wanted


def _manifest(folder: Path) -> Manifest:
    (folder / "visits.dump").write_bytes(b"the dump")
    kept = Database(
        "visits",
        True,
        "18.4",
        "0002",
        "visits.dump",
        8,
        digest_of(folder / "visits.dump"),
        {"log": Content(3, "ab")},
        7,
    )
    return Manifest("now", "then", "0.1.0", {"visits": kept}, Numbers({"FLD-07": 5}, {"FLD-07": 2}, 1, "cd"))


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert (tmp_path / MANIFEST).stat().st_mode & 0o077 == 0


def test_a_folder_without_a_manifest_or_with_one_of_another_form_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        read_manifest(tmp_path)
    write_manifest(tmp_path, _manifest(tmp_path))
    told = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**told, "form": 99}))
    with pytest.raises(Refused, match="another form"):
        read_manifest(tmp_path)


def test_a_damaged_or_missing_file_is_noticed_before_anything_is_touched(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    check_files(tmp_path, manifest)
    (tmp_path / "visits.dump").write_bytes(b"the dumb")
    with pytest.raises(Refused, match="damaged"):
        check_files(tmp_path, manifest)
    (tmp_path / "visits.dump").unlink()
    with pytest.raises(Refused, match="missing"):
        check_files(tmp_path, manifest)


def test_a_key_is_known_again_by_a_mark_that_does_not_give_it_away(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("ab" * 32 + "\n" + "CD" * 32 + "\n")
    marks = marks_of(keys)
    assert len(set(marks)) == 2
    assert not any(mark in keys.read_text() for mark in marks)
    keys.write_text("cd" * 32)
    assert marks_of(keys) == marks[1:]


def test_numbers_that_differ_are_told_by_measure_and_a_cell_that_differs_even_where_sums_agree() -> None:
    numbers = Numbers({"FLD-07": 5, "FLD-09": 1}, {"FLD-07": 2}, 2, "aa")
    assert numbers.differences(numbers) == []
    assert len(numbers.differences(replace(numbers, quantity={"FLD-07": 4, "FLD-09": 1}))) == 1
    assert len(numbers.differences(replace(numbers, people={"FLD-07": 3}))) == 1
    assert len(numbers.differences(replace(numbers, sha256="bb"))) == 1


def test_tables_that_are_missing_or_hold_something_else_are_named() -> None:
    wanted = {"log": Content(3, "aa"), "audit": Content(1, "bb")}
    assert differences(wanted, wanted) == []
    found = differences(wanted, {"log": Content(3, "cc"), "more": Content(0, "")})
    assert [line.split(":")[0] for line in found] == ["audit", "log", "more"]


def test_of_what_was_lost_the_newest_state_and_who_sent_it_is_told() -> None:
    record = UUID(int=1)
    lost = Lost()
    lost.take([Row(record, 1, 0, reporter="team", client="app"), Row(record, 2, 0, reporter="team", client="bank")])
    lost.take([Row(record, 2, 0, reporter="team")])
    assert list(lost.rows) == [record]
    assert lost.by("client") == {"bank": 1}
