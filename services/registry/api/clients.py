"""HTTP in: clients of the API, and the audit log."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.auth import Caller
from libs.common.db import Connection, transaction
from libs.common.http import json_response, parameters
from libs.common.problem import Problem
from libs.contracts.clients_api import ClientChange, ClientCreation, ClientRotation, ClientStatusChange
from libs.contracts.registry import ClientV1
from libs.contracts.topics import type_of
from services.registry.api.door import Door
from services.registry.api.parts import answer, paging, today, unit_asked
from services.registry.domain.clients import Client
from services.registry.store import access, audit, log
from services.registry.use_cases import client_access
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.client_access import Office, open_office

__all__ = ["SCOPE", "ClientsApi"]

SCOPE = "clients:write"
STATUSES = ("active", "suspended")
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True)
class ClientsApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door
    keeper: Keeper

    def routes(self) -> list[Route]:
        """Give every route."""
        one = "/v1/clients/{client_id}"
        return [
            Route("/v1/clients", self.list_clients, methods=["GET"]),
            Route("/v1/clients", self.create, methods=["POST"]),
            Route(f"{one}:rotate", self.rotate, methods=["POST"]),
            Route(f"{one}:suspend", self.suspend, methods=["POST"]),
            Route(f"{one}:resume", self.resume, methods=["POST"]),
            Route(f"{one}:change", self.change, methods=["POST"]),
            Route(one, self.read, methods=["GET"]),
            Route("/v1/audit", self.read_audit, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Make a client and show its secret, once."""
        caller = self._caller(request)
        asked = await self.door.body(request, ClientCreation)
        async with transaction(self.door.engine) as connection:
            client, secret = await client_access.create(await self._office(connection, caller), asked)
        return json_response({"client": client, "secret": secret}, headers=NO_STORE)

    async def rotate(self, request: Request) -> Response:
        """Give a client a new secret and show it, once."""
        caller = self._caller(request)
        asked = await self.door.body(request, ClientRotation)
        async with transaction(self.door.engine) as connection:
            office = await self._office(connection, caller)
            client, secret = await client_access.rotate(office, _id(request), asked.revision, asked.overlap_minutes)
        return json_response({"client": client, "secret": secret}, headers=NO_STORE)

    async def suspend(self, request: Request) -> Response:
        """Have a client refused everywhere."""
        return await self._set_status(request, active=False)

    async def resume(self, request: Request) -> Response:
        """Take a suspended client again."""
        return await self._set_status(request, active=True)

    async def _set_status(self, request: Request, *, active: bool) -> Response:
        caller = self._caller(request)
        asked = await self.door.body(request, ClientStatusChange)
        async with transaction(self.door.engine) as connection:
            office = await self._office(connection, caller)
            client = await client_access.set_status(office, _id(request), asked.revision, active=active)
        return json_response(client)

    async def change(self, request: Request) -> Response:
        """Change what a client is and may do."""
        caller = self._caller(request)
        asked = await self.door.body(request, ClientChange)
        async with transaction(self.door.engine) as connection:
            client = await client_access.change(await self._office(connection, caller), _id(request), asked)
        return json_response(client)

    async def read(self, request: Request) -> Response:
        """Show a client."""
        caller = self._caller(request)
        async with transaction(self.door.engine, readonly=True) as connection:
            client = await client_access.read_one(await self._office(connection, caller), _id(request))
        return answer(request, client)

    async def list_clients(self, request: Request) -> Response:
        """Give a page of clients by id."""
        caller = self._caller(request, "unit", "status", "limit", "cursor")
        asked = request.query_params
        status, page = _status(asked), paging(asked)
        async with transaction(self.door.engine, readonly=True, isolation="repeatable_read") as connection:
            office = await self._office(connection, caller)
            unit_id = unit_asked(office.atlas, asked.get("unit"), office.today)
            heads = (await log.heads(connection, type_of(ClientV1))).values()
            known = sorted(((access.client_of(h.body), h.revision) for h in heads), key=lambda each: each[0].client_id)
            found = [each for each in known if _wanted(office, each[0], unit_id, status)]
            if page.after is not None:
                after = [index for index, (client, _) in enumerate(known) if client.record_id == page.after]
                if not after:
                    raise Problem("bad_parameter", name="cursor", reason="next")
                found = [each for each in found if each[0].client_id > known[after[0]][0].client_id]
            shown = await client_access.view(office, found[: page.limit])
        last = found[page.limit - 1][0].record_id if len(found) > page.limit else None
        return answer(request, {"clients": shown, "next": _cursor(last)})

    async def read_audit(self, request: Request) -> Response:
        """Give a page of the audit log, the newest first."""
        caller = self._caller(request, "object_kind", "object_id", "client_id", "limit", "cursor")
        asked, page = request.query_params, paging(request.query_params)
        async with transaction(self.door.engine, readonly=True) as connection:
            office = await self._office(connection, caller)
            wanted = audit.Filter(
                asked.get("object_kind"), asked.get("object_id"), asked.get("client_id"), office.grantor.root
            )
            before = page.after.int if page.after is not None else None
            if before is not None and before >= 2**63:
                raise Problem("bad_parameter", name="cursor", reason="next")
            entries = await audit.read(connection, wanted, before, page.limit + 1)
        shown = [_entry(entry) for entry in entries[: page.limit]]
        last = UUID(int=entries[page.limit - 1].entry) if len(entries) > page.limit else None
        return answer(request, {"entries": shown, "next": _cursor(last)})

    def _caller(self, request: Request, *known: str) -> Caller:
        caller = self.door.caller(request, SCOPE)
        parameters(request, *known)
        return caller

    async def _office(self, connection: Connection, caller: Caller) -> Office:
        return await open_office(connection, await self.keeper.newest(connection), caller, today())


def _id(request: Request) -> str:
    client_id: str = request.path_params["client_id"]
    return client_id


def _status(asked: Mapping[str, str]) -> str | None:
    status = asked.get("status")
    if status is not None and status not in STATUSES:
        raise Problem("bad_parameter", name="status", reason=" | ".join(STATUSES))
    return status


def _wanted(office: Office, client: Client, unit_id: UUID | None, status: str | None) -> bool:
    if not office.grantor.oversees(client, office.atlas) or (status is not None and client.status != status):
        return False
    unit = office.atlas.units.get(client.unit_id) if client.unit_id is not None else None
    return unit_id is None or (unit is not None and unit_id in unit.within)


def _entry(entry: audit.Entry) -> dict[str, object]:
    told = entry.told
    return {
        "entry": entry.entry,
        "at": entry.at,
        "client_id": told.client_id,
        "action": told.action,
        "object_kind": told.object_kind,
        "object_id": told.object_id,
        "unit_id": told.unit_id,
        "before": told.before,
        "after": told.after,
    }


def _cursor(last: UUID | None) -> str | None:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=") if last is not None else None
