"""Processes that a crashed run has left behind: recognised by their command line, stopped by their pid."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from deploy.local.child import POLL_SECONDS, LocalError, run_to_end


async def command_line(pid: int) -> str:
    """The words of a running process, separated by spaces; empty if there is no such process."""
    if sys.platform == "linux":  # Small containers have no ps, macOS has no /proc.
        return _from_proc(pid)
    try:
        return await run_to_end(["ps", "-ww", "-o", "command=", "-p", str(pid)])
    except LocalError:  # ps fails when there is no such process.
        return ""


def _from_proc(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace").strip()


async def stop_leftover(pid: int, stop_signal: signal.Signals, seconds: float) -> None:
    """Stop a process that is not our child; after so many seconds, by SIGKILL. Returns when it is gone."""
    for number in (stop_signal, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            # A zombie whose parent does not wait for it still has a pid but no command line.
            if not await command_line(pid):
                return
            await asyncio.sleep(POLL_SECONDS)
