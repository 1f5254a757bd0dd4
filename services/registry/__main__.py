"""`python -m services.registry`: the processes, and the operator's commands."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from libs.common.announcing import announce, outstanding
from libs.common.db import Connection, transaction
from libs.common.files import BadFile, told
from libs.common.process import answer, run
from libs.common.telemetry import configure_logging
from services.registry import wiring
from services.registry.domain.clients import CLIENT_KINDS, QUOTA_CLASSES, SCOPES
from services.registry.settings import CommandSettings, Settings
from services.registry.store import access
from services.registry.use_cases import clients, erasing, keys, loading, tokens

Arguments = argparse.Namespace
Work = Callable[[Connection], Awaitable[None]]

PROCESSES = {
    "api": "serve tokens, their public keys, the catalogue, units and teams",
    "relay": "send the log to Kafka (one leads, others stand by)",
    "all": "api and relay in one process, for one machine",
}
EPILOG = """examples:
  python -m services.registry migrate
  python -m services.registry load all --wait 30
  python -m services.registry load teams my-province.csv
  python -m services.registry clients create portal-x --name "Portal X" --scope metrics:read --unit 82

Settings come from the environment: DATABASE_URL_REGISTRY always; for the processes also KAFKA_BOOTSTRAP and
REGISTRY_SIGNING_KEY_FILE. See services/registry/settings.py."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.registry",
        description="The registry: the map in time, teams, the catalogue, partners, clients and their tokens.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in PROCESSES.items():
        commands.add_parser(name, help=text)
    commands.add_parser("migrate", help="bring the database to the newest revision, then end")
    commands.add_parser("await-migration", help="wait until somebody else has migrated, then end")
    commands.add_parser("announce", help="have the relay send every record again, then end")
    making = commands.add_parser("make-key", help="write a new private key that signs tokens; nothing is overwritten")
    making.add_argument("file", type=Path)
    _add_load(commands)
    _add_clients(commands)
    _add_members(commands)
    of_keys = commands.add_parser("keys", help="the keys that sign tokens").add_subparsers(dest="action", required=True)
    of_keys.add_parser("list", help="every key there ever was")
    retiring = of_keys.add_parser("retire", help="have everyone refuse what the key has signed")
    retiring.add_argument("kid")
    return parser


def _add_load(commands: Any) -> None:
    load = commands.add_parser(
        "load",
        help="load reference files; again is harmless",
        description="What is new or changed becomes a revision; what is the same appends nothing. "
        "A file with a mistake is not loaded at all.",
    )
    kinds = load.add_subparsers(dest="kind", required=True, metavar="kind")
    waiting = argparse.ArgumentParser(add_help=False)
    waiting.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="then wait until the relay has sent everything"
    )
    a_map = kinds.add_parser("map", parents=[waiting], help="administrative units and their lineage")
    a_map.add_argument("--units", type=Path, help="default: data/admin_units.csv")
    a_map.add_argument("--lineage", type=Path, help="default: data/admin_lineage.csv")
    for name, default in (
        ("catalogue", "data/catalogue.toml and data/indicators.toml"),
        ("partners", "data/partners.toml"),
    ):
        one = kinds.add_parser(name, parents=[waiting], help=f"default: {default}")
        one.add_argument("file", type=Path, nargs="?")
    kinds.add_parser("teams", parents=[waiting], help="a CSV of teams").add_argument("file", type=Path)
    bases = kinds.add_parser(
        "denominators", parents=[waiting], help="a CSV of unit,base,min_age,max_age,on,value,source"
    )
    bases.add_argument("file", type=Path)
    kinds.add_parser(
        "clients",
        parents=[waiting],
        help="a JSON list of client_id, name, kind, scopes, unit {code, valid_on}, partner, secret_sha256, expires_at, "
        "quota_class, codes_as_of",
    ).add_argument("file", type=Path)
    everything = kinds.add_parser("all", parents=[waiting], help="map, catalogue, partners and every data/teams_*.csv")
    everything.add_argument("--clients", type=Path, metavar="FILE", help="and this file of clients")


