"""Imports as they are shown: findings in words, sheets with their columns, rows, a CSV of what is wrong."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from libs.common.problem import Catalogue
from libs.common.sealing import CannotOpen, Sealer
from libs.common.sheets import neutral
from services.registry.domain.imports.planned import OUTCOMES
from services.registry.store.imports import Job, KeptRow
from services.registry.use_cases.imports import telling
from services.registry.use_cases.imports.telling import Told, ToldFinding, ToldSheet

__all__ = ["findings_csv", "row_told", "view"]

CSV_HEADER = ("Dòng số", "Trang", "Dòng", "Ô", "Cột", "Mức", "Mã", "Cần làm gì", "What to do")


def view(job: Job, sealer: Sealer, catalogue: Catalogue) -> dict[str, Any]:
    """Give an import as it stands."""
    told = _told(job, sealer)
    return {
        "import_id": job.import_id,
        "kind": job.kind,
        "state": job.state,
        "format": job.format,
        "size_bytes": job.size_bytes,
        "codes_as_of": job.codes_as_of,
        "rows_read": job.rows_read,
        "rows_total": job.rows_total,
        "counts": {name: job.counts.get(name, 0) for name in (*OUTCOMES, "warnings")},
        "changed_since": job.changed_since,
        "sheets": [_sheet(sheet, catalogue) for sheet in told.sheets],
        "problems": [_finding(each, catalogue) for each in told.problems],
        "file_kept": job.has_file,
        "created_at": job.created_at,
        "committed_at": job.committed_at,
        "expires_at": job.expires_at,
    }


def _told(job: Job, sealer: Sealer) -> Told:
    try:
        return telling.opened_told(sealer, job.import_id, job.told)
    except CannotOpen:
        return Told(problems=[ToldFinding("import_key_lost", "", "", "", {}, False)])


def _finding(told: ToldFinding, catalogue: Catalogue) -> dict[str, Any]:
    words = catalogue.describe(telling.fault_of(told))
    return {
        "code": told.code,
        "warning": told.warning,
        "sheet": told.sheet,
        "cell": told.cell,
        "column": told.field,
        "vi": words["vi"],
        "en": words["en"],
    }


def _sheet(told: ToldSheet, catalogue: Catalogue) -> dict[str, Any]:
    why_not = ToldFinding(told.why_not, told.name, "", "", {"sheet": told.name}, True) if told.why_not else None
    return {
        "name": told.name,
        "not_read": _finding(why_not, catalogue) if why_not is not None else None,
        "header_line": told.header_line or None,
        "columns": [
            *({"column": column, "field": field, "header": None} for column, field in told.columns),
            *({"column": column, "field": None, "header": header} for column, header in told.unknown),
        ],
    }


def row_told(job: Job, row: KeptRow, sealer: Sealer, catalogue: Catalogue) -> dict[str, Any]:
    """Give a row with what would happen; raises CannotOpen."""
    told = telling.opened_row(sealer, job.import_id, row)
    return {
        "number": row.number,
        "sheet": told.sheet,
        "line": told.line,
        "outcome": row.outcome,
        "key": told.key,
        "record_id": told.record_id,
        "fields": told.fields,
        "findings": [_finding(each, catalogue) for each in told.findings],
    }


def findings_csv(job: Job, rows: Iterable[KeptRow], sealer: Sealer, catalogue: Catalogue) -> bytes:
    """Give every finding as a line of a CSV that Excel opens, whatever stands in it shown and not computed."""
    written = io.StringIO(newline="")
    lines = csv.writer(written, delimiter=";")
    lines.writerow(CSV_HEADER)
    for each in _told(job, sealer).problems:
        lines.writerow(_line("", "", _finding(each, catalogue)))
    for row in rows:
        told = telling.opened_row(sealer, job.import_id, row)
        for each in told.findings:
            lines.writerow(_line(str(row.number), str(told.line), _finding(each, catalogue)))
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _line(number: str, line: str, told: dict[str, Any]) -> Sequence[str]:
    level = "cảnh báo" if told["warning"] else "lỗi"
    cells = (number, told["sheet"], line, told["cell"], told["column"], level, told["code"], told["vi"], told["en"])
    return [neutral(cell) for cell in cells]
