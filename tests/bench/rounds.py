"""Rounds in which every way has its turn, so that a slow minute of the machine is a slow minute for all of them."""

from collections.abc import Awaitable, Callable, Sequence

__all__ = ["interleaved", "ratios"]


async def interleaved(rounds: int, **ways: Callable[[], Awaitable[float]]) -> dict[str, list[float]]:
    """Run the ways in turn in every round, in the order given (the floor first); the first round only warms up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            value = await way()
            if number > 0:
                found[name].append(value)
    return found


def ratios(ours: Sequence[float], floor: Sequence[float]) -> tuple[float, ...]:
    """Divide round by round."""
    return tuple(each / under for each, under in zip(ours, floor, strict=True))
