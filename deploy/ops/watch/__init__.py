"""The independent eye: reads all databases from outside, compares them, and tells Prometheus what is so."""

from argparse import Namespace

from deploy.ops.command import Commands, declare
from deploy.ops.settings import read
from deploy.ops.watch.process import run_watch
from deploy.ops.watch.settings import WatchSettings
from libs.common.process import run
from libs.common.telemetry import configure_logging

__all__ = ["add"]

MORE = """\
It only reads, with a role that need not be able to write (docs/operating.md has the SQL), and tells at
http://HOST:WATCH_PORT/metrics: whether every record of the log is counted and nothing else is, how far metrics is
behind, what is held or dead, and how the databases are. A database that is away makes database_up 0; what was known of
it is no longer told. Runs until it is told to stop (SIGTERM, Ctrl-C).

variables: DATABASE_URL_REGISTRY, _VISITS, _METRICS; WATCH_PORT (8004), HOST, LOG_LEVEL,
WATCH_SWEEP_ROWS_PER_SECOND (2000), WATCH_SWEEP_EVERY_SECONDS (60), WATCH_DATA_DIR"""


def add(commands: Commands) -> None:
    """Declare `watch`."""
    declare(
        commands,
        "watch",
        _watch,
        vi="theo dõi từ bên ngoài, báo cho Prometheus",
        en="look at all databases from outside, tell Prometheus",
        more=MORE,
        examples=["watch", "watch > watch.log &", "status        # hỏi một lần · asks once"],
    )


def _watch(_: Namespace) -> int:
    settings = read(WatchSettings)
    configure_logging("watch", "watch", settings.log_level)
    return run(lambda: run_watch(settings))
