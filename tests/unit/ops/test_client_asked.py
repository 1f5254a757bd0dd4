"""`client` takes what the registry's own command takes, says who it is, and names a PostgreSQL that is away."""

import argparse
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.ops import client
from deploy.ops.__main__ import main
from services.registry.__main__ import _parser

EVERYTHING = [
    *("x", "--name", "X", "--kind", "operator", "--scope", "metrics:read", "--scope", "metrics:exact", "--unit", "82"),
    *("--unit-valid-on", "2025-07-01", "--partner", "vnpt", "--expires-at", "2027-01-01T00:00:00+07:00"),
    *("--quota-class", "bulk", "--codes-as-of", "2025-07-01"),
]


@pytest.mark.parametrize("words", [EVERYTHING, ["x", "--name", "X", "--scope", "metrics:read"]])
def test_what_is_told_of_a_client_means_the_same_to_both_commands(words: list[str]) -> None:
    ours = argparse.ArgumentParser()
    client.add(ours.add_subparsers(dest="command"))
    asked, theirs = (
        vars(ours.parse_args(["client", "create", *words])),
        vars(_parser().parse_args(["clients", "create", *words])),
    )
    del asked["run"]
    assert {**asked, "command": "clients"} == theirs


def test_help_calls_the_command_by_its_name_and_needs_no_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL_REGISTRY", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["client", "create", "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert told.startswith("usage: python -m deploy.ops client create ")
    assert "services.registry" not in told
    assert "in bí mật một lần · make a client" in told


@pytest.mark.parametrize("words", [["client", "list"], ["rotate-key", "--members"]])
def test_a_postgresql_that_is_away_is_named_as_by_every_command(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("0" * 64 + "\n")
    monkeypatch.setenv("DATABASE_URL_REGISTRY", f"postgresql://nobody@127.0.0.1:{free_port()}/registry")
    monkeypatch.setenv("REGISTRY_SEALING_KEYS_FILE", str(keys))
    assert main(words) == 2
    told = capsys.readouterr()
    assert "PostgreSQL không trả lời · PostgreSQL does not answer: " in told.err
    assert told.out == ""
