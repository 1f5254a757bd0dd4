"""Where there is no team, and which teams are too small."""

from dataclasses import dataclass
from datetime import date

from libs.common.db import Connection
from libs.contracts.network_api import GapsAnswer, GapsContract, GapUnit, SmallTeam
from services.metrics.domain.network.gaps import Mark, page_of
from services.metrics.domain.network.states import COMMUNITY
from services.metrics.domain.picture import Picture
from services.metrics.store.network import counts as store
from services.metrics.use_cases.network.asking import Asking, Moment, placed_of, unit_ref, within_of
from services.metrics.use_cases.network.telling import gaps_contract

__all__ = ["GapsAsked", "list_gaps"]


@dataclass(frozen=True, slots=True)
class GapsAsked:
    """Which list is asked for, and which page of it."""

    kind: str
    level: str | None
    on: date
    boundaries: str
    minimum: int
    after: Mark | None
    limit: int


async def list_gaps(
    connection: Connection, asked: GapsAsked, asking: Asking, picture: Picture, moment: Moment
) -> tuple[GapsAnswer, Mark | None]:
    """Give a page, whose `next` is still to be written, and the mark of the next one."""
    listed = _undersized if asked.kind == "undersized" else _without_team
    answer, more = await listed(connection, asked, asking, picture, moment)
    return answer, more


async def _without_team(
    connection: Connection, asked: GapsAsked, asking: Asking, picture: Picture, moment: Moment
) -> tuple[GapsAnswer, Mark | None]:
    level = asked.level or "commune"
    layout = asking.layout
    of_level = layout.at_level(level, asking.scope)
    teams = store.Asked(asked.on, None, [level], [COMMUNITY])
    found = await store.covered(connection, teams, [level], await placed_of(connection, asking, moment))
    covered = {layout.units[number] for _, numbers in found for number in numbers}
    units = [unit for unit in map(picture.units.get, of_level - covered) if unit is not None]
    page, more, count = page_of(((unit.name, unit.unit_id, unit) for unit in units), asked.after, asked.limit)
    listed = [
        GapUnit(unit=ref, within=within_of(picture, unit.unit_id))
        for unit in page
        if (ref := unit_ref(picture, unit.unit_id)) is not None
    ]
    contract = _contract(asked, asking, picture, moment)
    answer = GapsAnswer(
        kind="without_team",
        level="subcommune" if level == "subcommune" else "commune",
        count=count,
        of=len(of_level),
        units=listed,
        next=None,
        contract=contract,
    )
    return answer, more


async def _undersized(
    connection: Connection, asked: GapsAsked, asking: Asking, picture: Picture, moment: Moment
) -> tuple[GapsAnswer, Mark | None]:
    units = None if asking.scope is None else (await placed_of(connection, asking, moment)).units
    teams = store.Asked(asked.on, units, [asked.level] if asked.level else [], [COMMUNITY])
    small = await store.small_teams(connection, teams, asked.minimum)
    page, more, count = page_of(((team.name, team.team_id, team) for team in small), asked.after, asked.limit)
    found = [
        SmallTeam.model_validate(
            {
                "team_id": team.team_id,
                "code": team.code,
                "name": team.name,
                "level": team.level,
                "members": team.members,
                "unit": unit_ref(picture, team.unit_id),
                "within": within_of(picture, team.unit_id),
            }
        )
        for team in page
    ]
    answer = GapsAnswer.model_validate(
        {
            "kind": "undersized",
            "level": asked.level,
            "count": count,
            "of": await store.count_teams(connection, teams),
            "teams": found,
            "next": None,
            "contract": _contract(asked, asking, picture, moment),
        }
    )
    return answer, more


def _contract(asked: GapsAsked, asking: Asking, picture: Picture, moment: Moment) -> GapsContract:
    return gaps_contract(asking, picture, moment, on=asked.on, boundaries=asked.boundaries, minimum=asked.minimum)
