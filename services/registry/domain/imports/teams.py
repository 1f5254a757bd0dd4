"""Teams as a province lists them: the columns, and the team that a row makes of what is known."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from services.registry.domain.atlas import fold
from services.registry.domain.contacts import Contact, Decision
from services.registry.domain.ids import record_id
from services.registry.domain.imports import values
from services.registry.domain.imports.fields import Field, RowRead
from services.registry.domain.imports.planned import faulted
from services.registry.domain.team_life import team_faults
from services.registry.domain.teams import Team, TeamType
from services.registry.domain.units import Level, Unit

__all__ = ["FIELDS", "NEEDED", "changed_fields", "check", "code_for", "identified", "made"]

TYPES: Mapping[str, tuple[str, ...]] = {
    "community_digital_team": (
        "Tổ công nghệ số cộng đồng",
        "Tổ CNSCĐ",
        "CNSCĐ",
        "Tổ chuyển đổi số cộng đồng",
        "Tổ CĐSCĐ",
        "CĐSCĐ",
        "Tổ công nghệ số",
    ),
    "youth_digital_team": ("Tổ thanh niên chuyển đổi số", "Tổ TNCĐS", "Tổ thanh niên"),
    "volunteer_formation": ("Đội hình tình nguyện", "Đội hình thanh niên tình nguyện", "Đội hình", "Đội tình nguyện"),
}
LEVELS: Mapping[str, tuple[str, ...]] = {
    "commune": ("Cấp xã", "Xã", "Xã, phường", "Cấp xã, phường", "Phường", "Thị trấn", "Đặc khu"),
    "subcommune": (
        "Cấp thôn",
        "Thôn",
        "Bản",
        "Thôn, bản",
        "Cấp thôn, bản",
        "Khóm",
        "Ấp",
        "Khóm, ấp",
        "Tổ dân phố",
        "Tiểu khu",
        "Khu phố",
        "Xóm",
    ),
    "province": ("Cấp tỉnh", "Tỉnh", "Thành phố"),
    "district": ("Cấp huyện", "Huyện"),
}
USUAL_TYPE: TeamType = "community_digital_team"
CODE = re.compile(r"[^\s/]{1,60}")
SLUG_LENGTH = 40

UNIT_FIELDS: Sequence[Field] = (
    Field(
        "unit_code",
        "Mã đơn vị",
        values.text(20),
        "03646",
        ("Mã xã", "Mã ĐVHC", "Mã đơn vị hành chính", "Mã xã/phường", "Mã phường/xã", "Mã hành chính"),
        help="Mã xã, phường của danh mục hành chính; để trống được nếu đã ghi tên xã",
    ),
    Field(
        "commune",
        "Xã/phường",
        values.text(),
        "Xã Chiềng Sinh",
        (
            "Xã",
            "Phường",
            "Tên xã",
            "Xã, phường",
            "Phường/xã",
            "Xã phường thị trấn",
            "Tên xã/phường",
            "Đơn vị",
            "Địa bàn",
        ),
        help="Tên xã, phường, đặc khu; có dấu hoặc không dấu",
    ),
    Field(
        "subcommune",
        "Thôn/bản",
        values.text(),
        "Bản Mòn",
        (
            "Thôn",
            "Bản",
            "Thôn, bản",
            "Tên thôn",
            "Tên thôn/bản",
            "Khóm/ấp",
            "Khóm, ấp",
            "Tổ dân phố",
            "Thôn bản tổ dân phố",
            "Thôn/bản/tổ dân phố",
            "Tiểu khu",
            "Ấp",
            "Khóm",
            "Xóm",
        ),
        help="Tên thôn, bản, tiểu khu, khóm, ấp, tổ dân phố đã có trong hệ thống",
    ),
    Field("province", "Tỉnh/thành phố", values.text(), "Sơn La", ("Tỉnh", "Tỉnh, thành phố", "Tên tỉnh")),
)

FIELDS: Sequence[Field] = (
    Field(
        "code",
        "Mã tổ",
        values.text(60),
        "SL-0001",
        ("Mã số tổ", "Mã tổ CNSCĐ"),
        help="Mã riêng của tổ; để trống thì hệ thống đặt theo xã và tên tổ",
    ),
    Field(
        "name",
        "Tên tổ",
        values.text(),
        "Tổ công nghệ số cộng đồng bản Mòn",
        ("Tên tổ CNSCĐ", "Tên tổ công nghệ số cộng đồng", "Tổ", "Tổ công nghệ số cộng đồng", "Tên"),
        required=True,
    ),
    Field(
        "type",
        "Loại tổ",
        values.choice(TYPES),
        TYPES["community_digital_team"][0],
        ("Loại", "Loại hình", "Loại hình tổ"),
        choices=tuple(names[0] for names in TYPES.values()),
        help="Bỏ trống là Tổ công nghệ số cộng đồng",
    ),
    Field(
        "level",
        "Cấp",
        values.choice(LEVELS),
        LEVELS["subcommune"][0],
        ("Cấp tổ", "Cấp của tổ"),
        choices=("Cấp xã", "Cấp thôn"),
        help="Bỏ trống thì suy từ cột Thôn/bản",
    ),
    *UNIT_FIELDS,
    Field(
        "local_type_name",
        "Tên gọi tại địa phương",
        values.text(),
        "Tổ chuyển đổi số cộng đồng",
        ("Tên gọi địa phương",),
    ),
    Field(
        "decision_number",
        "Số quyết định",
        values.text(),
        "12/QĐ-UBND",
        (
            "Số QĐ",
            "Quyết định số",
            "Quyết định",
            "Quyết định thành lập",
            "Quyết định thành lập số",
            "Số quyết định thành lập",
            "Số QĐ thành lập",
        ),
    ),
    Field(
        "decision_date",
        "Ngày quyết định",
        values.day,
        "13/03/2022",
        (
            "Ngày QĐ",
            "Ngày ký",
            "Ngày ban hành",
            "Quyết định ngày",
            "Quyết định thành lập ngày",
            "Ngày ra quyết định",
            "Ngày quyết định thành lập",
        ),
    ),
    Field(
        "decision_issuer",
        "Cơ quan ban hành",
        values.text(),
        "UBND xã Chiềng Sinh",
        ("Cơ quan ra quyết định", "Nơi ban hành", "Cơ quan quyết định", "Quyết định cơ quan ban hành"),
    ),
    Field(
        "established_on",
        "Ngày thành lập",
        values.day,
        "13/03/2022",
        ("Thành lập ngày", "Ngày TL", "Thời gian thành lập"),
        help="Dạng ngày/tháng/năm",
    ),
    Field(
        "contact",
        "Điện thoại liên hệ của tổ",
        values.phone,
        "0212 385 1234",
        ("Điện thoại của tổ", "Số liên hệ của tổ"),
        help="Số công khai của tổ, không phải số riêng của một người",
    ),
)
NEEDED = (("commune", "unit_code"),)
"""Of each of these groups a table must have one column."""

AT = {
    "/established_on": "established_on",
    "/unit": "unit_code|commune",
    "/level": "level",
    "/name": "name",
    "/local_type_name": "local_type_name",
    "/establishment/signed_on": "decision_date",
    "/establishment": "decision_number",
    "/contacts": "contact",
}


def code_for(team: Team, unit: Unit, above: Unit) -> str:
    """Give the code of a team whose list has none: made of its commune, type and name, so that it is found again."""
    slug = "-".join(fold(team.name).upper().split())[:SLUG_LENGTH].rstrip("-")
    mark = record_id("team-of-a-list", str(unit.record_id), team.type, fold(team.name)).hex[:6]
    return f"{above.code or unit.code}-{slug}-{mark}"


def identified(team: Team, code: str, province: str) -> Team:
    """Give a new team its id, and a code where it has none; codes are the province's own."""
    code = team.code or code
    return replace(team, code=code, record_id=record_id("team", province, code))


