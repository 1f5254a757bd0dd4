"""The catalogue of codes, read from problems.toml beside this file."""

import tomllib
from functools import cache
from pathlib import Path
from typing import TypedDict

__all__ = ["Entry", "entries"]


class Entry(TypedDict):
    """A code's status and sentences."""

    status: int
    vi: str
    en: str


@cache
def entries() -> dict[str, Entry]:
    """Give every code with its status and sentences."""
    text = (Path(__file__).parent / "problems.toml").read_text(encoding="utf-8")
    return {
        code: Entry(status=int(entry["status"]), vi=str(entry["vi"]), en=str(entry["en"]))
        for code, entry in tomllib.loads(text).items()
    }
