"""The indicators of a row; a rate has its numerator and its denominator, and what is null has a reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.metrics.domain.network.counting import Tally
from services.metrics.domain.network.question import Question
from services.metrics.domain.network.states import COMMUNITY, FORMATIONS, DeclaredDenominator

__all__ = ["BASES", "MEANINGS", "Amount", "Divisor", "Meaning", "RowFacts", "figures_of"]

PLACES = 4  # Decimals of a rate.
POPULATION, SUBCOMMUNES, COMMUNES = "population_total", "subcommune_units", "commune_units"
BASES = {"NET-03": SUBCOMMUNES, "NET-06": POPULATION}


class Meaning(NamedTuple):
    """What an indicator counts."""

    vi: str
    en: str
    unit_of_count: str


MEANINGS: Mapping[str, Meaning] = {
    "NET-01": Meaning("Số Tổ công nghệ số cộng đồng đang hoạt động", "Active teams", "team"),
    "NET-02": Meaning("Số thành viên Tổ", "Team members", "person"),
    "NET-03": Meaning("Tỷ lệ thôn, bản, tổ dân phố có Tổ", "Sub-commune units with a team", "%"),
    "NET-04": Meaning("Tỷ lệ xã, phường có Tổ cấp xã", "Communes with a commune-level team", "%"),
    "NET-05": Meaning("Số thành viên bình quân một Tổ; Tổ thiếu người", "Mean team size; undersized teams", "person"),
    "NET-06": Meaning("Số thành viên trên 100 dân", "Members per 100 inhabitants", "person"),
    "NET-07": Meaning("Thành viên là cán bộ Đoàn", "Members who are Youth-Union officers", "person"),
    "NET-08": Meaning("Đội hình thanh niên; tình nguyện viên", "Youth formations; volunteers", "formation"),
    "NET-09": Meaning("Tỷ lệ xã, phường có Đại sứ số", "Communes with a digital ambassador", "%"),
    "NET-10": Meaning("Tỷ lệ thành viên được tập huấn trong kỳ", "Members trained in the period", "%"),
    "NET-11": Meaning("Tỷ lệ Tổ có hoạt động trong kỳ", "Teams at work in the period", "%"),
}


@dataclass(frozen=True, slots=True)
class Divisor:
    """What is divided by, and where that is from: `network`, `map` or `declared`."""

    value: int
    base: str
    source: str
    rows: Sequence[DeclaredDenominator] = ()


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure; without a value there is a reason."""

    value: int | float | None = None
    numerator: int | None = None
    divisor: Divisor | None = None
    details: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RowFacts:
    """A row's counts and what it is about; `declared` has denominators by base, none where one is missing."""

    tally: Tally
    level: str | None
    type: str | None
    unallocated: bool
    communes: int
    subcommunes: int
    declared: Mapping[str, Sequence[DeclaredDenominator]]


def figures_of(row: RowFacts, question: Question) -> dict[str, Amount]:
    """Give the indicators asked for."""
    return {code: _MADE[code](row, question) for code in question.indicators}


def _teams(row: RowFacts, question: Question) -> Amount:
    return Amount(reason="types_not_added") if _mixed(row, question) else Amount(row.tally.teams)


def _members(row: RowFacts, question: Question) -> Amount:
    return Amount(len(row.tally.members), details={"memberships": row.tally.memberships})


def _subcommunes(row: RowFacts, question: Question) -> Amount:
    if reason := _misplaced(row, "subcommune"):
        return Amount(reason=reason)
    covered = row.tally.subcommunes
    declared = row.declared.get(SUBCOMMUNES, ())
    divisor = (
        Divisor(sum(each.value for each in declared), SUBCOMMUNES, "declared", declared)
        if declared
        else Divisor(row.subcommunes, SUBCOMMUNES, "map")
    )
    if row.tally.strays:
        # Told at a commune, they stand for sub-commune units that nobody can name.
        return Amount(None, covered, divisor, {"not_placed": row.tally.strays}, "teams_not_placed")
    return _share(covered, divisor, "no_units", missing=True)


