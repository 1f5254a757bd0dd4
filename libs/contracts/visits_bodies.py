"""Whole HTTP bodies of the visits service, as clients see them; the service itself reads row by row."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract
from libs.contracts.visits_api import BatchEnvelope, PartnerReportInput, Receipt, VisitInput

__all__ = [
    "MAX_BULK_ROWS",
    "MAX_ROWS",
    "PartnerReportBatch",
    "PartnerReportBulk",
    "ReceiptList",
    "VisitBatch",
    "VisitBulk",
]

MAX_ROWS = 500
MAX_BULK_ROWS = 5000


class VisitBatch(BatchEnvelope):
    """A batch of visits; every row is answered by itself."""

    rows: Annotated[list[VisitInput], Field(max_length=MAX_ROWS)]


class PartnerReportBatch(BatchEnvelope):
    """A batch of a partner's installs; every row is answered by itself."""

    rows: Annotated[list[PartnerReportInput], Field(max_length=MAX_ROWS)]


class VisitBulk(BatchEnvelope):
    """Many visits at once; every row is answered by itself."""

    rows: Annotated[list[VisitInput], Field(max_length=MAX_BULK_ROWS)]


class PartnerReportBulk(BatchEnvelope):
    """Many of a partner's installs at once; every row is answered by itself."""

    rows: Annotated[list[PartnerReportInput], Field(max_length=MAX_BULK_ROWS)]


class ReceiptList(Contract):
    """The receipts asked for."""

    rows: list[Receipt]
    not_found: list[UUID] = Field(description="Ids asked for that were never stored: send those rows again")
