"""One child process: its log, its end, and the promise that it never outlives us."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

POLL_SECONDS = 0.1
LOG_LIMIT_BYTES = 20_000_000
TAIL_BYTES = 64_000
TAIL_LINES = 20

# Reads one line from us. End of file instead means that we were killed: ask the child to stop, then insist.
# A plain pipe is used because it works alike on Linux and macOS, whatever user the child runs as.
GUARD = """
read -r _ && exit 0
kill -"$2" "$1" 2>/dev/null
n=0
while [ "$n" -lt "$3" ] && kill -0 "$1" 2>/dev/null; do sleep 1; n=$((n + 1)); done
kill -KILL "-$1" 2>/dev/null
"""


class LocalError(Exception):
    """Something on this machine stands in the way; the message says what and what to do."""


class ProcessDied(LocalError):
    """A process ended that should be running."""

    def __init__(self, name: str, exit_code: int, last_lines: Sequence[str], log_file: Path) -> None:
        """A negative exit code is the number of the signal that ended the process."""
        how = (
            f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with exit code {exit_code}"
        )
        super().__init__("\n".join([f"{name} {how}; see {log_file}", *last_lines]))
        self.name = name
        self.exit_code = exit_code
        self.last_lines = list(last_lines)
        self.log_file = log_file


@dataclass
class Child:
    """A running or ended process, started by `start_child`."""

    name: str
    process: asyncio.subprocess.Process
    guard: asyncio.subprocess.Process
    log_file: Path
    log_start_bytes: int
    stop_signal: signal.Signals

    @property
    def pid(self) -> int:
        """The process id; the system may give it to another process once this one has ended."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Has the process not ended yet?"""
        return self.process.returncode is None

    def last_lines(self) -> list[str]:
        """The end of what this process wrote; nothing of earlier runs."""
        with self.log_file.open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_start_bytes, size_bytes - TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]

    def check(self) -> None:
        """Raise ProcessDied unless the process runs."""
        if self.process.returncode is not None:
            self._release_guard()
            raise ProcessDied(self.name, self.process.returncode, self.last_lines(), self.log_file)

    async def wait(self) -> NoReturn:
        """Wait until the process ends, however it ends, and raise ProcessDied."""
        while True:
            self.check()
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self, seconds: float) -> None:
        """Send the stop signal; after so many seconds, SIGKILL. Returns when the process is gone."""
        if self.running:
            with suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), seconds)
        await self.kill()

    async def kill(self) -> None:
        """Send SIGKILL to the process and its group. Returns when the process is gone."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await self.process.wait()
        self._release_guard()
        await self.guard.wait()

    def _release_guard(self) -> None:
        """Let the guard go without harm: the pid it knows may soon be another process's."""
        pipe = self.guard.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(b"\n")
            pipe.close()


async def start_child(
    name: str,
    command: Sequence[str],
    *,
    log_file: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    stop_seconds: int = 10,
    **popen: Any,
) -> Child:
    """Start a process that writes to the end of a log file and dies with us, even if we are SIGKILLed.

    It has a session of its own, so Ctrl-C reaches only us. Further keywords (`env`, `cwd`, `user`, …) are
    those of `subprocess.Popen`. Raises LocalError if the command cannot be started.
    """
    _make_room(log_file)
    with log_file.open("ab") as log:
        start_bytes = log.tell()
        process = await _spawn(command, stdout=log, stderr=log, **popen)
    try:
        guard = await _start_guard(process.pid, stop_signal, stop_seconds)
    except BaseException:
        process.kill()
        raise
    return Child(name, process, guard, log_file, start_bytes, stop_signal)


async def run_to_end(command: Sequence[str], **popen: Any) -> str:
    """Run a short command and return what it wrote; raise LocalError with that text if it failed."""
    process = await _spawn(command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, **popen)
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    text = output.decode(errors="replace").strip()
    if process.returncode != 0:
        what = " ".join([Path(command[0]).name, *command[1:4]])
        raise LocalError(f"{what} … failed with exit code {process.returncode}:\n{text}")
    return text


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """Our own environment with some variables set on top."""
    return {**os.environ, **variables}  # noqa: TID251  handed on whole, read by nobody here


async def _spawn(
    command: Sequence[str], *, stdin: int = asyncio.subprocess.DEVNULL, **popen: Any
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=stdin, start_new_session=True, **popen)
    except OSError as error:
        raise LocalError(f"{command[0]} cannot be started: {error}") from error


async def _start_guard(pid: int, stop_signal: signal.Signals, stop_seconds: int) -> asyncio.subprocess.Process:
    words = [str(pid), stop_signal.name.removeprefix("SIG"), str(stop_seconds)]
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    return await _spawn(("/bin/sh", "-c", GUARD, "guard", *words), stdin=asyncio.subprocess.PIPE, cwd="/", **quiet)


def _make_room(log_file: Path) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    if log_file.exists() and log_file.stat().st_size > LOG_LIMIT_BYTES:
        log_file.replace(log_file.with_suffix(log_file.suffix + ".1"))
