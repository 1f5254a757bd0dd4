"""From a raw identity to a pseudonym: checked for form, used, and gone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from libs.common.telephone import SEPARATORS, BadPhone, e164, tells_identity

__all__ = ["BadIdentity", "KeyChain", "national_id", "phone", "same", "surely_under_14", "tells_identity"]

_NATIONAL_ID = re.compile(r"[0-9]{12}")
_MOBILE = re.compile(r"0[35789][0-9]{8}")  # As nearly all of them are written.


class BadIdentity(ValueError):
    """A reference that does not have its form; the value itself is not repeated."""


def national_id(text: str) -> str:
    """Give the twelve digits of a personal identification number (Law 26/2023/QH15, art. 12)."""
    digits = text if text.isalnum() else SEPARATORS.sub("", text)
    if not _NATIONAL_ID.fullmatch(digits):
        raise BadIdentity("national_id")
    return digits


def surely_under_14(digits: str, day: date) -> bool:
    """Say whether the number's century and year of birth leave no doubt that its holder is under 14 on a day.

    The fourth digit is sex and century (0-1: 1900s, 2-3: 2000s, and so on), the fifth and sixth the year of birth
    (Decree 137/2015/ND-CP, art. 13).
    """
    year = 1900 + int(digits[3]) // 2 * 100 + int(digits[4:6])
    return day.year - year < 14


def phone(text: str) -> str:
    """Normalise a phone number to E.164; a national number is taken as Vietnamese."""
    if _MOBILE.fullmatch(text):
        return "+84" + text[1:]
    try:
        return e164(text)
    except BadPhone as error:
        raise BadIdentity("phone") from error


def same(digests: Sequence[bytes], stored: bytes | None, level: int) -> bool:
    """Say whether what was stored, with a digest of a level, is what these digests are of.

    Without a digest (erased), or where it is of a level that this chain does not reach yet, it most likely is. What
    could not be read has no digests, and is nothing that was stored.
    """
    if stored is None:
        return True
    return bool(digests) and (level > len(digests) or digests[level - 1] == stored)


def _keyed(key: bytes, content: bytes = b"") -> HMAC:
    """Begin an HMAC-SHA-256; copied, it spares what is the same for each value."""
    made = HMAC(key, SHA256())
    made.update(content)
    return made


def _ended(begun: HMAC, content: bytes) -> bytes:
    made = begun.copy()
    made.update(content)
    return made.finalize()


@dataclass(frozen=True)
class KeyChain:
    """The deployment's keys, oldest first; level n is HMAC(Kn, level n-1), so older pseudonyms can be lifted."""

    keys: tuple[bytes, ...] = field(repr=False)
    _first: HMAC = field(init=False, repr=False, compare=False)
    _rest: tuple[HMAC, ...] = field(init=False, repr=False, compare=False)
    _digest: HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < 32 for key in self.keys):
            raise ValueError("the key chain needs at least one key of at least 32 bytes")
        first, *rest = (_keyed(key) for key in self.keys)
        object.__setattr__(self, "_first", first)
        object.__setattr__(self, "_rest", tuple(rest))
        object.__setattr__(self, "_digest", _keyed(_ended(first, b"digest")))

    @property
    def level(self) -> int:
        """The level at which pseudonyms are made."""
        return len(self.keys)

    def pseudonym(self, kind: str, value: str) -> str:
        """Make the pseudonym of a normalised value: HMAC-SHA-256 cut to 128 bits, in hexadecimal."""
        made = _ended(self._first, f"{kind}\x00{value}".encode())
        for key in self._rest:
            made = _ended(key, made[:16])
        return made.hex()[:32]

    def lifted(self, pseudonym: str, level: int) -> str:
        """Lift a pseudonym of a level to the chain's; who has only the older keys cannot follow."""
        made = bytes.fromhex(pseudonym)
        for key in self._rest[level - 1 :]:
            made = _ended(key, made)[:16]
        return made.hex()

    def digests(self, content: bytes) -> tuple[bytes, ...]:
        """Make the keyed digests, one a level, that tell a resend from a reused id and hide the identities in it."""
        made = [_ended(self._digest, content)]
        for key in self._rest:
            made.append(_ended(key, made[-1]))
        return tuple(made)

    def lifted_digest(self, digest: bytes, level: int) -> bytes:
        """Lift a digest of a level to the chain's."""
        for key in self._rest[level - 1 :]:
            digest = _ended(key, digest)
        return digest
