"""Ids of our own, made from what identifies a record, so that loading a file twice meets the same records."""

from uuid import UUID, uuid5

__all__ = ["record_id"]

NAMESPACE = UUID("7c2b9f0e-4d1a-5e68-9b37-52d0c6a41f8e")


def record_id(kind: str, *parts: str) -> UUID:
    """Give the id of a record, for example of unit / commune / 29905 / 2025-07-01."""
    return uuid5(NAMESPACE, "/".join((kind, *parts)))
