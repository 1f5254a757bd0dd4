"""Tokens for client credentials (RFC 6749, 4.4): who may have one, and what it says."""

import hmac
import os
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import OKPKey

from libs.common.auth import ALGORITHM, AUDIENCE
from libs.common.db import Connection
from libs.common.problem import Problem
from services.registry.domain.clients import Client, SigningKey, granted
from services.registry.domain.ids import record_id
from services.registry.store import access
from services.registry.use_cases.clients import Refused, digest_of

__all__ = ["Asked", "Grant", "Signer", "authenticate", "issue", "load_signer", "make_key"]

LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Asked:
    """What a token request says."""

    client_id: str
    secret: str
    scope: str | None


@dataclass(frozen=True)
class Grant:
    """A token and what it is good for."""

    access_token: str
    expires_in: int
    scope: str


@dataclass(frozen=True)
class Signer:
    """Holds the private key."""

    issuer: str
    kid: str
    key: OKPKey

    def public(self) -> SigningKey:
        """Give the half of the key that everyone may know."""
        jwk = self.key.as_dict(private=False)
        members = {name: str(jwk[name]) for name in ("kty", "crv", "x")}
        jwk_told = {**members, "kid": self.kid, "alg": ALGORITHM, "use": "sig"}
        return SigningKey(record_id("key", self.kid), self.kid, jwk_told)

    def sign(self, client_id: str, scope: str, now: datetime, expires: datetime) -> str:
        """Make a token."""
        claims = {
            "iss": self.issuer,
            "sub": client_id,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "jti": uuid.uuid4().hex,
            "scope": scope,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.kid}, claims, self.key, algorithms=[ALGORITHM])


def make_key(file: Path) -> str:
    """Write a new private key (PKCS 8, PEM) that only its owner may read, and give its id; raises Refused."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(f"{file} đã có, không ghi đè", f"{file} exists and is not overwritten") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
    return load_signer(file, issuer="").kid


def load_signer(file: Path, *, issuer: str) -> Signer:
    """Read the private key; its id is its thumbprint (RFC 7638). Raises Refused."""
    try:
        key = OKPKey.import_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"không đọc được khóa {file}: {error}", f"the key {file} cannot be read: {error}") from error
    if key.curve_name != "Ed25519" or not key.is_private:
        raise Refused(f"{file} không phải khóa riêng Ed25519", f"{file} is not an Ed25519 private key")
    return Signer(issuer, key.thumbprint(), key)


async def authenticate(connection: Connection, asked: Asked, now: datetime) -> Client:
    """Give the client whose secret this is; raises Problem invalid_client, alike for every reason."""
    client = await access.load_client(connection, asked.client_id)
    kept = await access.load_secrets(connection, asked.client_id)
    digest = digest_of(asked.secret)
    # Every digest is compared, so that the time taken tells nothing.
    right = sum(hmac.compare_digest(digest, one) for one in kept) > 0
    if client is None or not right or not client.may_sign_in(now):
        raise Problem("invalid_client", headers={"www-authenticate": 'Basic realm="tungnha"'})
    return client


def issue(signer: Signer, client: Client, scope: str | None, now: datetime) -> Grant:
    """Make a token with the scopes asked for, by default all; raises Problem invalid_scope."""
    scopes, lacking = granted(client, scope)
    if lacking is not None:
        raise Problem("invalid_scope", scope=lacking)
    expires = min(now + LIFETIME, client.expires_at or now + LIFETIME)
    token = signer.sign(client.client_id, " ".join(scopes), now, expires)
    return Grant(token, int((expires - now).total_seconds()), " ".join(scopes))
