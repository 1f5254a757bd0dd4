"""The audit log is written with what it tells of."""

import pytest

from libs.common.db import transaction
from services.registry.store.audit import Audited, note
from tests.integration.registry.conftest import Registry

READ = Audited("officer", "member.read", "member", "m-1", None, after={"fields": ["name", "số điện thoại"]})


async def _entries(registry: Registry) -> list[tuple[str, str, object]]:
    async with transaction(registry.engine, readonly=True) as connection:
        rows = await connection.fetch("SELECT action, object_id, after FROM audit ORDER BY entry")
    return [(row["action"], row["object_id"], row["after"]) for row in rows]


async def test_entries_are_kept_in_their_order(registry: Registry) -> None:
    async with transaction(registry.engine) as connection:
        await note(connection, READ, Audited("officer", "client.rotated", "client", "bank", None))
    assert await _entries(registry) == [
        ("member.read", "m-1", {"fields": ["name", "số điện thoại"]}),
        ("client.rotated", "bank", None),
    ]


async def test_what_is_rolled_back_leaves_no_entry(registry: Registry) -> None:
    async def read_in_vain() -> None:
        async with transaction(registry.engine) as connection:
            await note(connection, READ)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await read_in_vain()
    assert await _entries(registry) == []
