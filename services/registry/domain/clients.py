"""Clients of the API, the partners some of them act for, and the keys that sign their tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from libs.common.files import Row, json_rows, toml_tables
from services.registry.domain.ids import record_id
from services.registry.domain.units import UnitRef, find

__all__ = [
    "CLIENT_ID",
    "CLIENT_KINDS",
    "PARTNER_KINDS",
    "QUOTA_CLASSES",
    "SCOPES",
    "Client",
    "Declared",
    "Partner",
    "SigningKey",
    "build_clients",
    "build_partners",
    "granted",
    "needs_partner",
    "read_clients",
]

ClientKind = Literal["volunteer_app", "portal", "partner", "operator"]
CLIENT_KINDS: tuple[ClientKind, ...] = ("volunteer_app", "portal", "partner", "operator")

PartnerKind = Literal["bank", "telco", "wallet", "marketplace", "public_agency", "mass_organisation"]
PARTNER_KINDS: tuple[PartnerKind, ...] = (
    "bank",
    "telco",
    "wallet",
    "marketplace",
    "public_agency",
    "mass_organisation",
)

Scope = Literal[
    "visits:write",
    "visits:read",
    "partner-reports:write",
    "partner-reports:read",
    "metrics:read",
    "metrics:exact",
    "registry:read",
    "registry:write",
    "reforms:write",
    "members:read",
    "clients:write",
    "records:settle",
]
SCOPES: tuple[Scope, ...] = (
    "visits:write",
    "visits:read",
    "partner-reports:write",
    "partner-reports:read",
    "metrics:read",
    "metrics:exact",
    "registry:read",
    "registry:write",
    "reforms:write",
    "members:read",
    "clients:write",
    "records:settle",
)

QuotaClass = Literal["standard", "bulk", "public"]
QUOTA_CLASSES: tuple[QuotaClass, ...] = ("standard", "bulk", "public")

CLIENT_ID = r"[a-z0-9][a-z0-9._-]{1,62}"
COLUMNS = (
    *("client_id", "name", "kind", "scopes", "unit", "partner", "secret_sha256", "expires_at"),
    *("quota_class", "codes_as_of"),
)


@dataclass(frozen=True)
class Partner:
    """An organisation that reports installs of its own."""

    partner_id: UUID
    code: str
    name: str
    kind: PartnerKind


@dataclass(frozen=True)
class Client:
    """A system that may call the API; without a unit it may act in the whole country.

    `codes_as_of` is the day of the code list that its unit codes are of, None for the day of each event.
    """

    record_id: UUID
    client_id: str
    name: str
    kind: ClientKind
    scopes: tuple[Scope, ...]
    unit_id: UUID | None
    partner: Partner | None
    status: Literal["active", "suspended"]
    expires_at: datetime | None
    quota_class: QuotaClass = "standard"
    codes_as_of: date | None = None

    def may_sign_in(self, now: datetime) -> bool:
        """Say whether it gets tokens at all."""
        return self.status == "active" and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class Declared:
    """A client as a file declares it, with its secret's digest where the file has one."""

    client: Client
    secret_sha256: bytes | None


@dataclass(frozen=True)
class SigningKey:
    """A public key (JWK) with which tokens are verified."""

    record_id: UUID
    kid: str
    jwk: Mapping[str, str]
    retired: bool = False


def granted(client: Client, asked: str | None) -> tuple[list[str], str | None]:
    """Give the scopes of a token, and the first one asked for that the client does not have."""
    wanted = (asked or "").split()
    lacking = next((scope for scope in wanted if scope not in client.scopes), None)
    return [scope for scope in client.scopes if not wanted or scope in wanted], lacking


def build_partners(name: str, content: bytes) -> list[Partner]:
    """Make the partners from a TOML file; raises BadFile."""
    rows = toml_tables(name, content, "partners")["partners"]
    partners: dict[str, Partner] = {}
    for row in rows:
        row.unknown_beside("code", "name", "kind")
        code = row.matching("code", r"[a-z0-9][a-z0-9-]*", "chỉ gồm a-z, 0-9 và -", "takes a-z, 0-9 and -")
        if code in partners:
            row.wrong("code", f"{code} lặp lại", f"{code} is repeated")
        kind = row.choice("kind", PARTNER_KINDS)
        partners[code] = Partner(record_id("partner", code), code, row.text("name"), kind)
    if rows:
        rows[0].reading.done()
    return list(partners.values())


