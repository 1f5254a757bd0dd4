"""Events of the map, teams, clients and keys, and how any record becomes an event."""

from dataclasses import dataclass
from functools import lru_cache, singledispatch
from typing import TypeAlias
from uuid import UUID

from libs.contracts.model import Contract
from libs.contracts.registry import (
    ClientV1,
    PartnerV1,
    SigningKeyV1,
    SuccessorV1,
    UnitV1,
)
from libs.contracts.topics import type_of
from services.registry.domain.catalogue import Measure, Platform, Topic
from services.registry.domain.clients import Client, Partner, SigningKey
from services.registry.domain.indicators import Indicator
from services.registry.domain.members import Member
from services.registry.domain.reference import Denominator, Target
from services.registry.domain.rosters import Placed
from services.registry.domain.teams import Team
from services.registry.domain.units import Successor, Unit

__all__ = ["Event", "Record", "contract_of", "event_of", "unit_of"]

Record: TypeAlias = (
    Unit | Team | Member | Placed | Measure | Platform | Topic | Indicator | Denominator | Target | Client | SigningKey
)


@dataclass(frozen=True)
class Event:
    """A record's whole state at a revision, as the log keeps it and everyone hears it."""

    record_id: UUID
    revision: int
    type: str
    body: bytes


def event_of(record: Record, revision: int) -> Event:
    """Make the event that tells a record's state at a revision."""
    contract: Contract = contract_of(record, revision)
    return Event(record.record_id, revision, type_of(type(contract)), contract.model_dump_json(by_alias=True).encode())


def unit_of(body: bytes) -> Unit:
    """Read a unit's state back; the same ids are the same objects, as many units lie within one."""
    told = UnitV1.model_validate_json(body)
    return Unit(
        record_id=_same(told.unit_id),
        code=told.code or "",
        level=told.level,
        type=told.type,
        name=told.name,
        short_name=told.short_name,
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        parent_id=_same(told.parent_id) if told.parent_id is not None else None,
        path=tuple(map(_same, told.path)),
        within=tuple(map(_same, told.within)),
        successors=tuple(
            Successor(_same(edge.unit_id), edge.share, edge.effective, edge.decree) for edge in told.successors
        ),
    )


@lru_cache(maxsize=100_000)
def _same(unit_id: UUID) -> UUID:
    return unit_id


@singledispatch
def contract_of(record: object, _: int) -> Contract:
    """Make the contract of a record's state at a revision."""
    raise TypeError(record)


@contract_of.register
def _unit(unit: Unit, revision: int) -> Contract:
    return UnitV1(
        unit_id=unit.record_id,
        revision=revision,
        code=unit.code or None,
        level=unit.level,
        type=unit.type,
        name=unit.name,
        short_name=unit.short_name,
        valid_from=unit.valid_from,
        valid_to=unit.valid_to,
        parent_id=unit.parent_id,
        path=list(unit.path),
        within=list(unit.within),
        successors=[
            SuccessorV1(unit_id=edge.unit_id, share=edge.share, effective=edge.effective, decree=edge.decree)
            for edge in unit.successors
        ],
    )


@contract_of.register
def _client(client: Client, revision: int) -> Contract:
    return ClientV1(
        client_id=client.client_id,
        revision=revision,
        name=client.name,
        kind=client.kind,
        scopes=list(client.scopes),
        unit_id=client.unit_id,
        partner=_partner(client.partner) if client.partner else None,
        status=client.status,
        expires_at=client.expires_at,
        quota_class=client.quota_class,
        codes_as_of=client.codes_as_of,
    )


def _partner(partner: Partner) -> PartnerV1:
    return PartnerV1(partner_id=partner.partner_id, code=partner.code, name=partner.name, kind=partner.kind)


@contract_of.register
def _signing_key(key: SigningKey, revision: int) -> Contract:
    return SigningKeyV1(kid=key.kid, revision=revision, jwk=dict(key.jwk), retired=key.retired)
