"""A reader of its own process: asks ready-made questions again and again over a few connections.

`python -m tests.bench.reader PORT SECONDS CONNECTIONS FILE`; FILE is JSON: {"paths": […], "token": "…", "etags": bool}.
Prints JSON: requests, bytes of bodies, answers by status, CPU seconds of this process.
"""

import asyncio
import json
import re
import resource
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
ETAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)
END = b"\r\n\r\n"


class Reader(asyncio.Protocol):
    """One connection: a question, its answer, the next question; `etags` says what it has when it knows."""

    def __init__(self, heads: list[bytes], *, etags: bool, until: float, statuses: Counter[int]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.body_bytes = 0
        self._heads = cycle(enumerate(heads))
        self._etags = etags
        self._known: dict[int, bytes] = {}
        self._until = until
        self._statuses = statuses
        self._received = b""
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its base.
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed before its time"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(END)
        if not found:
            return
        status = int(head[9:12])
        length = LENGTH.search(head)
        expected = int(length[1]) if length and status != 304 else 0
        if len(body) < expected:
            return
        self._statuses[status] += 1
        self.body_bytes += expected
        self._received = b""
        if self._etags and (tag := ETAG.search(head)):
            self._known[self._number] = tag[1]
        if time.monotonic() < self._until:
            self._ask()
        else:
            self.done.set_result(None)
            self._transport.close()

    def _ask(self) -> None:
        self._number, head = next(self._heads)
        known = self._known.get(self._number)
        self._transport.write(head + (b"If-None-Match: " + known + b"\r\n\r\n" if known else b"\r\n"))


async def main(port: int, seconds: float, connections: int, told: dict[str, object]) -> None:
    paths = told["paths"]
    assert isinstance(paths, list)
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {told['token']}\r\n".encode()
        for path in paths
    ]
    statuses: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    begun = time.monotonic()
    readers = []
    for number in range(connections):
        turned = heads[number % len(heads) :] + heads[: number % len(heads)]
        made = Reader(turned, etags=bool(told["etags"]), until=begun + seconds, statuses=statuses)
        await loop.create_connection(lambda made=made: made, "127.0.0.1", port)  # type: ignore[misc]
        readers.append(made)
    await asyncio.gather(*(reader.done for reader in readers))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "seconds": time.monotonic() - begun,
        "requests": statuses.total(),
        "statuses": {str(status): count for status, count in statuses.items()},
        "body_bytes": sum(reader.body_bytes for reader in readers),
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    port, seconds, connections, file = sys.argv[1:]
    asked = json.loads(Path(file).read_text())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(port), float(seconds), int(connections), asked))
