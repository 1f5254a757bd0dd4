"""Loading reference files: what is new or changed becomes a revision, what is the same appends nothing."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, replace
from uuid import UUID

from libs.common.db import Connection
from libs.common.files import Row
from libs.common.problem import Catalogue
from libs.contracts.problems import entries
from libs.contracts.reference import IndicatorV1
from libs.contracts.registry import MeasureV1, UnitV1
from libs.contracts.topics import type_of
from services.registry.domain import catalogue, clients, map_files, reloading, teams
from services.registry.domain.clients import Client, Declared
from services.registry.domain.reference import read_denominators
from services.registry.domain.units import Unit
from services.registry.events import Event, Record, event_of, unit_of
from services.registry.events.catalogue import indicator_of, measure_of
from services.registry.store import access, audit, log, reads, reforms
from services.registry.use_cases import team_files
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.auditing import CONSOLE, of_client
from services.registry.use_cases.reference import write_denominators

__all__ = [
    "File",
    "Load",
    "Loaded",
    "load_catalogue",
    "load_clients",
    "load_denominators",
    "load_map",
    "load_partners",
    "load_teams",
    "save",
]

File = tuple[str, bytes]
"""A file's name and content."""

Load = Callable[..., Awaitable[list["Loaded"]]]
"""Loads files in the caller's transaction: called with the connection and each file; raises BadFile."""


@dataclass(frozen=True)
class Loaded:
    """What became of the records of a kind."""

    kind: str
    read: int
    new: int
    changed: int


async def save(connection: Connection, kind: str, records: Sequence[Record]) -> Loaded:
    """Append a revision of every record that is new or differs from its newest one."""
    await log.lock(connection)
    # One record of each class tells of which type its events are.
    samples = {type(record): record for record in records}
    types = sorted({event_of(sample, 1).type for sample in samples.values()})
    ids = [record.record_id for record in records]
    known = {
        record_id: head
        for event_type in types
        for record_id, head in (await log.heads(connection, event_type, ids)).items()
    }
    new: list[Event] = []
    changed: list[Event] = []
    for record in records:
        head = known.get(record.record_id)
        if head is None:
            new.append(event_of(record, 1))
        elif event_of(record, head.revision).body != head.body:
            changed.append(event_of(record, head.revision + 1))
    await log.append(connection, [*new, *changed])
    return Loaded(kind, len(records), len(new), len(changed))


async def load_map(connection: Connection, unit_file: File, lineage_file: File) -> list[Loaded]:
    """Load the units and where their territory went; what reforms did since stays done. Raises BadFile."""
    read = map_files.read_map(unit_file, lineage_file)
    await log.lock(connection)
    beside = await _known_beside(connection, read)
    merged = reloading.merge(unit_file[0], read, beside)
    loaded = await save(connection, "units", merged)
    return [replace(loaded, read=len(read))]


async def _known_beside(connection: Connection, read: Sequence[Unit]) -> dict[UUID, Unit]:
    """Give the units that the registry has of its own, and those that reforms changed."""
    written = await reforms.written_units(connection)
    told = {unit.record_id for unit in read}
    bodies = await log.heads_beside(connection, type_of(UnitV1), told - written)
    return {unit.record_id: unit for unit in map(unit_of, bodies)}


async def load_catalogue(connection: Connection, *files: File) -> list[Loaded]:
    """Load measures, platforms, topics and indicators; raises BadFile, also where a meaning changes silently."""
    read = catalogue.build(*files)
    await log.lock(connection)
    measures = await log.heads(connection, type_of(MeasureV1))
    indicators = await log.heads(connection, type_of(IndicatorV1))
    known = {record_id: measure_of(head.body) for record_id, head in measures.items()}
    catalogue.check_meaning(read, {**known, **{each: indicator_of(head.body) for each, head in indicators.items()}})
    return [
        await save(connection, "topics", read.topics),
        await save(connection, "measures", read.measures),
        await save(connection, "platforms", read.platforms),
        await save(connection, "indicators", read.indicators),
    ]


