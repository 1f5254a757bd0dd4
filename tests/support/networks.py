"""Networks of teams and members made from counts, the same in every run, and told as the registry tells them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from libs.common.consume import Handled
from libs.common.db import Connection, transaction
from libs.common.inbox import Move, move, resume
from libs.common.kafka import Incoming
from libs.common.log import Position
from libs.contracts.model import Contract
from libs.contracts.network import MemberV1
from libs.contracts.reference import DenominatorV1
from libs.contracts.registry import TeamV1
from libs.contracts.topics import DENOMINATORS, MEMBERS, TEAMS, type_of
from services.metrics.consumer import handle_network
from services.metrics.domain.map import Unit
from services.metrics.domain.picture import Picture
from tests.support.http import call
from tests.support.metrics import Metrics, open_metrics
from tests.support.real_map import real_map

__all__ = ["END", "Made", "Network", "a_member", "a_team", "denominator", "named", "open_network", "told_network"]

TOPIC_OF = {TeamV1: TEAMS, MemberV1: MEMBERS, DenominatorV1: DENOMINATORS}
END = Position(1, 900, 1)
BATCH = 2000


def named(*parts: object) -> UUID:
    """Give the id that stands for some words."""
    return uuid5(NAMESPACE_URL, "/".join(map(str, parts)))


def a_team(name: str, unit_id: UUID, level: str = "commune", *, revision: int = 1, **changes: Any) -> TeamV1:
    """A community team, since ever; keywords change it."""
    told = {
        "team_id": named("team", name),
        "revision": revision,
        "code": name,
        "name": f"Tổ {name}",
        "type": "community_digital_team",
        "level": level,
        "unit_id": unit_id,
        **changes,
    }
    return TeamV1.model_validate(told)


def a_member(name: str, *teams: str | dict[str, Any], revision: int = 1, **changes: Any) -> MemberV1:
    """A member of teams, since ever, or as a mapping with `team` says; keywords change it."""
    spells = [{"team": team} if isinstance(team, str) else dict(team) for team in teams]
    memberships = [{"role": "member", "team_id": named("team", spell.pop("team")), **spell} for spell in spells]
    told = {"member_id": named("member", name), "revision": revision, "memberships": memberships, **changes}
    return MemberV1.model_validate(told)


def denominator(name: str, unit_id: UUID, base: str, on: date, value: int, **changes: Any) -> DenominatorV1:
    """A declared denominator; keywords change it."""
    told = {
        "denominator_id": named("denominator", name),
        "revision": 1,
        "unit_id": unit_id,
        "base": base,
        "on": on,
        "value": value,
        "source": "Niên giám thống kê",
        **changes,
    }
    return DenominatorV1.model_validate(told)


def told_network(*states: Contract, offset: int = 0) -> list[Incoming]:
    """Make messages of states."""
    return [
        Incoming(
            TOPIC_OF[type(state)].name,
            0,
            offset + n,
            b"",
            state.model_dump_json(by_alias=True).encode(),
            {"ce_type": type_of(type(state))},
            0,
        )
        for n, state in enumerate(states)
    ]


@dataclass
class Made:
    """Teams and members made of counts; sub-commune units are made beside them."""

    picture: Picture
    teams: list[TeamV1] = field(default_factory=list)
    members: list[MemberV1] = field(default_factory=list)

    def communes(self, province: str, on: date) -> list[Unit]:
        """Give the communes of a province of a day, in the order of their codes."""
        found = self.unit(province, on)
        held = (self.picture.units.get(unit_id) for unit_id in self.picture.units.held_by(found.unit_id))
        communes = (unit for unit in held if unit is not None and unit.level == "commune" and unit.valid_on(on))
        return sorted((unit for unit in communes if unit.path[0] == found.unit_id), key=lambda unit: unit.code or "")

    def unit(self, code: str, on: date) -> Unit:
        """Give the unit with a code on a day."""
        (found,) = (unit for unit in self.picture.units.with_code(code) if unit.valid_on(on))
        return found

    def subcommune(self, commune: Unit, n: int) -> Unit:
        """Make a sub-commune unit."""
        unit_id = named("subcommune", commune.unit_id, n)
        made = Unit(
            unit_id,
            1,
            None,
            "subcommune",
            f"Bản {n}",
            None,
            None,
            (*commune.path, unit_id),
            (unit_id, *commune.within),
        )
        self.picture.units.take(made)
        return made

    def fill(
        self, units: Sequence[Unit], teams: int, members: int, *, type_: str = "community_digital_team", **changes: Any
    ) -> None:
        """Make teams at units in turn, and members of them in turn: each is in one team; keywords change members."""
        first = len(self.teams)
        for n in range(teams):
            unit = units[n % len(units)]
            self.teams.append(a_team(f"{unit.code or unit.unit_id}-{type_}-{n}", unit.unit_id, unit.level, type=type_))
        names = [team.code for team in self.teams[first:]]
        self.members += [a_member(f"{names[0]} {n}", names[n % teams], **changes) for n in range(members)]

    def states(self) -> list[Contract]:
        """Give everything made."""
        return [*self.teams, *self.members]

    def province(self, code: str, on: date, commune: tuple[int, int], subcommune: tuple[int, int] = (0, 0)) -> None:
        """Make a province's teams and members at both levels, one team a unit as far as there are units."""
        communes = self.communes(code, on)
        self.fill(communes, *commune)
        below = [self.subcommune(communes[n % len(communes)], n) for n in range(subcommune[0])]
        if below:
            self.fill(below, *subcommune)


