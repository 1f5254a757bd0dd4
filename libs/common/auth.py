"""Access tokens: every service verifies them itself, with keys and clients it learns of by events."""

import hashlib
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from starlette.requests import Request

from libs.common.log import Position
from libs.common.problem import Problem

__all__ = ["ALGORITHM", "AUDIENCE", "Caller", "Guard"]

ALGORITHM = "Ed25519"
AUDIENCE = "tungnha"
LEEWAY_SECONDS = 5
CACHE_SIZE = 10_000
MAX_TOKEN_BYTES = 4096  # Ours have a few hundred; whatever is longer is not worth a digest.


class _Partner(msgspec.Struct):
    partner_id: UUID
    code: str
    name: str


class _Client(msgspec.Struct):
    """What is needed here of a client's state; the rest is passed over."""

    client_id: str
    revision: int
    kind: str
    scopes: frozenset[str]
    unit_id: UUID | None
    status: str
    partner: _Partner | None = None
    expires_at: datetime | None = None
    codes_as_of: date | None = None


class _Key(msgspec.Struct):
    kid: str
    revision: int
    jwk: dict[str, str]
    retired: bool = False


@dataclass(frozen=True)
class Caller:
    """Who calls: a client as it is now, with the scopes that both it and its token have."""

    client_id: str
    kind: str
    scopes: frozenset[str]
    unit_id: UUID | None
    partner_id: UUID | None
    partner_name: str | None
    codes_as_of: date | None = None

    def need(self, *scopes: str) -> None:
        """Raise Problem scope_missing unless the caller has one of the scopes."""
        if self.scopes.isdisjoint(scopes):
            raise Problem(
                "scope_missing",
                scope=" | ".join(scopes),
                headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'},
            )


@dataclass
class _Verified:
    """What a token says; `caller` is made of it and of a state of its client, for as long as that is the newest."""

    client_id: str
    scopes: frozenset[str]
    kid: str
    expires: float
    client: _Client | None = None
    caller: Caller | None = None


@dataclass
class Guard:
    """Verifies tokens; `issuer` must match theirs. Fed by the client and key events."""

    issuer: str
    _clients: dict[str, _Client] = field(default_factory=dict)
    _keys: dict[str, _Key] = field(default_factory=dict)
    _verified: dict[bytes, _Verified] = field(default_factory=dict)

    def client_changed(self, state: bytes, _: Position) -> None:
        """Take a client's state; raises ValueError if it does not validate."""
        client = msgspec.json.decode(state, type=_Client)
        known = self._clients.get(client.client_id)
        if known is None or known.revision < client.revision:
            self._clients[client.client_id] = client

    def key_changed(self, state: bytes, _: Position) -> None:
        """Take a key's state; raises ValueError if it does not validate."""
        key = msgspec.json.decode(state, type=_Key)
        known = self._keys.get(key.kid)
        if known is None or known.revision < key.revision:
            self._keys[key.kid] = key

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Give the keys that are not retired (RFC 7517)."""
        return {"keys": [key.jwk for _, key in sorted(self._keys.items()) if not key.retired]}

    def root_of(self, client_id: str) -> UUID | None:
        """Give the root of a client's subtree as it is now, None for the whole country; raises LookupError."""
        return self._clients[client_id].unit_id

    def caller(self, request: Request) -> Caller:
        """Verify the request's bearer token, and note in its scope of what kind the caller is, for the edge to count.

        Raises Problem with status 401.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise _refused("token_missing")
        caller = self.verify(token.strip())
        request.scope["client_kind"] = caller.kind
        return caller

    def verify(self, token: str) -> Caller:
        """Verify a token, from memory until it expires; the client's own state is looked at each time."""
        encoded = token.encode()
        if len(encoded) > MAX_TOKEN_BYTES:
            raise _refused("token_invalid")
        digest = hashlib.sha256(encoded).digest()
        verified = self._verified.get(digest)
        now = time.time()
        if verified is None:
            verified = self._decode(token)
            if len(self._verified) >= CACHE_SIZE:
                self._verified = {d: v for d, v in self._verified.items() if v.expires > now}
            if len(self._verified) >= CACHE_SIZE:
                self._verified.clear()
            self._verified[digest] = verified
        if verified.expires <= now:
            self._verified.pop(digest, None)
            raise _refused("token_expired")
        key = self._keys.get(verified.kid)
        if key is None or key.retired:
            raise _refused("token_invalid")
        return self._present(verified, now)

    def _present(self, verified: _Verified, now: float) -> Caller:
        client = self._clients.get(verified.client_id)
        if client is None or client.status != "active":
            raise _refused("client_suspended")
        if client.expires_at is not None and client.expires_at <= datetime.fromtimestamp(now, UTC):
            raise _refused("client_expired")
        if verified.caller is None or verified.client is not client:
            verified.client, verified.caller = client, _caller(client, verified.scopes)
        return verified.caller

    def _decode(self, token: str) -> _Verified:
        kid = _key_id(token)
        key = self._keys.get(kid)
        if key is None or key.retired:
            raise _refused("token_invalid")
        try:
            claims = jwt.decode(token, OKPKey.import_key(dict(key.jwk)), algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, RecursionError) as error:
            raise _refused("token_invalid") from error
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            code = "token_expired" if error.error == "expired_token" else "token_invalid"
            raise _refused(code) from error
        return _Verified(
            client_id=str(claims["sub"]),
            scopes=frozenset(str(claims.get("scope", "")).split()),
            kid=kid,
            expires=float(claims["exp"]),
        )


def _caller(client: _Client, scopes: frozenset[str]) -> Caller:
    return Caller(
        client_id=client.client_id,
        kind=client.kind,
        scopes=scopes & client.scopes,
        unit_id=client.unit_id,
        partner_id=client.partner.partner_id if client.partner else None,
        partner_name=client.partner.name if client.partner else None,
        codes_as_of=client.codes_as_of,
    )


def _key_id(token: str) -> str:
    """Read the key id of a token's header, which is not yet trusted: it only chooses among our keys."""
    header, dots, _ = token.partition(".")
    try:
        decoded = msgspec.json.decode(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError) as error:
        raise _refused("token_invalid") from error
    if not dots or not isinstance(decoded, dict) or decoded.get("alg") != ALGORITHM:
        raise _refused("token_invalid")
    return str(decoded.get("kid", ""))


def _refused(code: str) -> Problem:
    return Problem(code, headers={"www-authenticate": 'Bearer error="invalid_token"'})
