"""The table of topics: who owns each, what it carries, how it is partitioned and kept."""

from dataclasses import dataclass

from libs.contracts.model import Contract
from libs.contracts.network import MemberV1, ModelV1, RosterV1, WaveV1
from libs.contracts.records import PositionV1, ProgressV1, RecordV1
from libs.contracts.reference import DenominatorV1, IndicatorV1, TargetV1
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, SigningKeyV1, TeamV1, TopicV1, UnitV1

__all__ = [
    "CATALOGUE",
    "CLIENTS",
    "DENOMINATORS",
    "EVENT_TYPES",
    "MEMBERS",
    "RECORDS",
    "TARGETS",
    "TEAMS",
    "TOPICS",
    "UNITS",
    "WAVES",
    "Topic",
    "type_of",
]

DAY_MS = 24 * 3600 * 1000

EVENT_TYPES: dict[str, type[Contract]] = {
    "tungnha.registry.unit.v1": UnitV1,
    "tungnha.registry.team.v1": TeamV1,
    "tungnha.registry.member.v1": MemberV1,
    "tungnha.registry.wave.v1": WaveV1,
    "tungnha.registry.roster.v1": RosterV1,
    "tungnha.registry.model.v1": ModelV1,
    "tungnha.registry.measure.v1": MeasureV1,
    "tungnha.registry.platform.v1": PlatformV1,
    "tungnha.registry.topic.v1": TopicV1,
    "tungnha.registry.indicator.v1": IndicatorV1,
    "tungnha.registry.denominator.v1": DenominatorV1,
    "tungnha.registry.target.v1": TargetV1,
    "tungnha.registry.client.v1": ClientV1,
    "tungnha.registry.signing-key.v1": SigningKeyV1,
    "tungnha.visits.record.v1": RecordV1,
    "tungnha.visits.progress.v1": ProgressV1,
    "tungnha.position.v1": PositionV1,
}
"""Every event type by its CloudEvents `type`."""

_TYPE_OF = {contract: name for name, contract in EVENT_TYPES.items()}


def type_of(contract: type[Contract]) -> str:
    """Give the CloudEvents type of a contract class."""
    return _TYPE_OF[contract]


@dataclass(frozen=True)
class Topic:
    """A compacted topic keyed by the id of the record in its owner's log; `partitions` is fixed for its life."""

    name: str
    owner: str
    readers: tuple[str, ...]
    carries: tuple[type[Contract], ...]
    partitions: int
    segment_ms: int = 6 * 3600 * 1000
    max_compaction_lag_ms: int = DAY_MS

    def config(self) -> dict[str, str]:
        """Give the broker's settings; what was erased leaves the topic within segment + lag."""
        return {
            "cleanup.policy": "compact",
            "segment.ms": str(self.segment_ms),
            "max.compaction.lag.ms": str(self.max_compaction_lag_ms),
            "delete.retention.ms": str(DAY_MS),
        }


_ALL = ("registry", "visits", "metrics", "gateway")

UNITS = Topic("tungnha.registry.units", "registry", ("visits", "metrics"), (UnitV1,), 1)
TEAMS = Topic("tungnha.registry.teams", "registry", ("visits", "metrics"), (TeamV1,), 1)
MEMBERS = Topic("tungnha.registry.members", "registry", ("metrics",), (MemberV1,), 1)
WAVES = Topic("tungnha.registry.waves", "registry", ("visits", "metrics"), (WaveV1, RosterV1, ModelV1), 1)
CATALOGUE = Topic(
    "tungnha.registry.catalogue", "registry", ("visits", "metrics"), (MeasureV1, PlatformV1, TopicV1, IndicatorV1), 1
)
DENOMINATORS = Topic("tungnha.registry.denominators", "registry", ("metrics",), (DenominatorV1,), 1)
TARGETS = Topic("tungnha.registry.targets", "registry", ("metrics",), (TargetV1,), 1)
CLIENTS = Topic("tungnha.registry.clients", "registry", _ALL, (ClientV1, SigningKeyV1), 1)
RECORDS = Topic("tungnha.visits.records", "visits", ("metrics",), (RecordV1, ProgressV1), 4)

TOPICS: tuple[Topic, ...] = (UNITS, TEAMS, MEMBERS, WAVES, CATALOGUE, DENOMINATORS, TARGETS, CLIENTS, RECORDS)
"""Each also carries PositionV1 under the key `position`, one per partition."""
