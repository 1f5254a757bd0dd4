"""Pseudonyms of older keys, lifted: level n is HMAC-SHA-256(key n, level n-1) cut to 128 bits."""

import hmac
from dataclasses import dataclass, field

from services.metrics.domain.facts import Record, Refs

__all__ = ["NO_KEYS", "Ahead", "KeyMissing", "Lifter"]

BYTES = 16
KEY_BYTES = 32


class Ahead(Exception):
    """Pseudonyms of a newer key than the people here were lifted to; once they are, these can be counted."""


class KeyMissing(Exception):
    """A key is needed that this process was not given; its supervisor must restart it with the file that has it."""


@dataclass(frozen=True)
class Lifter:
    """The second and later keys of the deployment's chain, oldest first.

    Without the first, which only visits has, nobody can be looked up by number; these lift what is known already.
    """

    keys: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if any(len(key) < KEY_BYTES for key in self.keys):
            raise ValueError(f"keys of at least {KEY_BYTES} bytes are needed")

    @property
    def level(self) -> int:
        """The highest level that can be lifted to."""
        return len(self.keys) + 1

    def lift(self, pseudonym: bytes, level: int, to: int) -> bytes:
        """Lift a pseudonym from a level to another; raises Ahead, KeyMissing."""
        if level > to:
            raise Ahead(f"pseudonyms of level {level} have come, people are kept at level {to}")
        if to > self.level:
            raise KeyMissing(f"people are kept at level {to}; there are keys up to level {self.level}")
        for key in self.keys[level - 1 : to - 1]:
            pseudonym = hmac.digest(key, pseudonym, "sha256")[:BYTES]
        return pseudonym

    def lifted(self, record: Record, to: int) -> Record:
        """Give a record with every pseudonym at a level; raises Ahead, KeyMissing."""
        household, lines = record.household, list(record.lines)
        if household is not None:
            household = self.lift(household, record.household_level, to)
        for n, line in enumerate(lines):
            if line.level != to and any(line.refs):
                lines[n] = line._replace(refs=self._refs(line.refs, line.level, to), level=to)
        return record._replace(household=household, household_level=to, lines=lines)

    def _refs(self, refs: Refs, level: int, to: int) -> Refs:
        one, two, three, four = (None if ref is None else self.lift(ref, level, to) for ref in refs)
        return one, two, three, four


NO_KEYS = Lifter()
