"""`ps`, `start`, `stop`, `restart` from another terminal: one process ends, the others go on, and it is said."""

import argparse
import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.__main__ import main
from deploy.local.child import ProcessDied
from deploy.local.control import NotUp, Refused, ask, open_control
from deploy.local.leftover import command_line
from deploy.local.running import add_running, run
from deploy.local.supervisor import Supervisor, open_supervisor
from deploy.local.up import teller
from tests.support.services import a_service

KAFKA = {"name": "kafka", "state": "ready", "pid": 4711, "port": 9092}


@dataclass
class Up:
    """A running `make up` of two processes, and what it has told."""

    local: Path
    supervisor: Supervisor
    told: list[ProcessDied]

    async def command(self, *words: str) -> int:
        """Run a command of another terminal; gives its exit code."""
        parser = argparse.ArgumentParser()
        add_running(parser.add_subparsers(dest="command"))
        return await run(parser.parse_args(words), self.local)

    async def states(self) -> dict[str, str]:
        """Say how each process is."""
        return {each["name"]: each["state"] for each in (await ask(self.local, "ps"))["processes"]}


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    local = tmp_path / ("a folder whose name alone is longer than the path of a socket may be " * 2)
    local.mkdir()
    told: list[ProcessDied] = []
    async with open_supervisor(local / "log", stop_seconds=1) as supervisor:
        await supervisor.start(a_service("visits-api"), a_service("metrics-consumer"))
        watching = asyncio.ensure_future(supervisor.tell(told.append))
        async with open_control(local, supervisor, [KAFKA]):
            yield Up(local, supervisor, told)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def killed(up: Up, name: str) -> None:
    os.kill(up.supervisor.pid(name), signal.SIGKILL)

    async def told() -> bool:
        return any(death.name == name for death in up.told)

    await until(told)


