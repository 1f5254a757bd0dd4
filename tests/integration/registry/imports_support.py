"""An import as an officer does it, with a worker of the test's own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from libs.common.sealing import Sealer
from libs.contracts.imports_api import CSV_TYPE, XLSX_TYPE, ImportRow, ImportRowPage, ImportView
from services.registry.consumer import ImportWorker
from services.registry.use_cases.atlas import Keeper
from tests.integration.registry.conftest import Registry
from tests.integration.registry.test_registry_api import DIGEST, token_of
from tests.support.http import Answer, call

__all__ = ["Officer", "officer_of"]

TODAY = date(2025, 11, 3)


@dataclass
class Officer:
    """Somebody of a province at the API, and what works on imports."""

    registry: Registry
    worker: ImportWorker
    headers: Mapping[str, str]

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        return await call(self.registry.app, method, target, body=body, headers={**self.headers, **headers})

    async def send(self, content: bytes, kind: str = "teams", more: str = "", content_type: str = "") -> Answer:
        told = content_type or (XLSX_TYPE if content.startswith(b"PK") else CSV_TYPE)
        return await self.ask("POST", f"/v1/imports?kind={kind}{more}", content, **{"content-type": told})

    async def work(self) -> None:
        while await self.worker.work():
            pass

    async def planned(self, content: bytes, kind: str = "teams", more: str = "") -> ImportView:
        """Send a file and have it looked through."""
        answer = await self.send(content, kind, more)
        assert answer.status in (200, 202), answer.body
        await self.work()
        return await self.view(ImportView.model_validate_json(answer.body))

    async def view(self, job: ImportView) -> ImportView:
        answer = await self.ask("GET", f"/v1/imports/{job.import_id}")
        assert answer.status == 200, answer.body
        return ImportView.model_validate_json(answer.body)

    async def rows(self, job: ImportView, more: str = "") -> list[ImportRow]:
        answer = await self.ask("GET", f"/v1/imports/{job.import_id}/rows?limit=500{more}")
        assert answer.status == 200, answer.body
        return list(ImportRowPage.model_validate_json(answer.body).rows)

    async def commit(self, job: ImportView) -> Answer:
        """Commit while the worker works."""
        asked = asyncio.ensure_future(self.ask("POST", f"/v1/imports/{job.import_id}:commit"))
        while not asked.done():
            await self.worker.work()
            await asyncio.sleep(0.01)
        return await asked

    async def told(self, job: ImportView, outcome: str = "error") -> list[tuple[str, str]]:
        """Give code and cell of every finding of rows of an outcome."""
        rows = await self.rows(job, f"&outcome={outcome}")
        return [(each.code, each.cell) for row in rows for each in row.findings]


async def officer_of(registry: Registry, client_id: str = "officer", **values: Any) -> Officer:
    """Give an officer of a subtree, the whole country by default."""
    scopes = ["registry:read", "registry:write"]
    await registry.load_client(client_id, secret_sha256=DIGEST, kind="operator", scopes=scopes, **values)
    worker = ImportWorker(registry.engine, Sealer((b"k" * 32,)), Keeper(), lambda: TODAY, lease_seconds=5)
    token = await token_of(registry, client_id)
    return Officer(registry, worker, {"authorization": f"Bearer {token}"})
