"""Which units are counted again: those of a code of today; of one that ended it is told what is there today."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from services.metrics.domain.picture import Picture
from services.metrics.domain.units import Unit
from services.metrics.use_cases.recount import NoUnitToday, territory_of

MERGED = date(2025, 7, 1)
TODAY = date(2026, 1, 1)


def _province(
    code: str, name: str, *, since: date | None = None, until: date | None = None, to: UUID | None = None
) -> Unit:
    unit_id = uuid4()
    return Unit(unit_id, 1, code, "province", name, since, until, (unit_id,), (unit_id,), (to,) if to else ())


def _picture() -> Picture:
    picture = Picture()
    now = _province("82", "Đồng Tháp", since=MERGED)
    between = _province("99", "Giữa", since=date(2025, 6, 30), until=MERGED, to=now.unit_id)
    old = _province("87", "Đồng Tháp", until=date(2025, 6, 30), to=between.unit_id)
    for unit in (now, between, old):
        picture.units.take(unit)
    return picture


def test_a_code_that_ended_is_refused_with_its_day_and_what_is_there_today() -> None:
    with pytest.raises(NoUnitToday) as refused:
        territory_of(_picture(), "87", TODAY)
    assert refused.value.ended is not None
    assert refused.value.ended.valid_to == date(2025, 6, 30)
    assert [unit.code for unit in refused.value.today] == ["82"], "whatever there was between them"


def test_a_code_that_nobody_knows_has_no_heirs() -> None:
    with pytest.raises(NoUnitToday) as refused:
        territory_of(_picture(), "12345", TODAY)
    assert (refused.value.ended, refused.value.today) == (None, ())


def test_a_code_of_today_is_found() -> None:
    assert "82 Đồng Tháp" in territory_of(_picture(), "82", TODAY).values()
