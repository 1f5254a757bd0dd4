"""Teams, members and denominators: a batch is read and taken in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from libs.common.consume import Handled
from libs.common.db import Connection
from libs.common.inbox import Unprocessable
from libs.common.kafka import Incoming
from libs.common.reason import reason_of
from libs.contracts.network import MemberV1
from libs.contracts.reference import DenominatorV1
from libs.contracts.registry import TeamV1
from libs.contracts.topics import type_of
from services.metrics.domain.facts import MAX_INTEGER
from services.metrics.domain.map import LEVELS
from services.metrics.domain.network.states import (
    TYPES,
    DeclaredDenominator,
    MemberState,
    TeamState,
    merged,
    spell_of,
)
from services.metrics.use_cases.network.taking import take

__all__ = ["handle_network"]

TEAM, MEMBER, DENOMINATOR = type_of(TeamV1), type_of(MemberV1), type_of(DenominatorV1)
MAX_VALUE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A batch's states, and what could not be read."""

    teams: list[TeamState] = field(default_factory=list)
    members: list[MemberState] = field(default_factory=list)
    denominators: list[DeclaredDenominator] = field(default_factory=list)
    dead: list[Unprocessable] = field(default_factory=list)

    def take(self, message: Incoming) -> None:
        """Read a message if its type is known here; raises ValueError if it does not validate."""
        type_, body = message.type, message.value
        if type_ == TEAM:
            self.teams.append(_team(TeamV1.model_validate_json(body, extra="ignore")))
        elif type_ == MEMBER:
            self.members.append(_member(MemberV1.model_validate_json(body, extra="ignore")))
        elif type_ == DENOMINATOR:
            self.denominators.append(_denominator(DenominatorV1.model_validate_json(body, extra="ignore")))

    @property
    def states(self) -> int:
        return len(self.teams) + len(self.members) + len(self.denominators)


async def handle_network(connection: Connection, messages: Sequence[Incoming]) -> Handled:
    """Take a batch in the transaction that moves its offset."""
    decoded = _Decoded()
    for message in messages:
        try:
            decoded.take(message)
        except ValueError as error:
            decoded.dead.append(Unprocessable(message, reason_of(error)))
    await take(connection, decoded.teams, decoded.members, decoded.denominators)
    return Handled(decoded.states, decoded.dead)


def _team(told: TeamV1) -> TeamState:
    # Whichever comes first: on the day on which others take over it is not counted beside them.
    ends = [change.on for change in told.changes if change.kind in ("dissolved", "succeeded")]
    if told.dissolved_on is not None:
        ends.append(told.dissolved_on)
    return TeamState(
        told.team_id,
        _revision(told.revision),
        told.unit_id,
        LEVELS.index(told.level),
        TYPES.index(told.type),
        told.code,
        told.name,
        spell_of(told.established_on, min(ends, default=None)),
    )


def _member(told: MemberV1) -> MemberState:
    trainings: set[tuple[date, str]] = {(training.completed_on, training.course) for training in told.trainings}
    return MemberState(
        told.member_id,
        _revision(told.revision),
        merged(
            (membership.team_id, spell_of(membership.joined_on, membership.left_on)) for membership in told.memberships
        ),
        merged((post.post, spell_of(post.from_, post.to)) for post in told.posts),
        merged(((each.kind, each.unit_id), spell_of(each.from_, each.to)) for each in told.appointments),
        sorted(trainings),
    )


def _denominator(told: DenominatorV1) -> DeclaredDenominator:
    if told.value > MAX_VALUE:
        raise ValueError(f"value is larger than {MAX_VALUE}")
    return DeclaredDenominator(
        told.denominator_id,
        _revision(told.revision),
        told.unit_id,
        told.base,
        told.min_age,
        told.max_age,
        told.on,
        told.value,
        told.source,
    )


def _revision(value: int) -> int:
    if value > MAX_INTEGER:
        raise ValueError(f"revision is larger than {MAX_INTEGER}")
    return value
