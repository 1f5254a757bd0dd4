"""`make-keys` tells which files it made and which it found, for what is lost is made anew and opens nothing."""

from pathlib import Path

import pytest

from deploy.ops.__main__ import main


def test_it_tells_what_was_made_and_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"

    def make() -> list[str]:
        assert main(["make-keys", str(folder)]) == 0
        return [line.rpartition("  ")[2] for line in capsys.readouterr().out.splitlines()]

    assert make() == ["mới tạo · made"] * 4
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert make() == ["giữ nguyên · kept"] * 4
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "sealing-keys.txt").unlink()
    assert sorted(make()) == ["giữ nguyên · kept"] * 3 + ["mới tạo · made"]
