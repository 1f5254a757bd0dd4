"""Services as processes: ready, dying, stopped, and never left behind; the lock and the ports of a checkout."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local.child import ProcessDied
from deploy.local.leftover import command_line
from deploy.local.lock import AlreadyRunning, hold_lock
from deploy.local.ports import free_port, remembered_port
from deploy.local.supervisor import NotReady, open_supervisor
from tests.support.services import SERVICE, a_service

ROOT = Path(__file__).parents[3]
SUPERVISE = """
import asyncio, sys
from pathlib import Path
from deploy.local.supervisor import Service, open_supervisor

async def main():
    async with open_supervisor(Path(sys.argv[1]), stop_seconds=1) as supervisor:
        arguments = ("-c", sys.argv[3], sys.argv[2])
        await supervisor.start(Service("visits", arguments, int(sys.argv[2]), {"NAME": "visits", "DEAF": "1"}))
        print(supervisor.pid("visits"), flush=True)
        await supervisor.wait()

asyncio.run(main())
"""
HOLD = "import sys, time; from pathlib import Path; from deploy.local.lock import hold_lock\n"
HOLD += "with hold_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"


async def test_all_are_ready_and_each_has_its_own_log(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path) as supervisor:
        await supervisor.start(a_service("visits"), a_service("metrics"))
        pids = [supervisor.pid("visits"), supervisor.pid("metrics")]
        assert all([await command_line(pid) for pid in pids])
    assert not any([await command_line(pid) for pid in pids])
    assert "serving as visits" in (tmp_path / "visits.log").read_text()
    assert "serving as metrics" in (tmp_path / "metrics.log").read_text()


async def test_one_dying_ends_the_wait_with_its_name_and_last_lines(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path) as supervisor:
        await supervisor.start(a_service("visits"), a_service("metrics"))
        os.kill(supervisor.pid("metrics"), signal.SIGKILL)
        with pytest.raises(ProcessDied) as death:
            await asyncio.wait_for(supervisor.wait(), 5)
    assert (death.value.name, death.value.exit_code) == ("metrics", -signal.SIGKILL)
    assert "serving as metrics" in death.value.last_lines


async def test_one_dying_before_it_is_ready_is_reported_at_once(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path) as supervisor:
        with pytest.raises(ProcessDied, match=r"visits ended with exit code 1(.|\n)*no database"):
            await supervisor.start(a_service("visits", FAIL="1"), a_service("metrics"))


async def test_one_that_never_gets_ready_is_reported_with_its_answer(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path) as supervisor:
        with pytest.raises(NotReady, match="visits answers: 503 the log is behind"):
            await supervisor.start(a_service("visits", STATUS="503"), ready_seconds=2)


async def test_a_killed_service_can_be_started_again(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path) as supervisor:
        await supervisor.start(a_service("visits"))
        first = supervisor.pid("visits")
        await supervisor.kill("visits")
        await supervisor.restart("visits")
        assert supervisor.pid("visits") != first
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(supervisor.wait(), 0.5)


async def test_one_deaf_to_sigterm_is_killed_in_the_end(tmp_path: Path) -> None:
    async with open_supervisor(tmp_path, stop_seconds=1) as supervisor:
        await supervisor.start(a_service("visits", DEAF="1"))
        pid = supervisor.pid("visits")
    assert await command_line(pid) == ""


async def test_services_do_not_outlive_a_sigkill_of_their_supervisor_even_deaf_ones(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISE, str(tmp_path), str(free_port()), SERVICE), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 30))
    assert await command_line(pid)
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while await command_line(pid):  # noqa: ASYNC110  another process cannot set an event of ours
            await asyncio.sleep(0.05)


async def test_a_second_run_in_the_same_checkout_is_told_who_is_there(tmp_path: Path) -> None:
    lock_file = tmp_path / "lock"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(lock_file), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    with (
        pytest.raises(AlreadyRunning, match=rf"already running in this folder \(pid {holder.pid}\)"),
        hold_lock(lock_file),
    ):
        pass
    holder.kill()
    await holder.wait()
    with hold_lock(lock_file):
        assert lock_file.read_text() == str(os.getpid())


def test_a_port_is_remembered_while_it_is_free(tmp_path: Path) -> None:
    said: list[str] = []
    port = remembered_port(tmp_path / "ports.json", "visits", said.append)
    assert remembered_port(tmp_path / "ports.json", "visits", said.append) == port
    assert remembered_port(tmp_path / "ports.json", "metrics", said.append) != port
    with closing(socket.create_server(("127.0.0.1", port))):
        other = remembered_port(tmp_path / "ports.json", "visits", said.append)
    assert other != port
    assert said == [f"visits: cổng · port {port} đã bị chiếm, từ nay dùng · is taken, using {other} from now on"]
    assert remembered_port(tmp_path / "ports.json", "visits", said.append) == other
