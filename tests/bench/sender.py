"""`python -m tests.bench.sender`: makes requests when told to on standard input, then sends them, as fast as answered.

A process of its own, with no HTTP library between it and the socket, so that the little processor time it needs is
known and does not hide in that of what it measures.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from libs.common.log import BEGINNING, Position
from tests.bench.visits import Batch, batches

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
SECONDS = 120  # Far beyond what anything here takes: no run hangs for ever.


class Refused(Exception):
    """An answer that is not the one every visit should have."""


class _Connection(asyncio.Protocol):
    """Sends one request after the other from what all connections share; keeps the answers as they came."""

    def __init__(self, head: bytes, queue: Iterator[tuple[int, Batch]], answers: dict[int, bytes]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = head
        self._queue = queue
        self._answers = answers
        self._number = -1
        self._buffer = bytearray()
        self._expected = 0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without being of the class.
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        following = next(self._queue, None)
        if following is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._number, batch = following
        body = batch.body()
        self._transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._expected:
            end = self._buffer.find(END_OF_HEAD)
            if end < 0:
                return
            self._expected = end + len(END_OF_HEAD) + _length(bytes(self._buffer[:end]))
        if len(self._buffer) >= self._expected:
            self._answers[self._number] = bytes(self._buffer)
            self._buffer.clear()
            self._expected = 0
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def _length(head: bytes) -> int:
    line = next((line for line in head.lower().split(b"\r\n") if line.startswith(LENGTH)), None)
    if line is None:
        raise Refused(head.decode())
    return int(line[len(LENGTH) :])


async def _send(url: str, token: str, connections: int, made: Sequence[Batch]) -> dict[str, Any]:
    address = urlsplit(url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/json\r\ncontent-length: "
    ).encode()
    queue, answers = iter(enumerate(made)), dict[int, bytes]()
    loop = asyncio.get_running_loop()
    begun, cpu_begun = time.perf_counter(), time.process_time()
    opening = [
        loop.create_connection(lambda: _Connection(head, queue, answers), str(address.hostname), address.port or 80)
        for _ in range(connections)
    ]
    async with asyncio.timeout(SECONDS):
        opened = await asyncio.gather(*opening)
        await asyncio.gather(*(connection.done for _, connection in opened))
    spent = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu_begun}
    return {**spent, "requests": len(made), "rows": sum(len(batch.ids) for batch in made), "answers": answers}


def _check(made: Sequence[Batch], answers: dict[int, bytes]) -> str:
    """Give the highest position, once every visit of every batch has its receipt and each is accepted."""
    highest = BEGINNING
    for number, batch in enumerate(made):
        head, _, body = answers[number].partition(END_OF_HEAD)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise Refused(answers[number][:2000].decode(errors="replace"))
        answer = msgspec.json.decode(body)
        told = tuple(row["id"] for row in answer["rows"] if row["status"] == "accepted")
        if told != batch.ids:
            raise Refused(f"{len(told)} of {len(batch.ids)} accepted: {body[:2000].decode(errors='replace')}")
        if answer.get("position"):  # The usual way has none.
            highest = max(highest, Position.parse(answer["position"].removeprefix("visits:")))
    return f"visits:{highest}"


def main() -> None:
    """Do what each line of standard input asks, and answer with a line; end with the input."""
    made: list[Batch] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            asked = msgspec.json.decode(line)
            match asked.pop("do"):
                case "make":
                    made = list(batches(**asked))
                    told: dict[str, Any] = {"made": len(made)}
                case "send":
                    checked = asked.pop("checked")
                    told = runner.run(_send(made=made, **asked))
                    answers = told.pop("answers")
                    told["position"] = _check(made, answers) if checked else ""
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
