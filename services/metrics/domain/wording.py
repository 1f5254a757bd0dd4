"""How a reported figure is said, in Vietnamese and in English."""

from decimal import Decimal

from services.metrics.domain.statements import Qualifier, Statement, Wording

__all__ = ["figure", "said"]

BEFORE: dict[Qualifier, Wording] = {
    "exact": Wording("", ""),
    "just_under": Wording("gần ", "just under "),
    "more_than": Wording("trên ", "more than "),
    "about": Wording("khoảng ", "about "),
    "at_least": Wording("tối thiểu ", "at least "),
    "order_of_magnitude": Wording("", ""),
}
MAGNITUDES = (
    (Decimal(1_000_000), Wording("hàng triệu", "millions")),
    (Decimal(100_000), Wording("hàng trăm nghìn", "hundreds of thousands")),
    (Decimal(10_000), Wording("hàng chục nghìn", "tens of thousands")),
    (Decimal(1_000), Wording("hàng nghìn", "thousands")),
    (Decimal(100), Wording("hàng trăm", "hundreds")),
    (Decimal(10), Wording("hàng chục", "tens")),
)
FEW = Wording("vài", "a few")


def figure(value: Decimal) -> str:
    """Give a number as it stands in JSON: exact, without an exponent."""
    return format(value, "f")


def said(statement: Statement) -> Wording:
    """Give the figure as it is to be shown: “gần 105.000”, “trên 70 %”, “4/63”."""
    value, before = statement.value, BEFORE[statement.qualifier]
    if statement.qualifier == "order_of_magnitude":
        return next((wording for least, wording in MAGNITUDES if value >= least), FEW)
    english = f"{value:,f}"
    vietnamese = english.translate(str.maketrans(",.", ".,"))
    if statement.shape == "rank":
        among = _among(statement.denominator)
        return Wording(f"thứ {vietnamese}{among}", f"rank {english}{among}")
    percent = statement.unit_of_count == "percent"
    return Wording(f"{before.vi}{vietnamese}{' %' if percent else ''}", f"{before.en}{english}{'%' if percent else ''}")


def _among(scope: str | None) -> str:
    """Give how many were ranked, of a scope such as `63_provinces`."""
    number = (scope or "").partition("_")[0]
    return f"/{number}" if number.isdigit() else ""
