"""Events of teams, members, rosters, waves and models, and these read back; nothing in them says who a member is."""

from typing import Any, TypeVar

import msgspec

from libs.contracts.model import Contract
from libs.contracts.network import AppointmentV1, MembershipV1, MemberV1, ModelV1, PostV1, RosterV1, TrainingV1, WaveV1
from libs.contracts.registry import TeamV1
from services.registry.domain.members import Appointment, Member, Membership, Post, Training
from services.registry.domain.rosters import Model, Roster, Wave
from services.registry.domain.teams import Team
from services.registry.events.record import contract_of

__all__ = ["member_of", "model_of", "roster_of", "team_of", "wave_of"]

C = TypeVar("C", bound=Contract)
T = TypeVar("T")


def _told(record: object, contract: type[C], id_name: str, revision: int) -> C:
    """Make a contract whose fields have the names of the record's."""
    values: dict[str, Any] = msgspec.to_builtins(record)
    values |= {id_name: values.pop("record_id"), "revision": revision}
    return contract.model_validate_json(msgspec.json.encode(values))


def _read(body: bytes, kind: type[T], id_name: str) -> T:
    values: dict[str, Any] = msgspec.json.decode(body)
    return msgspec.convert({**values, "record_id": values[id_name]}, kind)


@contract_of.register
def _team(team: Team, revision: int) -> Contract:
    return _told(team, TeamV1, "team_id", revision)


@contract_of.register
def _roster(roster: Roster, revision: int) -> Contract:
    return _told(roster, RosterV1, "roster_id", revision)


@contract_of.register
def _wave(wave: Wave, revision: int) -> Contract:
    return _told(wave, WaveV1, "wave_id", revision)


@contract_of.register
def _model(model: Model, revision: int) -> Contract:
    return _told(model, ModelV1, "model_id", revision)


@contract_of.register
def _member(member: Member, revision: int) -> Contract:
    return MemberV1(
        member_id=member.record_id,
        revision=revision,
        memberships=[
            MembershipV1(team_id=each.team_id, role=each.role, joined_on=each.joined_on, left_on=each.left_on)
            for each in member.memberships
        ],
        affiliations=list(member.affiliations),
        posts=[PostV1.model_validate({"post": each.post, "from": each.begin, "to": each.end}) for each in member.posts],
        appointments=[
            AppointmentV1.model_validate(
                {"kind": each.kind, "unit_id": each.unit_id, "from": each.begin, "to": each.end}
            )
            for each in member.appointments
        ],
        trainings=[TrainingV1(course=each.course, completed_on=each.completed_on) for each in member.trainings],
        erased=member.erased,
    )


def team_of(body: bytes) -> Team:
    """Read a team's state back."""
    return _read(body, Team, "team_id")


def roster_of(body: bytes) -> Roster:
    """Read a roster's state back."""
    return _read(body, Roster, "roster_id")


def wave_of(body: bytes) -> Wave:
    """Read a wave's state back."""
    return _read(body, Wave, "wave_id")


def model_of(body: bytes) -> Model:
    """Read a model's state back."""
    return _read(body, Model, "model_id")


def member_of(body: bytes) -> Member:
    """Read a member's state back."""
    told = MemberV1.model_validate_json(body)
    return Member(
        record_id=told.member_id,
        memberships=tuple(
            Membership(each.team_id, each.role, each.joined_on, each.left_on) for each in told.memberships
        ),
        affiliations=tuple(told.affiliations),
        posts=tuple(Post(each.post, each.from_, each.to) for each in told.posts),
        appointments=tuple(Appointment(each.kind, each.unit_id, each.from_, each.to) for each in told.appointments),
        trainings=tuple(Training(each.course, each.completed_on) for each in told.trainings),
        erased=told.erased,
    )
