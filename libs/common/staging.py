"""States of an owner's log kept back until all that one transaction wrote has come.

States of a transaction share its epoch and xid. The owner's relay tells every partition how far it has sent the log: a
transaction has come whole once every partition has been told of more, or of all there is.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

from libs.common.log import BEGINNING, Position

__all__ = ["Place", "Staging"]

Place = tuple[str, int]
"""Topic and partition."""

Sealed = tuple[int, int, bool]
"""Epoch and xid of the newest transaction told of, and whether all of it has been sent."""

Item = TypeVar("Item")

_NOTHING: Sealed = (BEGINNING.epoch, BEGINNING.xid, True)


class Staging(Generic[Item]):
    """What has come from some partitions of one owner; `sealed` is known to be whole from the beginning."""

    def __init__(self, places: Iterable[Place], sealed: Sealed = _NOTHING) -> None:
        self._sealed: dict[Place, Sealed] = dict.fromkeys(places, sealed)
        self._ahead: dict[Place, Sealed] = dict.fromkeys(self._sealed, sealed)
        self._staged: list[tuple[Sealed, Item]] = []

    @property
    def sealed(self) -> Sealed:
        """Give up to where everything has come in every partition."""
        return min(self._sealed.values(), default=_NOTHING)

    def __len__(self) -> int:
        return len(self._staged)

    def add(self, place: Place, position: Position, item: Item) -> None:
        """Take a state."""
        whole = position.epoch, position.xid, True
        self._ahead[place] = max(self._ahead[place], whole)
        self._staged.append((whole, item))

    def mark(self, place: Place, position: Position, *, caught_up: bool) -> None:
        """Take what the relay says; `caught_up`: it was the log's end.

        A state is sent as it is newest, in the place of an older one of a transaction before. So until the relay has
        come to the newest there, what it says may lack a part of that transaction: it seals nothing.
        """
        told = position.epoch, position.xid, caught_up
        if caught_up or self._ahead[place] <= told:
            self._sealed[place] = max(self._sealed[place], told)

    def take(self) -> list[Item]:
        """Give the states of whole transactions, in the order in which they came, and keep the others."""
        sealed = self.sealed
        whole = [item for of, item in self._staged if of <= sealed]
        if whole:
            self._staged = [(of, item) for of, item in self._staged if of > sealed]
        return whole
