"""What the numbers must be: plain sets made from the very sends, without any code of the system."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.campaign.sends import Batch, Json, ReporterKind, Send

__all__ = ["KINDS_OF_REFERENCE", "Expected", "Numbers", "count"]

KINDS_OF_REFERENCE = ("national_id", "phone", "ref", "receipt")
"""A person counts under the first that a line has."""

Reference = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one group; `luot` and `unknown` are None where adding them up would mean nothing."""

    luot: int | None
    nguoi: int
    ho: int
    unknown: int | None
    known_by: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Expected:
    """All numbers of the campaign that its report shows."""

    by_kind: Mapping[tuple[str, ReporterKind], Numbers]
    """By measure and kind of reporter."""
    by_commune: Mapping[tuple[str, str], Numbers]
    """The teams' alone, by measure and code of the commune."""
    union: Mapping[str, Numbers]
    """By measure, over both kinds of reporter."""
    matched: Mapping[str, tuple[int, int]]
    """By measure: the teams' people whom a partner also reports, the partners' whom a team also reports."""
    all_measures: Numbers
    """The teams' alone, over all measures."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line, or one partner's install."""

    measure: str
    kind: ReporterKind
    commune: str
    quantity: int
    references: Mapping[str, str]
    household: str | None

    @property
    def person(self) -> Reference | None:
        """Under what the person counts."""
        return next(((kind, self.references[kind]) for kind in KINDS_OF_REFERENCE if kind in self.references), None)


def count(sends: Iterable[Send], communes: Mapping[str, str]) -> Expected:
    """Count what the sends say in the end; `communes` is each team's."""
    facts = list(_facts(sends, communes))
    measures = sorted({fact.measure for fact in facts})
    teams = [fact for fact in facts if fact.kind == "team"]
    kinds: tuple[ReporterKind, ...] = ("team", "partner")
    return Expected(
        by_kind={
            (measure, kind): _numbers(one for one in facts if (one.measure, one.kind) == (measure, kind))
            for measure in measures
            for kind in kinds
            if any((one.measure, one.kind) == (measure, kind) for one in facts)
        },
        by_commune={
            key: _numbers(one for one in teams if (one.measure, one.commune) == key)
            for key in sorted({(one.measure, one.commune) for one in teams})
        },
        union={measure: _union(one for one in facts if one.measure == measure) for measure in measures},
        matched={measure: _matched([one for one in facts if one.measure == measure]) for measure in measures},
        all_measures=_union(teams),
    )


def _facts(sends: Iterable[Send], communes: Mapping[str, str]) -> Iterator[Fact]:
    """Keep each record's last state, whatever was sent twice, and take it apart."""
    records: dict[str, tuple[ReporterKind, str, Json]] = {}
    for send in sends:
        if isinstance(send, Batch):
            for row in send.rows:
                records.setdefault(row["id"], (send.kind, send.reporter, row))
            continue
        kind, reporter, before = records[send.record]
        after = before | {"lines": []} if send.verb == "void" else _corrected(before, send.body)
        records[send.record] = (kind, reporter, after)
    for kind, reporter, record in records.values():
        if kind == "partner":
            yield _fact(record, record, kind, reporter, record["unit"])
            continue
        for line in record["lines"]:
            yield _fact(record, line, kind, reporter, record.get("unit") or communes[reporter])


def _corrected(before: Json, after: Json) -> Json:
    """Put back the people whom the correction keeps."""
    people = {line["line"]: line.get("person") for line in before["lines"]}
    lines = [
        line | {"person": people[line["line"]]} if (line.get("person") or {}).get("keep") else line
        for line in after["lines"]
    ]
    return after | {"lines": lines}


def _fact(record: Json, line: Json, kind: ReporterKind, reporter: str, commune: str) -> Fact:
    household = (record.get("household") or {}).get("ref")
    return Fact(
        measure=line["measure"],
        kind=kind,
        commune=commune,
        quantity=line.get("quantity", 1),
        references=_references(line, reporter),
        household=None if household is None else f"{reporter} {household}",
    )


def _references(line: Mapping[str, Any], reporter: str) -> dict[str, str]:
    """Read a line's references; the reporter's own are its own, receipt codes their platform's."""
    given = {**(line.get("person") or {}), "receipt": line.get("receipt")}
    found = {kind: given[kind] for kind in KINDS_OF_REFERENCE if given.get(kind)}
    if "phone" in found:
        digits = "".join(one for one in found["phone"] if one.isdigit())
        found["phone"] = "+84" + (digits[2:] if digits.startswith("84") else digits[1:])
    if "receipt" in found:
        found["receipt"] = f"{line.get('platform')} {found['receipt']}"
    if "ref" in found:
        found["ref"] = f"{reporter} {found['ref']}"
    return found


def _numbers(facts: Iterable[Fact]) -> Numbers:
    """Count facts that may be added up."""
    facts = list(facts)
    people = {fact.person for fact in facts if fact.person is not None}
    kinds = Counter(kind for kind, _ in people)
    return Numbers(
        luot=sum(fact.quantity for fact in facts),
        nguoi=len(people),
        ho=len({fact.household for fact in facts if fact.household is not None}),
        unknown=sum(fact.quantity for fact in facts if fact.person is None),
        known_by={kind: kinds[kind] for kind in KINDS_OF_REFERENCE},
    )


def _union(facts: Iterable[Fact]) -> Numbers:
    """Count the people and households of facts whose quantities may not be added up."""
    numbers = _numbers(facts)
    return Numbers(None, numbers.nguoi, numbers.ho, None, numbers.known_by)


def _matched(facts: list[Fact]) -> tuple[int, int]:
    """Count each side's people who share any reference, not only the counting one, with the other side."""
    known: dict[ReporterKind, dict[Reference, set[Reference]]] = {"team": {}, "partner": {}}
    for fact in facts:
        if fact.person is not None:
            known[fact.kind].setdefault(fact.person, set()).update(fact.references.items())
    by_teams = set[Reference]().union(*known["team"].values())
    by_partners = set[Reference]().union(*known["partner"].values())
    return (
        sum(not references.isdisjoint(by_partners) for references in known["team"].values()),
        sum(not references.isdisjoint(by_teams) for references in known["partner"].values()),
    )
