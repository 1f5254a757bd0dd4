"""Histories as Hypothesis makes them: what was said of a few records, in which order it came, how it was folded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal
from uuid import UUID

from hypothesis import strategies as st

from tests.faults.histories_oracle import KINDS, Line, Revision, Said
from tests.support.metrics import BANK, OTHER_WARD, PROVINCE, TEAMS, WARD

__all__ = ["HOUSEHOLDS", "PEOPLE", "PLATFORMS", "UNITS", "History", "Question", "Turn", "histories"]

# Few and unevenly, so that most of what happens, happens in the same cells.
UNITS = (WARD, WARD, OTHER_WARD)
REPORTERS = (TEAMS[0], TEAMS[0], TEAMS[1], BANK)
DAYS = ("2025-05-31", "2025-05-31", "2025-05-10", "2025-06-01")
MEASURES = ("FLD-07", "FLD-07", "FLD-08")
PLATFORMS = ("p", "p", "q")
PEOPLE = tuple(f"{kind} {name}" for kind in KINDS for name in "ab")
HOUSEHOLDS = ("h", "i")
GROUPINGS = (
    "measure",
    "platform",
    "reporter",
    "reporter_kind",
    "unit:province",
    "unit:commune",
    "time:day",
    "time:month",
)
SPANS = (("2025-05-01", "2025-06-30"), ("2025-05-01", "2025-05-31"), ("2025-05-10", "2025-06-01"))

Fate = Literal["kept", "lost", "replayed", "begun again", "rolled up"]
FATES: Sequence[Fate] = ("kept", "kept", "lost", "replayed", "begun again", "rolled up")


@dataclass(frozen=True)
class Turn:
    """A batch of so many messages: kept, or rolled back, or kept and then read again some messages back, or from 0.

    Or everything that is in the database is worked into the roll-ups after it.
    """

    size: int
    fate: Fate
    back: int


@dataclass(frozen=True)
class Question:
    """What is asked in the end."""

    group_by: Sequence[str]
    span: tuple[str, str]
    unit: UUID | None


@dataclass(frozen=True)
class History:
    """The messages of a partition, how they were folded, and what is asked; what is left is folded as one batch."""

    log: Sequence[Revision | Said]
    turns: Sequence[Turn]
    question: Question


# One draw chooses among whole things: drawing each of their parts would cost more than folding them.
_somebody = [{}, {}, {}, *({name.partition(" ")[0]: name} for name in PEOPLE)]
_somebody += [{**one, **other} for one, other in combinations(_somebody[3:], 2) if one.keys() != other.keys()]
_lines = st.sampled_from([Line(0, *parts) for parts in product(MEASURES, PLATFORMS, (1, 2, 3), _somebody)])
_heads = st.sampled_from(list(product(UNITS, DAYS, (None, *HOUSEHOLDS))))
_turns = st.sampled_from([Turn(*parts) for parts in product(range(1, 7), FATES, range(1, 12))])
_groupings = [(), *((one,) for one in GROUPINGS), *combinations(GROUPINGS, 2)]
_questions = st.sampled_from(
    [
        Question(group_by, span, unit)
        for group_by, span, unit in product(_groupings, SPANS, (None, None, PROVINCE, WARD))
        if len({grouping.partition(":")[0] for grouping in group_by}) == len(group_by)
    ]
)


def _revision(draw: st.DrawFn, record: int, at: tuple[int, int], reporter: UUID) -> Revision:
    """A record keeps its reporter; everything else may change."""
    unit, day, household = draw(_heads)
    lines = enumerate(draw(st.lists(_lines, max_size=3)), 1)
    return Revision(
        record, at, unit, reporter, day, household, [replace(line, number=number) for number, line in lines]
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Give some records with their revisions and editions, some progress, in any order, some of it repeatedly."""
    said: list[Revision | Said] = []
    for record in range(draw(st.integers(1, 4))):
        reporter = draw(st.sampled_from(REPORTERS))
        at = (1, 0)
        for step in draw(st.lists(st.sampled_from(("revision", "edition")), max_size=3)):
            said.append(_revision(draw, record, at, reporter))
            at = (at[0] + 1, 0) if step == "revision" else (at[0], at[1] + 1)
        said.append(_revision(draw, record, at, reporter))
    said += [Said(0, n + 1, TEAMS[0], draw(st.sampled_from(DAYS))) for n in range(draw(st.integers(0, 2)))]
    again = draw(st.lists(st.sampled_from(said), max_size=4))
    log = draw(st.permutations([*said, *again]))
    return History(log, draw(st.lists(_turns, max_size=6)), draw(_questions))
