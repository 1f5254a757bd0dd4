"""What numbers are held against, as the registry tells it: indicators, denominators, targets."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from services.metrics.domain.statements import Wording

__all__ = ["Denominator", "Indicator", "References", "Target"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """Something reported of a unit."""

    code: str
    revision: int
    version: int
    names: Wording
    unit_of_count: str
    denominator: str | None
    other_denominators: tuple[str, ...]
    measures: tuple[str, ...]
    comparability_notes: str | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Denominator:
    """How many there are, in a unit version on a day, by a source; `max_age` is included."""

    denominator_id: UUID
    revision: int
    unit_id: UUID
    base: str
    min_age: int | None
    max_age: int | None
    on: date
    value: int
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """What shall be reached in a unit by a day."""

    target_id: UUID
    revision: int
    indicator: str
    unit_id: UUID
    comparator: str
    value: Decimal
    unit_of_count: str
    denominator: str | None
    min_age: int | None
    due: date
    decision: str | None
    parent_id: UUID | None


@dataclass(slots=True)
class References:
    """The newest states of everything told so far."""

    indicators: dict[str, Indicator] = field(default_factory=dict)
    targets: dict[UUID, Target] = field(default_factory=dict)
    _denominators: dict[UUID, dict[UUID, Denominator]] = field(default_factory=dict)

    def take_indicator(self, indicator: Indicator) -> None:
        """Take an indicator's state unless a newer one is known."""
        known = self.indicators.get(indicator.code)
        if known is None or known.revision < indicator.revision:
            self.indicators[indicator.code] = indicator

    def take_target(self, target: Target) -> None:
        """Take a target's state unless a newer one is known."""
        known = self.targets.get(target.target_id)
        if known is None or known.revision < target.revision:
            self.targets[target.target_id] = target

    def take_denominator(self, denominator: Denominator) -> None:
        """Take a denominator's state unless a newer one is known; its unit never changes."""
        of_unit = self._denominators.setdefault(denominator.unit_id, {})
        known = of_unit.get(denominator.denominator_id)
        if known is None or known.revision < denominator.revision:
            of_unit[denominator.denominator_id] = denominator

    def denominators(self, unit_id: UUID, bases: frozenset[str], day: date) -> list[Denominator]:
        """Give a unit's rows over some bases: of each base and ages those of the newest day not after the one given."""
        newest: dict[tuple[str, int | None, int | None], list[Denominator]] = {}
        for row in self._denominators.get(unit_id, {}).values():
            if row.base not in bases or row.on > day:
                continue
            known = newest.get(key := (row.base, row.min_age, row.max_age))
            if known is None or known[0].on < row.on:
                newest[key] = [row]
            elif known[0].on == row.on:
                known.append(row)
        return sorted((row for rows in newest.values() for row in rows), key=lambda row: (row.base, row.source))

    def above(self, target: Target) -> list[UUID]:
        """Give the targets that one serves, the nearest first."""
        found: list[UUID] = []
        parent_id = target.parent_id
        while parent_id is not None and parent_id not in found and parent_id != target.target_id:
            found.append(parent_id)
            parent = self.targets.get(parent_id)
            parent_id = parent.parent_id if parent else None
        return found
