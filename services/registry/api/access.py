"""HTTP in: tokens and their keys, and what portals and apps read."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.auth import Caller, Guard
from libs.common.db import Engine, transaction
from libs.common.http import json_response, parameters, read_body
from libs.common.problem import Problem
from services.registry.api.map import MapApi
from services.registry.api.parts import answer, page_answer, paging, today, unit_asked
from services.registry.use_cases import reading, tokens

__all__ = ["Api"]

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 16 * 1024
OAUTH_ERRORS = {
    "body_too_large": "invalid_request",
    "body_incomplete": "invalid_request",
    "not_ready": "temporarily_unavailable",
}
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass
class Api:
    """The endpoints with what they need; each opens its own transaction."""

    engine: Engine
    guard: Guard
    signer: tokens.Signer
    ready: Callable[[], bool]
    map_api: MapApi

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/oauth/token", self.issue_token, methods=["POST"]),
            Route("/.well-known/jwks.json", self.read_keys),
            Route("/v1/catalogue", self.read_catalogue),
            Route("/v1/teams", self.list_teams),
            *self.map_api.routes(self._caller),
        ]

    async def issue_token(self, request: Request) -> Response:
        """Answer a token request; what is wrong stands in `error` too (RFC 6749, 5.2)."""
        try:
            if not self.ready():
                raise Problem("not_ready", headers={"retry-after": "1"})
            grant = await self._grant(_asked(request, await _form(request)))
        except Problem as problem:
            problem.extra["error"] = OAUTH_ERRORS.get(problem.code, problem.code)
            problem.headers.update(NO_STORE)
            raise
        return json_response({"token_type": "Bearer", **msgspec.to_builtins(grant)}, headers=NO_STORE)

    async def _grant(self, asked: tokens.Asked) -> tokens.Grant:
        now = datetime.now(UTC)
        async with transaction(self.engine, readonly=True) as connection:
            client = await tokens.authenticate(connection, asked, now)
        if not self._knows_client(client.client_id):
            # Made a moment ago: nobody would take its token yet.
            raise Problem("not_ready", headers={"retry-after": "1"})
        return tokens.issue(self.signer, client, asked.scope, now)

    def _knows_client(self, client_id: str) -> bool:
        try:
            self.guard.root_of(client_id)
        except LookupError:
            return False
        return True

    async def read_keys(self, request: Request) -> Response:
        """Give the public keys (RFC 7517)."""
        return answer(request, self.guard.jwks(), cache="public, max-age=60")

    async def read_catalogue(self, request: Request) -> Response:
        """Give measures, platforms and topics."""
        self._caller(request)
        parameters(request)
        async with transaction(self.engine, readonly=True) as connection:
            found = await reading.read_catalogue(connection)
        return answer(request, {kind: [msgspec.Raw(body) for body in bodies] for kind, bodies in found.items()})

    async def list_teams(self, request: Request) -> Response:
        """Give a page of the client's teams by code, and by unit with all that lies within it."""
        root = self._caller(request).unit_id
        asked = parameters(request, "code", "unit", "limit", "cursor")
        async with transaction(self.engine, readonly=True) as connection:
            atlas = await self.map_api.keeper.newest(connection)
            unit_id = unit_asked(atlas, asked.get("unit"), today())
            page = await reading.list_teams(
                connection, code=asked.get("code"), unit_id=unit_id, root=root, paging=paging(asked)
            )
        return page_answer(request, "teams", page)

    def _caller(self, request: Request) -> Caller:
        if not self.ready():
            raise Problem("not_ready", headers={"retry-after": "1"})
        caller = self.guard.caller(request)
        caller.need("registry:read")
        return caller


async def _form(request: Request) -> dict[str, str]:
    """Read the form; a parameter that stands twice is refused (RFC 6749, 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem("invalid_request", reason=f"Content-Type: {FORM}")
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise Problem("invalid_request", reason=str(error)) from error
    if len(dict(pairs)) < len(pairs):
        raise Problem("invalid_request", reason="a parameter stands twice")
    return dict(pairs)


def _asked(request: Request, form: Mapping[str, str]) -> tokens.Asked:
    """Find who asks and for what: client_secret_basic or client_secret_post, never both."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    by_form = (form.get("client_id", ""), form.get("client_secret", ""))
    if kind.lower() == "basic":
        if by_form[1]:
            raise Problem("invalid_request", reason="Authorization + client_secret")
        client_id, secret = _basic(encoded)
        if by_form[0] not in ("", client_id):
            raise Problem("invalid_request", reason="client_id")
    else:
        client_id, secret = by_form
    if not client_id or not secret or "\x00" in client_id:
        raise Problem("invalid_client", headers={"www-authenticate": 'Basic realm="tungnha"'})
    if "grant_type" not in form:
        raise Problem("invalid_request", reason="grant_type")
    if form["grant_type"] != "client_credentials":
        raise Problem("unsupported_grant_type")
    return tokens.Asked(client_id, secret, form.get("scope"))


def _basic(encoded: str) -> tuple[str, str]:
    """Read id and secret, each form-encoded before they were joined (RFC 6749, 2.3.1)."""
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)
