"""What processes have used, from Linux's /proc: processor time, memory."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Meter", "Spent", "cpu_seconds", "rss_bytes", "tree", "tree_seconds"]

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """Give the fields of /proc/<pid>/stat from the third on: the second may hold spaces."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pids: Iterable[int], *, finished: bool = False) -> float:
    """Give the user and system time of processes; with `finished`, also that of children they have waited for.

    A process that is gone counts nothing: its parent has its time among the finished.
    """
    ticks = 0
    for pid in pids:
        try:
            fields = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11 : 15 if finished else 13]))
    return ticks / TICKS_A_SECOND


def tree(pid: int) -> list[int]:
    """Give a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [pid]
    for each in found:
        found += children.get(each, ())
    return found


def tree_seconds(pid: int) -> float:
    """Give the processor time of a process and its descendants, those that have ended included."""
    return cpu_seconds(tree(pid), finished=True)


def rss_bytes(pid: int) -> int:
    """Give the resident memory of a process."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Spent:
    """Processor time by part over a span of time."""

    seconds: float
    cpu: Mapping[str, float]

    @property
    def total(self) -> float:
        """All parts together, in seconds."""
        return sum(self.cpu.values())

    def shares(self) -> dict[str, float]:
        """Give each part's share of one core."""
        return {name: used / self.seconds for name, used in self.cpu.items()}

    def told(self) -> str:
        """Say the shares for people."""
        return ", ".join(f"{name} {share:.0%}" for name, share in self.shares().items())


@dataclass
class Meter:
    """Measures the processor time of named processes, each with its descendants, from when it is made.

    Of this process only itself: all the others descend from it.
    """

    parts: Mapping[str, int]
    _begun: float = field(default_factory=time.perf_counter)
    _before: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = {name: _seconds(pid) for name, pid in self.parts.items()}

    def read(self) -> Spent:
        """Give what has been used since."""
        used = {name: _seconds(pid) - self._before[name] for name, pid in self.parts.items()}
        return Spent(time.perf_counter() - self._begun, used)


def _seconds(pid: int) -> float:
    return cpu_seconds([pid]) if pid == os.getpid() else tree_seconds(pid)