async def test_ps_shows_every_process_with_its_pid_and_port(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert await up.command("ps") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines[0][:3] == ["kafka", "4711", "9092"]
    assert [line[0] for line in lines[1:]] == ["visits-api", "metrics-consumer"]
    for line in lines[1:]:
        assert line[1] == str(up.supervisor.pid(line[0]))
        assert str(line[2]) in await command_line(int(line[1]))
        assert line[-1] == "ready"


async def test_a_killed_process_is_told_of_once_and_the_others_go_on(
    up: Up, capsys: pytest.CaptureFixture[str]
) -> None:
    await killed(up, "metrics-consumer")
    assert await up.states() == {"kafka": "ready", "visits-api": "ready", "metrics-consumer": "ended"}
    assert await up.command("ps", "--json") == 1
    seen = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert seen["metrics-consumer"]["exit_code"] == -signal.SIGKILL
    assert seen["metrics-consumer"]["pid"] is None
    assert [(death.name, death.exit_code) for death in up.told] == [("metrics-consumer", -signal.SIGKILL)]
    assert up.told[0].last_lines[0] == "serving as metrics-consumer"


async def test_what_was_killed_is_told_with_the_command_that_starts_it_again(up: Up) -> None:
    await killed(up, "metrics-consumer")
    text = told_of(up.told[0])
    for wanted in ("metrics-consumer ĐÃ CHẾT · HAS ENDED (SIGKILL)", "log/metrics-consumer.log"):
        assert wanted in text
    assert "serving as" not in text  # What it said before somebody killed it is no reason.
    assert text.endswith("-m deploy.local start metrics-consumer")


def test_what_has_ended_by_itself_is_told_with_its_last_lines(tmp_path: Path) -> None:
    text = told_of(ProcessDied("watch", 3, ["the reason"], tmp_path / "watch.log"))
    assert "mã thoát · exit code 3" in text
    assert "the reason" in text


def told_of(death: ProcessDied) -> str:
    lines: list[str] = []
    teller(lines.append)(death)
    return "\n".join(lines)


async def test_start_brings_a_killed_process_back_ready(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    await killed(up, "metrics-consumer")
    assert await up.command("start", "metrics-consumer") == 0
    assert f"pid {up.supervisor.pid('metrics-consumer')} · ready" in capsys.readouterr().out
    assert set((await up.states()).values()) == {"ready"}
    await killed(up, "visits-api")
    assert [death.name for death in up.told] == ["metrics-consumer", "visits-api"]


async def test_start_of_a_running_process_changes_nothing(up: Up) -> None:
    pid = up.supervisor.pid("visits-api")
    assert await up.command("start", "visits-api") == 0
    assert up.supervisor.pid("visits-api") == pid
    assert await up.command("ps") == 0


async def test_stop_ends_one_process_without_alarm_and_again_is_harmless(up: Up) -> None:
    pid = up.supervisor.pid("metrics-consumer")
    assert await up.command("stop", "metrics-consumer") == 0
    assert await command_line(pid) == ""
    assert await up.command("stop", "metrics-consumer") == 0
    assert await up.states() == {"kafka": "ready", "visits-api": "ready", "metrics-consumer": "stopped"}
    assert await up.command("ps") == 1
    assert await up.command("start", "metrics-consumer") == 0
    assert up.told == []


async def test_restart_gives_each_named_process_a_new_life(up: Up) -> None:
    before = {name: up.supervisor.pid(name) for name in up.supervisor.names}
    assert await up.command("restart", "visits-api", "metrics-consumer") == 0
    assert all(up.supervisor.pid(name) != pid for name, pid in before.items())
    assert set((await up.states()).values()) == {"ready"}
    assert up.told == []


async def test_two_who_start_the_same_process_at_once_start_it_once(up: Up) -> None:
    await killed(up, "metrics-consumer")
    answers = await asyncio.gather(*(ask(up.local, "start", "metrics-consumer") for _ in range(2)))
    assert sorted("already" in answer["done"] for answer in answers) == [False, True]


async def test_a_process_that_cannot_start_is_refused_with_its_last_lines(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await killed(up, "metrics-consumer")
    monkeypatch.setenv("FAIL", "1")
    assert await up.command("start", "metrics-consumer") == 1
    error = capsys.readouterr().err
    assert "exit code 1" in error
    assert "no database" in error
    assert (await up.states())["visits-api"] == "ready"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("metrics", "không có tiến trình 'metrics'(.|\n)*there are: visits-api, metrics-consumer"), ("kafka", "Ctrl-C")],
)
async def test_what_is_no_process_of_ours_is_refused_by_name(up: Up, name: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        await ask(up.local, "stop", name)
    assert await up.command("stop", name) == 1
    assert await up.command("ps") == 0


async def test_nobody_but_the_user_can_open_the_socket(up: Up) -> None:
    assert stat.S_IMODE((up.local / "control").stat().st_mode) == 0o600


async def test_the_socket_of_a_crashed_run_is_replaced_and_an_ended_run_answers_nobody(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path / "log") as supervisor:
        for _ in range(2):
            async with open_control(tmp_path, supervisor):
                assert (await ask(tmp_path, "ps")) == {"processes": []}
                os.link(tmp_path / "control", tmp_path / "kept")
            (tmp_path / "kept").rename(tmp_path / "control")  # as SIGKILL would leave it
            with pytest.raises(NotUp, match=r"chưa chạy(.|\n)*does not run"):
                await ask(tmp_path, "ps")


async def test_a_question_that_is_none_is_refused_and_the_next_is_answered(up: Up) -> None:
    questions: tuple[Any, ...] = ("explode", "")
    for action in questions:
        with pytest.raises(Refused, match="not known"):
            await ask(up.local, action, "visits-api")
    assert set((await up.states()).values()) == {"ready"}


def test_without_a_running_system_the_exit_code_is_2_and_both_languages_say_what_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.local.__main__.LOCAL", tmp_path)
    monkeypatch.setattr("sys.argv", ["deploy.local", "start", "metrics-consumer"])
    assert main() == 2
    error = capsys.readouterr().err
    assert "hãy chạy nó" in error
    assert "start it in another terminal" in error