def read_clients(name: str, content: bytes) -> tuple[list[Row], list[Row]]:
    """Split a JSON list of clients into rows, and the rows of their units; raises BadFile."""
    rows = json_rows(name, content)
    units = [
        Row(row.reading, f"{row.place}/unit", row.values["unit"])
        for row in rows
        if isinstance(row.values.get("unit"), dict)
    ]
    return rows, units


def build_clients(
    rows: Sequence[Row], units: Mapping[str, Sequence[UnitRef]], partners: Mapping[str, Partner]
) -> list[Declared]:
    """Make the clients; `units` and `partners` are those that the rows name. Raises BadFile."""
    declared: dict[str, Declared] = {}
    for row in rows:
        client = _client(row, units, partners)
        if client.client_id in declared:
            row.wrong("client_id", f"{client.client_id} lặp lại", f"{client.client_id} is repeated")
        declared[client.client_id] = Declared(client, _digest(row))
    if rows:
        rows[0].reading.done()
    return list(declared.values())


def needs_partner(kind: object, scopes: Sequence[str]) -> bool:
    """Say whether a client acts for a partner; an operator has the scope only to grant it."""
    return kind == "partner" or (kind != "operator" and "partner-reports:write" in scopes)


def _client(row: Row, units: Mapping[str, Sequence[UnitRef]], partners: Mapping[str, Partner]) -> Client:
    row.unknown_beside(*COLUMNS)
    client_id = row.matching(
        "client_id", CLIENT_ID, "cần 2–63 ký tự a-z, 0-9, ., _, -", "needs 2-63 of a-z, 0-9, ., _, -"
    )
    partner = _partner(row, partners)
    scopes = _scopes(row)
    if partner is None and needs_partner(row.values.get("kind"), scopes):
        row.wrong("partner", "ứng dụng này cần một đối tác", "this client needs a partner")
    return Client(
        record_id=record_id("client", client_id),
        client_id=client_id,
        name=row.text("name"),
        kind=row.choice("kind", CLIENT_KINDS),
        scopes=scopes,
        unit_id=_unit(row, units),
        partner=partner,
        status="active",
        expires_at=_expiry(row),
        quota_class=row.choice("quota_class", QUOTA_CLASSES) if row.values.get("quota_class") else "standard",
        codes_as_of=row.day("codes_as_of"),
    )


def _scopes(row: Row) -> tuple[Scope, ...]:
    asked = row.texts("scopes")
    for scope in asked:
        if scope not in SCOPES:
            allowed = ", ".join(SCOPES)
            row.wrong("scopes", f"“{scope}” không thuộc: {allowed}", f'"{scope}" is not one of: {allowed}')
    if not asked:
        row.wrong("scopes", "cần ít nhất một quyền", "at least one scope is needed")
    return tuple(scope for scope in SCOPES if scope in asked)


def _partner(row: Row, partners: Mapping[str, Partner]) -> Partner | None:
    code = row.optional("partner")
    if code is None:
        return None
    if code not in partners:
        row.wrong("partner", f"không có đối tác {code}", f"there is no partner {code}")
    return partners.get(code)


def _unit(row: Row, units: Mapping[str, Sequence[UnitRef]]) -> UUID | None:
    value = row.values.get("unit")
    if value is None:
        return None
    if not isinstance(value, dict):
        row.wrong("unit", "phải là {code, valid_on} hoặc null", "must be {code, valid_on} or null")
        return None
    inner = Row(row.reading, f"{row.place}/unit", value)
    inner.unknown_beside("code", "valid_on")
    code, day = inner.text("code"), inner.day("valid_on")
    unit = find(units, code, day) if day else None
    if unit is None:
        inner.wrong("code", f"không có đơn vị {code} vào ngày {day}", f"there is no unit {code} on {day}")
    return unit.unit_id if unit else None


def _digest(row: Row) -> bytes | None:
    text = row.optional("secret_sha256")
    if text is None:
        return None
    text = row.matching("secret_sha256", "[0-9a-f]{64}", "phải là 64 chữ số hex", "must be 64 hexadecimal digits")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _expiry(row: Row) -> datetime | None:
    text = row.optional("expires_at")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        row.wrong("expires_at", "cần ngày giờ có múi giờ, dạng RFC 3339", "an RFC 3339 date and time with an offset")
        return None
    return moment
