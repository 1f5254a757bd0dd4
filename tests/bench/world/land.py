"""The province of the world, Đồng Tháp since July 2025: communes, hamlets, teams, as the registry tells of them."""

import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from uuid import UUID

import numpy as np

from deploy.local.system import ROOT
from libs.common.auth import Guard
from libs.common.events import message_of, position_message
from libs.common.kafka import Message, TopicSpec, identify, make_topics, open_producer
from libs.common.log import Announced, Position
from libs.contracts.model import Contract
from libs.contracts.registry import ClientV1, SigningKeyV1, UnitV1
from libs.contracts.topics import CATALOGUE, CLIENTS, RECORDS, TEAMS, TOPICS, UNITS, type_of
from services.registry.domain import catalogue
from services.registry.domain.clients import build_partners
from services.registry.domain.ids import record_id
from services.registry.domain.map_files import build_map
from services.registry.domain.teams import Team
from services.registry.domain.units import Level, Unit
from services.registry.events import Event, Record, event_of
from tests.support.callers import Issuer

__all__ = ["PROVINCE_CODE", "READER", "TEAMS_COUNT", "Land", "Registry", "the_land"]

PROVINCE_CODE = "82"
TEAMS_COUNT = 3000
READER, TOKEN_SECONDS = "bench-portal", 60
REGISTRY_TOPICS = [topic for topic in TOPICS if topic.owner == "registry"]
LATE_RANK = 60  # Teams' work falls with their rank as 1 / (rank + this): a tenth of them do 45 % of it.
DATA = ROOT / "data"


@dataclass(frozen=True)
class Land:
    """Where work is done and by whom; a team's number is its place in `teams`.

    Each commune has a team of its own level; all others work in a hamlet (ấp, khóm), which has no national code.
    """

    province: Unit
    units: Sequence[Unit]
    communes: Sequence[Unit]
    hamlets: Sequence[UnitV1]
    teams: Sequence[Team]
    commune_of: Sequence[Unit]
    weights: np.ndarray
    partners: Sequence[UUID]


