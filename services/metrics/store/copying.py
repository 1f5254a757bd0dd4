"""Facts as rows of a binary COPY: what the lines of a record have in common is written once."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from struct import Struct

from libs.common.binary_copy import BEGIN, END, NULL
from services.metrics.domain.facts import Fact
from services.metrics.store.names import Names

__all__ = ["COLUMNS", "rows_of"]

COLUMNS = [
    *("record_id", "unit", "day", "reporter_kind", "reporter", "channel", "household", "fold_in"),
    *("measure", "platform", "stage", "line", "quantity"),
    *("person", "national_id", "phone", "ref", "receipt"),
]
CHUNK_BYTES = 256 * 1024
FIRST_DAY = date(2000, 1, 1).toordinal()  # PostgreSQL counts days from here.

_common = Struct(">h i16s ii ii ih ii").pack
_integers = Struct(">ii ii").pack
_integer = Struct(">ii").pack
_bigint = Struct(">iq").pack
_counted = Struct(">ih iq").pack


async def rows_of(facts: Sequence[Fact], fold: int, names: Names) -> AsyncIterator[bytes]:
    """Write the facts that came with a fold."""
    begun, what = _bigint(8, fold), _What(names)
    chunk, last, common = bytearray(BEGIN), None, b""
    for fact in facts:
        if fact.record_id is not last:
            last, common = fact.record_id, _common_of(fact, names) + begun
        person, refs = fact.person, fact[-5:-1]
        chunk += common + what[fact.measure, fact.platform, fact.stage] + _counted(2, fact.line, 8, fact.quantity)
        chunk += NULL if person is None else _bigint(8, person)
        for number in refs:
            chunk += NULL if number is None else _bigint(8, number)
        if len(chunk) > CHUNK_BYTES:
            yield bytes(chunk)
            chunk = bytearray()
    yield bytes(chunk + END)


def _common_of(fact: Fact, names: Names) -> bytes:
    unit, reporter = names.ids[fact.unit_id], names.ids[fact.reporter_id]
    day = fact.day.toordinal() - FIRST_DAY
    fields = _common(len(COLUMNS), 16, fact.record_id.bytes, 4, unit, 4, day, 2, fact.reporter_kind, 4, reporter)
    channel = NULL if fact.channel is None else _integer(4, names.codes[fact.channel])
    return fields + channel + (NULL if fact.household is None else _bigint(8, fact.household))


class _What(dict[tuple[str, str, str | None], bytes]):
    """Measure, platform and stage, which come again and again."""

    def __init__(self, names: Names) -> None:
        self._codes = names.codes

    def __missing__(self, key: tuple[str, str, str | None]) -> bytes:
        measure, platform, stage = key
        made = _integers(4, self._codes[measure], 4, self._codes[platform])
        made += NULL if stage is None else _integer(4, self._codes[stage])
        self[key] = made
        return made
