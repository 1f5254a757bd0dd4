"""Arrays as PostgreSQL writes them: joined here in one go, where the driver would look at each element in turn."""

from collections.abc import Iterable
from functools import lru_cache

__all__ = ["blobs", "plain", "texts"]


def plain(values: Iterable[object]) -> str:
    """Ids, numbers and dates, whose text needs no quotes."""
    return f"{{{','.join(map(str, values))}}}"


def texts(values: Iterable[str]) -> str:
    """Texts that come again and again, such as codes."""
    return f"{{{','.join(map(_quoted, values))}}}"


def blobs(values: Iterable[bytes]) -> str:
    """Bytes."""
    quoted = [f'"\\\\x{value.hex()}"' for value in values]
    return f"{{{','.join(quoted)}}}"


@lru_cache(maxsize=1000)
def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