def _communes(row: RowFacts, question: Question) -> Amount:
    if reason := _misplaced(row, "commune"):
        return Amount(reason=reason)
    return _share(row.tally.communes, Divisor(row.communes, COMMUNES, "map"), "no_units", missing=True)


def _size(row: RowFacts, question: Question) -> Amount:
    if _mixed(row, question):
        return Amount(reason="types_not_added")
    tally = row.tally
    details = {"undersized": tally.undersized, "minimum": question.minimum}
    divisor = Divisor(tally.teams, "teams", "network")
    return _ratio(tally.memberships, divisor, 1, "no_teams", details)


def _per_hundred(row: RowFacts, question: Question) -> Amount:
    members = len(row.tally.members)
    if row.unallocated:
        return Amount(None, members, reason="territory_of_several_units")
    declared = row.declared.get(POPULATION, ())
    if not declared:
        return Amount(None, members, reason="no_denominator")
    divisor = Divisor(sum(each.value for each in declared), POPULATION, "declared", declared)
    return _ratio(members, divisor, 100, "no_denominator", {})


def _officers(row: RowFacts, question: Question) -> Amount:
    return Amount(len(row.tally.officers))


def _formations(row: RowFacts, question: Question) -> Amount:
    types = question.types if row.type is None else (row.type,)
    if "type" in question.group_by and not set(types) & set(FORMATIONS):
        return Amount(reason="not_of_this_group")
    return Amount(row.tally.formations, details={"volunteers": len(row.tally.volunteers)})


def _ambassadors(row: RowFacts, question: Question) -> Amount:
    if {"level", "type"} & set(question.group_by):
        return Amount(reason="not_of_this_group")
    if reason := _misplaced(row, "commune"):
        return Amount(reason=reason)
    return _share(row.tally.ambassadors, Divisor(row.communes, COMMUNES, "map"), "no_units", missing=True)


def _trained(row: RowFacts, question: Question) -> Amount:
    divisor = Divisor(len(row.tally.members), "members", "network")
    return _share(len(row.tally.trained), divisor, "no_members")


def _at_work(row: RowFacts, question: Question) -> Amount:
    if _mixed(row, question):
        return Amount(reason="types_not_added")
    return _share(row.tally.active, Divisor(row.tally.teams, "teams", "network"), "no_teams")


_MADE: Mapping[str, Callable[[RowFacts, Question], Amount]] = {
    "NET-01": _teams,
    "NET-02": _members,
    "NET-03": _subcommunes,
    "NET-04": _communes,
    "NET-05": _size,
    "NET-06": _per_hundred,
    "NET-07": _officers,
    "NET-08": _formations,
    "NET-09": _ambassadors,
    "NET-10": _trained,
    "NET-11": _at_work,
}


def _mixed(row: RowFacts, question: Question) -> bool:
    """Say whether teams and formations are in the row together: they are counted in units of their own."""
    return row.type is None and question.mixed


def _misplaced(row: RowFacts, level: str) -> str | None:
    """Say why a row can cover no units of a level."""
    if row.level not in (None, level) or row.type not in (None, COMMUNITY):
        return "not_of_this_group"
    return "territory_of_several_units" if row.unallocated else None


def _share(numerator: int, divisor: Divisor, without: str, *, missing: bool = False) -> Amount:
    details = {"missing": max(0, divisor.value - numerator)} if missing and divisor.value else {}
    return _ratio(numerator, divisor, 100, without, details)


def _ratio(numerator: int, divisor: Divisor, times: int, without: str, details: Mapping[str, int]) -> Amount:
    if not divisor.value:
        return Amount(None, numerator, divisor, details, without)
    return Amount(round(numerator * times / divisor.value, PLACES), numerator, divisor, details)
