"""The two kinds of record that are sent, and what differs between them."""

from dataclasses import dataclass

import msgspec

from libs.contracts.visits_api import PartnerReportCorrection, PartnerReportInput, VisitCorrection, VisitInput
from services.visits.use_cases.rows import ReportRow, RowDecoder, VisitRow

__all__ = ["PARTNER_REPORTS", "VISITS", "RecordKind"]


@dataclass(frozen=True)
class RecordKind:
    """A kind of record: where it lives, what it looks like, which scopes it needs."""

    kind: str
    path: str
    row: type[VisitInput] | type[PartnerReportInput]
    decoder: RowDecoder
    correction: type[VisitCorrection] | type[PartnerReportCorrection]
    write_scope: str
    read_scope: str


VISITS = RecordKind(
    "visit", "visits", VisitInput, msgspec.json.Decoder(VisitRow), VisitCorrection, "visits:write", "visits:read"
)
PARTNER_REPORTS = RecordKind(
    "partner_report",
    "partner-reports",
    PartnerReportInput,
    msgspec.json.Decoder(ReportRow),
    PartnerReportCorrection,
    "partner-reports:write",
    "partner-reports:read",
)
