"""Events of the registry: the map, teams, the catalogue, clients and the keys that sign their tokens."""

from datetime import date
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from libs.contracts.model import Contract, DateTime, Names, Text
from libs.contracts.network import ContactV1, DecisionV1, TeamChangeV1

__all__ = [
    "CLIENT_KINDS",
    "ClientV1",
    "LEVELS",
    "Level",
    "MeasureV1",
    "PartnerV1",
    "PlatformV1",
    "QUOTA_CLASSES",
    "QuotaClass",
    "SCOPES",
    "Scope",
    "SigningKeyV1",
    "SuccessorV1",
    "TeamV1",
    "TopicV1",
    "UnitOfCount",
    "UnitV1",
]

Level = Literal["province", "district", "commune", "subcommune"]
LEVELS: tuple[Level, ...] = get_args(Level)

UnitOfCount = Literal[
    "encounter",
    "person",
    "case",
    "install",
    "account",
    "subscription",
    "certificate",
    "business_encounter",
    "business_household_encounter",
]

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
SCOPES: tuple[Scope, ...] = get_args(Scope)
ClientKind = Literal["volunteer_app", "portal", "partner", "operator"]
CLIENT_KINDS: tuple[ClientKind, ...] = get_args(ClientKind)

QuotaClass = Literal["standard", "bulk", "public"]
QUOTA_CLASSES: tuple[QuotaClass, ...] = get_args(QuotaClass)

Revision = Annotated[int, Field(ge=1, description="Raised by each change of the record")]


class SuccessorV1(Contract):
    """An edge of the lineage: where a unit's territory went."""

    unit_id: UUID
    share: Literal["whole", "part"] = Field(description="whole: all of the territory went there")
    effective: date
    decree: Text | None = None


class UnitV1(Contract):
    """A version of an administrative unit; a code is not an identity, the id is."""

    unit_id: UUID
    revision: Revision
    code: Text | None = Field(description="Official code, a zero-padded string; none below commune level")
    level: Level
    type: Text = Field(description="tinh, thanh_pho, huyen, quan, thi_xa, xa, phuong, thi_tran, dac_khu …")
    name: Text
    short_name: Text
    valid_from: date | None = Field(description="null: since before the map begins")
    valid_to: date | None = Field(description="First day on which it is no longer valid; null: still valid")
    parent_id: UUID | None
    path: list[UUID] = Field(description="The chain of parents, province first, the unit itself last")
    within: list[UUID] = Field(
        description="Every unit version that holds its whole territory: itself, parents and whole successors, in turn"
    )
    successors: list[SuccessorV1] = []


class TeamV1(Contract):
    """A team; its credit stays with it for the days on which it existed."""

    team_id: UUID
    revision: Revision
    code: Text
    name: Text
    type: Literal["community_digital_team", "youth_digital_team", "volunteer_formation"]
    level: Literal["province", "district", "commune", "subcommune"]
    local_type_name: Text | None = None
    unit_id: UUID
    established_on: date | None = None
    dissolved_on: date | None = Field(default=None, description="First day on which it no longer exists")
    establishment: DecisionV1 | None = None
    contacts: list[ContactV1] = []
    changes: list[TeamChangeV1] = Field(default=[], description="What happened to it since, oldest first")


class MeasureV1(Contract):
    """Something a line can record, with its unit of count."""

    code: Text
    revision: Revision
    version: int = Field(ge=1, description="Raised when the meaning changes")
    names: Names
    unit_of_count: UnitOfCount
    topic: Text
    stages: list[Text] = Field(default=[], description="Funnel stages a line may name, in order")
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="From this day on a line is flagged, not refused")
    aliases: list[Text] = []
    framework_refs: list[Text] = []


class PlatformV1(Contract):
    """An application or platform that people are helped with."""

    code: Text
    revision: Revision
    names: Names
    kind: Text
    aliases: list[Text] = []
    valid_from: date | None = None
    valid_to: date | None = None
    framework_refs: list[Text] = []


class TopicV1(Contract):
    """What the help was about."""

    code: Text
    revision: Revision
    names: Names
    aliases: list[Text] = []
    framework_refs: list[Text] = []
    valid_from: date | None = None
    valid_to: date | None = None


class PartnerV1(Contract):
    """An organisation that reports installs of its own."""

    partner_id: UUID
    code: Text
    name: Text
    kind: Literal["bank", "telco", "wallet", "marketplace", "public_agency", "mass_organisation"]


class ClientV1(Contract):
    """A system that may call the API; its secrets never leave the registry."""

    client_id: Text
    revision: Revision
    name: Text
    kind: ClientKind
    scopes: list[Scope]
    unit_id: UUID | None = Field(description="Root of the subtree it may act in; null: the whole country")
    partner: PartnerV1 | None = None
    status: Literal["active", "suspended"] = "active"
    expires_at: DateTime | None = None
    quota_class: QuotaClass = "standard"
    codes_as_of: date | None = Field(
        default=None, description="The day of the code list that its unit codes are from; null: the day of each event"
    )


class SigningKeyV1(Contract):
    """A public key (JWK, RFC 8037) with which access tokens are verified."""

    kid: Text
    revision: Revision
    jwk: dict[str, str]
    retired: bool = False
