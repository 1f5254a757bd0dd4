"""Operations on records: visits of teams and reports of partners, the same seven for both."""

from dataclasses import dataclass, replace

from libs.contracts.model import Contract
from libs.contracts.operations import words
from libs.contracts.operations.model import GUARDED, MIB, READ_BODY, Operation, Parameter, Words, paging
from libs.contracts.registry import Scope
from libs.contracts.visits_api import (
    BatchAnswer,
    HeldPage,
    PartnerReportCorrection,
    Receipt,
    RecordPage,
    RecordView,
    Resolution,
    VisitCorrection,
    Void,
)
from libs.contracts.visits_bodies import PartnerReportBatch, PartnerReportBulk, ReceiptList, VisitBatch, VisitBulk

__all__ = ["OPERATIONS"]

UUID = {"type": "string", "format": "uuid"}
CHANGED = ("record_unknown", "stale_revision", "already_voided", "record_expired", "id_reused", "outside_subtree")

BATCH_PARAMETERS = (
    Parameter(
        "mode",
        "query",
        {"type": "string", "enum": ["commit", "validate"], "default": "commit"},
        Words("`validate`: kiểm tra, không lưu gì.", "`validate`: check, store nothing."),
    ),
    Parameter(
        "atomic",
        "query",
        {"type": "boolean", "default": False},
        Words("`true`: lưu tất cả hoặc không dòng nào.", "`true`: store all rows or none."),
    ),
)
RECEIPT_PARAMETERS = (
    Parameter(
        "id",
        "query",
        {"type": "array", "items": UUID, "maxItems": 500},
        Words("id của dòng, của lần sửa hoặc lần hủy.", "Id of a row, correction or void."),
    ),
    Parameter(
        "batch",
        "query",
        UUID,
        Words("`batch_id` của lô.", "The batch's `batch_id`."),
        example="0196bb30-77de-7a10-b1d5-3c9a40e2f6b8",
    ),
)
TEAM = Parameter(
    "team",
    "query",
    {"type": "string"},
    Words("id hoặc mã của tổ.", "The team's id or code."),
    example="SD-03",
    required=True,
)


@dataclass(frozen=True)
class _Kind:
    """A kind of record and what differs for it."""

    path: str
    noun: str
    write: Scope
    read: Scope
    words: Words
    batch: type[Contract]
    bulk: type[Contract]
    correction: type[Contract]
    example_id: str
    codes: tuple[str, ...] = ()
    list_codes: tuple[str, ...] = ()
    list_parameters: tuple[Parameter, ...] = ()

    @property
    def record_id(self) -> Parameter:
        said = Words("id của bản ghi.", "The record's id.")
        return Parameter("id", "path", UUID, said, self.example_id, required=True)

    def summary(self, vi: str, en: str) -> Words:
        return Words(vi.format(self.words.vi), en.format(self.words.en))


def _sends(kind: _Kind) -> tuple[Operation, Operation]:
    send = Operation(
        method="POST",
        path=f"{kind.path}:batch",
        service="visits",
        scope=kind.write,
        operation_id=f"send_{kind.noun}s",
        summary=kind.summary("Gửi một lô {}", "Send a batch of {}s"),
        description=words.BATCH,
        request=kind.batch,
        response=BatchAnswer,
        parameters=BATCH_PARAMETERS,
        problems=(*GUARDED, *READ_BODY, "too_many_rows", "bad_parameter", "batch_not_stored", *kind.codes),
    )
    load = replace(
        send,
        path=f"{kind.path}:bulk",
        operation_id=f"load_{kind.noun}s",
        summary=kind.summary("Nạp nhiều {}", "Load many {}s"),
        description=words.BULK,
        request=kind.bulk,
        body_limit_bytes=16 * MIB,
        problems=(*send.problems, "bulk_busy"),
    )
    return send, load