@dataclass
class Network:
    """An application whose database has a network."""

    metrics: Metrics

    async def handle(self, connection: Connection, messages: Sequence[Incoming]) -> Handled:
        """Handle messages as the consumer does, whose transaction has written already."""
        await connection.fetchval("SELECT pg_current_xact_id()")
        return await handle_network(connection, messages)

    async def take(self, *states: Contract) -> Handled:
        """Take states, a batch in a transaction."""
        async with transaction(self.metrics.engine) as connection:
            return await self.handle(connection, told_network(*states))

    async def take_all(self, states: Sequence[Contract]) -> None:
        """Take many states, in batches."""
        for first in range(0, len(states), BATCH):
            await self.take(*states[first : first + BATCH])

    async def get(self, query: str = "", *, client: str = "exact", path: str = "", **headers: str) -> Any:
        """Ask; anything but 200 fails."""
        given = {**self.metrics.issuer.headers(client), **headers}
        answer = await call(self.metrics.app, "GET", f"/v1/network{path}?{query}", headers=given)
        assert answer.status == 200, answer.body
        return answer.json

    async def refused(self, query: str, *, client: str = "exact", path: str = "") -> Any:
        """Ask what cannot be answered; gives the status and the code."""
        headers = self.metrics.issuer.headers(client)
        answer = await call(self.metrics.app, "GET", f"/v1/network{path}?{query}", headers=headers)
        return answer.status, answer.json["code"]

    async def values(self, query: str = "", **options: Any) -> dict[str, Any]:
        """Give the values of the total."""
        return _values((await self.get(query, **options))["total"])

    async def rows(self, query: str, **options: Any) -> dict[str | None, dict[str, Any]]:
        """Give the values of the rows by their unit's code or name, or else by their group."""
        rows = (await self.get(query, **options))["rows"]
        return {_name(row): _values(row) for row in rows}


def _values(row: Any) -> dict[str, Any]:
    return {code: figure["value"] for code, figure in row["figures"].items()}


def _name(row: Any) -> str | None:
    if row["unit"]:
        name: str = row["unit"]["code"] or row["unit"]["name"]
        return f"({name})" if row["unallocated"] else name
    values: list[str | None] = list(row["group"].values())
    return values[0]


@asynccontextmanager
async def open_network(url: str, picture: Picture | None = None) -> AsyncIterator[Network]:
    """Open the application over a migrated database, on the real map unless told otherwise."""
    if picture is None:
        picture = Picture(units=real_map())
        picture.moved((1, 5, 5), map_changed=True)
    async with open_metrics(url, picture=picture) as metrics:
        async with transaction(metrics.engine) as connection:
            places = dict.fromkeys([(topic.name, 0) for topic in TOPIC_OF.values()], 0)
            await resume(connection, "here", places)
            await move(connection, {place: Move(0, 0, END) for place in places})
        yield Network(metrics)
