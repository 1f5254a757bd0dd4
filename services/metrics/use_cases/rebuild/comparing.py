"""What is live and what was made anew, compared before one takes the place of the other."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.db import Engine, transaction
from services.metrics.store.rebuild import compare as store
from services.metrics.store.rebuild.compare import Total
from services.metrics.store.rebuild.tables import BESIDE

__all__ = ["Comparison", "compare"]

FACTS_A_SLICE = 20_000
MOST_SLICES = 4096
LOOKS = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """Records by what became of them, and pairs of sums: live, and made anew.

    `differing` are at the same revision of other facts: what is live of them is wrong. `lost` are not in the topics, or
    only at an older revision; `newer` only there, or at a newer one. `lost_states` is the same of teams and the like.
    """

    same: int
    differing: int
    lost: int
    newer: int
    lost_states: Mapping[str, int]
    totals: Mapping[str, tuple[Total | None, Total | None]]
    named: Mapping[str, tuple[int, int]]

    @property
    def equal(self) -> bool:
        """Say whether there is no difference that folding on would not mend by itself."""
        return not (self.differing or self.anything_lost or self.newer)

    @property
    def anything_lost(self) -> bool:
        """Say whether the topics lack what is counted."""
        return bool(self.lost or any(self.lost_states.values()))


async def compare(
    engine: Engine, live: str, told: Callable[[int, int], None], until_level: Callable[[], Awaitable[None]]
) -> Comparison:
    """Compare record by record, in slices, then in sums; `told` is given slices done, of how many.

    Both go on being folded into. What only the live tables have is looked at again once `until_level` has waited until
    the others have read all that these had read when it was called.
    """
    async with transaction(engine, readonly=True) as connection:
        facts = await store.facts_about(connection, live)
    slices = list(_slices(min(MOST_SLICES, max(1, facts // FACTS_A_SLICE))))
    for _ in range(LOOKS):
        found = await _compared(engine, live, slices, told)
        # More than can be looked at again one by one: what is made anew has not come nearly as far.
        if sum(each.lost for each in found) == sum(len(each.some_lost) for each in found):
            break
        await until_level()
    lost, states = await _lost(engine, live, found, until_level)
    async with transaction(engine, isolation="repeatable_read", readonly=True) as connection:
        old, new = await store.totals(connection, live), await store.totals(connection, BESIDE)
        named_old, named_new = await store.count_people(connection, live), await store.count_people(connection, BESIDE)
    return Comparison(
        same=sum(each.same for each in found),
        differing=sum(each.differing for each in found),
        lost=lost,
        newer=sum(each.newer for each in found),
        lost_states=states,
        totals={code: (old.get(code), new.get(code)) for code in sorted(old.keys() | new.keys())},
        named={name: (number, named_new[name]) for name, number in named_old.items()},
    )


async def _compared(
    engine: Engine, live: str, slices: Sequence[tuple[UUID, UUID | None]], told: Callable[[int, int], None]
) -> list[store.Slice]:
    found: list[store.Slice] = []
    for n, (first, end) in enumerate(slices, 1):
        async with transaction(engine, isolation="repeatable_read", readonly=True) as connection:
            found.append(await store.compare_slice(connection, live, first, end))
        told(n, len(slices))
    return found


async def _lost(
    engine: Engine, live: str, found: list[store.Slice], until_level: Callable[[], Awaitable[None]]
) -> tuple[int, Mapping[str, int]]:
    """Count what is lost still, once what had only not come yet has come; some of it may have changed once more."""
    some = [record for each in found for record in each.some_lost]
    rest = sum(each.lost for each in found) - len(some)
    lost, states = 0, dict[str, int]()
    for _ in range(LOOKS):
        await until_level()
        async with transaction(engine, isolation="repeatable_read", readonly=True) as connection:
            lost = await store.still_lost(connection, live, some) + rest
            states = await store.lost_states(connection, live)
        if not (lost or any(states.values())):
            break
    return lost, states


def _slices(number: int) -> Iterator[tuple[UUID, UUID | None]]:
    """Cut all ids that there can be into so many ranges, each [first, end)."""
    ends = [UUID(int=n * (1 << 128) // number) for n in range(number)]
    return zip(ends, [*ends[1:], None], strict=True)
