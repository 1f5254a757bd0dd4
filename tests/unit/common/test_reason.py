"""An error is told where it was raised and of what kind it is; what was sent is never repeated."""

import json
import logging
from collections.abc import Callable
from datetime import date
from uuid import UUID

import asyncpg
import msgspec
import pytest
from pydantic import BaseModel

from libs.common.reason import reason_of, traceback_of
from libs.common.telemetry import get_logger
from tests.support.logs import process_log

NATIONAL_ID, PHONE, NAME = "087085123456", "+84 912-345-678", "Trần Thị Bí Mật"
NOBODY: dict[str, str] = {}
PLANTED = (NATIONAL_ID, PHONE, "912-345-678", "0912345678", NAME, "Bí Mật")


class Row(BaseModel):
    phone: int
    of: dict[str, int] = {}


def of_postgresql(kind: type[asyncpg.PostgresError], message: str, **fields: str) -> asyncpg.PostgresError:
    error = kind(message)
    for name, value in fields.items():
        setattr(error, name, value)
    return error


RAISED: dict[str, Callable[[], object]] = {
    "of a dictionary": lambda: NOBODY[PHONE],
    "of a number": lambda: int(NAME),
    "of a day": lambda: date.fromisoformat(NATIONAL_ID + "-"),
    "of a list": lambda: [PHONE].remove(NAME),
    "of an id": lambda: UUID(NAME),
    "of a contract": lambda: Row.model_validate({"phone": PHONE, "of": {NATIONAL_ID: NAME}}),
    "of a decoder": lambda: msgspec.json.decode(json.dumps({"id": PHONE}), type=dict[str, UUID]),
    "of ours": lambda: _raise(ValueError(f"line 3: {PHONE} and {NATIONAL_ID} are not counted")),
    "of a row": lambda: _raise(
        of_postgresql(asyncpg.CheckViolationError, f"value {NAME}", detail=f"Failing row contains ({NAME}).")
    ),
}


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("raised", RAISED.values(), ids=RAISED)
def test_the_words_of_an_error_do_not_repeat_what_was_sent(raised: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        raised()
    told = reason_of(caught.value) + traceback_of(caught.value)
    for planted in PLANTED:
        assert planted not in told
    assert type(caught.value).__name__ in told
    assert __file__ in told


def test_what_says_what_is_wrong_is_kept() -> None:
    assert reason_of(ValueError("lines: a line number appears twice")) == "lines: a line number appears twice"
    assert reason_of(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 5432)")) == (
        "[Errno 111] Connect call failed ('127.0.0.1', 5432)"
    )
    with pytest.raises(ValueError, match="phone") as caught:
        Row.model_validate({"phone": "x"})
    assert reason_of(caught.value).startswith("phone: Input should be a valid integer")
    broken = of_postgresql(asyncpg.UniqueViolationError, "…", table_name="log", constraint_name="log_pkey")
    assert reason_of(broken) == "SQLSTATE 23505 log log_pkey"
    away = asyncpg.CannotConnectNowError("the database system is starting up")
    assert reason_of(away) == "the database system is starting up"


def test_a_traceback_tells_every_error_that_led_to_another_and_each_of_a_group() -> None:
    def fail() -> None:
        try:
            int(NAME)
        except ValueError as error:
            raise RuntimeError("the row was not read") from error

    def fail_twice() -> None:
        try:
            fail()
        except RuntimeError as error:
            raise ExceptionGroup("two", [error, KeyError(PHONE)]) from None

    with pytest.raises(ExceptionGroup) as caught:
        fail_twice()
    told = traceback_of(caught.value)
    for part in ("ExceptionGroup: two", "builtins.ValueError: invalid literal", "RuntimeError: the row was not read"):
        assert part in told
    assert "builtins.KeyError" in told
    assert NAME not in told


def test_a_line_of_the_log_tells_an_error_so_whoever_writes_it(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with process_log(capsysbinary, "visits", "api") as lines:
        logger = get_logger("test-of-reason")
        try:
            NOBODY[PHONE]
        except KeyError as error:
            logger.error("request.failed", exc_info=error)
            logger.exception("request.failed")
            logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
        told = lines()
    assert len(told) == 3
    for line in told:
        assert (line["service"], line["process"], line["level"]) == ("visits", "api", "error")
        assert "builtins.KeyError" in line["exception"]
        assert "exc_info" not in line
        assert PHONE not in str(line)
