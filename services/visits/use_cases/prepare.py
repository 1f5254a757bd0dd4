"""A row as it was sent, made into a draft with its place settled, waited for, or its faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from libs.common.problem import Fault
from libs.contracts.visits_api import (
    PartnerReportCorrection,
    PartnerReportInput,
    PersonInput,
    VisitCorrection,
    VisitInput,
)
from services.visits.domain.clock import local_day
from services.visits.domain.draft import Consent, Draft, GivenLine, Intake, References
from services.visits.domain.identity import tells_identity
from services.visits.domain.place import Settled, Waiting, settle, team_id_of, unit_id_of

__all__ = ["Author", "Prepared", "Row", "kept_persons", "prepare"]

Row = VisitInput | VisitCorrection | PartnerReportInput | PartnerReportCorrection


@dataclass(frozen=True, slots=True)
class Author:
    """Who sends: the client, the subtree it may act in (None: the whole country), the partner it belongs to."""

    client_id: str
    root: UUID | None
    partner_id: UUID | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row ready to be stored (`draft` and `place`) or with what is wrong with it."""

    index: int
    change_id: UUID | None
    digest: bytes | None
    draft: Draft | None = None
    place: Settled | Waiting | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class _OneInstall:
    """A partner's report seen as the one line it is."""

    measure: str
    platform: str | None
    stage: str | None
    person: PersonInput | None
    receipt: str | None
    line: Literal[1] = 1
    quantity: Literal[1] = 1


def prepare(
    index: int, row: Row, content: bytes, intake: Intake, author: Author, *, reporter: UUID | None = None
) -> Prepared:
    """Prepare a row; `content` is its canonical encoding, `reporter` that of the record a correction is for."""
    digest = intake.keys.digest(content)
    faults: list[Fault] = []
    draft = _draft(row, intake, author, reporter, faults)
    if draft is None or faults:
        return Prepared(index, row.id, digest, faults=tuple(faults))
    place = settle(draft, intake.directory, author.root)
    if isinstance(place, list):
        return Prepared(index, row.id, digest, faults=tuple(place))
    return Prepared(index, row.id, digest, draft, place)


def _draft(row: Row, intake: Intake, author: Author, known: UUID | None, faults: list[Fault]) -> Draft | None:
    reporter = _reporter(row, intake, author, known)
    occurred_at = intake.clock.judge(row.occurred_at, "/occurred_at")
    faults.extend(found for found in (reporter, occurred_at) if isinstance(found, Fault))
    if isinstance(reporter, Fault) or isinstance(occurred_at, Fault):
        return None
    visit = row if isinstance(row, VisitInput | VisitCorrection) else None
    given: Sequence[GivenLine] = row.lines if isinstance(row, VisitInput | VisitCorrection) else [_one(row)]
    day = local_day(occurred_at)
    lines = intake.lines(given, reporter, day, faults, flat=visit is None)
    if row.consent is None and any(line.person for line in lines):
        faults.append(Fault("consent_missing", "/consent"))
    if visit is not None and visit.recorded_by is not None and tells_identity(visit.recorded_by):
        faults.append(Fault("identity_in_text", "/recorded_by"))
    household = visit.household.ref if visit is not None and visit.household is not None else None
    return Draft(
        kind="visit" if visit is not None else "partner_report",
        reporter_id=reporter,
        unit_id=_unit(row, day, intake, faults),
        occurred_given=row.occurred_at,
        occurred_at=occurred_at,
        received_at=intake.clock.received_at,
        channel=visit.channel if visit is not None else None,
        recorded_by=visit.recorded_by if visit is not None else None,
        household=intake.household(household, reporter),
        consent=Consent(row.consent.text, row.consent.at, row.consent.how) if row.consent else None,
        flags=intake.flags(given, day),
        lines=lines,
    )


def _one(row: PartnerReportInput | PartnerReportCorrection) -> _OneInstall:
    return _OneInstall(row.measure, row.platform, row.stage, row.person, row.receipt)


def _reporter(row: Row, intake: Intake, author: Author, known: UUID | None) -> UUID | Fault:
    if isinstance(row, VisitInput):
        return team_id_of(row.team, intake.directory, "/team")
    if isinstance(row, VisitCorrection):
        assert known is not None
        team = known if row.team is None else team_id_of(row.team, intake.directory, "/team")
        return Fault("reporter_changed", "/team") if team != known else known
    assert author.partner_id is not None
    return author.partner_id


def _unit(row: Row, day: date, intake: Intake, faults: list[Fault]) -> UUID | None:
    if row.unit is None:
        return None
    unit = unit_id_of(row.unit, day, intake.directory, "/unit")
    if isinstance(unit, Fault):
        faults.append(unit)
        return None
    return unit


def kept_persons(draft: Draft) -> dict[int, References | None]:
    """Give the person of each line, for `keep` in a correction."""
    return {line.line: line.person for line in draft.lines}
