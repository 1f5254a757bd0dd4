"""Folding states: any order and any repetition of a record's revisions gives what a plain recount gives."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from services.metrics.domain.cells import Cell, CellKey, deltas_of, key_of, leaving
from services.metrics.domain.facts import (
    KIND_RANGE,
    Fact,
    Line,
    Record,
    Refs,
    changes,
    facts_of,
    households_in,
    newest,
    pseudonyms_in,
)

DAYS = (date(2025, 5, 10), date(2025, 5, 11))
NOBODY: Refs = (None, None, None, None)

refs = st.tuples(*(st.none() | st.sampled_from([f"{kind}{n}".encode() for n in range(3)]) for kind in "nprc"))
lines = st.builds(
    lambda measure, quantity, references: Line(0, measure, "", None, quantity, references),
    st.sampled_from(["FLD-07", "FLD-08"]),
    st.integers(1, 3),
    st.just(NOBODY) | refs,
)


def _record(
    number: int, revision: int, edition: int, day: date, household: bytes | None, content: Sequence[Line]
) -> Record:
    numbered = [line._replace(line=n) for n, line in enumerate(content, 1)]
    team = UUID(int=number % 2)
    return Record(UUID(int=number), revision, edition, 0, team, UUID(int=7), day, None, household, numbered)


records = st.builds(
    _record,
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 1),
    st.sampled_from(DAYS),
    st.none() | st.sampled_from([b"h1", b"h2"]),
    st.lists(lines, max_size=3),
)


@dataclass
class InMemory:
    """The fold's steps over dictionaries in place of tables."""

    heads: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    live: dict[UUID, list[Fact]] = field(default_factory=dict)
    cells: dict[CellKey, Cell] = field(default_factory=dict)
    persons: dict[bytes, int] = field(default_factory=dict)
    households: dict[bytes, int] = field(default_factory=dict)

    def fold(self, batch: Sequence[Record]) -> None:
        newer = [r for r in newest(batch).values() if self.heads.get(r.record_id, (0, 0)) < (r.revision, r.edition)]
        for pseudonym, kind in pseudonyms_in(newer).items():
            self.persons.setdefault(pseudonym, kind * KIND_RANGE + len(self.persons))
        for pseudonym in households_in(newer):
            self.households.setdefault(pseudonym, len(self.households))
        wanted = {r.record_id: facts_of(r, self.persons, self.households) for r in newer}
        before = [fact for r in newer for fact in self.live.get(r.record_id, ())]
        deltas = deltas_of(changes(before, [fact for facts in wanted.values() for fact in facts]))
        self.heads.update({r.record_id: (r.revision, r.edition) for r in newer})
        self.live.update(wanted)
        persons, households = leaving(deltas)
        still = {(key_of(fact), fact.person) for fact in self.facts()}
        still_home = {(key_of(fact), fact.household) for fact in self.facts()}
        for key, delta in deltas.items():
            self.cells.setdefault(key, Cell()).apply(
                delta,
                [n for k, n in persons if k == key and (key, n) not in still],
                [n for k, n in households if k == key and (key, n) not in still_home],
            )

    def facts(self) -> Iterable[Fact]:
        return (fact for facts in self.live.values() for fact in facts)

    def shown(self) -> dict[CellKey, tuple[int, int, frozenset[bytes], frozenset[bytes]]]:
        """Give the cells by pseudonyms: numbers differ with the order of arrival."""
        person = {number: pseudonym for pseudonym, number in self.persons.items()}
        home = {number: pseudonym for pseudonym, number in self.households.items()}
        return {
            key: (
                cell.quantity,
                cell.unknown,
                frozenset(person[n] for n in cell.persons),
                frozenset(home[n] for n in cell.households),
            )
            for key, cell in self.cells.items()
            if cell.quantity
        }


