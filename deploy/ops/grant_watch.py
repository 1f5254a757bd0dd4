"""`grant-watch`: the watch's role may read what it looks at, and nothing else; after each migration."""

import asyncio
from argparse import Namespace

from deploy.ops.command import Commands, Refused, declare
from deploy.ops.settings import read
from libs.common.db import connect
from services.metrics.settings import CommandSettings as MetricsSettings
from services.registry.settings import CommandSettings as RegistrySettings
from services.visits.settings import CommandSettings as VisitsSettings

__all__ = ["GRANTS", "ROLE", "add"]

ROLE = "tungnha_watch"
MAKING = """\
  CREATE ROLE tungnha_watch LOGIN PASSWORD 'SECRET' CONNECTION LIMIT 20;
  ALTER ROLE tungnha_watch SET default_transaction_read_only = on;
  GRANT pg_monitor TO tungnha_watch;"""
GRANTS = {
    "registry": (
        "GRANT SELECT (record_id, revision, edition, epoch, xid, seq, type, appended_at, body) ON log TO tungnha_watch",
        "GRANT SELECT ON log_position TO tungnha_watch",
        "GRANT SELECT (entry, at, action) ON audit TO tungnha_watch",
    ),
    "visits": (
        "GRANT SELECT (record_id, revision, edition, epoch, xid, seq, kind, state, held, partition_key, waiting_for, "
        "received_at, appended_at) ON log TO tungnha_watch",
        "GRANT SELECT ON log_position TO tungnha_watch",
    ),
    "metrics": (
        "GRANT SELECT ON heads, progress, inbox, dead_letters TO tungnha_watch",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO tungnha_watch",
    ),
}
"""What docs/operating.md says, statement by statement; a test compares them."""

SETTINGS: dict[str, type[RegistrySettings] | type[VisitsSettings] | type[MetricsSettings]] = {
    "registry": RegistrySettings,
    "visits": VisitsSettings,
    "metrics": MetricsSettings,
}


def add(commands: Commands) -> None:
    """Declare `grant-watch`."""
    parser = declare(
        commands,
        "grant-watch",
        _run,
        vi="cho vai trò tungnha_watch đọc những gì tiến trình watch cần; chạy lại vô hại",
        en="let the role tungnha_watch read what the watch needs; again is harmless",
        more="As the owner of the tables, by DATABASE_URL_REGISTRY, _VISITS or _METRICS. The role must exist.",
        examples=["grant-watch visits"],
    )
    parser.add_argument("service", choices=sorted(GRANTS))


def _run(asked: Namespace) -> int:
    return asyncio.run(_grant(asked.service))


async def _grant(service: str) -> int:
    connection = await connect(read(SETTINGS[service]).database_url, application_name="grant watch")
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", ROLE):
            raise Refused(
                f"chưa có vai trò {ROLE}; người quản trị PostgreSQL tạo một lần như sau (docs/operating.md)",
                f"there is no role {ROLE} yet; who administers PostgreSQL makes it once (docs/operating.md):\n{MAKING}",
            )
        async with connection.transaction():
            for statement in GRANTS[service]:
                await connection.execute(statement)
    finally:
        await connection.close()
    print(f"{service}: {ROLE} đọc được những gì watch cần · may read what the watch needs")
    return 0
