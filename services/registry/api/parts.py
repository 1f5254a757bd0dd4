"""What the registry's answers have in common: pages, days, units by id or code, entity tags."""

import base64
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from libs.common.http import tagged_response
from libs.common.problem import Problem
from services.registry.domain.atlas import Atlas
from services.registry.use_cases import reading

__all__ = ["answer", "day_asked", "page_answer", "paging", "paging_limit", "today", "unit_asked"]

HANOI = timezone(timedelta(hours=7))
DEFAULT_ROWS = 100
MAX_ROWS = 500


def today() -> date:
    """Give the day it is in Vietnam."""
    return datetime.now(HANOI).date()


def day_asked(asked: Mapping[str, str], name: str) -> date | None:
    """Read a day; raises Problem bad_parameter."""
    text = asked.get(name)
    try:
        if text is None or len(text) == len("2025-07-01"):
            return date.fromisoformat(text) if text else None
    except ValueError:
        pass
    raise Problem("bad_parameter", name=name, reason="dạng / such as 2025-07-01")


def unit_asked(atlas: Atlas, text: str | None, day: date) -> UUID | None:
    """Give the unit meant by an id, or by a code of a day; raises Problem unknown_unit.

    A code that nobody bears that day means who bore it last before: an abolished district's is still asked for.
    """
    if text is None:
        return None
    try:
        unit = atlas.units.get(UUID(text))
    except ValueError:
        unit = atlas.meant(text, day)
    if unit is None:
        raise Problem("unknown_unit", unit=text[:50])
    return unit.record_id


def paging_limit(asked: Mapping[str, str]) -> int:
    """Read how many entries a page has; raises Problem bad_parameter."""
    text = asked.get("limit", str(DEFAULT_ROWS))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_ROWS):
        raise Problem("bad_parameter", name="limit", reason=f"1–{MAX_ROWS}")
    return int(text)


def paging(asked: Mapping[str, str]) -> reading.Paging:
    """Read which page; raises Problem bad_parameter."""
    limit = paging_limit(asked)
    try:
        after = UUID(bytes=base64.urlsafe_b64decode(asked["cursor"] + "==")) if "cursor" in asked else None
    except ValueError:
        raise Problem("bad_parameter", name="cursor", reason="next") from None
    return reading.Paging(after, limit)


def page_answer(request: Request, kind: str, page: reading.Page) -> Response:
    """Answer with a page and where the next begins."""
    following = base64.urlsafe_b64encode(page.last.bytes).decode().rstrip("=") if page.last else None
    return answer(request, {kind: [msgspec.Raw(body) for body in page.bodies], "next": following})


def answer(request: Request, body: object, *, cache: str = "private, no-cache") -> Response:
    """Answer with an entity tag, or 304 to who has this already."""
    return tagged_response(request, msgspec.json.encode(body), headers={"cache-control": cache})