def _recount(states: Iterable[Record]) -> dict[CellKey, tuple[int, int, frozenset[bytes], frozenset[bytes]]]:
    """Count the highest state of each record with plain sets."""
    highest: dict[UUID, Record] = {}
    for record in sorted(states, key=lambda r: (r.revision, r.edition)):
        highest[record.record_id] = record
    found: dict[CellKey, list[tuple[int, bytes | None, bytes | None]]] = defaultdict(list)
    for record in highest.values():
        for line in record.lines:
            key = CellKey(record.unit_id, line.measure, line.platform, record.day, record.reporter_id)
            person = next((ref for ref in line.refs if ref is not None), None)
            found[key].append((line.quantity, person, record.household))
    return {
        key: (
            sum(quantity for quantity, _, _ in rows),
            sum(quantity for quantity, person, _ in rows if person is None),
            frozenset(person for _, person, _ in rows if person is not None),
            frozenset(home for _, _, home in rows if home is not None),
        )
        for key, rows in found.items()
    }


def _told_once(states: Iterable[Record]) -> list[Record]:
    """A record says one thing at each revision and edition."""
    return list({(r.record_id, r.revision, r.edition): r for r in states}.values())


@given(st.lists(records, max_size=12), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_repetition_of_revisions_gives_the_cells_of_a_plain_recount(
    states: list[Record], chance: object, batch: int
) -> None:
    once = _told_once(states)
    delivered = once + chance.choices(once, k=len(once)) if once else []  # type: ignore[attr-defined]
    chance.shuffle(delivered)  # type: ignore[attr-defined]
    counted = InMemory()
    for n in range(0, len(delivered), batch):
        counted.fold(delivered[n : n + batch])
    assert counted.shown() == _recount(once)
    assert all(cell.unknown <= cell.quantity for cell in counted.cells.values())
    assert all(not cell.persons and not cell.households for cell in counted.cells.values() if not cell.quantity)


def test_a_line_that_stays_the_same_stays_the_same_fact() -> None:
    line = Line(1, "FLD-07", "", None, 1, NOBODY)
    before = _record(1, 1, 0, DAYS[0], None, [line, line._replace(quantity=2)])
    after = _record(1, 2, 0, DAYS[0], None, [line, line._replace(quantity=3)])
    changed = changes(facts_of(before, {}, {}), facts_of(after, {}, {}))
    assert [fact.quantity for fact in changed.retired] == [2]
    assert [fact.quantity for fact in changed.entered] == [3]


def test_the_same_content_at_a_higher_edition_changes_nothing() -> None:
    line = Line(1, "FLD-07", "", None, 1, NOBODY)
    facts = [facts_of(_record(1, 1, edition, DAYS[0], None, [line]), {}, {}) for edition in (0, 1)]
    assert not changes(*facts)


def test_a_person_counts_under_the_first_reference_that_is_there() -> None:
    numbers = {b"p": KIND_RANGE + 1, b"c": 3 * KIND_RANGE}
    line = Line(1, "FLD-07", "", None, 1, (None, b"p", None, b"c"))
    (fact,) = facts_of(_record(1, 1, 0, DAYS[0], None, [line]), numbers, {})
    assert fact.person == numbers[b"p"]
    assert (fact.national_id, fact.phone, fact.ref, fact.receipt) == (None, numbers[b"p"], None, numbers[b"c"])


def test_a_household_of_a_voided_record_is_not_numbered() -> None:
    assert households_in([_record(1, 2, 0, DAYS[0], b"h1", [])]) == set()


def test_a_person_who_moves_between_lines_of_a_cell_does_not_leave_it() -> None:
    line = Line(1, "FLD-07", "", None, 1, (b"n", None, None, None))
    before = facts_of(_record(1, 1, 0, DAYS[0], None, [line]), {b"n": 5}, {})
    after = facts_of(_record(1, 2, 0, DAYS[0], None, [line._replace(quantity=2)]), {b"n": 5}, {})
    deltas = deltas_of(changes(before, after))
    assert leaving(deltas) == ([], [])
    cell = Cell(1, 0, BitMap([5]))
    cell.apply(deltas[key_of(before[0])], [], [])
    assert (cell.quantity, list(cell.persons)) == (2, [5])
