"""The fold of one history, and the comparison of what was counted and what is answered with the oracle."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any

from libs.common.db import transaction
from libs.common.inbox import Move, move, resume
from libs.common.kafka import Incoming
from services.metrics.consumer import handle
from services.metrics.use_cases.rollups import Maker
from tests.faults.histories_made import MEASURES, PLATFORMS, History, Turn
from tests.faults.histories_oracle import Cell, Numbers, Wanted, numbers, wanted
from tests.faults.histories_words import Words
from tests.support.metrics import BANK, PROVINCE, Metrics, told

__all__ = ["Folded"]

SOURCE = "here"


class _Lost(Exception):
    """Rolls a batch back."""


@dataclass
class Folded:
    """A history that is being folded; `number` keeps it apart from all others."""

    metrics: Metrics
    maker: Maker
    number: int
    history: History
    _next: int = 0
    _messages: Sequence[Incoming] = field(default_factory=list)

    async def run(self) -> None:
        """Fold it turn by turn, then what is left, and compare."""
        for platform in self._platforms:
            self.metrics.picture.take_platform(platform, 1)
        self._messages = told(*map(self._words.state, self.history.log))
        async with transaction(self.metrics.engine) as connection:
            await resume(connection, SOURCE, {self._place: len(self._messages)})
        for turn in self.history.turns:
            await self._turn(turn)
        await self._batch(len(self._messages), lost=False)
        await self._compare()

    @property
    def _words(self) -> Words:
        return Words(self.number)

    @property
    def _platforms(self) -> list[str]:
        return [self._words.platform(name) for name in sorted(set(PLATFORMS))]

    @property
    def _place(self) -> tuple[str, int]:
        return ("histories", self.number)

    async def _turn(self, turn: Turn) -> None:
        await self._batch(turn.size, lost=turn.fate == "lost")
        if turn.fate == "rolled up":
            await self._roll_up()
        elif turn.fate in ("replayed", "begun again"):
            self._next = max(0, self._next - turn.back) if turn.fate == "replayed" else 0
            async with transaction(self.metrics.engine) as connection:
                await connection.execute(
                    "UPDATE inbox SET next = $3 WHERE topic = $1 AND partition = $2", *self._place, self._next
                )

    async def _roll_up(self) -> None:
        await self.maker.prepare()
        await self.maker.compact()
        while await self.maker.rebuild(await self.maker.prepare()):
            pass

    async def _batch(self, size: int, *, lost: bool) -> None:
        """Fold the next messages in the transaction that moves the offset."""
        batch = self._messages[self._next : self._next + size]
        if not batch:
            return
        following = self._next + len(batch)
        try:
            async with transaction(self.metrics.engine) as connection:
                await move(connection, {self._place: Move(self._next, following)})
                handled = await handle(connection, batch)
                assert not handled.dead, handled.dead[0].reason
                if lost:
                    raise _Lost
        except _Lost:
            return
        self._next = following

    async def _compare(self) -> None:
        want = wanted(self.history.log)
        async with transaction(self.metrics.engine, readonly=True) as connection:
            found = await self._words.found(connection)
        for part in fields(Wanted):
            assert getattr(found, part.name) == getattr(want, part.name), part.name
        asked, groups = self.history.question, defaultdict(list)
        for cell in want.quantity:
            if asked.span[0] <= cell.day <= asked.span[1] and asked.unit in (None, PROVINCE, cell.unit):
                groups[tuple(self._value(grouping, cell) for grouping in asked.group_by)].append(cell)
        answer = await self._answer()
        if asked.group_by:
            rows = {tuple(map(row["group"].get, asked.group_by)): _numbers(row) for row in answer["rows"]}
            assert rows == {values: numbers(want, cells, BANK) for values, cells in groups.items()}, (
                "rows of the answer"
            )
        assert _numbers(answer["total"]) == numbers(want, chain(*groups.values()), BANK), "total of the answer"

    def _value(self, grouping: str, cell: Cell) -> str:
        """Give what a row of an answer that is grouped so says of a cell."""
        return {
            "measure": cell.measure,
            "platform": self._words.platform(cell.platform),
            "reporter": str(cell.reporter),
            "reporter_kind": "partner" if cell.reporter == BANK else "team",
            "unit:province": str(PROVINCE),
            "unit:commune": str(cell.unit),
            "time:day": cell.day,
            "time:month": cell.day[:7],
        }[grouping]

    async def _answer(self) -> Any:
        asked = self.history.question
        units = {"unit": [str(asked.unit)]} if asked.unit else {}
        return await self.metrics.numbers(
            measures=sorted(set(MEASURES)),
            from_=asked.span[0],
            to=asked.span[1],
            group_by=asked.group_by,
            filters={"platform": self._platforms, **units},
            answers=["luot", "nguoi", "ho", "unknown"],
        )


def _numbers(row: Mapping[str, Any]) -> Numbers:
    return (row.get("luot"), row.get("nguoi"), row.get("ho"), row.get("unknown"))