def _add_members(commands: Any) -> None:
    actions = commands.add_parser("members", help="names and phones of members").add_subparsers(
        dest="action", required=True
    )
    actions.add_parser("rotate-keys", help="seal all under the last key of REGISTRY_SEALING_KEYS_FILE; may be repeated")
    erase = actions.add_parser("erase", help="erase who left longer ago than REGISTRY_MEMBER_RETENTION_MONTHS")
    erase.add_argument("--dry-run", action="store_true", help="say how many that would be")


def _add_clients(commands: Any) -> None:
    actions = commands.add_parser("clients", help="systems that may call the API").add_subparsers(
        dest="action", required=True
    )
    actions.add_parser("list", help="every client with its state")
    create = actions.add_parser("create", help="make a client; prints its secret, once")
    create.add_argument("client_id")
    create.add_argument("--name", required=True)
    create.add_argument("--kind", choices=CLIENT_KINDS, default="portal")
    create.add_argument("--scope", action="append", choices=SCOPES, required=True, help="repeatable")
    create.add_argument("--unit", metavar="CODE", help="root of the subtree it may act in; default: the whole country")
    create.add_argument(
        "--unit-valid-on", metavar="DAY", help="a day on which the code means that unit; default: today"
    )
    create.add_argument("--partner", metavar="CODE", help="the partner it reports for")
    create.add_argument("--expires-at", metavar="TIME", help="such as 2026-12-31T00:00:00+07:00")
    create.add_argument("--quota-class", choices=QUOTA_CLASSES, default="standard")
    create.add_argument(
        "--codes-as-of", metavar="DAY", help="the day of the code list its unit codes are of; default: each event's day"
    )
    rotate = actions.add_parser("rotate-secret", help="make a new secret; prints it, once")
    rotate.add_argument("client_id")
    rotate.add_argument("--overlap-minutes", type=int, default=0, help="for how long the one before still holds")
    for name, text in (("suspend", "refuse it everywhere within seconds"), ("resume", "take it again")):
        actions.add_parser(name, help=text).add_argument("client_id")


def _files(asked: Arguments, data: Path) -> list[tuple[loading.Load, list[Path]]]:
    """Give what is to be loaded, in the order in which one needs the other, each with its files."""
    match asked.kind:
        case "map":
            units, lineage = asked.units or data / "admin_units.csv", asked.lineage or data / "admin_lineage.csv"
            return [(loading.load_map, [units, lineage])]
        case "catalogue":
            return [(loading.load_catalogue, [asked.file] if asked.file else _catalogue(data))]
        case "partners":
            return [(loading.load_partners, [asked.file or data / "partners.toml"])]
        case "teams":
            return [(loading.load_teams, [asked.file])]
        case "denominators":
            return [(loading.load_denominators, [asked.file])]
        case "clients":
            return [(loading.load_clients, [asked.file])]
    return [
        (loading.load_map, [data / "admin_units.csv", data / "admin_lineage.csv"]),
        (loading.load_catalogue, _catalogue(data)),
        (loading.load_partners, [data / "partners.toml"]),
        *((loading.load_teams, [file]) for file in sorted(data.glob("teams_*.csv"))),
        *((loading.load_clients, [file]) for file in [asked.clients] if file is not None),
    ]


def _catalogue(data: Path) -> list[Path]:
    return [data / "catalogue.toml", data / "indicators.toml"]


async def _load(asked: Arguments, settings: CommandSettings) -> None:
    """Load each file in a transaction of its own."""
    async with wiring.open_database(settings) as engine:
        for load, files in _files(asked, settings.data_dir):
            contents = [(file.name, file.read_bytes()) for file in files]
            async with transaction(engine) as connection:
                loaded = await load(connection, *contents)
            for each in loaded:
                print(f"{each.kind}: {each.read:,} read, {each.new:,} new, {each.changed:,} changed", flush=True)
        begun = asyncio.get_running_loop().time()
        while asked.wait:
            async with transaction(engine, readonly=True) as connection:
                if not await outstanding(connection, wiring.OWNER):
                    return
            if asyncio.get_running_loop().time() - begun > asked.wait:
                raise clients.Refused("relay chưa gửi hết", f"the relay has not sent everything in {asked.wait:g} s")
            await asyncio.sleep(0.1)


