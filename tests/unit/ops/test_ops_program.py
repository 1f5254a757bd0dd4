"""The operators' program: how it declares commands, finds its settings, and says what stands in the way."""

import io
from argparse import Namespace
from pathlib import Path

import asyncpg
import pytest
from pydantic import Field
from pydantic_settings import BaseSettings

from deploy.ops.__main__ import COMMANDS, answer, main
from deploy.ops.command import Progress, Refused
from deploy.ops.settings import Databases, read
from libs.common.db import Unavailable
from libs.common.kafka import Away

ADDRESSES = ("DATABASE_URL_REGISTRY", "DATABASE_URL_VISITS", "DATABASE_URL_METRICS")


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES:
        monkeypatch.setenv(name, "")  # Remembered, so that what a test sets is taken away again.
        monkeypatch.delenv(name)


def _environment(folder: Path) -> Path:
    file = folder / "environment"
    file.write_text("".join(f"{name}='postgresql://u:a b@h/{name.lower()}'\n" for name in ADDRESSES))
    return file


def test_what_make_up_wrote_is_used_where_a_variable_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = read(Databases, _environment(tmp_path))
    assert settings.urls()["visits"] == "postgresql://u:a b@h/database_url_visits"
    assert str(tmp_path) in capsys.readouterr().err


def test_half_of_another_system_is_not_filled_up_with_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL_VISITS", "postgresql://production/visits")
    assert answer(lambda: len(read(Databases, _environment(tmp_path)).urls())) == 2
    told = capsys.readouterr().err
    assert "DATABASE_URL_VISITS differs" in told
    assert "DATABASE_URL_METRICS: thiếu · is missing" in told


def test_a_missing_setting_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(lambda: len(read(Databases, tmp_path / "none").urls())) == 2
    assert capsys.readouterr().err.splitlines() == [f"{name}: thiếu · is missing" for name in ADDRESSES]


def test_a_setting_that_is_wrong_is_not_taken_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(BaseSettings):
        number: int = Field(validation_alias="OPS_TEST_NUMBER")

    monkeypatch.setenv("OPS_TEST_NUMBER", "many")
    assert answer(lambda: read(Wrong, _environment(tmp_path)).number) == 2


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Unavailable("refused at 127.0.0.1"), 2, "PostgreSQL does not answer: refused at 127.0.0.1"),
        (Away("no broker"), 2, "Kafka does not answer: no broker"),
        (asyncpg.UndefinedTableError('relation "log" does not exist'), 2, "PostgreSQL refuses"),
        (Refused("không được", "not so"), 1, "not so"),
    ],
)
def test_what_stands_in_the_way_is_told_in_a_line(
    error: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> int:
        raise error

    assert answer(refuse) == code
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        answer(lambda: 1 // 0)


def test_every_command_says_what_it_does_in_both_languages_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out
    assert "exit codes" in listed
    for command in _commands():
        assert f"  {command}" in listed
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert "python -m deploy.ops" in capsys.readouterr().out.split("examples:")[1]


def _commands() -> list[str]:
    from argparse import ArgumentParser

    commands = ArgumentParser().add_subparsers()
    for add in COMMANDS:
        add(commands)
    assert all(callable(parser.get_default("run")) for parser in commands.choices.values())
    return list(commands.choices)


def test_progress_is_told_once_it_lasts_and_not_too_often() -> None:
    now, out = 0.0, io.StringIO()
    progress = Progress("đếm · counting", out, lambda: now)
    for step in range(301):
        now = step / 10
        progress.at(step, 300)
    progress.end()
    lines = out.getvalue().splitlines()
    assert lines[0] == "đếm · counting: 10 / 300 (3 %), 1 s"
    assert len(lines) == 3


def test_a_command_gives_its_own_exit_code() -> None:
    assert answer(lambda: int(Namespace(code=1).code)) == 1
