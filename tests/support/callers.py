"""Clients and their tokens, as the registry would tell of them."""

import time
import uuid
from collections.abc import Sequence

import msgspec
from joserfc import jwt
from joserfc.jwk import OKPKey

from libs.common.auth import ALGORITHM, AUDIENCE, Guard
from libs.common.log import BEGINNING
from libs.contracts.registry import SCOPES

__all__ = ["Issuer"]


class Issuer:
    """Signs tokens and tells a guard of the key and the clients."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._key = OKPKey.generate_key("Ed25519")
        self.kid = self._key.thumbprint()
        self._revisions: dict[str, int] = {}
        public = {**self._key.as_dict(private=False), "kid": self.kid}
        guard.key_changed(msgspec.json.encode({"kid": self.kid, "revision": 1, "jwk": public}), BEGINNING)

    def client(
        self,
        client_id: str,
        *,
        scopes: Sequence[str] = SCOPES,
        unit_id: uuid.UUID | None = None,
        partner_id: uuid.UUID | None = None,
        status: str = "active",
        expires_at: str | None = None,
        codes_as_of: str | None = None,
    ) -> None:
        """Tell of a client, or of its change."""
        revision = self._revisions[client_id] = self._revisions.get(client_id, 0) + 1
        partner = {"partner_id": partner_id, "code": "p", "name": "Đối tác", "kind": "bank"} if partner_id else None
        state = {
            "client_id": client_id,
            "revision": revision,
            "name": client_id,
            "kind": "partner" if partner_id else "volunteer_app",
            "scopes": list(scopes),
            "unit_id": unit_id,
            "partner": partner,
            "status": status,
            "expires_at": expires_at,
            "codes_as_of": codes_as_of,
        }
        self.guard.client_changed(msgspec.json.encode(state), BEGINNING)

    def token(self, client_id: str, *, scopes: Sequence[str] = SCOPES, lives_seconds: float = 300) -> str:
        """Sign a token."""
        now = time.time()
        claims = {
            "iss": self.guard.issuer,
            "sub": client_id,
            "aud": AUDIENCE,
            "iat": int(now) - 1,
            "exp": now + lives_seconds,
            "scope": " ".join(scopes),
            "jti": uuid.uuid4().hex,
        }
        header = {"alg": ALGORITHM, "kid": self.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def headers(self, client_id: str, **options: object) -> dict[str, str]:
        """Give the header that carries a fresh token."""
        return {"authorization": f"Bearer {self.token(client_id, **options)}"}  # type: ignore[arg-type]
