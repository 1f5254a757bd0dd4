"""What went wrong, told without repeating what was sent: the words of an error often quote it."""

import re
import traceback
from collections.abc import Iterator

import asyncpg
from pydantic import ValidationError

__all__ = ["reason_of", "traceback_of"]

MAX_CHARACTERS = 500
MAX_FINDINGS = 10
# Python and its libraries put what they were given in quotes; what is left of a number is too short to be anybody's.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|=\S+")
_NUMBER = re.compile(r"\+?[0-9](?:[ .\-()]{0,2}[0-9]){8,}")
_GONE = "…"
_OF_ITSELF = ("08", "28", "3D", "40", "53", "57", "58")


def reason_of(error: BaseException) -> str:
    """Say what is wrong with what was sent, or with us, in the error's own words as far as they can quote nothing."""
    if isinstance(error, ValidationError):
        findings = error.errors(include_url=False, include_input=False)[:MAX_FINDINGS]
        told = (f"{'.'.join(map(str, found['loc'])) or 'value'}: {found['msg']}" for found in findings)
        return _without_numbers("; ".join(told))
    if isinstance(error, asyncpg.PostgresError):
        return _of_postgresql(error)
    if isinstance(error, OSError):
        return str(error)  # Names an address or a file.
    return _without_numbers(_QUOTED.sub(_GONE, str(error)))


def _of_postgresql(error: asyncpg.PostgresError) -> str:
    """Name what PostgreSQL objects to. Its detail is the whole row, its message may be the value.

    What it says of itself and of connections holds no data.
    """
    if (error.sqlstate or "")[:2] in _OF_ITSELF:
        return str(error.args[0])
    names = (getattr(error, f"{kind}_name", None) for kind in ("table", "column", "constraint"))
    return " ".join([f"SQLSTATE {error.sqlstate}", *(name for name in names if name)])


def _without_numbers(text: str) -> str:
    return _NUMBER.sub(_GONE, text)[:MAX_CHARACTERS]


def traceback_of(error: BaseException) -> str:
    """Tell where an error and those that led to it were raised, by type and reason, as Python's own traceback does."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield "which led to:"
    yield from "".join(traceback.format_tb(error.__traceback__)).splitlines()
    yield f"{type(error).__module__}.{type(error).__qualname__}: {reason_of(error)}".rstrip(": ")
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            if id(part) not in seen:
                yield from ("  " + line for line in _lines(part, seen))
