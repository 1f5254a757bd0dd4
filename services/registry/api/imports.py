"""HTTP in: imports of a province's own file."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.auth import Caller
from libs.common.db import transaction
from libs.common.http import Lane, json_response, parameters
from libs.common.problem import Catalogue, Problem
from libs.common.sealing import CannotOpen, Sealer
from libs.common.sheets import BadBook, recognise
from libs.contracts.imports_api import CSV_TYPE, IMPORT_LIMIT_BYTES, UPLOAD_TYPES, XLSX_TYPE
from libs.contracts.problems import entries
from services.registry.api.door import Door
from services.registry.api.imports_told import findings_csv, row_told, view
from services.registry.api.parts import answer, day_asked, paging_limit
from services.registry.domain.imports.planned import OUTCOMES
from services.registry.store import imports
from services.registry.store.imports import Job, KeptRow, State
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.imports import jobs
from services.registry.use_cases.imports.kinds import KINDS
from services.registry.use_cases.imports.planner import Kind
from services.registry.use_cases.imports.template import template

__all__ = ["ImportsApi"]

SCOPE = "registry:write"
WAIT_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.1
ROWS_AT_ONCE = 1_000
DECLARED = {XLSX_TYPE: "xlsx", CSV_TYPE: "csv"}
OPEN: tuple[State, ...] = ("queued", "planning", "planned")


@dataclass(frozen=True)
class ImportsApi:
    """The endpoints with what they need; `wake` tells the worker of this process that there is something to do."""

    door: Door
    keeper: Keeper
    sealer: Sealer
    wake: Callable[[], None]
    catalogue: Catalogue = field(default_factory=lambda: Catalogue.of(entries()))
    lane: Lane = field(default_factory=Lane)

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/v1/imports", self.start_import, methods=["POST"]),
            Route("/v1/imports/template", self.read_import_template),
            Route("/v1/imports/{import_id:uuid}", self.read_import),
            Route("/v1/imports/{import_id:uuid}/rows", self.list_import_rows),
            Route("/v1/imports/{import_id:uuid}/findings.csv", self.read_import_findings),
            Route("/v1/imports/{import_id:uuid}:commit", self.commit_import, methods=["POST"]),
            Route("/v1/imports/{import_id:uuid}:cancel", self.cancel_import, methods=["POST"]),
        ]

    async def start_import(self, request: Request) -> Response:
        """Take a file in; nothing of it is written to the registry yet."""
        caller = self.door.caller(request, SCOPE)
        asked = parameters(request, "kind", "codes_as_of")
        kind, codes_as_of = _kind(asked), day_asked(asked, "codes_as_of")
        with self.lane.place():
            content = await self.lane.read(request, IMPORT_LIMIT_BYTES)
            _check_type(request, content)
            upload = jobs.Upload(caller.client_id, caller.unit_id, kind.name, codes_as_of, content)
            async with transaction(self.door.engine) as connection:
                job, is_new = await jobs.accept(connection, self.sealer, upload)
        self.wake()
        headers = {"location": f"/v1/imports/{job.import_id}"}
        return json_response(self._view(job), 202 if is_new else 200, headers)

    async def read_import_template(self, request: Request) -> Response:
        """Give an empty table to fill in."""
        self.door.caller(request, SCOPE)
        kind = _kind(parameters(request, "kind"))
        made = await asyncio.to_thread(template, kind)
        headers = {"content-disposition": f'attachment; filename="mau-{kind.name}.xlsx"'}
        return Response(made, 200, headers, XLSX_TYPE)

    async def read_import(self, request: Request) -> Response:
        """Give an import as it stands."""
        caller = self.door.caller(request, SCOPE)
        parameters(request)
        return answer(request, self._view(await self._job(request, caller)))

    async def list_import_rows(self, request: Request) -> Response:
        """Give a page of rows."""
        caller = self.door.caller(request, SCOPE)
        asked = parameters(request, "outcome", "limit", "cursor")
        outcomes, after, limit = _outcomes(asked), _after(asked), paging_limit(asked)
        job = await self._job(request, caller)
        rows = await self._rows(job.import_id, outcomes, after, limit + 1)
        page = [self._row(job, row) for row in rows[:limit]]
        following = _cursor(rows[limit - 1].number) if len(rows) > limit else None
        return answer(request, {"rows": page, "next": following})

    async def read_import_findings(self, request: Request) -> Response:
        """Give all that was found as a CSV."""
        caller = self.door.caller(request, SCOPE)
        parameters(request)
        job, rows = await self._job(request, caller), list[KeptRow]()
        while page := await self._rows(job.import_id, OUTCOMES, rows[-1].number if rows else 0, ROWS_AT_ONCE):
            rows += page
        try:
            made = await asyncio.to_thread(findings_csv, job, rows, self.sealer, self.catalogue)
        except CannotOpen as error:
            raise Problem("import_key_lost") from error
        headers = {
            "content-disposition": f'attachment; filename="loi-{job.import_id}.csv"',
            "cache-control": "no-store",
        }
        return Response(made, 200, headers, f"{CSV_TYPE}; charset=utf-8")

    async def commit_import(self, request: Request) -> Response:
        """Write all rows or none; waits a while for that to be done."""
        caller = self.door.caller(request, SCOPE)
        parameters(request)
        job = await self._job(request, caller)
        if job.state == "planned" and job.counts.get("error", 0):
            raise Problem("import_has_errors", rows=job.counts["error"], extra={"import": self._builtins(job)})
        async with transaction(self.door.engine) as connection:
            moved = await imports.move(connection, job.import_id, ["planned"], "committing")
        if not moved:
            job = await self._job(request, caller)
            raise Problem("import_state", state=job.state, extra={"import": self._builtins(job)})
        self.wake()
        job = await self._settled(request, caller)
        if job.state == "planned":
            raise Problem("import_changed", extra={"import": self._builtins(job)})
        if job.state == "failed":
            raise Problem("import_could_not_be_read", extra={"import": self._builtins(job)})
        return json_response(self._view(job), 200 if job.state == "committed" else 202)

    async def cancel_import(self, request: Request) -> Response:
        """Let a file go."""
        caller = self.door.caller(request, SCOPE)
        parameters(request)
        job = await self._job(request, caller)
        async with transaction(self.door.engine) as connection:
            moved = await imports.move(connection, job.import_id, OPEN, "cancelled")
        job = await self._job(request, caller)
        if not moved:
            raise Problem("import_state", state=job.state, extra={"import": self._builtins(job)})
        return json_response(self._view(job))

    async def _settled(self, request: Request, caller: Caller) -> Job:
        """Give the job when it is no longer being committed, or after a while."""
        for _ in range(int(WAIT_SECONDS / LOOK_EVERY_SECONDS)):
            job = await self._job(request, caller)
            if job.state != "committing":
                return job
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return await self._job(request, caller)

    async def _job(self, request: Request, caller: Caller) -> Job:
        """Give the job of the path, if the caller may see it; raises Problem not_found."""
        async with transaction(self.door.engine, readonly=True) as connection:
            job = await imports.load(connection, request.path_params["import_id"])
            atlas = await self.keeper.newest(connection)
        root = atlas.units.get(job.root_id) if job is not None and job.root_id is not None else None
        is_within = caller.unit_id is None or (root is not None and caller.unit_id in root.within)
        if job is None or not is_within:
            raise Problem("not_found", path=request.url.path)
        return job

    async def _rows(self, import_id: UUID, outcomes: tuple[str, ...], after: int, limit: int) -> list[KeptRow]:
        async with transaction(self.door.engine, readonly=True) as connection:
            return await imports.read_rows(connection, import_id, outcomes, after, limit)

    def _row(self, job: Job, row: KeptRow) -> dict[str, object]:
        try:
            return row_told(job, row, self.sealer, self.catalogue)
        except CannotOpen as error:
            raise Problem("import_key_lost") from error

    def _view(self, job: Job) -> dict[str, object]:
        return view(job, self.sealer, self.catalogue)

    def _builtins(self, job: Job) -> object:
        return msgspec.to_builtins(self._view(job))


def _kind(asked: Mapping[str, str]) -> Kind:
    kind = KINDS.get(asked.get("kind", ""))
    if kind is None:
        raise Problem("bad_parameter", name="kind", reason=" | ".join(KINDS))
    return kind


def _check_type(request: Request, content: bytes) -> None:
    """Raise Problem where a file is not what it is said to be, or nothing that can be read."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in UPLOAD_TYPES:
        raise Problem("unsupported_media_type", expected=" | ".join(UPLOAD_TYPES))
    try:
        found = recognise(content)
    except BadBook as error:
        raise Problem(error.code, **error.params) from error
    if declared in DECLARED and DECLARED[declared] != found:
        raise Problem("file_other_type", expected=DECLARED[declared].upper(), found=found.upper())


def _outcomes(asked: Mapping[str, str]) -> tuple[str, ...]:
    outcome = asked.get("outcome")
    if outcome is not None and outcome not in OUTCOMES:
        raise Problem("bad_parameter", name="outcome", reason=" | ".join(OUTCOMES))
    return (outcome,) if outcome is not None else OUTCOMES


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def _after(asked: Mapping[str, str]) -> int:
    try:
        told = base64.urlsafe_b64decode(asked["cursor"] + "==").decode("ascii") if "cursor" in asked else "0"
    except ValueError:
        told = ""
    if not told.isdecimal() or len(told) > 9:
        raise Problem("bad_parameter", name="cursor", reason="next")
    return int(told)
