"""Units found by their names as one types them: without diacritics, any words in their order, the last one begun."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

__all__ = ["Names", "fold"]

_BETWEEN_WORDS = re.compile(r"[^0-9a-z]+")
_AFTER_ALL = "\uffff"


def fold(text: str) -> str:
    """Give a name as one types it without a Vietnamese keyboard: `Sa Đéc` is `sa dec`."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return _BETWEEN_WORDS.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


@dataclass(slots=True)
class Names:
    """Names by the words that they have; a country has 3,000 communes and 60,000 thôn."""

    _folded: dict[UUID, str] = field(default_factory=dict)
    _short: dict[UUID, str] = field(default_factory=dict)
    _by_word: defaultdict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _words: list[str] = field(default_factory=list)

    def put(self, unit_id: UUID, name: str, short_name: str) -> None:
        """Know a unit by a name, in place of the one before."""
        folded = f" {fold(name)} "
        before = self._folded.get(unit_id)
        self._short[unit_id] = fold(short_name)
        if before == folded:
            return
        for word in (before or "").split():
            self._by_word[word].discard(unit_id)
        self._folded[unit_id] = folded
        for word in folded.split():
            if word not in self._by_word:
                self._words.clear()  # Made again when it is next asked for.
            self._by_word[word].add(unit_id)

    def having(self, asked: str) -> list[UUID]:
        """Give the units whose folded name has what was asked for, beginning with a word."""
        *whole, begun = asked.split()
        among: list[Collection[UUID]] = [self._by_word.get(word, ()) for word in whole]
        fewest = min(among, key=len, default=None)
        if fewest is None or len(fewest) > len(self._by_word) // 2:
            beginning = self._beginning(begun)
            fewest = beginning if fewest is None or len(beginning) < len(fewest) else fewest
        return [unit_id for unit_id in fewest if self.has(unit_id, asked)]

    def has(self, unit_id: UUID, asked: str) -> bool:
        """Say whether a name has what was asked for, beginning with a word."""
        return f" {asked}" in self._folded[unit_id]

    def distance(self, unit_id: UUID, asked: str) -> int:
        """Say how far a name is from the one asked for: 0 the same, 1 the same but for its type, 2 a part of it."""
        if self._short[unit_id] == asked:
            return 0
        return 1 if self._folded[unit_id].endswith(f" {asked} ") else 2

    def _beginning(self, begun: str) -> set[UUID]:
        if not self._words:
            self._words = sorted(self._by_word)
        first, last = bisect_left(self._words, begun), bisect_left(self._words, begun + _AFTER_ALL)
        return set().union(*(self._by_word[word] for word in self._words[first:last]))
