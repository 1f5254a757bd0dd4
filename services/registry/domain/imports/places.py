"""The unit that a row means: by its code of the declared list, or by the names of commune and hamlet."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.registry.domain.atlas import Atlas, fold
from services.registry.domain.imports.fields import RowRead
from services.registry.domain.units import Unit, valid_on

__all__ = ["Places"]

CODE = re.compile(r"\d{1,5}")
CODE_DIGITS = (2, 3, 5)
SHOWN = 5
ABBREVIATED = {
    "p": "phuong",
    "x": "xa",
    "tt": "thi tran",
    "tp": "thanh pho",
    "tdp": "to dan pho",
    "tk": "tieu khu",
    "kp": "khu pho",
    "dk": "dac khu",
}


@dataclass
class Places:
    """The units that stand on the day of the list, as the rows of one file name them; `root` bounds them."""

    atlas: Atlas
    root: UUID | None
    day: date
    _communes: dict[str, list[Unit]] = field(default_factory=dict)
    _parts: dict[tuple[UUID, str], list[Unit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        communes: defaultdict[str, list[Unit]] = defaultdict(list)
        parts: defaultdict[tuple[UUID, str], list[Unit]] = defaultdict(list)
        for unit in self.atlas.units.values():
            if not self.covers(unit) or not valid_on(unit.valid_from, unit.valid_to, self.day):
                continue
            for name in _names(unit):
                if unit.level == "commune":
                    communes[name].append(unit)
                elif unit.level == "subcommune" and unit.parent_id is not None:
                    parts[unit.parent_id, name].append(unit)
        self._communes, self._parts = dict(communes), dict(parts)

    def covers(self, unit: Unit) -> bool:
        """Say whether a unit lies in the subtree of whoever imports."""
        return self.root is None or self.root in unit.within

    def find(self, row: RowRead) -> Unit | None:
        """Give the unit of a row by unit_code, commune, subcommune and province; notes in the row why there is none."""
        if "unit_code" in row.values:
            unit = self._by_code(row)
        elif "commune" in row.values:
            unit = self._by_name(row)
        else:
            if not row.columns.keys() & {finding.column for finding in row.findings} & {"unit_code", "commune"}:
                row.wrong("unit_needed", "unit_code" if "unit_code" in row.columns else "commune")
            return None
        if unit is None or unit.level != "commune" or "subcommune" not in row.values:
            return unit
        return self._part(row, unit)

    def _by_code(self, row: RowRead) -> Unit | None:
        written = str(row.values["unit_code"])
        unit = self.atlas.on(written, self.day)
        if unit is None and CODE.fullmatch(written):
            # Excel takes a code for a number and its zeros away.
            unit, code = self._with_zeros(written)
            if unit is not None:
                row.warn("unit_code_zero", "unit_code", value=written, code=code)
        if unit is None:
            found = self.atlas.resolve(written, self.day, self.day)
            code = "unit_code_unknown" if found.status == "unknown" else "unit_code_not_listed"
            row.wrong(code, "unit_code", value=written[:20], day=f"{self.day:%d/%m/%Y}")
            return None
        if not self.covers(unit):
            row.wrong("unit_outside", "unit_code", unit=unit.name)
            return None
        if "commune" in row.values and not self._agrees(unit, row.values["commune"]):
            row.wrong("unit_code_and_name_differ", "commune", value=row.values["commune"], unit=unit.name, code=written)
            return None
        return unit

    def _with_zeros(self, written: str) -> tuple[Unit | None, str]:
        for digits in CODE_DIGITS:
            code = written.zfill(digits)
            if len(written) < digits and (unit := self.atlas.on(code, self.day)) is not None:
                return unit, code
        return None, written

    def _agrees(self, unit: Unit, commune: str) -> bool:
        """Say whether a name is that of the unit or of one above it."""
        written = _spelt_out(commune)
        above = [self.atlas.units[each] for each in unit.path if each in self.atlas.units]
        return any(written in _names(each) for each in (unit, *above))

    def _by_name(self, row: RowRead) -> Unit | None:
        written = row.values["commune"]
        found = self._communes.get(_spelt_out(written), [])
        if province := row.values.get("province"):
            name = _spelt_out(province)
            found = [unit for unit in found if name in _names(self.atlas.units[unit.path[0]])]
        return self._only(row, "commune", written, found)

    def _part(self, row: RowRead, commune: Unit) -> Unit | None:
        written = row.values["subcommune"]
        found = self._parts.get((commune.record_id, _spelt_out(written)), [])
        if not found:
            row.wrong("subcommune_unknown", "subcommune", value=written, unit=commune.name)
            return None
        return self._only(row, "subcommune", written, found)

    def _only(self, row: RowRead, column: str, written: str, found: list[Unit]) -> Unit | None:
        if len(found) == 1:
            return found[0]
        if not found:
            row.wrong("unit_name_unknown", column, value=written, day=f"{self.day:%d/%m/%Y}")
            return None
        row.wrong("unit_name_ambiguous", column, value=written, candidates=self._candidates(found))
        return None

    def _candidates(self, found: Iterable[Unit]) -> str:
        told = sorted(f"{unit.name} ({unit.code or self._above(unit)})" for unit in found)
        return ", ".join(told[:SHOWN]) + (" …" if len(told) > SHOWN else "")

    def _above(self, unit: Unit) -> str:
        above = self.atlas.units.get(unit.parent_id) if unit.parent_id is not None else None
        return above.name if above is not None else str(unit.record_id)


def _names(unit: Unit) -> set[str]:
    """Give what a unit may be called, folded: with its type and without."""
    return {fold(unit.name), fold(unit.short_name)}


def _spelt_out(text: str) -> str:
    """Give a name folded, with the abbreviation of its type spelt out: `P. 1` is `phuong 1`, `P1` too."""
    folded = fold(text)
    first, _, rest = re.sub(r"^(tdp|tt|tp|tk|kp|dk|p|x)(\d)", r"\1 \2", folded).partition(" ")
    return f"{ABBREVIATED[first]} {rest}" if rest and first in ABBREVIATED else folded
