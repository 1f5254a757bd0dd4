"""Running a process: one HTTP server and some loops, until SIGTERM, SIGINT or the first failure."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any

import uvicorn
import uvloop
from pydantic import ValidationError

from libs.common.db import Unavailable
from libs.common.telemetry import get_logger

__all__ = ["Loop", "Patience", "Pulse", "answer", "calm_collector", "run", "serve"]

logger = get_logger(__name__)

DRAIN_SECONDS = 8.0
ALIVE_SECONDS = 15.0
# Longer than all time-outs of Kafka and PostgreSQL that one turn may meet in a row: what is away is waited for, and no
# restart brings it back.
STUCK_SECONDS = 120.0

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, finishing what is in hand."""


class Pulse:
    """When a loop last turned: one that rests is not ready, one that stands still for long is not alive."""

    def __init__(self) -> None:
        self._beaten: float | None = None

    def beat(self) -> None:
        """Note a turn."""
        self._beaten = time.monotonic()

    def alive(self) -> bool:
        """Say whether the loop has turned lately."""
        return self._beaten is not None and time.monotonic() - self._beaten < ALIVE_SECONDS

    def going(self) -> bool:
        """Say whether the loop, once it has begun to turn, has not stood still so long that only a restart helps."""
        return self._beaten is None or time.monotonic() - self._beaten < STUCK_SECONDS


class Patience:
    """How long to wait before the next try of something that is away: doubling, up to a few seconds."""

    def __init__(self, first_seconds: float = 0.05, most_seconds: float = 2) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._next = first_seconds

    def succeeded(self) -> None:
        """Begin again with short waits."""
        self._next = self._first

    async def wait(self) -> None:
        """Wait, longer each time."""
        await asyncio.sleep(self._next)
        self._next = min(self._next * 2, self._most)


class _Server(uvicorn.Server):
    """Leaves signals to this module, so that loops and server end together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _tell_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of what nobody awaited; asyncio's own line would quote the error."""
    logger.error("process.unhandled", what=context["message"], exc_info=context.get("exception"))


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a process's main coroutine on uvloop; gives the exit code, 1 after a failure."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.get_loop().set_exception_handler(_tell_unhandled)
            runner.run(main())
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        logger.error("process.failed", exc_info=error)
        return 1
    return 0


def answer(dispatch: Callable[[], int]) -> int:
    """Do what a command line asks; gives the exit code: 2 for a wrong setting, 1 for a PostgreSQL not ready."""
    try:
        return dispatch()
    except ValidationError as error:
        for finding in error.errors():
            sys.stderr.write(": ".join([*map(str, finding["loc"][:1]), finding["msg"]]) + "\n")
        return 2
    except Unavailable as error:
        sys.stderr.write(f"PostgreSQL chưa dùng được · PostgreSQL cannot be used now: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def calm_collector() -> None:
    """Let the collector of garbage look less often, and never again at what start-up made, which lives on.

    Batches of rows are many objects that all go by themselves: with the defaults a third of a fold's time is spent on
    looking for cycles among them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def serve(app: Any, *, host: str, port: int, loops: Mapping[str, Loop]) -> None:
    """Serve the app beside the loops until told to stop; the first to fail ends all and its error is raised.

    Raises RuntimeError where one ended without being told to.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    server = _server(app, host, port)
    calm_collector()
    tasks: dict[asyncio.Future[Any], str] = {asyncio.ensure_future(loop(stop)): name for name, loop in loops.items()}
    http = asyncio.ensure_future(server.serve())
    tasks[http] = "http"
    stopping = asyncio.ensure_future(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    told = stop.is_set()
    ended = [tasks[task] for task in done if task in tasks]
    logger.info("process.stopping", ended=ended)
    stop.set()
    server.should_exit = True
    _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
    for task in late:
        logger.warning("process.cancelled", loop=tasks[task])
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    stopping.cancel()
    failures = [r for r in results if isinstance(r, Exception)]
    if failures:
        raise failures[0]
    if not told:
        raise RuntimeError(f"{', '.join(ended)} ended without being told to")


def _server(app: Any, host: str, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def _stop_on_signals(stop: asyncio.Event) -> None:
    def received(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)  # Asked twice: leave at once.
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)
