"""What a process remembers between snapshots: folds' changes, roll-ups' sets, and what questions came to.

Nothing of it ever changes; what was true of a data revision is remembered as that.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import or_
from typing import Generic, TypeVar
from uuid import UUID

from pyroaring import BitMap

from services.metrics.domain.completeness import Synced
from services.metrics.domain.layout import Layout
from services.metrics.domain.question import Question
from services.metrics.domain.rollups import (
    COMMUNE,
    RADIX,
    CellChange,
    RollupKey,
    Segment,
    merged,
    segment_of,
    spans,
)
from services.metrics.domain.tallied import Tallied

__all__ = ["Asked", "Blobs", "Cache", "Memories", "Memory", "Numbering", "Reporters", "Segments", "Unions"]

Blobs = Mapping[int, Sequence[CellChange]]
"""What folds changed, by their data revision; those that changed no cell have none."""

Verdict = tuple[RollupKey, str, int, int]
"""A roll-up, person or household, its number, and the fold after which it was asked whether it is still there."""

MAX_VERDICTS = 50_000
OVERHEAD = 1000  # What a set takes in memory besides its serialised bytes, about.


Asked = tuple[Question, UUID | None, frozenset[str]]
"""A question, the unit whose territory its reader may see, and which sets it needs."""


class Numbering:
    """Dense numbers of reporters, of this process alone; `id_of` makes an id of its bytes."""

    def __init__(self, id_of: Callable[[bytes], UUID]) -> None:
        self.id_of = id_of
        self._numbers: dict[bytes, int] = {}
        self._ids: list[UUID] = []

    def number(self, reporter: bytes) -> int:
        """Give a reporter's number."""
        number = self._numbers.setdefault(reporter, len(self._ids))
        if number == len(self._ids):
            self._ids.append(self.id_of(reporter))
        return number

    def ids(self, numbers: Iterable[int]) -> frozenset[UUID]:
        """Give who the numbers stand for."""
        return frozenset(self._ids[number] for number in numbers)


class Reporters:
    """Who reported, and how much each."""

    def __init__(self, quantities: Mapping[bytes, int], numbering: Numbering) -> None:
        told = sorted((numbering.number(reporter), quantity) for reporter, quantity in quantities.items())
        self.numbers = BitMap(number for number, _ in told)
        self._quantities = array("q", [quantity for _, quantity in told])

    def size(self) -> int:
        """Give the bytes it takes in memory, about."""
        return 200 + 9 * len(self._quantities)

    def quantity(self, number: int) -> int:
        """Give how much a reporter has reported."""
        return self._quantities[self.numbers.rank(number) - 1] if number in self.numbers else 0


Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """What was used lately, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Give what is kept, if it is."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: Key, value: Value, size: int) -> None:
        """Keep a value in place of the one before; what was not asked for longest goes."""
        if (replaced := self._kept.pop(key, None)) is not None:
            self._bytes -= replaced[1]
        self._kept[key] = (value, size + OVERHEAD)
        self._bytes += size + OVERHEAD
        while self._bytes > self._most_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed


class Unions:
    """Unions of sets that never change, by the sets themselves."""

    def __init__(self, most_bytes: int) -> None:
        # The sets are kept with their union, so that no other set can come to bear the identity of one.
        self._kept: Cache[tuple[int, ...], tuple[Sequence[BitMap], BitMap]] = Cache(most_bytes)

    def unite(self, *sets: BitMap) -> BitMap:
        """Give the union; it must not be changed, either."""
        if len(sets) == 1:
            return sets[0]
        key = tuple(sorted(map(id, sets)))
        known = self._kept.get(key)
        if known is not None:
            return known[1]
        united = reduce(or_, sets)
        self._kept.keep(key, (sets, united), 2 * len(united))
        return united


class Segments:
    """Sums of consecutive folds' changes, made once and put together again and again."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._made: dict[tuple[int, int, int], Segment] = {}

    def between(self, after: int, until: int, level: int, blobs: Blobs, layout: Layout) -> list[Segment]:
        """Give what changed after one revision until another, in order; `blobs` must have all of it."""
        if self._layout is not layout:
            self._layout = layout
            self._made.clear()
        unit_at = layout.commune_of if level == COMMUNE else layout.province_of
        first = max(after, min(blobs, default=until + 1) - 1)
        found = (self._segment(start, size, level, blobs, unit_at) for start, size in spans(first, until))
        return [segment for segment in found if segment.changes or segment.strangers]

    def forget_before(self, first: int) -> None:
        """Forget what was worked into the roll-ups."""
        for key in [key for key in self._made if key[1] < first]:
            del self._made[key]

    def _segment(
        self, first: int, size: int, level: int, blobs: Blobs, unit_at: Callable[[bytes], UUID | None]
    ) -> Segment:
        made = self._made.get((level, first, size))
        if made is None:
            if size == 1:
                made = segment_of(first, blobs.get(first, ()), level, unit_at)
            else:
                part = size // RADIX
                made = merged([self._segment(first + n * part, part, level, blobs, unit_at) for n in range(RADIX)])
            self._made[level, first, size] = made
        return made


def _id(of: bytes) -> UUID:
    return UUID(bytes=of)


@dataclass
class Memory:
    """Everything a process remembers of one epoch of the data."""

    sets: Cache[tuple[int, str], BitMap]
    reporters: Cache[int, Reporters]
    unions: Unions
    tallies: Cache[Asked, Tallied]
    numbering: Numbering
    layout: Layout = field(default_factory=lambda: Layout(0, {}))
    blobs: dict[int, Sequence[CellChange]] = field(default_factory=dict)
    segments: Segments = field(default_factory=Segments)
    verdicts: dict[Verdict, bool] = field(default_factory=dict)
    synced_at: int = -1
    synced: dict[frozenset[UUID], Synced] = field(default_factory=dict)

    @classmethod
    def of_size(cls, most_bytes: int, id_of: Callable[[bytes], UUID] = _id) -> "Memory":
        """Give an empty one whose sets, their unions and what was tallied of them take so many bytes."""
        return cls(
            sets=Cache(most_bytes * 3 // 8),
            # Whoever asks for a year needs them all: 20 platforms, 12 months and 3,000 reporters are 7 MB.
            reporters=Cache(most_bytes // 8),
            unions=Unions(most_bytes // 4),
            tallies=Cache(most_bytes // 4),
            numbering=Numbering(id_of),
        )

    def forget_before(self, first: int) -> None:
        """Forget the changes that were worked into the roll-ups."""
        for n in [n for n in self.blobs if n < first]:
            del self.blobs[n]
        self.segments.forget_before(first)

    def judge(self, verdicts: Mapping[Verdict, bool]) -> None:
        """Remember who is still there."""
        if len(self.verdicts) + len(verdicts) > MAX_VERDICTS:
            self.verdicts.clear()
        self.verdicts.update(verdicts)


class Memories:
    """The memory of the data's epoch: where another database has taken the place of one, nothing of it counts."""

    def __init__(self, most_bytes: int, id_of: Callable[[bytes], UUID] = _id) -> None:
        self._make = partial(Memory.of_size, most_bytes, id_of)
        self._epoch: int | None = None
        self._memory = self._make()

    def of(self, epoch: int) -> Memory:
        """Give what is remembered of an epoch."""
        if self._epoch != epoch:
            self._epoch, self._memory = epoch, self._make()
        return self._memory
