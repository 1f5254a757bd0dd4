"""Answer a question: tally the cells, match the facts, withhold what is small, and say what the numbers mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from libs.common.db import Connection
from libs.common.tracing import span
from libs.contracts.metrics_api import MetricsAnswer, MetricsQuery, NumberContract
from services.metrics.domain.answer import Matching, Numbers, Sums, numbers_of, total_of
from services.metrics.domain.completeness import Synced, complete_through
from services.metrics.domain.facts import REPORTER_KINDS
from services.metrics.domain.grouping import Group, grouper
from services.metrics.domain.memory import Memory
from services.metrics.domain.picture import Picture
from services.metrics.domain.question import Question, day_of
from services.metrics.domain.suppression import Counts, withheld
from services.metrics.store import query as store
from services.metrics.store.query import DataRevision
from services.metrics.use_cases.rollup_view import look
from services.metrics.use_cases.rows import in_order, measure_contracts, row_of
from services.metrics.use_cases.tallying import Territory, tally

__all__ = ["Reader", "answer", "contract_of", "in_codes", "question_of", "synced_with"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the unit whose territory it may see (None: all), and whether small numbers are shown to it."""

    subtree: UUID | None
    exact: bool
    smallest_shown: int


def in_codes(query: MetricsQuery, picture: Picture) -> MetricsQuery:
    """Give a query with codes in place of aliases, as it is executed."""
    measures = [picture.measure_spellings.code_of(each) for each in query.measures]
    platforms = [picture.platform_spellings.code_of(each) for each in query.filters.platform or ()]
    if measures == query.measures and platforms == (query.filters.platform or []):
        return query
    filters = query.filters.model_copy(update={"platform": platforms or None})
    return query.model_copy(update={"measures": measures, "filters": filters})


def question_of(query: MetricsQuery, today: date) -> Question:
    """Give a query as the domain asks it on a day; raises Problem for boundaries of no day."""
    filters = query.filters
    return Question(
        measures=tuple(dict.fromkeys(query.measures)),
        first=query.from_,
        last=query.to,
        group_by=tuple(query.group_by),
        units=tuple(filters.unit or ()),
        reporter_kind=REPORTER_KINDS.index(filters.reporter_kind) if filters.reporter_kind else None,
        reporters=tuple(filters.reporter or ()),
        platforms=tuple(filters.platform or ()),
        answers=frozenset(query.answers),
        boundaries=query.boundaries,
        on=day_of(query.boundaries, today),
    )


async def answer(
    connection: Connection,
    query: MetricsQuery,
    question: Question,
    units: frozenset[UUID] | None,
    reader: Reader,
    picture: Picture,
    memory: Memory,
    revision: DataRevision,
) -> MetricsAnswer:
    """Answer the query's question about some units in the caller's snapshot, whose revision is given; raises Problem.

    Without group_by there are no rows: the total has the numbers.
    """
    territory = Territory(units, reader.subtree, picture.units.changes)
    view = await look(connection, memory)
    with span("tally"):
        tallied = await tally(connection, view, question, territory, picture, _sets_for(question, reader))
    sums = tallied.sums
    matchings = await _match(connection, question, units, picture) if "matched" in question.answers else None
    measured = {code: measure.unit_of_count for code, measure in picture.measures.items()}
    groups = in_order(sums, picture) if question.group_by else []

    def numbers_for(whole: Sums, *of_groups: Group) -> Numbers:
        return numbers_of(whole, _matching_of(matchings, of_groups), measured)

    numbers = [numbers_for(sums[group], group) for group in groups]
    total = numbers_for(total_of(sums.values()), *sums)
    hidden, total_hidden = _withheld(numbers, total, reader)
    synced = await synced_with(connection, tallied.active, revision, memory)
    contract = contract_of(question, complete_through(tallied.active, synced), reader, picture, revision)
    rows = [
        row_of(group, each, names, question, picture)
        for group, each, names in zip(groups, numbers, hidden, strict=True)
    ]
    total_row = row_of(Group(()), total, total_hidden, question, picture)
    return MetricsAnswer(rows=rows, total=total_row, contract=contract, query=query)


async def synced_with(
    connection: Connection, active: frozenset[UUID], revision: DataRevision, memory: Memory
) -> Synced:
    """Give what the devices of the active have said: asked once at each data revision, which they raise too."""
    if memory.synced_at != revision.n:
        memory.synced_at, memory.synced = revision.n, {}
    of_revision = memory.synced
    known = of_revision.get(active)
    if known is None:
        known = of_revision[active] = await store.synced(connection, active)
    return known


def contract_of(
    question: Question, complete: datetime | None, reader: Reader, picture: Picture, revision: DataRevision
) -> NumberContract:
    """Say what the numbers of an answer mean; `complete` is how far its reporters have sent everything."""
    known_from, day = picture.units.known_from(), question.on or question.last
    return NumberContract(
        measures=measure_contracts(question.measures, picture),
        boundaries=question.boundaries,
        boundaries_on=question.on,
        map_known_from=known_from if known_from is not None and day < known_from else None,
        data_revision=str(revision),
        map_revision=".".join(map(str, picture.map_revision)),
        as_of=revision.changed_at,
        complete_through=complete,
        exact=reader.exact,
        smallest_shown=reader.smallest_shown,
    )


def _sets_for(question: Question, reader: Reader) -> frozenset[str]:
    """Say which sets are needed; what is small is told by both."""
    persons = not reader.exact or question.answers & {"nguoi", "known_by"}
    households = not reader.exact or "ho" in question.answers
    return frozenset(name for name, needed in (("persons", persons), ("households", households)) if needed)


async def _match(
    connection: Connection, question: Question, units: frozenset[UUID] | None, picture: Picture
) -> dict[Group, Matching]:
    group = grouper(question.group_by, picture, question.on)
    found: dict[Group, Matching] = {}
    async for facts in store.facts(connection, question, units):
        for place, person, refs in facts:
            of_group = group(place)
            if of_group not in found:
                found[of_group] = Matching()
            found[of_group].add(place.reporter_kind, person, refs)
    return found


def _matching_of(matchings: Mapping[Group, Matching] | None, groups: Sequence[Group]) -> Matching | None:
    """Match over some groups together: a match across two groups shows only there."""
    if matchings is None:
        return None
    together = Matching()
    for group in groups:
        if group in matchings:
            together.take(matchings[group])
    return together


def _withheld(rows: Sequence[Numbers], total: Numbers, reader: Reader) -> tuple[list[frozenset[str]], frozenset[str]]:
    if reader.exact:
        return [frozenset() for _ in rows], frozenset()
    return withheld([_counts(row) for row in rows], _counts(total), reader.smallest_shown)


def _counts(numbers: Numbers) -> Counts:
    return Counts(numbers.luot, numbers.unknown, numbers.nguoi, numbers.ho, numbers.known_by, numbers.matched)
