"""An import from its arrival to its end; the caller commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from uuid import UUID, uuid4

from libs.common.db import Connection
from libs.common.sealing import Sealed, Sealer
from libs.common.sheets import recognise
from services.registry.domain.imports.fields import Finding, RowRead
from services.registry.domain.imports.planned import PlanDigest, Planned
from services.registry.store import audit, imports, log
from services.registry.store.audit import Audited
from services.registry.store.imports import Arrived, Job
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports import telling
from services.registry.use_cases.imports.kinds import KINDS
from services.registry.use_cases.imports.planner import Bounds, Kind
from services.registry.use_cases.imports.reading import Complaint, Survey

__all__ = [
    "Differs",
    "KEEP_DAYS",
    "Lost",
    "Upload",
    "accept",
    "commit",
    "keep_plan",
    "kind_of",
    "open_file",
    "plan",
    "refuse",
    "take_turn",
]

KEEP_DAYS = 7
ROWS_PER_STATEMENT = 1_000


class Differs(Exception):
    """What would happen is not what was shown: the registry has changed since."""


class Lost(Exception):
    """The job is no longer this worker's: it was cancelled, or taken over."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody sent."""

    client_id: str
    root: UUID | None
    kind: str
    codes_as_of: date | None
    content: bytes = field(repr=False)


async def accept(connection: Connection, sealer: Sealer, upload: Upload) -> tuple[Job, bool]:
    """Take a file in, sealed; gives its job and whether it is new: the same file is the same job while that is open.

    Raises BadBook for what is no spreadsheet at all.
    """
    digests = sealer.digests("import", upload.content)
    found = await imports.find_open(connection, upload.client_id, upload.kind, digests, upload.codes_as_of)
    if found is not None:
        return found, False
    import_id = uuid4()
    arrived = Arrived(
        import_id=import_id,
        client_id=upload.client_id,
        root_id=upload.root,
        kind=upload.kind,
        codes_as_of=upload.codes_as_of,
        format=recognise(upload.content),
        size_bytes=len(upload.content),
        digest=digests[-1],
        file=sealer.seal(upload.content, _place_of_file(import_id)),
    )
    is_new = await imports.add(connection, arrived, KEEP_DAYS)
    if is_new:
        taken = await imports.load(connection, import_id)
    else:
        # Somebody sent the same a moment ago.
        taken = await imports.find_open(connection, upload.client_id, upload.kind, digests, upload.codes_as_of)
    assert taken is not None
    return taken, is_new


def _place_of_file(import_id: UUID) -> str:
    return f"import/{import_id}/file"


def open_file(sealer: Sealer, import_id: UUID, sealed: Sealed) -> bytes:
    """Open a job's file; raises CannotOpen."""
    return sealer.open(sealed, _place_of_file(import_id))


def kind_of(job: Job) -> Kind:
    """Give what kind of import a job is."""
    return KINDS[job.kind]


def _bounds(job: Job) -> Bounds:
    return Bounds(job.client_id, job.root_id, job.codes_as_of)


async def plan(desk: Desk, job: Job, rows: Sequence[RowRead]) -> list[Planned]:
    """Say what would become of the rows; writes nothing."""
    return await kind_of(job).plan(desk, _bounds(job), _copied(rows), False)


def _copied(rows: Sequence[RowRead]) -> list[RowRead]:
    """Give the rows as they were read: planning notes what it finds in them, and may be done again."""
    return [RowRead(row.source, row.values, row.columns, list(row.findings)) for row in rows]


async def keep_plan(
    connection: Connection,
    sealer: Sealer,
    job: Job,
    survey: Survey,
    rows: Sequence[Planned],
    *,
    changed_since: bool,
    lease_seconds: float,
) -> None:
    """Keep a plan for whoever is to look at it; raises Lost."""
    if not await imports.start_plan(connection, job, len(rows), lease_seconds):
        raise Lost
    digest, remaining, first = PlanDigest(), iter(rows), 1
    while some := list(islice(remaining, ROWS_PER_STATEMENT)):
        digest.add(some)
        await imports.write_rows(connection, job.import_id, telling.kept_rows(sealer, job.import_id, some, first))
        first += len(some)
    await imports.note_progress(connection, job, len(rows), lease_seconds)
    told = telling.sealed_told(sealer, job.import_id, survey)
    await imports.note_plan(connection, job, digest.counts, digest.value(), told, changed_since=changed_since)


async def take_turn(connection: Connection, job: Job, lease_seconds: float) -> None:
    """Wait until no one else writes, so that what is compared next stays as it is; raises Lost."""
    await log.lock(connection)
    if not await imports.note_progress(connection, job, job.rows_read, lease_seconds):
        raise Lost


async def commit(desk: Desk, job: Job, rows: Sequence[RowRead]) -> None:
    """Make a plan so: all of it or, where Differs is raised, nothing once the caller has rolled back. Raises Lost.

    The caller has taken its turn.
    """
    digest = PlanDigest()
    digest.add(await kind_of(job).plan(desk, _bounds(job), _copied(rows), True))
    if digest.value() != job.plan_digest or digest.counts["error"]:
        raise Differs
    after = {"kind": job.kind, **{name: digest.counts[name] for name in ("create", "change", "same")}}
    entry = Audited(job.client_id, "import.committed", "import", str(job.import_id), job.root_id, after=after)
    await audit.note(desk.connection, entry)
    if not await imports.settle(desk.connection, job, "committed"):
        raise Lost


async def refuse(
    connection: Connection, sealer: Sealer, job: Job, survey: Survey, findings: Iterable[Finding] = ()
) -> None:
    """End a job whose file cannot be read, and say why; the file is let go."""
    problems = [Complaint("", finding) for finding in findings]
    await imports.settle(connection, job, "failed", telling.sealed_told(sealer, job.import_id, survey, problems))
