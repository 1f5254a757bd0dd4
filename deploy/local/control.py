"""How another terminal speaks to the running `make up`: a Unix socket in `.local` that only its user can open.

One line of JSON asks, one line answers.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.local.child import LocalError
from deploy.local.supervisor import Supervisor

__all__ = ["ACTIONS", "NotUp", "Refused", "ask", "open_control"]

SOCKET = "control"
MAX_LINE_BYTES = 1_000_000
ACTIONS = ("start", "stop", "restart")


class NotUp(LocalError):
    """No `make up` runs in this folder."""

    def __init__(self) -> None:
        super().__init__(
            "`make up` chưa chạy trong thư mục này: hãy chạy nó ở một cửa sổ khác trước.\n"
            "`make up` does not run in this folder: start it in another terminal first."
        )


class Refused(LocalError):
    """The running `make up` has not done it; the message says why."""


class Control:
    """Does what is asked of the running services, one change at a time."""

    def __init__(self, supervisor: Supervisor, servers: Sequence[Mapping[str, Any]]) -> None:
        """`servers` are those that run beside the services, and are shown with them."""
        self._supervisor = supervisor
        self._servers = servers
        self._one_at_a_time = asyncio.Lock()
        self._conversations: set[asyncio.Task[None]] = set()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question."""
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            try:
                answer = await self._answer(json.loads(await reader.readline()))
            except (LocalError, ValueError) as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass  # Whoever asked has gone; what was asked is done.
        finally:
            self._conversations.discard(task)
            writer.close()

    async def hang_up(self) -> None:
        """End the conversations under way."""
        under_way = list(self._conversations)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if asked["action"] == "ps":
            services = [asdict(seen) for seen in await self._supervisor.look()]
            return {"processes": [*self._servers, *services]}
        if asked["action"] not in ACTIONS:
            raise LocalError(f"không biết lệnh này · not known: {asked['action']!r}")
        name = asked["name"]
        self._check_name(name)
        async with self._one_at_a_time:
            return {"done": await self._do(asked["action"], name)}

    def _check_name(self, name: str) -> None:
        known = self._supervisor.names
        if name in known:
            return
        if name in {server["name"] for server in self._servers}:
            raise LocalError(
                f"{name} bắt đầu và dừng cùng `make up`: hãy dùng Ctrl-C.\n"
                f"{name} starts and ends with `make up`: use Ctrl-C there."
            )
        raise LocalError(
            f"không có tiến trình {name!r}; có: {', '.join(known)}\n"
            f"there is no process {name!r}; there are: {', '.join(known)}"
        )

    async def _do(self, action: str, name: str) -> str:
        supervisor = self._supervisor
        running = supervisor.running(name)
        if action == "stop":
            await supervisor.stop_one(name)
            return f"{name}: đã dừng · stopped" if running else f"{name}: đã dừng từ trước · was not running"
        if action == "start" and running:
            return f"{name}: đang chạy rồi, pid {supervisor.pid(name)} · runs already"
        await (supervisor.restart(name) if action == "restart" else supervisor.start_again(name))
        return f"{name}: đã sẵn sàng, pid {supervisor.pid(name)} · ready"


@asynccontextmanager
async def open_control(
    local: Path, supervisor: Supervisor, servers: Sequence[Mapping[str, Any]] = ()
) -> AsyncIterator[None]:
    """Answer at `local`'s socket until the block ends."""
    control = Control(supervisor, servers)
    with _listening(local) as listener:
        server = await asyncio.start_unix_server(control.converse, sock=listener, limit=MAX_LINE_BYTES)
        try:
            yield
        finally:
            server.close()
            await control.hang_up()


async def ask(local: Path, action: str, name: str = "") -> dict[str, Any]:
    """Ask the running `make up`; raises NotUp where there is none, Refused with its reason where it does not."""
    try:
        reader, writer = await asyncio.open_unix_connection(sock=_connected(local), limit=MAX_LINE_BYTES)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotUp from None
    try:
        writer.write(json.dumps({"action": action, "name": name}).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise LocalError("`make up` đã dừng trong lúc đó · `make up` has ended meanwhile")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise Refused(answer["error"])
    return answer


@contextmanager
def _listening(local: Path) -> Iterator[socket.socket]:
    path = local / SOCKET
    path.unlink(missing_ok=True)  # Whoever holds the folder's lock is the only one: this is a crashed run's.
    with socket.socket(socket.AF_UNIX) as listener:
        with _inside(local):
            listener.bind(SOCKET)
        path.chmod(0o600)  # Nobody is let in before `listen`.
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _connected(local: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _inside(local):
            connection.connect(SOCKET)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Stand in a folder for a moment: a socket's path may have about 100 bytes only, whatever folder this is."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