def _work(asked: Arguments) -> Work:
    """Give what a command does within its transaction."""
    match asked.command, getattr(asked, "action", ""):
        case "announce", _:
            return announce
        case "keys", "list":
            return _list_keys
        case "keys", _:
            return lambda connection: keys.retire_key(connection, asked.kid)
        case _, "list":
            return _list_clients
        case _, ("suspend" | "resume") as action:
            status = clients.STATUS_AFTER[action]
            return lambda connection: clients.set_status(connection, asked.client_id, status)
    return lambda connection: _tell_secret(asked, connection)


async def _list_keys(connection: Connection) -> None:
    for key in await access.list_keys(connection):
        print(key.kid, "retired" if key.retired else "active")


async def _list_clients(connection: Connection) -> None:
    for row in (clients.COLUMNS, *await clients.list_rows(connection)):
        print(*row, sep="\t")


async def _tell_secret(asked: Arguments, connection: Connection) -> None:
    """Make a secret; it is printed before the commit, so that none holds which nobody has seen."""
    if asked.action == "rotate-secret":
        minutes = asked.overlap_minutes
        print(await clients.rotate_secret(connection, asked.client_id, overlap_minutes=minutes), flush=True)
        return
    values = clients.asked_values(vars(asked), wiring.today())
    print(await clients.create_client(connection, asked.client_id, values), flush=True)


async def _command(asked: Arguments, settings: CommandSettings) -> None:
    work = _work(asked)
    async with wiring.open_database(settings) as engine, transaction(engine) as connection:
        await work(connection)


def _tell_sealed(sealed: int, left: int) -> None:
    print(f"đã niêm phong lại {sealed:,}, còn {left:,} · {sealed:,} sealed anew, {left:,} left", flush=True)


async def _members(asked: Arguments, settings: CommandSettings) -> None:
    """Work through all members in batches, each committed by itself, and say how far that is."""
    async with wiring.open_database(settings) as engine:
        if asked.action == "rotate-keys":
            done = await wiring.reseal_all(engine, settings, _tell_sealed)
            print(f"xong, đã niêm phong lại {done:,} · done: {done:,} sealed anew")
        elif asked.dry_run:
            async with transaction(engine, readonly=True) as connection:
                due = await erasing.count_due(connection, wiring.today(), settings.member_retention_months)
            print(f"{due:,} members would be erased")
        else:
            months = settings.member_retention_months
            done = await wiring.forget_due(engine, months, lambda erased: print(f"{erased:,} erased", flush=True))
            print(f"done: {done:,} members erased")


def _dispatch(asked: Arguments) -> int:
    match asked.command:
        case "make-key":
            print(tokens.make_key(asked.file))
            return 0
        case "migrate":
            wiring.migrate(CommandSettings())
            return 0
        case "await-migration":
            asyncio.run(wiring.await_migrated(CommandSettings()))
            return 0
        case "load":
            asyncio.run(_load(asked, CommandSettings()))
            return 0
        case "members":
            asyncio.run(_members(asked, CommandSettings()))
            return 0
        case name if name not in PROCESSES:
            asyncio.run(_command(asked, CommandSettings()))
            return 0
    settings = Settings()
    configure_logging("registry", asked.command, settings.log_level)
    if asked.command == "relay":
        return run(lambda: wiring.run_relay_alone(settings))
    return run(lambda: wiring.run_api(settings, with_relay=asked.command == "all"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; gives the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return answer(lambda: _dispatch(asked))
    except BadFile as error:
        for line in told(error):
            print(line, file=sys.stderr)
    except clients.Refused as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
