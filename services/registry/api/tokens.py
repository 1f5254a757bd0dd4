"""HTTP in: tokens and the keys that sign them."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import json_response, read_body
from libs.common.problem import Problem
from services.registry.api.door import Door
from services.registry.api.parts import answer
from services.registry.use_cases import tokens

__all__ = ["TokensApi"]

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 16 * 1024
OAUTH_ERRORS = {
    "body_too_large": "invalid_request",
    "body_incomplete": "invalid_request",
    "not_ready": "temporarily_unavailable",
}
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass(frozen=True)
class TokensApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door
    signer: tokens.Signer

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/oauth/token", self.issue_token, methods=["POST"]),
            Route("/.well-known/jwks.json", self.read_keys),
        ]

    async def issue_token(self, request: Request) -> Response:
        """Answer a token request; what is wrong stands in `error` too (RFC 6749, 5.2)."""
        try:
            if not self.door.ready():
                raise Problem("not_ready", headers={"retry-after": "1"})
            grant = await self._grant(_asked(request, await _form(request)))
        except Problem as problem:
            problem.extra["error"] = OAUTH_ERRORS.get(problem.code, problem.code)
            problem.headers.update(NO_STORE)
            raise
        return json_response({"token_type": "Bearer", **msgspec.to_builtins(grant)}, headers=NO_STORE)

    async def _grant(self, asked: tokens.Asked) -> tokens.Grant:
        now = datetime.now(UTC)
        async with transaction(self.door.engine, readonly=True) as connection:
            client = await tokens.authenticate(connection, asked, now)
        if not self._knows_client(client.client_id):
            # Made a moment ago: nobody would take its token yet.
            raise Problem("not_ready", headers={"retry-after": "1"})
        return tokens.issue(self.signer, client, asked.scope, now)

    def _knows_client(self, client_id: str) -> bool:
        try:
            self.door.guard.root_of(client_id)
        except LookupError:
            return False
        return True

    async def read_keys(self, request: Request) -> Response:
        """Give the public keys (RFC 7517)."""
        return answer(request, self.door.guard.jwks(), cache="public, max-age=60")


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