async def load_teams(connection: Connection, file: File) -> list[Loaded]:
    """Load teams, whose units must be known; raises BadFile."""
    rows = teams.read_teams(*file)
    known = await reads.find_units(connection, [row.text("unit_code") for row in rows])
    told = teams.build_teams(rows, known)
    await log.lock(connection)
    changed = await team_files.settle_file(connection, told)
    saved = await save(connection, "teams", changed)
    await team_files.end_memberships(connection, changed)
    return [replace(saved, read=len(told))]


async def load_denominators(connection: Connection, file: File) -> list[Loaded]:
    """Load denominators; raises BadFile where a row cannot be taken, and then takes none."""
    rows = read_denominators(*file)
    atlas = await Keeper().newest(connection)
    outcomes = await write_denominators(connection, atlas, [made for _, made in rows], root=None)
    sentences = Catalogue.of(entries())
    for (row, _), outcome in zip(rows, outcomes, strict=True):
        for fault in outcome.faults:
            said = sentences.describe(fault)
            row.wrong(fault.pointer.removeprefix("/"), said["vi"], said["en"])
    if rows:
        rows[0][0].reading.done()
    became = Counter(outcome.status for outcome in outcomes)
    return [Loaded("denominators", len(rows), became["created"], became["changed"])]


async def load_partners(connection: Connection, file: File) -> list[Loaded]:
    """Load partners; clients that act for a changed one are told anew. Raises BadFile."""
    partners = clients.build_partners(*file)
    await log.lock(connection)
    before = await access.list_partners(connection)
    await access.save_partners(connection, partners)
    new = sum(partner.code not in before for partner in partners)
    changed = {p.code: p for p in partners if p.code in before and before[p.code] != p}
    if changed:
        acting = [c for c in await access.list_clients(connection) if c.partner and c.partner.code in changed]
        told = [replace(c, partner=changed[c.partner.code]) for c in acting if c.partner]
        await save(connection, "clients", told)
        await _note(connection, acting, told, set())
    return [Loaded("partners", len(partners), new, len(changed))]


async def load_clients(connection: Connection, file: File) -> list[Loaded]:
    """Load clients; one that is suspended stays so, a secret never seen before replaces the older ones at once.

    Raises BadFile.
    """
    declared = await declare(connection, *clients.read_clients(*file))
    await log.lock(connection)
    known = [await access.load_client(connection, each.client.client_id) for each in declared]
    told = [
        each.client if was is None else replace(each.client, status=was.status)
        for each, was in zip(declared, known, strict=True)
    ]
    rotated = {each.client.client_id for each in declared if await _take_secret(connection, each)}
    loaded = await save(connection, "clients", told)
    await _note(connection, known, told, rotated)
    return [loaded]


async def _note(
    connection: Connection, before: Sequence[Client | None], after: Sequence[Client], rotated: Set[str]
) -> None:
    """Write into the audit log what a file made of clients, and whose secret it replaced."""
    noted = [
        of_client(CONSOLE, "loaded", was, client, **({"secret": "replaced"} if client.client_id in rotated else {}))
        for was, client in zip(before, after, strict=True)
        if was != client or client.client_id in rotated
    ]
    if noted:
        await audit.note(connection, *noted)


async def declare(connection: Connection, rows: Sequence[Row], unit_rows: Sequence[Row]) -> list[Declared]:
    """Make clients from rows, with the units and partners that they name; raises BadFile."""
    known = await reads.find_units(connection, [row.text("code") for row in unit_rows])
    return clients.build_clients(rows, known, await access.list_partners(connection))


async def _take_secret(connection: Connection, declared: Declared) -> bool:
    """Keep a secret never seen before; says whether it was one."""
    client_id, digest = declared.client.client_id, declared.secret_sha256
    if digest is not None and not await access.knows_secret(connection, client_id, digest):
        await access.replace_secrets(connection, client_id, digest)
        return True
    return False