def _writes(kind: _Kind) -> tuple[Operation, ...]:
    send, load = _sends(kind)
    correct = replace(
        send,
        path=f"{kind.path}/{{id}}:correct",
        operation_id=f"correct_{kind.noun}",
        summary=kind.summary("Sửa một {}", "Correct a {}"),
        description=words.CORRECT,
        request=kind.correction,
        response=Receipt,
        parameters=(kind.record_id,),
        problems=(*GUARDED, *READ_BODY, *CHANGED, "reporter_changed", "nothing_to_keep", *kind.codes),
    )
    void = replace(
        correct,
        path=f"{kind.path}/{{id}}:void",
        operation_id=f"void_{kind.noun}",
        summary=kind.summary("Hủy một {}", "Void a {}"),
        description=words.VOID,
        request=Void,
        problems=(*GUARDED, *READ_BODY, *CHANGED, *kind.codes),
    )
    return send, load, correct, void


def _reads(kind: _Kind) -> tuple[Operation, ...]:
    read = Operation(
        method="GET",
        path=f"{kind.path}/{{id}}",
        service="visits",
        scope=kind.read,
        operation_id=f"read_{kind.noun}",
        summary=kind.summary("Đọc một {}", "Read a {}"),
        description=words.READ,
        revalidates=True,
        response=RecordView,
        parameters=(kind.record_id,),
        problems=(*GUARDED, *kind.codes, "record_unknown"),
    )
    listing = replace(
        read,
        path=kind.path,
        operation_id=f"list_{kind.noun}s",
        summary=kind.summary("Liệt kê các {}", "List {}s"),
        description=Words("Mới nhất trước, theo trang.", "Newest first, page by page."),
        response=RecordPage,
        parameters=(*kind.list_parameters, *paging(default=50, most=200)),
        problems=(*GUARDED, "bad_parameter", *kind.list_codes),
    )
    receipts = replace(
        read,
        path=f"{kind.path}/receipts",
        operation_id=f"read_{kind.noun}_receipts",
        summary=kind.summary("Đọc lại biên nhận của {}", "Read receipts of {}s again"),
        description=words.RECEIPTS,
        response=ReceiptList,
        parameters=RECEIPT_PARAMETERS,
        problems=(*GUARDED, *kind.codes, "bad_parameter"),
    )
    return receipts, listing, read


VISITS = _Kind(
    path="/v1/visits",
    noun="visit",
    write="visits:write",
    read="visits:read",
    words=Words("chuyến thăm", "visit"),
    batch=VisitBatch,
    bulk=VisitBulk,
    correction=VisitCorrection,
    example_id="0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59",
    list_codes=("unknown_team_code",),
    list_parameters=(TEAM,),
)
PARTNER_REPORTS = _Kind(
    path="/v1/partner-reports",
    noun="partner_report",
    write="partner-reports:write",
    read="partner-reports:read",
    words=Words("báo cáo của đối tác", "partner report"),
    batch=PartnerReportBatch,
    bulk=PartnerReportBulk,
    correction=PartnerReportCorrection,
    example_id="0196b71e-21c8-7d02-8b44-1e9f0a7c5d36",
    codes=("not_a_partner",),
    list_codes=("not_a_partner",),
)

RESOLVE = Operation(
    method="POST",
    path="/v1/records/{id}:resolve",
    service="visits",
    scope="records:settle",
    or_scopes=("visits:write", "partner-reports:write"),
    operation_id="resolve_record",
    summary=Words("Chọn đơn vị cho một bản ghi đang chờ", "Settle the unit of a record that waits"),
    description=words.RESOLVE,
    request=Resolution,
    response=Receipt,
    parameters=(VISITS.record_id,),
    problems=(
        *GUARDED,
        *READ_BODY,
        *CHANGED,
        "nothing_to_resolve",
        "unit_not_a_candidate",
        "unknown_unit_code",
        "unit_code_not_valid_on_day",
        "team_not_active_on_day",
    ),
)

HELD = Operation(
    method="GET",
    path="/v1/records/held",
    service="visits",
    scope="records:settle",
    operation_id="list_held_records",
    summary=Words("Các bản ghi đang chờ chọn đơn vị", "Records that wait for their unit to be chosen"),
    description=words.HELD,
    response=HeldPage,
    parameters=paging(default=50, most=200),
    problems=(*GUARDED, "bad_parameter"),
    revalidates=True,
)

OPERATIONS: tuple[Operation, ...] = (
    *(operation for kind in (VISITS, PARTNER_REPORTS) for operation in (*_writes(kind), *_reads(kind))),
    HELD,
    RESOLVE,
)
"""Seven operations of each kind, where `receipts` stands before `{id}`, and two of both."""
