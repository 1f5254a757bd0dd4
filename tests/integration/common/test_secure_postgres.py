"""PostgreSQL over TLS: the server is checked, the password comes from a file and may change while we run."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from libs.common.db import Unavailable, connect, migrate, open_engine, transaction
from tests.support.certificates import Authority
from tests.support.postgres import MakeDatabase

ROOT = Path(__file__).parents[3]
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@asynccontextmanager
async def _front(url: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Speak TLS before a server that was built without; gives its address, without the password."""
    behind = make_url(url)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != SSL_REQUEST:
            writer.close()
            return
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except ssl.SSLError:
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind.port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{behind.username}@127.0.0.1:{port}/{behind.database}"
    finally:
        server.close()


def _context(authority: Authority) -> ssl.SSLContext:
    identity = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    return context


def _password_file(folder: Path, url: str) -> Path:
    file = folder / "password"
    file.write_text(f"{make_url(url).password}\n")
    return file


async def test_migrations_pools_and_single_connections_go_over_tls_to_the_server_that_was_meant(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    authority, url = Authority(tmp_path), await make_database("")
    file = _password_file(tmp_path, url)
    async with _front(url, _context(authority)) as front:
        safe = f"{front}?sslmode=verify-full&sslrootcert={authority.file}&password_file={file}"
        await asyncio.to_thread(migrate, safe, ROOT / "services/visits/migrations")
        async with open_engine(safe, application_name="test") as engine, transaction(engine) as connection:
            assert await connection.fetchval("SELECT count(*) FROM log") == 0
        single = await connect(safe, application_name="test")
        assert await single.fetchval("SELECT current_setting('application_name')") == "test"
        await single.close()


async def test_a_server_that_nobody_known_vouches_for_is_not_told_a_password(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url = await make_database("")
    file = _password_file(tmp_path, url)
    known = Authority(tmp_path / "known")
    async with _front(url, _context(Authority(tmp_path / "other"))) as front:
        safe = f"{front}?sslmode=verify-full&sslrootcert={known.file}&password_file={file}"
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await connect(safe, application_name="test")


async def test_a_password_that_was_changed_is_used_by_the_next_connection(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url = await make_database("")
    file = _password_file(tmp_path, url)
    right = file.read_text()
    address = make_url(url)
    named = f"postgresql://{address.username}@127.0.0.1:{address.port}/{address.database}?password_file={file}"
    async with open_engine(named, application_name="test", pool_size=1) as engine:
        file.write_text("not that\n")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await connect(named, application_name="test")
        file.write_text(right)
        async with transaction(engine) as connection:
            assert await connection.fetchval("SELECT 1") == 1
