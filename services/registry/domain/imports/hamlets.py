"""Units below commune level as a province lists them; a hamlet is known by its commune, type and name."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.registry.domain.atlas import fold
from services.registry.domain.hamlets import Asked
from services.registry.domain.ids import record_id
from services.registry.domain.imports import values
from services.registry.domain.imports.fields import Field, RowRead
from services.registry.domain.imports.teams import UNIT_FIELDS
from services.registry.domain.reform.operations import SUBCOMMUNE_TYPES
from services.registry.domain.units import Unit

__all__ = ["AT", "FIELDS", "Key", "NEEDED", "asked_of", "key_of"]

SHORT: Mapping[str, str] = {"to_dan_pho": "TDP", "tieu_khu": "TK", "khu_pho": "KP"}
TYPES: Mapping[str, tuple[str, ...]] = {
    type_: (words.capitalize(), *([SHORT[type_]] if type_ in SHORT else []))
    for type_, words in SUBCOMMUNE_TYPES.items()
}
UNIT_CODE, COMMUNE, _, PROVINCE = UNIT_FIELDS
FIELDS: Sequence[Field] = (
    UNIT_CODE,
    COMMUNE,
    PROVINCE,
    Field(
        "type",
        "Loại",
        values.choice(TYPES),
        "Bản",
        ("Loại đơn vị", "Loại hình", "Thôn/bản/khóm/ấp"),
        choices=tuple(names[0] for names in TYPES.values()),
        help="Bỏ trống được nếu tên bắt đầu bằng loại, ví dụ “Bản Mòn”",
    ),
    Field(
        "name",
        "Tên thôn/bản",
        values.text(),
        "Bản Mòn",
        ("Tên", "Tên thôn", "Tên bản", "Thôn", "Thôn/bản", "Tên khóm/ấp", "Tên tổ dân phố", "Thôn, bản", "Tên đơn vị"),
        required=True,
    ),
    Field("valid_from", "Có từ ngày", values.day, "01/07/2025", ("Từ ngày", "Ngày thành lập", "Ngày hiệu lực")),
)
NEEDED = (("unit_code", "commune"),)
AT = {"/parent": "unit_code|commune", "/valid_from": "valid_from"}

Key = tuple[UUID | None, str]
"""What a hamlet is known by in a list: its commune and its folded name."""


def key_of(unit: Unit) -> Key:
    """Give the key of a hamlet that is known."""
    return unit.parent_id, fold(unit.name)


def asked_of(row: RowRead, commune: Unit) -> Asked | None:
    """Give the hamlet that a row tells, under its full name; None, noted in the row, where its type is not told."""
    told = row.values
    begins_with = _type_in(told["name"])
    type_ = told.get("type", begins_with)
    if type_ is None:
        row.wrong("cell_missing", "type" if "type" in row.columns else "name", name="Loại")
        return None
    name = told["name"] if begins_with == type_ else f"{TYPES[type_][0]} {told['name']}"
    made = record_id("hamlet-of-a-list", str(commune.record_id), fold(name))
    return Asked(made, str(commune.record_id), type_, name, None, told.get("valid_from"))


def _type_in(name: str) -> str | None:
    """Give the type with whose words a name begins, the longest where several do: khu phố rather than khu."""
    folded = f"{fold(name)} "
    found = [
        (len(words), type_) for type_, names in TYPES.items() for words in names if folded.startswith(f"{fold(words)} ")
    ]
    return max(found)[1] if found else None
