"""Ids as the database driver has them: equal to others, but hashed and sent without going through Python."""

from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriverUUID

__all__ = ["quick", "quick_of"]


def quick(known: UUID) -> UUID:
    """Give the same id in the driver's form; worth it where it is hashed or sent often."""
    made: UUID = DriverUUID(known.bytes)
    return made


def quick_of(of: bytes) -> UUID:
    """Give the id of 16 bytes in the driver's form."""
    made: UUID = DriverUUID(of)
    return made
