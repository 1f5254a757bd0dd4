"""The key that signs tokens: its public half is told to everyone, a retired one is never used again."""

from dataclasses import replace

from libs.common.db import Connection
from services.registry.domain.clients import SigningKey
from services.registry.store import access
from services.registry.use_cases.clients import Refused
from services.registry.use_cases.loading import save

__all__ = ["announce_key", "retire_key"]


async def announce_key(connection: Connection, key: SigningKey) -> None:
    """Tell everyone of the key if it is new; raises Refused for a retired one."""
    known = await access.load_key(connection, key.kid)
    if known is not None and known.retired:
        raise Refused(
            f"khóa {key.kid} đã bị thu hồi, hãy tạo khóa mới bằng make-key",
            f"the key {key.kid} was retired; make a new one with make-key",
        )
    await save(connection, "keys", [key])


async def retire_key(connection: Connection, kid: str) -> None:
    """Make everyone refuse tokens that the key has signed; raises Refused."""
    known = await access.load_key(connection, kid)
    if known is None:
        raise Refused(f"không có khóa {kid}", f"there is no key {kid}")
    await save(connection, "keys", [replace(known, retired=True)])