def made(row: RowRead, unit: Unit, known: Team | None) -> Team:
    """Make the team that a row tells; what it leaves empty stays as it is known."""
    told = row.values
    code = told.get("code", known.code if known else "")
    if code and not CODE.fullmatch(code):
        row.wrong("cell_bad_code", "code", value=code)
    base = known or Team(
        record_id=UUID(int=0),
        code=code,
        name="",
        type=USUAL_TYPE,
        level=_level(row, unit),
        local_type_name=None,
        unit_id=unit.record_id,
        established_on=None,
        dissolved_on=None,
    )
    team = replace(
        base,
        name=told.get("name", base.name),
        type=told.get("type", base.type),
        level=told.get("level", base.level),
        local_type_name=told.get("local_type_name", base.local_type_name),
        unit_id=unit.record_id,
        established_on=told.get("established_on", base.established_on),
        establishment=_decision(row, base.establishment),
        contacts=_contacts(row, base.contacts),
    )
    return team


def _level(row: RowRead, unit: Unit) -> Level:
    return "subcommune" if "subcommune" in row.values else unit.level


def _decision(row: RowRead, known: Decision | None) -> Decision | None:
    told = row.values
    number = told.get("decision_number", known.number if known else None)
    if number is None:
        for column in ("decision_date", "decision_issuer"):
            if column in told:
                row.warn("decision_without_number", column)
        return known
    if known is not None and known.number != number:
        known = None
    return Decision(
        number,
        told.get("decision_date", known.signed_on if known else None),
        told.get("decision_issuer", known.issuer if known else None),
    )


def _contacts(row: RowRead, known: Sequence[Contact]) -> tuple[Contact, ...]:
    number = row.values.get("contact")
    if number is None or any(each.kind == "phone" and each.value == number for each in known):
        return tuple(known)
    return (*(each for each in known if each.kind != "phone"), Contact("phone", number))


def check(row: RowRead, team: Team, unit: Unit, today: date) -> None:
    """Note in a row what is wrong with its team."""
    for fault in team_faults(team, unit, today, confirmed=False):
        if fault.code == "unit_not_valid_on_day":
            # The commune is younger than its team, as nearly all are since 1 July 2025: told, not refused.
            row.warn("team_older_than_unit", "established_on", unit=unit.name)
        else:
            row.findings.append(faulted(row, fault, AT))


def changed_fields(before: Team, after: Team) -> Iterator[str]:
    """Give the names of the fields in which a team differs from what is known."""
    for name in ("name", "type", "level", "local_type_name", "unit_id", "established_on", "establishment", "contacts"):
        if getattr(before, name) != getattr(after, name):
            yield name