@cache
def the_land() -> Land:
    """Make the land from the reference data; the same every time."""
    units = build_map(*((name, (DATA / name).read_bytes()) for name in ("admin_units.csv", "admin_lineage.csv")))
    province = next(u for u in units if u.level == "province" and u.code == PROVINCE_CODE and u.valid_to is None)
    communes = [u for u in units if u.level == "commune" and u.valid_to is None and u.parent_id == province.record_id]
    hamlets: list[UnitV1] = []
    teams: list[Team] = []
    commune_of: list[Unit] = []
    for number in range(TEAMS_COUNT):
        commune = communes[number % len(communes)]
        within = commune.record_id
        if number >= len(communes):
            hamlets.append(_hamlet(commune, number // len(communes)))
            within = hamlets[-1].unit_id
        teams.append(_team(number, within, at_commune=number < len(communes)))
        commune_of.append(commune)
    ranks = np.random.default_rng(TEAMS_COUNT).permutation(TEAMS_COUNT)
    weights = 1 / (ranks + LATE_RANK)
    partners = [p.partner_id for p in build_partners("partners.toml", (DATA / "partners.toml").read_bytes())]
    return Land(province, units, communes, hamlets, teams, commune_of, weights / weights.sum(), partners)


def _hamlet(commune: Unit, number: int) -> UnitV1:
    kind = "khom" if commune.type == "phuong" else "ap"
    name = f"{'Khóm' if kind == 'khom' else 'Ấp'} {number}"
    unit_id = record_id("unit", "subcommune", commune.code, str(number))
    return UnitV1(
        unit_id=unit_id,
        revision=1,
        code=None,
        level="subcommune",
        type=kind,
        name=name,
        short_name=name,
        valid_from=commune.valid_from,
        valid_to=None,
        parent_id=commune.record_id,
        path=[*commune.path, unit_id],
        within=[unit_id, *commune.within],
    )


def _team(number: int, unit_id: UUID, *, at_commune: bool) -> Team:
    code = f"DT-{number:04}"
    name = f"Tổ công nghệ số cộng đồng {number}"
    level: Level = "commune" if at_commune else "subcommune"
    return Team(record_id("team", code), code, name, "community_digital_team", level, None, unit_id, None, None)


class _Told(Guard):
    """A guard that only notes what it is told, to be told to others."""

    def __init__(self) -> None:
        super().__init__("tungnha")
        self.told: list[tuple[type[Contract], bytes]] = []

    def client_changed(self, state: bytes, _: Position) -> None:
        self.told.append((ClientV1, state))

    def key_changed(self, state: bytes, _: Position) -> None:
        self.told.append((SigningKeyV1, state))


@dataclass
class Registry:
    """Stands in for the registry: its topics, filled with the land and one client that may read exact numbers."""

    _guard: _Told = field(default_factory=_Told)
    _headers: dict[str, str] = field(default_factory=dict)
    _signed_at: float = -math.inf
    _bootstrap: str = ""

    def __post_init__(self) -> None:
        self._issuer = Issuer(self._guard)
        self._issuer.client(READER, scopes=["metrics:read", "metrics:exact"])

    def headers(self) -> dict[str, str]:
        """Give the header with a token, used for a minute as a portal would."""
        if time.monotonic() - self._signed_at > TOKEN_SECONDS:
            self._headers, self._signed_at = self._issuer.headers(READER), time.monotonic()
        return self._headers

    async def tell(self, bootstrap: str) -> None:
        """Make all topics and send everything there is to know, then that it was everything."""
        land, self._bootstrap = the_land(), bootstrap
        read = catalogue.build(*((name, (DATA / name).read_bytes()) for name in ("catalogue.toml", "indicators.toml")))
        named: list[Record] = [*read.topics, *read.measures, *read.platforms, *read.indicators]
        states: dict[TopicSpec, list[Event]] = {
            UNITS: [*(event_of(unit, 1) for unit in land.units), *map(_unit_event, land.hamlets)],
            TEAMS: [event_of(team, 1) for team in land.teams],
            CATALOGUE: [event_of(each, 1) for each in named],
            CLIENTS: [Event(uuid.uuid4(), 1, type_of(kind), state) for kind, state in self._guard.told],
        }
        # What nobody here tells of has its topic all the same, on which the registry says that this was all.
        states |= {topic: [] for topic in REGISTRY_TOPICS if topic not in states}
        await make_topics(bootstrap, [*states, RECORDS])
        await identify(bootstrap, [topic.name for topic in states])
        seq = count(1)
        async with open_producer(bootstrap, timeout_seconds=30) as producer:
            for topic, events in states.items():
                messages = [_message(event, next(seq)) for event in events]
                end = position_message("registry", Position(1, 1, next(seq)), caught_up=True)
                await producer.send({(topic.name, 0): [*messages, end]})

    async def tell_reform(self, states: Sequence[Unit]) -> None:
        """Send the states of units that one transaction of the registry writes, then that it was everything."""
        known = {unit.record_id for unit in the_land().units} | {hamlet.unit_id for hamlet in the_land().hamlets}
        events = [event_of(unit, 2 if unit.record_id in known else 1) for unit in states]
        messages = [_message(event, seq, xid=2) for seq, event in enumerate(events, start=1)]
        end = position_message("registry", Position(1, 2, len(messages)), caught_up=True)
        async with open_producer(self._bootstrap, timeout_seconds=30) as producer:
            await producer.send({(UNITS.name, 0): messages})
            await producer.send({(topic.name, 0): [end] for topic in REGISTRY_TOPICS})


def _unit_event(unit: UnitV1) -> Event:
    return Event(unit.unit_id, 1, type_of(UnitV1), unit.model_dump_json().encode())


def _message(event: Event, seq: int, xid: int = 1) -> Message:
    at = Position(1, xid, seq)
    return message_of(
        Announced(event.record_id, 1, 0, at, event.type, event.record_id, "", time.time(), event.body), "registry"
    )
