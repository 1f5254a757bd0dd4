"""What a citizen may be told of a team: its decision and its contacts; what in a text tells of a person."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from libs.common.problem import Fault
from libs.common.telephone import SEPARATORS, BadPhone, e164, tells_identity

__all__ = ["Contact", "ContactKind", "Decision", "contact_faults", "is_mobile", "tells_identity"]

ContactKind = Literal["phone", "zalo", "email", "web", "address"]
MAX_CONTACTS = 10

_MOBILE = re.compile(r"\+84[35789][0-9]{8}")
# Numbers of services rather than of subscribers: 1022, 18001096, 1900561567 …
_SERVICE = re.compile(r"1[0-9]{2,4}|1[89]00[0-9]{4,6}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_WEB = re.compile(r"https?://[^\s/]+\.[^\s]+")


@dataclass(frozen=True)
class Decision:
    """A decision (quyết định) by which something was established or changed."""

    number: str
    signed_on: date | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class Contact:
    """A way to reach a team or a help point that may be public."""

    kind: ContactKind
    value: str
    label: str | None = None


def is_mobile(contact: Contact) -> bool:
    """Say whether a contact is a mobile number, which is nearly always some person's."""
    try:
        return contact.kind in ("phone", "zalo") and _MOBILE.fullmatch(e164(contact.value)) is not None
    except BadPhone:
        return False


def contact_faults(contacts: Sequence[Contact], confirmed: bool) -> Iterator[Fault]:
    """Give what is wrong with contacts; a mobile number needs the confirmation that it is no person's own."""
    if len(contacts) > MAX_CONTACTS:
        yield Fault("too_long", "/contacts", {"limit": MAX_CONTACTS})
    for index, contact in enumerate(contacts):
        at = f"/contacts/{index}/value"
        if not _has_its_form(contact):
            yield Fault("bad_contact", at, {"kind": contact.kind})
        elif is_mobile(contact) and not confirmed:
            yield Fault("mobile_not_confirmed", at)
        if tells_identity(contact.label):
            yield Fault("identity_in_text", f"/contacts/{index}/label")


def _has_its_form(contact: Contact) -> bool:
    match contact.kind:
        case "phone":
            return _is_phone(contact.value)
        case "zalo":
            return _is_phone(contact.value) or _WEB.fullmatch(contact.value) is not None
        case "email":
            return _EMAIL.fullmatch(contact.value) is not None
        case "web":
            return _WEB.fullmatch(contact.value) is not None
    return not tells_identity(contact.value)


def _is_phone(text: str) -> bool:
    if _SERVICE.fullmatch(SEPARATORS.sub("", text)):
        return True
    try:
        return bool(e164(text))
    except BadPhone:
        return False
