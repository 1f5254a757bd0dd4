"""A row made into a draft: checked, freed of raw identities, with its reporter known and its unit perhaps not yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from msgspec import Struct, UnsetType
from msgspec.structs import replace

from libs.common.problem import Fault, Problem
from libs.common.strict_json import pointer
from services.visits.domain.clock import Clock, local_day
from services.visits.domain.directory import Directory
from services.visits.domain.identity import BadIdentity, KeyChain, national_id, phone, surely_under_14

__all__ = ["Consent", "Draft", "GivenLine", "GivenPerson", "Intake", "Kind", "Line", "References", "lifted"]

Kind = Literal["visit", "partner_report"]
Optional = str | UnsetType | None
"""What may be null or left out, which is the same here; a text that is there is not empty."""


class GivenPerson(Protocol):
    """A person's references as they were sent."""

    @property
    def national_id(self) -> Optional: ...
    @property
    def phone(self) -> Optional: ...
    @property
    def ref(self) -> Optional: ...
    @property
    def keep(self) -> bool | UnsetType | None: ...


class GivenLine(Protocol):
    """A line as it was sent; the quantity is 1 where none is given."""

    @property
    def line(self) -> int: ...
    @property
    def measure(self) -> str: ...
    @property
    def platform(self) -> Optional: ...
    @property
    def stage(self) -> Optional: ...
    @property
    def quantity(self) -> int | UnsetType: ...
    @property
    def person(self) -> GivenPerson | UnsetType | None: ...
    @property
    def receipt(self) -> Optional: ...


class References(Struct, frozen=True, gc=False, omit_defaults=True):
    """Pseudonyms of one person; they count under the first that is there, in this order."""

    level: int
    national_id: str | None = None
    phone: str | None = None
    ref: str | None = None
    receipt: str | None = None


def lifted(person: References, keys: KeyChain) -> References:
    """Give a person's pseudonyms at the level of the chain; raises Problem not_ready where that is behind."""
    if person.level == keys.level:
        return person
    if person.level > keys.level:
        # Another replica has the newer key already; mixed, the pseudonyms would be of two persons.
        raise Problem("not_ready", headers={"retry-after": "2"})
    of = (person.national_id, person.phone, person.ref, person.receipt)
    return References(keys.level, *(keys.lifted(each, person.level) if each else None for each in of))


class Line(Struct, frozen=True, gc=False, omit_defaults=True):
    """A line as it is kept."""

    line: int
    measure: str
    quantity: int
    platform: str | None = None
    stage: str | None = None
    person: References | None = None


class Consent(Struct, frozen=True, gc=False):
    """Under which text, when and how the person agreed."""

    text: str
    at: datetime
    how: str


