"""The gateway on a real loopback socket, with upstreams that note what reaches them and a guard fed by hand."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import uvicorn
from aiohttp import web

from libs.common.auth import Guard
from libs.common.telemetry import new_registry
from services.gateway.settings import Settings
from services.gateway.wiring import build_api
from tests.support.callers import Issuer

__all__ = ["Door", "Noted", "open_door", "raw"]

CLIENT = "sa-dec-app"


@dataclass
class Noted:
    """One request as an upstream received it."""

    upstream: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Door:
    """The gateway, a session to it, what the upstreams received, and what they are to answer."""

    session: aiohttp.ClientSession
    issuer: Issuer
    known: asyncio.Event
    port: int
    noted: list[Noted] = field(default_factory=list)
    status: int = 200
    answer: bytes = b'{"ok": true}'
    answer_headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """By path, where one is to be answered otherwise than all."""
    delay_seconds: float = 0.0
    break_off: bool = False

    def authorized(self, *scopes: str, client: str = CLIENT) -> dict[str, str]:
        return self.issuer.headers(client, **({"scopes": scopes} if scopes else {}))

    async def receive(self, upstream: str, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.noted.append(Noted(upstream, request.method, request.raw_path, headers, await request.read()))
        if self.break_off:
            assert request.transport is not None
            request.transport.close()
        await asyncio.sleep(self.delay_seconds)
        status, answer = self.answers.get(request.path, (self.status, self.answer))
        return web.Response(body=answer, status=status, headers=self.answer_headers)


@asynccontextmanager
async def open_door(
    *,
    away: bool = False,
    public_url: str | None = None,
    cors: tuple[str, ...] = (),
    answer_seconds: float = 5,
    fresh_seconds: float = 0.1,
) -> AsyncIterator[Door]:
    """Open the gateway before three upstreams; `away`: nobody listens where they should be."""
    async with AsyncExitStack() as stack:
        guard = Guard(issuer="tungnha")
        issuer = Issuer(guard)
        issuer.client(CLIENT)
        known = asyncio.Event()
        known.set()
        listening, port = listen()
        session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        door = Door(session, issuer, known, port)
        addresses = {name: await upstream(name, door, stack, away) for name in ("registry", "visits", "metrics")}
        settings = Settings.model_validate(
            {
                "kafka_bootstrap": "127.0.0.1:1",
                **{f"{name}_url": address for name, address in addresses.items()},
                "public_url": public_url,
                "cors_origins": list(cors),
                "connect_seconds": 1,
                "answer_seconds": answer_seconds,
                "fresh_seconds": fresh_seconds,
            }
        )
        app = build_api(settings, guard=guard, known=known, registry=new_registry())
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        await started(server)
        try:
            yield door
        finally:
            server.should_exit = True
            await session.close()
            await serving


async def started(server: uvicorn.Server) -> None:
    """Wait until the server accepts; uvicorn has no event for it."""
    for _ in range(1000):
        if server.started:
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("the gateway did not start")


def listen() -> tuple[socket.socket, int]:
    """Listen on a free port of the loopback."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening, listening.getsockname()[1]


async def upstream(name: str, door: Door, stack: AsyncExitStack, away: bool) -> str:
    """Start an upstream and give its address; one that is away has a port on which nobody listens."""
    listening, port = listen()
    if away:
        listening.close()
        return f"http://127.0.0.1:{port}"

    async def receive(request: web.Request) -> web.StreamResponse:
        return await door.receive(name, request)

    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening).start()
    return f"http://127.0.0.1:{port}"


async def raw(door: Door, head: bytes, body: bytes = b"", *, most: int = 1 << 30) -> tuple[bytes, int]:
    """Speak HTTP by hand: send the head, then the body until answered; gives the answer and how much was taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port, limit=1 << 20)
    answered = asyncio.ensure_future(reader.read(65536))
    sent = 0
    try:
        writer.write(head)
        while not answered.done() and sent < most:
            piece = body or b"x" * 65536
            writer.write(piece)
            sent += len(piece)
            drained = asyncio.ensure_future(writer.drain())
            await asyncio.wait([drained, answered], return_when=asyncio.FIRST_COMPLETED, timeout=5)
            drained.cancel()
            if body:
                break
        return await asyncio.wait_for(answered, 10), sent
    except ConnectionError:
        return (answered.result() if answered.done() and not answered.exception() else b""), sent
    finally:
        writer.close()
