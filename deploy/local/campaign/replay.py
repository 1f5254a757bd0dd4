"""Replays the campaign through the public door as its clients would, then asks for the numbers."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final, TextIO

from deploy.local.campaign.caller import Caller, ReplayStopped
from deploy.local.campaign.sends import Campaign, Change, Json, Send

__all__ = ["Asked", "Replayed", "ask", "replay"]

LANES_AT_ONCE: Final = 6
GOOD: Final = frozenset({"accepted", "duplicate"})
TERMINAL_EVERY_SECONDS: Final = 0.1
LINE_EVERY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Replayed:
    """How the replay went."""

    rows: Counter[str] = field(default_factory=Counter)
    """Rows by status."""
    corrections: Counter[str] = field(default_factory=Counter)
    voids: Counter[str] = field(default_factory=Counter)
    positions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The highest position that a receipt named, by owner."""
    elapsed_seconds: float = 0.0
    last_accepted: float | None = None
    """When the last row, correction or void was accepted, on the monotonic clock; None: none was."""
    retries: int = 0
    """Requests sent again because the system was away."""

    @property
    def answered(self) -> int:
        """Rows, corrections and voids answered so far."""
        return self.rows.total() + self.corrections.total() + self.voids.total()

    def at_least(self, owner: str = "visits") -> str | None:
        """Give the position that a query should wait for."""
        position = self.positions.get(owner)
        return None if position is None else f"{owner}:{'.'.join(map(str, position))}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Answers by the name of their question."""

    answers: Mapping[str, Json]
    visible_seconds: float | None
    """From the last accepted row until an answer counted it; None: nothing was accepted."""
    asking_seconds: float


async def replay(caller: Caller, campaign: Campaign, out: TextIO) -> Replayed:
    """Send everything, each lane in order, a few lanes at once; a refusal raises ReplayStopped."""
    replayed = Replayed()
    retries = caller.retries
    lanes = deque(campaign.lanes.values())
    began = time.monotonic()
    progress = Progress(replayed, campaign.size, out)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES_AT_ONCE):
                group.create_task(_work(caller, lanes, replayed, progress))
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    finally:
        replayed.elapsed_seconds = time.monotonic() - began
        replayed.retries = caller.retries - retries
        progress.end()
    return replayed


async def ask(caller: Caller, questions: Mapping[str, Json], replayed: Replayed) -> Asked:
    """Ask the portal's questions, of numbers at least as new as the last receipt."""
    began = time.monotonic()
    visible: float | None = None
    answers: dict[str, Json] = {}
    position = replayed.at_least()
    for name, question in questions.items():
        body = question if position is None else question | {"at_least": position}
        answers[name] = await caller.post("portal", "/v1/metrics:query", partial(dict, body))
        if visible is None and replayed.last_accepted is not None:
            visible = time.monotonic() - replayed.last_accepted
    return Asked(answers, visible, time.monotonic() - began)


class Progress:
    """A counted line: in place on a terminal, else a line each second."""

    def __init__(self, replayed: Replayed, size: int, out: TextIO) -> None:
        """Count what `replayed` holds, of `size`."""
        self._replayed = replayed
        self._size = size
        self._out = out
        self._terminal = out.isatty()
        self._every = TERMINAL_EVERY_SECONDS if self._terminal else LINE_EVERY_SECONDS
        self._began = self._shown = time.monotonic()

    def step(self) -> None:
        """Show how far it is, if it was not shown just now."""
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            self._show(now)

    def end(self) -> None:
        """Show how far it came."""
        self._show(time.monotonic())
        if self._terminal:
            self._out.write("\n")
            self._out.flush()

    def _show(self, now: float) -> None:
        done = self._replayed.answered
        share = 100 * done // self._size if self._size else 100
        line = f"  gửi / sending  {done:>5} / {self._size}  {share:>3} %  {now - self._began:5.1f} s"
        self._out.write(f"\r{line}" if self._terminal else f"{line}\n")
        self._out.flush()


async def _work(caller: Caller, lanes: deque[tuple[Send, ...]], replayed: Replayed, progress: Progress) -> None:
    """Take lane after lane until none is left."""
    while lanes:
        for send in lanes.popleft():
            await _send(caller, send, replayed)
            progress.step()


async def _send(caller: Caller, send: Send, replayed: Replayed) -> None:
    """Send one thing and take down its receipts."""
    answer = await caller.post(send.role, send.path, lambda: _stamped(send))
    if isinstance(send, Change):
        _take_receipt(send.path, answer, replayed.corrections if send.verb == "correct" else replayed.voids, replayed)
        return
    receipts = answer["rows"]
    if len(receipts) != len(send.rows):
        raise ReplayStopped(f"{send.path}: {len(send.rows)} rows were sent, {len(receipts)} were answered")
    for row, receipt in zip(send.rows, receipts, strict=True):
        if receipt["id"] != row["id"]:
            raise ReplayStopped(f"{send.path}: the answer to row {row['id']} is about {receipt['id']}")
        _take_receipt(f"{send.path} row {row['id']}", receipt, replayed.rows, replayed)


def _stamped(send: Send) -> Json:
    """Say on each attempt when it is sent, by the device's own clock."""
    if isinstance(send, Change) and send.verb == "void":
        return send.body
    return send.body | {"sent_at": (datetime.now(UTC) + send.clock_ahead).isoformat()}


def _take_receipt(what: str, receipt: Json, counter: Counter[str], replayed: Replayed) -> None:
    """Count a receipt; one neither accepted nor a duplicate raises ReplayStopped with its reasons."""
    status = receipt["status"]
    counter[status] += 1
    if status not in GOOD:
        errors = [
            f"{one['code']} at {one['pointer'] or '/'}: {one['vi']} / {one['en']}"
            for one in receipt.get("errors") or []
        ]
        waiting = [f"waiting for {one}" for one in receipt.get("waiting_for") or []]
        raise ReplayStopped(f"{what} → {status}: " + ("; ".join(errors + waiting) or "no reason given"))
    if status == "accepted":
        replayed.last_accepted = time.monotonic()
    if receipt.get("position"):
        owner, _, numbers = receipt["position"].partition(":")
        position = tuple(int(one) for one in numbers.split("."))
        replayed.positions[owner] = max(replayed.positions.get(owner, position), position)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take the first failure out of what the lanes raised together."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