class Draft(Struct, frozen=True, gc=False):
    """A record before its place is settled; nothing in it identifies a person to who lacks the keys.

    `unit_id` is the unit as given (an id, or what a code of its list named), None where the team's own is meant.
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
    wave_id: UUID | None = None
    model_id: UUID | None = None
    household_level: int = 1

    @property
    def day(self) -> date:
        """The local day of the event, corrected."""
        return local_day(self.occurred_at)

    def voided(self) -> "Draft":
        """Give the same record with nothing in it."""
        return replace(self, household=None, consent=None, lines=())

    def flagged(self, *flags: str) -> "Draft":
        """Give the same record with further flags."""
        return replace(self, flags=tuple(sorted({*self.flags, *flags}))) if flags else self


_AT = [pointer("lines", index) for index in range(50)]
_Coded = tuple[str, str | None, str | None]  # Measure, platform, stage.


@dataclass(slots=True)
class Intake:
    """What it takes to make drafts of one request's rows: the keys, the directory, the clocks."""

    keys: KeyChain
    directory: Directory
    clock: Clock
    kept: dict[int, References | None] | None = None
    """In a correction: the person of each line of the revision that is replaced."""
    _level: int = field(init=False)
    _good: set[_Coded] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._level = self.keys.level

    def flags(self, lines: Sequence[GivenLine], day: date) -> tuple[str, ...]:
        """Give what a reader of the record should know about it."""
        found = {"clock_corrected"} if self.clock.corrects else set()
        for line in lines:
            measure = self.directory.measures.get(self.directory.measure_spellings.code_of(line.measure))
            if measure is None or measure.valid_from is measure.valid_to is None:
                continue
            if measure.expired_on(day):
                found.add("measure_expired")
            if measure.before(day):
                found.add("measure_not_begun")
        return tuple(sorted(found)) if found else ()

    def household(self, ref: str | None, reporter: str) -> str | None:
        """Make the pseudonym of a household's reference, which is its reporter's own."""
        return None if ref is None else self.keys.pseudonym("household", f"{reporter}\x00{ref}")

    def lines(
        self, given: Sequence[GivenLine], reporter: str, day: date, faults: list[Fault], *, flat: bool = False
    ) -> tuple[Line, ...]:
        """Check the lines and make their pseudonyms; what is wrong is added to `faults`.

        `reporter` is the id as text; `flat` says that the one line is the row itself, which pointers then lead into.
        """
        seen: set[int] = set()
        made = []
        for index, line in enumerate(given):
            at = "" if flat else _AT[index]
            number, measure, platform, stage = line.line, *self._codes(line), line.stage or None
            if number in seen:
                faults.append(Fault("line_repeated", at + "/line", {"line": number}))
            seen.add(number)
            if (key := (measure, platform, stage)) not in self._good:
                self._catalogue(key, at, faults)
            person = self._person(line, reporter, day, at, faults) if line.person or line.receipt else None
            made.append(Line(number, measure, line.quantity or 1, platform, stage, person))
        return tuple(made)

    def _codes(self, line: GivenLine) -> tuple[str, str | None]:
        """Give the codes of the measure and the platform that a line names, by these or by their aliases."""
        measure = self.directory.measure_spellings.code_of(line.measure)
        return measure, self.directory.platform_spellings.code_of(line.platform) if line.platform else None

    def _catalogue(self, line: _Coded, at: str, faults: list[Fault]) -> None:
        """Check codes against the catalogue; what is good once is good for the whole request."""
        code, platform, stage = line
        measure = self.directory.measures.get(code)
        found = []
        if measure is None:
            found.append(Fault("unknown_measure", at + "/measure", {"code": code}))
        elif stage is not None and stage not in measure.stages:
            found.append(Fault("unknown_stage", at + "/stage", {"measure": code, "stage": stage}))
        if platform is not None and platform not in self.directory.platforms:
            found.append(Fault("unknown_platform", at + "/platform", {"code": platform}))
        faults.extend(found)
        if not found:
            self._good.add(line)

    def _person(self, line: GivenLine, reporter: str, day: date, at: str, faults: list[Fault]) -> References | None:
        given, receipt = line.person, None
        if line.receipt and not line.platform:
            faults.append(Fault("receipt_without_platform", at + "/receipt"))
        elif line.receipt and line.platform:
            # By the platform's code, so that a receipt is the same whoever spells the platform how.
            platform = self.directory.platform_spellings.code_of(line.platform)
            receipt = self.keys.pseudonym("receipt", f"{platform}\x00{line.receipt}")
        if not given:
            return References(self._level, receipt=receipt) if receipt else None
        if given.keep:
            return self._keep(line, given, receipt, at, faults)
        if not (given.national_id or given.phone or given.ref):
            faults.append(Fault("person_without_reference", at + "/person"))
            return None
        return References(
            self._level,
            self._national_id(given.national_id, day, at, faults) if given.national_id else None,
            self._phone(given.phone, at, faults) if given.phone else None,
            self.keys.pseudonym("ref", f"{reporter}\x00{given.ref}") if given.ref else None,
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
        kept = lifted(kept, self.keys)
        return replace(kept, receipt=receipt) if receipt else kept

    def _national_id(self, text: str, day: date, at: str, faults: list[Fault]) -> str | None:
        try:
            digits = national_id(text)
        except BadIdentity:
            faults.append(Fault("bad_national_id", at + "/person/national_id"))
            return None
        if surely_under_14(digits, day):
            faults.append(Fault("person_under_14", at + "/person"))
            return None
        return self.keys.pseudonym("national_id", digits)

    def _phone(self, text: str, at: str, faults: list[Fault]) -> str | None:
        try:
            return self.keys.pseudonym("phone", phone(text))
        except BadIdentity:
            faults.append(Fault("bad_phone", at + "/person/phone"))
            return None
