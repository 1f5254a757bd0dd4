"""Denominators and targets as a province lists them."""

from collections.abc import Mapping, Sequence

from libs.common.sheets import Value
from services.registry.domain.imports import values
from services.registry.domain.imports.fields import Field, RowRead
from services.registry.domain.imports.teams import UNIT_FIELDS
from services.registry.domain.reference import Decision, DenominatorRow, TargetRow
from services.registry.domain.units import Unit

__all__ = ["AT", "DENOMINATORS", "NEEDED", "TARGETS", "denominator_of", "target_of"]

BASES: Mapping[str, tuple[str, ...]] = {
    "population_total": ("Tổng dân số", "Dân số"),
    "population_unspecified": ("Dân số (không rõ độ tuổi)",),
    "population_14_plus": ("Dân số từ 14 tuổi", "Dân số từ đủ 14 tuổi trở lên"),
    "population_15_plus": ("Dân số từ 15 tuổi", "Dân số từ đủ 15 tuổi trở lên"),
    "citizens_16_plus": ("Công dân từ 16 tuổi",),
    "population_adult": ("Dân số trưởng thành", "Người trưởng thành"),
    "population_working_age": ("Dân số trong độ tuổi lao động",),
    "internet_users": ("Người dùng Internet",),
    "households": ("Số hộ", "Hộ gia đình"),
    "business_households": ("Hộ kinh doanh",),
    "farming_households": ("Hộ nông nghiệp",),
    "agri_cooperatives": ("Hợp tác xã nông nghiệp",),
    "enterprises": ("Doanh nghiệp",),
    "subcommune_units": ("Số thôn, bản, tổ dân phố", "Số thôn"),
    "commune_units": ("Số xã, phường",),
    "health_facilities": ("Cơ sở y tế",),
    "banks": ("Ngân hàng",),
    "state_agencies": ("Cơ quan nhà nước",),
    "higher_ed_institutions": ("Cơ sở giáo dục đại học",),
    "k12_schools": ("Trường phổ thông", "Trường học"),
    "subscriptions": ("Thuê bao",),
}
COMPARATORS: Mapping[str, tuple[str, ...]] = {
    ">=": ("Tối thiểu", "Ít nhất", "Từ", "≥", "Đạt"),
    ">": ("Trên", "Hơn", "Vượt"),
}


def figure(value: Value) -> str:
    """Read a number as the exact decimal it is written as."""
    return f"{values.number(value):.6f}".rstrip("0").rstrip(".")


NEEDED = (("unit_code", "commune"),)
AGES = (
    Field("min_age", "Từ tuổi", values.whole_number, "18", ("Tuổi từ", "Tuổi tối thiểu")),
    Field("max_age", "Đến tuổi", values.whole_number, "59", ("Tuổi đến", "Tuổi tối đa")),
)
BASE = Field(
    "base",
    "Loại số liệu",
    values.choice(BASES),
    "Số hộ",
    ("Loại", "Cơ sở", "Mẫu số", "Loại mẫu số", "Chỉ số dân số"),
    required=True,
    choices=tuple(names[0] for names in BASES.values()),
)
DENOMINATORS: Sequence[Field] = (
    *UNIT_FIELDS,
    BASE,
    *AGES,
    Field("on", "Ngày số liệu", values.day, "31/12/2025", ("Ngày", "Tính đến ngày", "Thời điểm"), required=True),
    Field("value", "Giá trị", values.whole_number, "12345", ("Số lượng", "Số liệu", "Giá trị số"), required=True),
    Field(
        "source",
        "Nguồn",
        values.text(),
        "Niên giám thống kê 2025",
        ("Nguồn số liệu", "Cơ quan cung cấp"),
        required=True,
    ),
)
TARGETS: Sequence[Field] = (
    *UNIT_FIELDS,
    Field("indicator", "Mã chỉ tiêu", values.text(60), "NET-03", ("Chỉ tiêu", "Mã chỉ số", "Chỉ số"), required=True),
    Field(
        "comparator",
        "So sánh",
        values.choice(COMPARATORS),
        "Tối thiểu",
        ("Dấu", "Mức"),
        choices=tuple(names[0] for names in COMPARATORS.values()),
        help="Bỏ trống là tối thiểu",
    ),
    Field("value", "Giá trị", figure, "80", ("Chỉ tiêu giao", "Mục tiêu", "Kế hoạch"), required=True),
    Field("unit_of_count", "Đơn vị tính", values.text(60), "percent", ("ĐVT",)),
    Field("base", "Mẫu số", BASE.read, "Số hộ", ("Trên tổng số",), choices=BASE.choices),
    AGES[0],
    Field("due", "Hạn", values.day, "31/12/2025", ("Thời hạn", "Ngày hoàn thành", "Đến ngày"), required=True),
    Field("decision_number", "Số quyết định", values.text(), "12/KH-UBND", ("Số QĐ", "Văn bản", "Số văn bản")),
    Field("decision_date", "Ngày quyết định", values.day, "15/01/2025", ("Ngày QĐ", "Ngày ký", "Ngày văn bản")),
    Field("decision_issuer", "Cơ quan ban hành", values.text(), "UBND tỉnh", ("Nơi ban hành",)),
)
AT = {
    "/unit": "unit_code|commune",
    "/base": "base",
    "/denominator": "base",
    "/min_age": "min_age",
    "/max_age": "max_age",
    "/on": "on",
    "/value": "value",
    "/source": "source",
    "/indicator": "indicator",
    "/unit_of_count": "unit_of_count",
    "/due": "due",
    "/decision": "decision_number",
}


def denominator_of(row: RowRead, unit: Unit) -> DenominatorRow:
    """Give the denominator that a row tells."""
    told = row.values
    ages = told.get("min_age"), told.get("max_age")
    return DenominatorRow(str(unit.record_id), told["base"], *ages, told["on"], told["value"], told["source"])


def target_of(row: RowRead, unit: Unit) -> TargetRow:
    """Give the target that a row tells."""
    told = row.values
    number = told.get("decision_number")
    return TargetRow(
        unit=str(unit.record_id),
        indicator=told["indicator"],
        comparator=told.get("comparator", ">="),
        value=told["value"],
        unit_of_count=told.get("unit_of_count"),
        denominator=told.get("base"),
        min_age=told.get("min_age"),
        due=told["due"],
        decision=Decision(number, told.get("decision_date"), told.get("decision_issuer")) if number else None,
        parent=None,
    )
