"""A row made into a draft: checked, freed of raw identities, with its reporter known and its unit perhaps not yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from libs.common.problem import Fault
from libs.common.strict_json import pointer
from services.visits.domain.clock import Clock, local_day
from services.visits.domain.directory import Directory
from services.visits.domain.identity import BadIdentity, KeyChain, national_id, phone, surely_under_14

__all__ = ["Consent", "Draft", "GivenLine", "GivenPerson", "Intake", "Kind", "Line", "References"]

Kind = Literal["visit", "partner_report"]


class GivenPerson(Protocol):
    """A person's references as they were sent."""

    @property
    def national_id(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def ref(self) -> str | None: ...
    @property
    def keep(self) -> bool | None: ...


class GivenLine(Protocol):
    """A line as it was sent."""

    @property
    def line(self) -> int: ...
    @property
    def measure(self) -> str: ...
    @property
    def platform(self) -> str | None: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def quantity(self) -> int: ...
    @property
    def person(self) -> GivenPerson | None: ...
    @property
    def receipt(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class References:
    """Pseudonyms of one person; they count under the first that is there, in this order."""

    level: int
    national_id: str | None = None
    phone: str | None = None
    ref: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is kept."""

    line: int
    measure: str
    platform: str | None
    stage: str | None
    quantity: int
    person: References | None


@dataclass(frozen=True, slots=True)
class Consent:
    """Under which text, when and how the person agreed."""

    text: str
    at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before its place is settled; nothing in it identifies a person to who lacks the keys.

    `unit_id` is the unit as given (an id, or a code resolved on the day), None where the team's own is meant.
    """

    kind: Kind
    reporter_id: UUID
    unit_id: UUID | None
    occurred_given: datetime
    occurred_at: datetime
    received_at: datetime
    channel: str | None
    recorded_by: str | None
    household: str | None
    consent: Consent | None
    flags: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def day(self) -> date:
        """The local day of the event, corrected."""
        return local_day(self.occurred_at)

    def voided(self) -> "Draft":
        """Give the same record with nothing in it."""
        return replace(self, household=None, consent=None, lines=())


@dataclass(slots=True)
class Intake:
    """What it takes to make drafts of one request's rows: the keys, the directory, the clocks."""

    keys: KeyChain
    directory: Directory
    clock: Clock
    kept: dict[int, References | None] | None = None
    """In a correction: the person of each line of the revision that is replaced."""
    _level: int = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.keys.level

    def flags(self, lines: Sequence[GivenLine], day: date) -> tuple[str, ...]:
        """Give what a reader of the record should know about it."""
        found = {"clock_corrected"} if self.clock.corrects else set()
        measures = [self.directory.measures.get(line.measure) for line in lines]
        if any(measure is not None and measure.expired_on(day) for measure in measures):
            found.add("measure_expired")
        if any(measure is not None and measure.before(day) for measure in measures):
            found.add("measure_not_begun")
        return tuple(sorted(found))

    def household(self, ref: str | None, reporter_id: UUID) -> str | None:
        """Make the pseudonym of a household's reference, which is its reporter's own."""
        return None if ref is None else self.keys.pseudonym("household", f"{reporter_id}\x00{ref}")

    def lines(
        self, given: Sequence[GivenLine], reporter_id: UUID, day: date, faults: list[Fault], *, flat: bool = False
    ) -> tuple[Line, ...]:
        """Check the lines and make their pseudonyms; what is wrong is added to `faults`.

        `flat` says that the one line is the row itself, which pointers then lead into.
        """
        seen: set[int] = set()
        made = []
        for index, line in enumerate(given):
            at = "" if flat else pointer("lines", index)
            if line.line in seen:
                faults.append(Fault("line_repeated", at + "/line", {"line": line.line}))
            seen.add(line.line)
            faults.extend(self._catalogue_faults(line, at))
            person = self._person(line, reporter_id, day, at, faults)
            made.append(Line(line.line, line.measure, line.platform, line.stage, line.quantity, person))
        return tuple(made)

    def _catalogue_faults(self, line: GivenLine, at: str) -> list[Fault]:
        measure = self.directory.measures.get(line.measure)
        faults = []
        if measure is None:
            faults.append(Fault("unknown_measure", at + "/measure", {"code": line.measure}))
        elif line.stage is not None and line.stage not in measure.stages:
            faults.append(Fault("unknown_stage", at + "/stage", {"measure": line.measure, "stage": line.stage}))
        if line.platform is not None and line.platform not in self.directory.platforms:
            faults.append(Fault("unknown_platform", at + "/platform", {"code": line.platform}))
        return faults

    def _person(self, line: GivenLine, reporter_id: UUID, day: date, at: str, faults: list[Fault]) -> References | None:
        given, receipt = line.person, None
        if line.receipt is not None and line.platform is None:
            faults.append(Fault("receipt_without_platform", at + "/receipt"))
        elif line.receipt is not None:
            receipt = self.keys.pseudonym("receipt", f"{line.platform}\x00{line.receipt}")
        if given is None:
            return References(self._level, receipt=receipt) if receipt else None
        if given.keep:
            return self._keep(line, given, receipt, at, faults)
        if given.national_id is None and given.phone is None and given.ref is None:
            faults.append(Fault("person_without_reference", at + "/person"))
            return None
        return References(
            self._level,
            self._national_id(given.national_id, day, at, faults),
            self._phone(given.phone, at, faults),
            self.keys.pseudonym("ref", f"{reporter_id}\x00{given.ref}") if given.ref is not None else None,
            receipt,
        )

    def _keep(
        self, line: GivenLine, given: GivenPerson, receipt: str | None, at: str, faults: list[Fault]
    ) -> References | None:
        if self.kept is None or given.national_id or given.phone or given.ref:
            faults.append(Fault("keep_outside_correction", at + "/person/keep"))
            return None
        kept = self.kept.get(line.line)
        if kept is None:
            faults.append(Fault("nothing_to_keep", at + "/person/keep", {"line": line.line}))
            return None
        return replace(kept, receipt=receipt) if receipt else kept

    def _national_id(self, text: str | None, day: date, at: str, faults: list[Fault]) -> str | None:
        if text is None:
            return None
        try:
            digits = national_id(text)
        except BadIdentity:
            faults.append(Fault("bad_national_id", at + "/person/national_id"))
            return None
        if surely_under_14(digits, day):
            faults.append(Fault("person_under_14", at + "/person"))
            return None
        return self.keys.pseudonym("national_id", digits)

    def _phone(self, text: str | None, at: str, faults: list[Fault]) -> str | None:
        if text is None:
            return None
        try:
            return self.keys.pseudonym("phone", phone(text))
        except BadIdentity:
            faults.append(Fault("bad_phone", at + "/person/phone"))
            return None
