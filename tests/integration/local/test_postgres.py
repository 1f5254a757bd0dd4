"""The embedded PostgreSQL: starting, dying, starting again."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from deploy.local.child import LocalError, ProcessDied, inherited, run_to_end
from deploy.local.leftover import command_line
from deploy.local.postgres import open_postgres

ROOT = Path(__file__).parents[3]
RUN = """
import asyncio, os, sys
from pathlib import Path
from deploy.local.postgres import open_postgres

async def main():
    async with open_postgres(Path(sys.argv[1])) as server:
        print("pid", server.pid, flush=True)
        await asyncio.sleep(float(sys.argv[2]))

if len(sys.argv) > 3:
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[4]))
asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: pytest closes its parents to other users, and for root the server is another user.
    path = Path(tempfile.mkdtemp(prefix="local-postgres-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def _run(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def test_it_starts_as_whoever_we_are_and_keeps_its_password_to_itself(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        await server.create_database("visits")
        version = await _run(server.url("visits"), "SHOW server_version")
        settings = [await _run(server.url("visits"), f"SHOW {name}") for name in ("fsync", "max_connections")]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url("visits"), password="guessed")
    assert int(str(version).split(".")[0]) >= 17
    assert settings == ["on", "200"]
    assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
async def test_an_ordinary_user_can_start_it_too(folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    # It becomes that user only after it has started, because root's Python may be closed to others.
    words = [RUN, str(folder / "postgres"), "0", str(user.pw_gid), str(user.pw_uid)]
    await run_to_end([sys.executable, "-c", *words], cwd=ROOT, env=inherited({"HOME": str(folder)}))
    assert (folder / "postgres").stat().st_uid == user.pw_uid


async def test_a_database_may_be_asked_for_twice_even_at_once(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        await asyncio.gather(*(server.create_database("visits") for _ in range(4)))
        await server.create_database("visits")
        assert await _run(server.url("visits"), "SELECT current_database()") == "visits"
        with pytest.raises(ValueError, match="not a database name"):
            await server.create_database('x"; DROP DATABASE visits; --')


async def test_committed_rows_survive_sigkill_and_the_address_stays(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        url, first = server.url("postgres"), server.pid
        await _run(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        await server.kill()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncpg.connect(url)
        await server.restart()
        assert server.pid != first
        assert await _run(url, "SELECT n FROM kept") == 7


async def test_rows_survive_from_one_run_to_the_next(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        await _run(server.url("postgres"), "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    async with open_postgres(folder / "postgres") as server:
        assert await _run(server.url("postgres"), "SELECT n FROM kept") == 7


async def test_the_server_of_a_crashed_run_is_stopped_and_named(folder: Path) -> None:
    said: list[str] = []
    async with (
        open_postgres(folder / "postgres") as left,
        open_postgres(folder / "postgres", say=said.append) as server,
    ):
        assert said == [f"PostgreSQL: stopping the one a crashed run left behind (pid {left.pid})"]
        assert await command_line(left.pid) == ""
        assert await _run(server.url("postgres"), "SELECT 1") == 1


async def test_a_stale_pid_that_is_another_process_now_is_forgotten_and_that_one_spared(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        pid_file = folder / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines(keepends=True)
        await server.kill()
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    pid_file.write_text("".join([f"{bystander.pid}\n", *lines[1:]]))
    async with open_postgres(folder / "postgres") as server:
        assert await _run(server.url("postgres"), "SELECT 1") == 1
        assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


async def test_a_data_directory_whose_making_was_cut_short_is_made_again(folder: Path) -> None:
    unfinished = folder / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    async with open_postgres(folder / "postgres") as server:
        assert await _run(server.url("postgres"), "SELECT 1") == 1


async def test_a_lost_password_is_a_clear_error(folder: Path) -> None:
    async with open_postgres(folder / "postgres"):
        pass
    (folder / "postgres.password").write_text("another")
    with pytest.raises(LocalError, match="does not accept the password"):
        async with open_postgres(folder / "postgres"):
            pass


async def test_a_port_that_is_taken_is_a_clear_error(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(LocalError, match="is taken"):
        async with open_postgres(folder / "postgres", port=taken.getsockname()[1]):
            pass


async def test_a_server_that_cannot_start_is_reported_with_its_last_lines(folder: Path) -> None:
    async with open_postgres(folder / "postgres"):
        pass
    (folder / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ProcessDied) as death:
        async with open_postgres(folder / "postgres"):
            pass
    assert "no_such_setting" in "".join(death.value.last_lines)
    assert death.value.exit_code == 1


async def test_a_death_is_noticed(folder: Path) -> None:
    async with open_postgres(folder / "postgres") as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ProcessDied) as death:
            await asyncio.wait_for(server.wait(), 5)
    assert death.value.exit_code == -signal.SIGKILL


async def test_it_does_not_outlive_a_sigkill_of_whoever_started_it(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN, str(folder / "postgres"), "60"), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pid = 0
    while not pid:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        pid = int(line.split()[1]) if line.startswith("pid") else 0
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while await command_line(pid):  # noqa: ASYNC110  another process cannot set an event of ours
            await asyncio.sleep(0.05)
