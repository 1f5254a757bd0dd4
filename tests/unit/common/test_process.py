"""A process that serves ends with what was asked of it: told to, cleanly; by itself, with an error."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from libs.common import process
from libs.common.db import Unavailable
from libs.common.process import Loop, answer, run, serve

ROOT = Path(__file__).parents[3]


async def _app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """Nothing is ever asked of it."""


async def _patient(stop: asyncio.Event) -> None:
    await stop.wait()


async def _returning(_: asyncio.Event) -> None:
    return


async def _failing(_: asyncio.Event) -> None:
    raise ZeroDivisionError("failed by itself")


async def _telling(stop: asyncio.Event) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()


async def _deaf(_: asyncio.Event) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(3600)


LOOPS: dict[str, Loop] = {
    "patient": _patient,
    "returning": _returning,
    "failing": _failing,
    "telling": _telling,
    "deaf": _deaf,
}


async def _serve(*loops: str) -> None:
    await serve(_app, host="127.0.0.1", port=0, loops={name: LOOPS[name] for name in loops})


@pytest.mark.parametrize(
    ("loops", "code", "said"),
    [
        (["patient", "telling"], 0, "process.stopping"),
        (["patient", "deaf"], 0, "process.cancelled"),
        (["patient", "returning"], 1, "returning ended without being told to"),
        (["patient", "failing"], 1, "failed by itself"),
    ],
    ids=["told by a signal", "told, and a loop does not listen", "a loop ended by itself", "a loop failed"],
)
def test_the_exit_code_is_0_only_where_the_process_was_told_to_stop(loops: list[str], code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, __file__, *loops], cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, timeout=30
    )
    assert (ended.returncode, said in ended.stdout.decode()) == (code, True), ended.stdout.decode()


if __name__ == "__main__":
    # Long enough for the server, whose own loop turns ten times a second.
    process.DRAIN_SECONDS = 1.0
    sys.exit(run(lambda: _serve(*sys.argv[1:])))


def test_a_command_without_its_database_names_postgresql_in_both_languages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def look() -> int:
        raise Unavailable("[Errno 111] Connect call failed ('127.0.0.1', 5432)")

    assert answer(look) == 1
    told = capsys.readouterr().err
    assert told.startswith("PostgreSQL chưa dùng được · PostgreSQL cannot be used now: [Errno 111]")
