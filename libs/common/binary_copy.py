"""PostgreSQL's binary COPY: a row is the number of its fields, each its length and its bytes (-1: null)."""

from struct import Struct

__all__ = ["BEGIN", "END", "NULL", "field"]

BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_length = Struct(">i").pack


def field(value: bytes | None) -> bytes:
    """Write a field."""
    return NULL if value is None else _length(len(value)) + value
