"""Members as a province lists them: a row is a person's time in a team. What it says of a person is not repeated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from libs.common.sheets import CellFault, Value
from services.registry.domain.atlas import fold
from services.registry.domain.imports import values
from services.registry.domain.imports.fields import Field, Read, Repaired, RowRead, Unreadable, clean
from services.registry.domain.imports.teams import UNIT_FIELDS
from services.registry.domain.members import Birth, Member, Membership, Person, Post

__all__ = ["AT", "FIELDS", "NEEDED", "person_of", "row_key", "told_of"]

ROLES: Mapping[str, tuple[str, ...]] = {
    "leader": ("Tổ trưởng", "Trưởng nhóm", "Đội trưởng", "TT"),
    "deputy_leader": ("Tổ phó", "Phó tổ trưởng", "Đội phó", "Phó trưởng nhóm", "TP"),
    "member": ("Thành viên", "Tổ viên", "Đội viên", "Ủy viên", "TV"),
}
AFFILIATIONS: Mapping[str, tuple[str, ...]] = {
    "youth_union": (
        "Đoàn Thanh niên",
        "Đoàn TN",
        "Đoàn TNCS Hồ Chí Minh",
        "Đoàn viên",
        "Bí thư đoàn",
        "Phó bí thư đoàn",
        "Bí thư chi đoàn",
        "Thanh niên",
    ),
    "village_head": ("Trưởng thôn", "Trưởng bản", "Tổ trưởng tổ dân phố", "Trưởng khóm", "Trưởng ấp", "Trưởng khu"),
    "police": ("Công an", "Công an xã", "Công an viên", "Lực lượng an ninh cơ sở"),
    "women_union": ("Hội Phụ nữ", "Hội LHPN", "Hội Liên hiệp Phụ nữ", "Chi hội Phụ nữ"),
    "farmers_union": ("Hội Nông dân", "Chi hội Nông dân"),
    "veterans_association": ("Hội Cựu chiến binh", "Hội CCB", "Chi hội Cựu chiến binh"),
    "enterprise": ("Doanh nghiệp", "Doanh nghiệp viễn thông", "VNPT", "Viettel", "MobiFone", "Bưu điện", "Ngân hàng"),
    "civil_servant": ("Cán bộ, công chức", "Công chức", "Cán bộ", "Công chức xã", "UBND xã", "UBND", "Viên chức"),
    "teacher": ("Giáo viên", "Trường học"),
    "student": ("Học sinh, sinh viên", "Học sinh", "Sinh viên"),
    "other": ("Khác",),
}
POSTS: Mapping[str, tuple[str, ...]] = {
    "youth_union_secretary": (
        "Bí thư đoàn",
        "Bí thư Đoàn Thanh niên",
        "Bí thư Đoàn xã",
        "Bí thư Đoàn phường",
        "Bí thư chi đoàn",
    ),
    "youth_union_deputy_secretary": (
        "Phó bí thư đoàn",
        "Phó bí thư Đoàn Thanh niên",
        "Phó bí thư Đoàn xã",
        "Phó bí thư Đoàn phường",
        "Phó bí thư chi đoàn",
    ),
    "village_head": AFFILIATIONS["village_head"],
}
"""Positions that are counted; what else people are says who they are, and is not taken."""


def birth(value: Value) -> Birth | Repaired:
    """Read a day of birth, or the year alone."""
    if isinstance(value, str) and clean(value).isdecimal() and len(clean(value)) == len("1985"):
        value = int(clean(value))
    if isinstance(value, int) and not isinstance(value, bool) and 1800 <= value <= 2100:
        return Birth(value)
    found = values.day(value)
    if isinstance(found, Repaired):
        day = found.value
        assert isinstance(day, date)
        # Neither the number nor the day is repeated: it is somebody's own.
        return Repaired(Birth(day.year, day), "cell_serial_birth", {})
    return Birth(found.year, found)


def _lenient(read: Read, otherwise: Repaired) -> Read:
    """Read a choice; what is not among it is worth a warning, and no more."""

    def lenient(value: Value) -> object:
        if isinstance(value, CellFault):
            return read(value)
        try:
            return read(value)
        except Unreadable:
            return otherwise

    return lenient


FIELDS: Sequence[Field] = (
    Field(
        "name",
        "Họ và tên",
        values.text(100),
        "Lò Văn A",
        ("Họ tên", "Tên thành viên", "Họ và tên thành viên", "Họ tên thành viên", "Thành viên"),
        required=True,
        personal=True,
        help="Chỉ người trong chính đơn vị đó đọc được, mỗi lần đọc đều ghi lại",
    ),
    Field(
        "phone",
        "Số điện thoại",
        values.phone,
        "0912 345 678",
        ("Điện thoại", "SĐT", "SDT", "Số ĐT", "ĐT", "Di động", "Số điện thoại liên hệ"),
        personal=True,
        help="Dùng để nhận ra một người ở hai tổ khi tỉnh không có mã thành viên",
    ),
    Field(
        "birth",
        "Ngày sinh",
        birth,
        "01/02/1985",
        ("Năm sinh", "Ngày sinh/Năm sinh", "Ngày, tháng, năm sinh", "Ngày tháng năm sinh", "NS", "Sinh năm"),
        personal=True,
        help="Ngày hoặc chỉ năm sinh",
    ),
    Field(
        "code",
        "Mã thành viên",
        values.text(60),
        "TV-00017",
        ("Mã số thành viên", "Mã TV", "Mã cán bộ"),
        personal=True,
        help="Mã riêng của tỉnh; nếu có thì một người ở hai tổ được nhận ra chắc chắn",
    ),
    Field(
        "role",
        "Vai trò",
        values.choice(ROLES),
        ROLES["member"][0],
        ("Chức danh", "Chức danh/Vai trò", "Vai trò trong tổ", "Chức vụ trong tổ", "Nhiệm vụ"),
        personal=True,
        choices=tuple(names[0] for names in ROLES.values()),
        help="Bỏ trống là thành viên",
    ),
    Field(
        "affiliation",
        "Đơn vị công tác",
        _lenient(values.choice(AFFILIATIONS), Repaired("other", "cell_taken_as_other", {"expected": "Khác"})),
        AFFILIATIONS["youth_union"][0],
        ("Thành phần", "Nơi công tác", "Cơ quan", "Đoàn thể", "Chức vụ, đơn vị công tác", "Đơn vị/tổ chức"),
        personal=True,
        choices=tuple(names[0] for names in AFFILIATIONS.values()),
        help="Tổ chức mà người đó thuộc về; không có trong danh sách thì được ghi là Khác",
    ),
    Field(
        "post",
        "Chức vụ",
        _lenient(
            values.choice(POSTS),
            Repaired(None, "cell_post_not_taken", {"expected": " | ".join(names[0] for names in POSTS.values())}),
        ),
        "",
        ("Chức vụ ngoài tổ", "Chức vụ đoàn thể", "Chức vụ hiện nay"),
        personal=True,
        choices=tuple(names[0] for names in POSTS.values()),
        help="Chức vụ Đoàn, trưởng thôn; chức vụ khác không được ghi lại",
    ),
    Field("team_code", "Mã tổ", values.text(60), "SL-0001", ("Mã số tổ", "Thuộc tổ (mã)")),
    Field(
        "team_name",
        "Tên tổ",
        values.text(),
        "Tổ công nghệ số cộng đồng bản Mòn",
        ("Tổ", "Thuộc tổ", "Tổ công nghệ số cộng đồng", "Tên tổ CNSCĐ"),
        help="Cùng với xã/phường, thay cho mã tổ",
    ),
    *UNIT_FIELDS,
    Field("joined_on", "Ngày tham gia", values.day, "13/03/2022", ("Tham gia từ", "Ngày vào tổ", "Từ ngày")),
    Field("left_on", "Ngày thôi tham gia", values.day, "", ("Ngày rời tổ", "Thôi tham gia", "Đến ngày", "Ngày nghỉ")),
)
NEEDED = (("team_code", "team_name", "commune", "unit_code"),)
AT = {
    "/person/name": "name",
    "/person/phone": "phone",
    "/person/birth_date": "birth",
    "/person/birth_year": "birth",
    "/person/code": "code",
    "/team_id": "team_code|team_name|commune",
    "/joined_on": "joined_on",
    "/left_on": "left_on",
    "/memberships": "joined_on",
}


def person_of(row: RowRead) -> Person:
    """Give the person that a row names."""
    told = row.values
    return Person(told["name"], told.get("phone"), told.get("birth"), told.get("code"))


def row_key(row: RowRead, team_id: UUID) -> bytes:
    """Give what a row is known by where the person has neither code nor phone; personal, so only to be digested."""
    born = row.values.get("birth")
    parts = (str(team_id), fold(row.values["name"]), row.values.get("code"), row.values.get("phone"), born)
    return repr(parts if born is None else (*parts[:-1], born.year, born.day)).encode()


def told_of(row: RowRead, member_id: UUID, team_id: UUID) -> Member:
    """Give the member with what the row tells of the time in a team."""
    told = row.values
    membership = Membership(team_id, told.get("role", "member"), told.get("joined_on"), told.get("left_on"))
    member = Member(member_id, (membership,))
    affiliation, post = told.get("affiliation"), told.get("post")
    return replace(
        member,
        affiliations=(affiliation,) if affiliation is not None else (),
        posts=(Post(post),) if post is not None else (),
    )
