"""`recount` ends with 2, not with the 1 that says that cells differ, where what was asked for cannot be counted."""

import logging
import time
from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
import structlog

from deploy.local.ports import free_port
from deploy.ops import recount
from deploy.ops.__main__ import main
from services.metrics.domain.units import Unit
from services.metrics.use_cases.recount import NoUnitToday


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """The command quiets the logs of its process, which is that of all tests here."""
    level = logging.getLogger("aiokafka").level
    yield
    structlog.reset_defaults()
    logging.getLogger("aiokafka").setLevel(level)


def test_days_that_end_before_they_begin_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recount", "--from", "2025-06-01", "--to", "2025-05-31"]) == 2
    told = capsys.readouterr()
    assert "--from 2025-06-01 sau --to 2025-05-31" in told.err
    assert "--from 2025-06-01 is after --to 2025-05-31" in told.err
    assert told.out == ""


def test_a_kafka_that_is_away_is_named_soon(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL_METRICS", "postgresql://nobody@127.0.0.1:1/metrics")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    begun = time.monotonic()
    assert main(["recount", "--unit", "82"]) == 2
    assert time.monotonic() - begun < recount.MAP_SECONDS / 2
    assert "Kafka không trả lời · Kafka does not answer" in capsys.readouterr().err


def test_a_unit_that_ended_is_told_with_its_day_and_its_heirs_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unit(code: str, until: date | None) -> Unit:
        unit_id = uuid4()
        return Unit(unit_id, 1, code, "province", "Đồng Tháp", None, until, (unit_id,), (unit_id,))

    async def refuse(*_: object) -> dict[str, str]:
        raise NoUnitToday(unit("87", date(2025, 7, 1)), [unit("82", None)])

    monkeypatch.setattr(recount, "read_territory", refuse)
    monkeypatch.setenv("DATABASE_URL_METRICS", "postgresql://nobody@127.0.0.1:1/metrics")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    assert main(["recount", "--unit", "87"]) == 2
    told = capsys.readouterr().err
    assert "hôm nay không có đơn vị 87: 87 Đồng Tháp hết hiệu lực từ 2025-07-01; nay là 82 Đồng Tháp" in told
    assert "there is no unit 87 today: 87 Đồng Tháp ended on 2025-07-01; today it is 82 Đồng Tháp" in told
