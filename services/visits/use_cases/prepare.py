"""A row as it was sent, made into a draft with its place settled, waited for, or its faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from libs.common.problem import Fault
from services.visits.domain.clock import local_day
from services.visits.domain.codes import CodeList, Named, named
from services.visits.domain.draft import Consent, Draft, Intake, References
from services.visits.domain.identity import tells_identity
from services.visits.domain.place import Settled, Waiting, occasion, settle, team_id_of
from services.visits.use_cases.rows import LineRow, ReportRow, Row, VisitRow

__all__ = ["Author", "Prepared", "Preparing", "kept_persons"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who sends: the client, the subtree it may act in (None: the whole country), the partner it belongs to.

    `codes_as_of` is the day of the list that its codes are of where a request declares none, None for each event's.
    """

    client_id: str
    root: UUID | None
    partner_id: UUID | None
    codes_as_of: date | None = None


class Prepared(Struct, frozen=True, gc=False):
    """A row ready to be stored (`draft` and `place`) or with what is wrong with it."""

    index: int
    change_id: UUID | None
    digests: tuple[bytes, ...]
    draft: Draft | None = None
    place: Settled | Waiting | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader of the record should know about it."""
        return self.draft.flags if self.draft is not None else ()


class _Place(NamedTuple):
    """Who reports, also as text, and where it counts; `given` is what is wrong with the unit itself."""

    reporter_id: UUID
    reporter: str
    unit: Named | None
    given: tuple[Fault, ...]
    settled: Settled | Waiting | tuple[Fault, ...]


@dataclass(slots=True)
class Preparing:
    """Prepares the rows of one request; `reporter_id` is that of the record a correction is for."""

    intake: Intake
    author: Author
    codes: CodeList
    reporter_id: UUID | None = None
    _places: dict[tuple[str | None, str | None, date], _Place | Fault] = field(init=False, default_factory=dict)
    """Asked once for all rows that name the same team, unit and day."""

    def prepare(self, index: int, row: Row, content: bytes) -> Prepared:
        """Prepare a row; `content` is its canonical encoding."""
        digests = self.intake.keys.digests(content)
        occurred_at = self.intake.clock.judge(row.occurred_at, "/occurred_at")
        if isinstance(occurred_at, Fault):
            reporter = self._reporter(row)
            found = (reporter, occurred_at) if isinstance(reporter, Fault) else (occurred_at,)
            return Prepared(index, row.id, digests, faults=found)
        day = local_day(occurred_at)
        place = self._place(row, day)
        if isinstance(place, Fault):
            return Prepared(index, row.id, digests, faults=(place,))
        faults: list[Fault] = []
        draft = self._draft(row, place, occurred_at, day, faults)
        faults += place.given
        if faults or isinstance(place.settled, tuple):
            settling = place.settled if isinstance(place.settled, tuple) else ()
            return Prepared(index, row.id, digests, faults=tuple(faults) or settling)
        if draft.wave_id is not None or draft.model_id is not None:
            return self._on_occasion(Prepared(index, row.id, digests, draft, place.settled))
        return Prepared(index, row.id, digests, draft, place.settled)

    def _on_occasion(self, prepared: Prepared) -> Prepared:
        """Wait for the wave and the model that a visit names, too, or flag it where they do not fit its day."""
        draft, place = prepared.draft, prepared.place
        assert draft is not None
        waiting, flags = occasion(draft.wave_id, draft.model_id, draft.day, self.intake.directory)
        if waiting:
            place = Waiting((*(place.waiting_for if isinstance(place, Waiting) else ()), *waiting))
        return replace(prepared, draft=draft.flagged(*flags), place=place)

    def _draft(self, row: Row, place: _Place, occurred_at: datetime, day: date, faults: list[Fault]) -> Draft:
        visit = row if isinstance(row, VisitRow) else None
        given: Sequence[LineRow] = row.lines if isinstance(row, VisitRow) else [_one(row)]
        intake, consent = self.intake, row.consent or None
        lines = intake.lines(given, place.reporter, day, faults, flat=visit is None)
        if consent is None and any(line.person for line in lines):
            faults.append(Fault("consent_missing", "/consent"))
        recorded_by = (visit.recorded_by or None) if visit is not None else None
        if recorded_by is not None and tells_identity(recorded_by):
            faults.append(Fault("identity_in_text", "/recorded_by"))
        household = visit.household.ref if visit is not None and visit.household else None
        return Draft(
            "visit" if visit is not None else "partner_report",
            place.reporter_id,
            place.unit.unit_id if place.unit is not None else None,
            occurred_given=row.occurred_at,
            occurred_at=occurred_at,
            received_at=intake.clock.received_at,
            channel=(visit.channel or None) if visit is not None else None,
            recorded_by=recorded_by,
            household=intake.household(household, place.reporter),
            consent=Consent(consent.text, consent.at, consent.how) if consent is not None else None,
            flags=_flags(intake.flags(given, day), place.unit),
            lines=lines,
            wave_id=(visit.wave or None) if visit is not None else None,
            model_id=(visit.model or None) if visit is not None else None,
            household_level=intake.keys.level,
        )

    def _place(self, row: Row, day: date) -> _Place | Fault:
        team = row.team if isinstance(row, VisitRow) else None
        key = (team, row.unit or None, day)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._settled(row, day)
        return place

    def _settled(self, row: Row, day: date) -> _Place | Fault:
        reporter = self._reporter(row)
        if isinstance(reporter, Fault):
            return reporter
        unit = named(row.unit, day, self.codes, self.intake.directory, "/unit") if row.unit else None
        if isinstance(unit, Fault):
            return _Place(reporter, str(reporter), None, (unit,), ())
        team_id = reporter if isinstance(row, VisitRow) else None
        settled = settle(team_id, unit, day, self.intake.directory, self.author.root)
        return _Place(reporter, str(reporter), unit, (), tuple(settled) if isinstance(settled, list) else settled)

    def _reporter(self, row: Row) -> UUID | Fault:
        if isinstance(row, ReportRow):
            assert self.author.partner_id is not None
            return self.author.partner_id
        team = team_id_of(row.team, self.intake.directory, "/team")
        if self.reporter_id is not None and team != self.reporter_id:
            return Fault("reporter_changed", "/team")
        return team


def _flags(flags: tuple[str, ...], unit: Named | None) -> tuple[str, ...]:
    return flags if unit is None or unit.flag is None else tuple(sorted((*flags, unit.flag)))


def _one(row: ReportRow) -> LineRow:
    """Give a partner's report as the one line it is."""
    return LineRow(
        line=1,
        measure=row.measure,
        platform=row.platform,
        stage=row.stage,
        person=row.person,
        receipt=row.receipt,
    )


def kept_persons(draft: Draft) -> dict[int, References | None]:
    """Give the person of each line, for `keep` in a correction."""
    return {line.line: line.person for line in draft.lines}
