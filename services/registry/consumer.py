"""Works on imports: one process at a time on each, in steps that another can take over when this one ends."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import TypeVar
from uuid import uuid4

from libs.common.db import Engine, Unavailable, transaction
from libs.common.process import Patience
from libs.common.sealing import CannotOpen, Sealer
from libs.common.sheets import BadBook
from libs.common.telemetry import get_logger
from services.registry.domain.imports.fields import Finding, RowRead
from services.registry.domain.imports.planned import Planned
from services.registry.store import imports
from services.registry.store.imports import Job
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.changing import Desk
from services.registry.use_cases.imports import jobs
from services.registry.use_cases.imports.reading import Survey, read, survey
from services.registry.use_cases.safe import Safe

__all__ = ["ImportWorker"]

logger = get_logger(__name__)

T = TypeVar("T")
ROWS_AT_ONCE = 500
MOST_ATTEMPTS = 3
IDLE_SECONDS = 1.0
EXPIRE_EVERY_SECONDS = 60.0


@dataclass
class ImportWorker:
    """Takes jobs that wait, oldest first; `today` gives the day it is in Vietnam."""

    engine: Engine
    sealer: Sealer
    keeper: Keeper
    today: Callable[[], date]
    lease_seconds: float = 60
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._waiting.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; what is under way then is taken up again by another after its lease."""
        patience, expired_at = Patience(), 0.0
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            try:
                if clock() - expired_at > EXPIRE_EVERY_SECONDS:
                    async with transaction(self.engine) as connection:
                        await imports.expire(connection)
                    expired_at = clock()
                if not await self.work(stop):
                    await self._idle(stop)
                patience.succeeded()
            except Unavailable as error:
                logger.warning("imports.unavailable", error=str(error))
                await patience.wait()

    async def work(self, stop: asyncio.Event | None = None) -> bool:
        """Take one step of one job; gives whether there was one. Raises Unavailable."""
        async with transaction(self.engine) as connection:
            job = await imports.claim(connection, uuid4(), self.lease_seconds)
        if job is None:
            return False
        if job.attempts > MOST_ATTEMPTS:
            await self._refuse(job, Survey(), Finding("import_gave_up"))
            return True
        try:
            await self._step(job, stop)
        except Unavailable:
            raise
        except jobs.Lost:
            logger.info("import.lost", import_id=str(job.import_id))
        except Exception as error:
            # Told by its class and place only: its text may repeat what stands in a cell. Tried again after the lease.
            logger.error("import.failed", import_id=str(job.import_id), error=type(error).__name__, at=_place(error))
        return True

    async def _step(self, job: Job, stop: asyncio.Event | None) -> None:
        async with transaction(self.engine, readonly=True) as connection:
            sealed = await imports.file_of(connection, job.import_id)
        if sealed is None:
            raise jobs.Lost
        kind = jobs.kind_of(job)
        try:
            content = jobs.open_file(self.sealer, job.import_id, sealed)
            looked_at = await asyncio.to_thread(survey, content, kind.fields, kind.needed)
            if looked_at.problems:
                await self._refuse(job, looked_at)
                return
            rows = await self._read(job, read(content, kind.fields, looked_at, kind.needed), looked_at.rows_total, stop)
        except BadBook as error:
            await self._refuse(job, Survey(), Finding(error.code, params=error.params))
            return
        except CannotOpen:
            await self._refuse(job, Survey(), Finding("import_key_lost"))
            return
        if job.state == "committing" and await self._committed(job, rows):
            return
        await self._plan(job, looked_at, rows, changed_since=job.state == "committing")

    async def _read(self, job: Job, source: Iterator[RowRead], total: int, stop: asyncio.Event | None) -> list[RowRead]:
        """Read all rows, noting how far it is; others have their turn in between. Raises Lost, BadBook."""
        rows: list[RowRead] = []
        async with transaction(self.engine) as connection:
            if job.state == "planning" and not await imports.start_plan(connection, job, total, self.lease_seconds):
                raise jobs.Lost
        while some := await asyncio.to_thread(_some, source):
            rows += some
            async with transaction(self.engine) as connection:
                mine = await imports.note_progress(connection, job, len(rows), self.lease_seconds)
            if not mine or (stop is not None and stop.is_set()):
                raise jobs.Lost
        return rows

    async def _plan(self, job: Job, looked_at: Survey, rows: list[RowRead], *, changed_since: bool) -> None:
        async with transaction(self.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            desk = Desk(connection, Safe(self.sealer), atlas, self.today())
            planned: list[Planned] = await jobs.plan(desk, job, rows)
        async with transaction(self.engine) as connection:
            await jobs.keep_plan(
                connection,
                self.sealer,
                job,
                looked_at,
                planned,
                changed_since=changed_since,
                lease_seconds=self.lease_seconds,
            )
        logger.info("import.planned", import_id=str(job.import_id), kind=job.kind, rows=len(rows))

    async def _committed(self, job: Job, rows: list[RowRead]) -> bool:
        """Commit; False where it would no longer be what was shown, and nothing was written."""
        try:
            async with transaction(self.engine) as connection:
                await jobs.take_turn(connection, job, self.lease_seconds)
                atlas = await self.keeper.newest(connection)
                desk = Desk(connection, Safe(self.sealer), atlas, self.today())
                await jobs.commit(desk, job, rows)
        except jobs.Differs:
            return False
        logger.info("import.committed", import_id=str(job.import_id), kind=job.kind, rows=len(rows))
        return True

    async def _refuse(self, job: Job, looked_at: Survey, *findings: Finding) -> None:
        async with transaction(self.engine) as connection:
            await jobs.refuse(connection, self.sealer, job, looked_at, findings)
        logger.info("import.refused", import_id=str(job.import_id), kind=job.kind)

    async def _idle(self, stop: asyncio.Event) -> None:
        """Wait until woken, told to stop, or for a while: another process may have taken a file in."""
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._waiting.wait())]
        await asyncio.wait(waits, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._waiting.clear()


def _some(source: Iterator[T]) -> list[T]:
    return list(islice(source, ROWS_AT_ONCE))


def _place(error: BaseException) -> str:
    """Give where in the code an error arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else ""
