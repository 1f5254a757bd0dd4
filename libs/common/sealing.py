"""Sealing: what must not lie readable in a database, encrypted with AES-256-GCM under keys that are rotated.

A key is known by an id made of itself, kept beside what it sealed. The newest key seals; all of them open. What is
sealed is bound to where it belongs, so that it cannot be moved to another row.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["CannotOpen", "Sealed", "Sealer", "load_sealer"]

KEY_BYTES = 32
NONCE_BYTES = 12


class CannotOpen(Exception):
    """Sealed by a key that is not there any more, moved to another place, or damaged."""


class Sealed(NamedTuple):
    """What was sealed, beside the id of the key that opens it."""

    key_id: str
    box: bytes


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


@dataclass(frozen=True)
class Sealer:
    """The deployment's keys, oldest first; each has a part that seals and a part that digests."""

    keys: tuple[bytes, ...] = field(repr=False)
    _ciphers: Mapping[str, AESGCM] = field(init=False, repr=False)
    _digesting: dict[str, tuple[bytes, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < KEY_BYTES for key in self.keys):
            raise ValueError(f"keys of at least {KEY_BYTES} bytes are needed, one at least")
        object.__setattr__(self, "_ciphers", {_id_of(key): AESGCM(_derived(key, "seal")) for key in self.keys})
        object.__setattr__(self, "_digesting", {})

    @property
    def key_id(self) -> str:
        """Give the id of the key that seals now."""
        return _id_of(self.keys[-1])

    def seal(self, plain: bytes, bound_to: str) -> Sealed:
        """Seal something for one place, such as `import/<id>`."""
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(self.key_id, nonce + self._ciphers[self.key_id].encrypt(nonce, plain, bound_to.encode()))

    def open(self, sealed: Sealed, bound_to: str) -> bytes:
        """Open what was sealed for this place; raises CannotOpen."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise CannotOpen(f"no key {sealed.key_id}")
        try:
            return cipher.decrypt(sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"key {sealed.key_id} does not open it") from error

    def digest(self, purpose: str, value: bytes) -> bytes:
        """Give a keyed digest (32 bytes) by the newest key: equal values are found, none can be told from it."""
        return self.digests(purpose, value)[-1]

    def digests(self, purpose: str, value: bytes) -> tuple[bytes, ...]:
        """Give the digests by every key, oldest first, to find what an older one digested."""
        keys = self._digesting.get(purpose)
        if keys is None:
            # Purposes are few; deriving costs ten times what digesting does.
            keys = self._digesting[purpose] = tuple(_derived(key, f"digest/{purpose}") for key in self.keys)
        return tuple(hmac.digest(key, value, "sha256") for key in keys)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"id/" + key).hexdigest()[:12]


def load_sealer(path: Path) -> Sealer:
    """Read keys from a file: one in hexadecimal a line, oldest first; raises OSError or ValueError."""
    return Sealer(tuple(bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()))
