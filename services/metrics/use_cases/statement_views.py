"""Statements as they are shown: with their words, their units then and on the asked day, and what to know of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from libs.contracts import statements_api as api
from libs.contracts.model import Names
from services.metrics.domain.comparing import Placed
from services.metrics.domain.map import Unit
from services.metrics.domain.references import References
from services.metrics.domain.standing import Holder, Standing, units_said
from services.metrics.domain.statements import Said, Statement, Wording
from services.metrics.domain.wording import figure
from services.metrics.domain.wording import said as said_as

__all__ = ["Lens", "names", "unit_view"]

PART_ENDED = Wording(
    "{part} không còn từ ngày {day}: số này là của trước đó, không phải 0.",
    "{part} has not existed since {day}: this figure is from before, it is not zero.",
)
INDICATOR_ENDED = Wording("Chỉ số {part} không còn từ ngày {day}.", "The indicator {part} has ended on {day}.")
UNKNOWN_UNIT = Wording("Bản đồ hành chính chưa có đơn vị của số này.", "The map does not have the unit of this figure.")
DIVIDED = Wording(
    "Lãnh thổ đã bị chia cho nhiều đơn vị: không đơn vị nào cùng cấp có số này.",
    "The territory was divided among several units: no unit of its level has this figure.",
)


def names(wording: Wording) -> Names:
    """Give the two names of a wording."""
    return Names(vi=wording.vi, en=wording.en)


def unit_view(unit: Unit | None, code: str | None = None) -> api.UnitSaid:
    """Show a unit; one that is not known by its code alone."""
    if unit is None:
        return api.UnitSaid(unit_id=None, code=code, level=None, name=None, valid_from=None, valid_to=None)
    return api.UnitSaid.model_validate(
        {
            "unit_id": unit.unit_id,
            "code": unit.code,
            "level": unit.level,
            "name": unit.name,
            "valid_from": unit.valid_from,
            "valid_to": unit.valid_to,
        }
    )


@dataclass(frozen=True)
class Lens:
    """Shows statements under the boundaries of a day; `shown` is False where they are shown as recorded only."""

    said: Said
    references: References
    standing: Standing
    boundaries: str
    on: date
    shown: bool

    def contract(self, map_revision: str) -> api.StatementsContract:
        """Say what an answer rests on."""
        return api.StatementsContract(
            boundaries=self.boundaries,
            on=self.on,
            statements_revision=self.said.revision,
            map_revision=map_revision,
            never_added=True,
        )

    def place(self, statement: Statement) -> Placed:
        """Give a statement with its units, then and on the asked day."""
        units = self._units(statement)
        said_of = frozenset(unit.unit_id for unit in units if unit is not None)
        holders = self._holders(statement, units)
        everything = {holder.unit.unit_id for holder in holders if holder.all and holder.whole}
        above = {each for holder in holders for each in holder.unit.path} | {
            each for unit in units if unit is not None for each in unit.path
        }
        same = frozenset() if statement.ambiguous else frozenset(everything)
        return Placed(statement, said_of, same, frozenset(above) - said_of - same)

    def view(self, statement: Statement) -> api.StatementView:
        """Show a statement."""
        words, revision = self.said.words, self.said.statements[statement.id][0]
        source, indicator = words.sources[statement.source], self.references.indicators.get(statement.indicator)
        part = words.parts[statement.part] if statement.part else None
        units = self._units(statement)
        holders = self._holders(statement, units) if self.shown else []
        return api.StatementView(
            id=statement.id,
            revision=revision,
            source=api.SourceView(code=source.code, names=names(source.names), said_on=source.said_on),
            indicator=statement.indicator,
            indicator_names=names(indicator.names) if indicator else None,
            qualifier=statement.qualifier,
            value=figure(statement.value),
            sort_value=figure(statement.value),
            text=names(said_as(statement)),
            unit_of_count=statement.unit_of_count,
            unit_names=names(words.units[statement.unit_of_count]),
            denominator=statement.denominator,
            shape=statement.shape,
            since=statement.since,
            as_of=statement.as_of,
            due=statement.due,
            part=api.PartView(code=part.code, names=names(part.names), valid_to=part.valid_to) if part else None,
            level=statement.level,
            scope_confidence="ambiguous" if statement.ambiguous else "stated",
            said_of=[unit_view(unit, code) for unit, code in zip(units, statement.place_codes, strict=True)],
            held_by=[_holder(holder, statement) for holder in holders],
            sum_of=list(statement.sum_of),
            flags=list(statement.flags),
            flag_names=[names(words.caveats.get(flag, Wording(flag, flag))) for flag in statement.flags],
            usable_in_rates=statement.usable_in_rates,
            caveats=list(self._caveats(statement, units, holders)),
            note=statement.note,
        )

    def _units(self, statement: Statement) -> list[Unit | None]:
        return units_said(self.standing.units, statement, self.said.words.sources[statement.source])

    def _holders(self, statement: Statement, units: Sequence[Unit | None]) -> list[Holder]:
        known = [unit for unit in units if unit is not None]
        if len(known) < len(units):
            return []
        return self.standing.holders(known, self.said.words.sources[statement.source].said_on, self.on)

    def _caveats(
        self, statement: Statement, units: Sequence[Unit | None], holders: Sequence[Holder]
    ) -> Iterable[api.Caveat]:
        part = self.said.words.parts[statement.part] if statement.part else None
        if part is not None and part.valid_to is not None and self.on >= part.valid_to:
            yield _caveat("part_ended", PART_ENDED, part.names, part.valid_to)
        indicator = self.references.indicators.get(statement.indicator)
        if indicator is not None and indicator.valid_to is not None and self.on >= indicator.valid_to:
            yield _caveat("indicator_ended", INDICATOR_ENDED, Wording(indicator.code, indicator.code), self.on)
        if None in units:
            yield _caveat("unknown_unit", UNKNOWN_UNIT)
        elif self.shown and len([holder for holder in holders if not holder.all]) > 1:
            yield _caveat("divided", DIVIDED)


def _caveat(code: str, text: Wording, part: Wording = Wording("", ""), day: date | None = None) -> api.Caveat:  # noqa: B008
    return api.Caveat.model_validate(
        {"code": code, "vi": text.vi.format(part=part.vi, day=day), "en": text.en.format(part=part.en, day=day)}
    )


def _holder(holder: Holder, statement: Statement) -> api.Holder:
    said = holder.coverage.words()
    return api.Holder(
        unit=unit_view(holder.unit),
        # Of whom an ambiguous figure speaks is not known: it is nobody's value.
        share="whole" if holder.whole and not statement.ambiguous else "partial",
        holds="all" if holder.all else "some",
        coverage=api.Coverage(
            predecessors=holder.coverage.predecessors,
            covered=holder.coverage.covered,
            divided=holder.coverage.divided,
            vi=said.vi,
            en=said.en,
        ),
    )
