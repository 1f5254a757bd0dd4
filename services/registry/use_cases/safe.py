"""Who members are, sealed; and the keyed digests by which a person is met again."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from libs.common.sealing import Sealed, Sealer
from services.registry.domain.atlas import fold
from services.registry.domain.members import Birth, Person

__all__ = ["CODE", "NAME_AND_PHONE", "PHONE", "Safe"]

CODE, NAME_AND_PHONE, PHONE = "code", "name_phone", "phone"
DIGEST_BYTES = 16


@dataclass(frozen=True)
class Safe:
    """What the registry's sealing keys do for members: the newest seals and digests, all open and find."""

    sealer: Sealer = field(repr=False)

    @property
    def key_id(self) -> str:
        """The id of the newest key."""
        return self.sealer.key_id

    def seal(self, member_id: UUID, person: Person) -> Sealed:
        """Seal who a member is; it opens for this member's id only."""
        birth = person.birth
        content: dict[str, object] = {"name": person.name, "phone": person.phone, "code": person.code}
        content |= {"birth_year": birth.year if birth else None, "birth_date": birth.day if birth else None}
        return self.sealer.seal(msgspec.json.encode(content), _place(member_id))

    def open(self, member_id: UUID, sealed: Sealed) -> Person:
        """Give who a member is; raises CannotOpen."""
        content: dict[str, Any] = msgspec.json.decode(self.sealer.open(sealed, _place(member_id)))
        day, year = content["birth_date"], content["birth_year"]
        birth = Birth(year, date.fromisoformat(day) if day else None) if year else None
        return Person(content["name"], content["phone"], birth, content["code"])

    def marks(self, person: Person) -> dict[str, list[bytes]]:
        """Give the digests by which a person is met again, for each kind one under every key, the newest last."""
        values: dict[str, str] = {}
        if person.code is not None:
            values[CODE] = person.code.strip().casefold()
        if person.phone is not None:
            values[NAME_AND_PHONE] = f"{fold(person.name)}\x00{person.phone}"
            values[PHONE] = person.phone
        return {kind: self._digests(kind, value) for kind, value in values.items()}

    def phone_marks(self, phones: Iterable[str]) -> list[bytes]:
        """Give the digests of phone numbers under every key."""
        return [digest for phone in phones for digest in self._digests(PHONE, phone)]

    def digest(self, content: bytes) -> bytes:
        """Give the digest that tells a change sent again from another with the same id."""
        return self.sealer.digest("change", content)[:DIGEST_BYTES]

    def is_digest(self, digest: bytes | None, content: bytes) -> bool:
        """Say whether content is what was digested, under any key; taken to be so where the digest is gone."""
        found = self.sealer.digests("change", content)
        return digest is None or any(hmac.compare_digest(digest, each[:DIGEST_BYTES]) for each in found)

    def _digests(self, kind: str, value: str) -> list[bytes]:
        return [each[:DIGEST_BYTES] for each in self.sealer.digests(f"member/{kind}", value.encode())]


def _place(member_id: UUID) -> str:
    return f"member/{member_id}"
