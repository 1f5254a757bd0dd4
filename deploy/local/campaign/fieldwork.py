"""The teams' visits as they truly were: exact totals by measure, spread over May 2025."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from deploy.local.campaign.people import HANOI, Household, Neighbourhood, Person, consent, references, uuid7
from deploy.local.campaign.sends import Json, Team

__all__ = ["PLATFORMS", "TOTALS", "Fieldwork", "Helped", "Visit"]

TOTALS = {"FLD-07": 1_500, "FLD-08": 1_800, "FLD-10": 400, "FLD-09": 800}
"""Lượt by measure, as the statements of 21 May 2025 have them."""

PLATFORMS = {
    "FLD-07": ("e-dongthap",),
    "FLD-08": ("viettel-money", "vnpt-money", "lienviet24h", "mobile-money"),
    "FLD-09": ("dvc-quoc-gia",),
    "FLD-10": ("voso", "postmart"),
}
PARTNER_PLATFORMS = ("e-dongthap", "vnpt-money", "lienviet24h")
ABOARD_A_BUSINESS = ("FLD-08", "FLD-10")
ABOARD_A_HOME = ("FLD-07", "FLD-08", "FLD-09")
DAYS_OF_MAY = 31


@dataclass(frozen=True, slots=True)
class Helped:
    """Whom a line truly helped, whatever the team noted of them."""

    person: Person
    measure: str
    platform: str
    at: datetime
    commune: str
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A true visit: its row, the device it is on, when it was."""

    team: Team
    device: str
    at: datetime
    row: Json


@dataclass(slots=True)
class Scene:
    """Who is present at a visit, and what has been done there so far."""

    channel: str
    at: datetime
    home: Neighbourhood
    household: Household | None
    present: tuple[Person, ...]
    commune: str
    done: set[tuple[str, str, str]] = field(default_factory=set)


class Fieldwork:
    """Makes visits until the totals are reached to the last lượt."""

    def __init__(self, rng: Random, neighbourhoods: tuple[Neighbourhood, ...]) -> None:
        """Draw from this generator; the neighbourhoods are in the order of the map."""
        self.helped: list[Helped] = []
        self._rng = rng
        self._neighbourhoods = neighbourhoods
        self._left = dict(TOTALS)
        self._receipts = Counter[str]()

    def visits(self) -> list[Visit]:
        """Make all visits; every team makes some."""
        visits: list[Visit] = []
        while any(self._left.values()):
            turn = len(visits)
            index = turn if turn < len(self._neighbourhoods) else self._rng.randrange(len(self._neighbourhoods))
            visits.append(self._visit(index))
        return visits

    def extra_visit(self, index: int, person: Person) -> Visit:
        """Make a visit of two lines beyond the totals, with this person, who is met nowhere else."""
        at = self._moment()
        home = self._neighbourhoods[index]
        row = self._frame(Scene("door_to_door", at, home, home.households[0], (person,), home.team.commune))
        row["lines"] = [
            {"line": 1, "measure": "FLD-07", "platform": "e-dongthap", "quantity": 1},
            {"line": 2, "measure": "FLD-09", "platform": "dvc-quoc-gia", "quantity": 3},
        ]
        row["lines"][0]["person"] = {"national_id": person.national_id}
        row["consent"] = consent(at)
        return Visit(home.team, self._device(home.team), at, row)

    def _visit(self, index: int) -> Visit:
        scene = self._scene(index)
        row = self._frame(scene)
        wanted = self._rng.choices((1, 2, 3, 4, 5), (28, 30, 22, 13, 7))[0]
        lines: list[Json] = []
        for number in range(1, wanted + 1):
            measure = self._measure(scene, number)
            if measure is not None:
                lines.append({"line": number, **self._line(scene, measure)})
        row["lines"] = lines
        if any("person" in line or "receipt" in line for line in lines):
            row["consent"] = consent(scene.at)
        return Visit(scene.home.team, self._device(scene.home.team), scene.at, row)

    def _scene(self, index: int) -> Scene:
        home = self._neighbourhoods[index]
        at = self._moment()
        business = self._rng.random() < self._left["FLD-10"] / sum(self._left.values())
        business = business or self._left["FLD-10"] == sum(self._left.values())
        if business:
            household = self._rng.choice([one for one in home.households if one.business])
            return Scene("door_to_door", at, home, household, household.members, home.team.commune)
        channel = self._rng.choices(("door_to_door", "campaign", "community_meeting"), (72, 17, 11))[0]
        if channel == "door_to_door":
            household = self._rng.choice(home.households)
            return Scene(channel, at, home, household, household.members, home.team.commune)
        near = self._neighbourhoods[(index + self._rng.choice((-1, 1))) % len(self._neighbourhoods)]
        crowd = self._rng.sample(home.people, 4) + self._rng.sample(near.people, 2)
        elsewhere = channel == "campaign" and self._rng.random() < 0.4
        place = near.team.commune if elsewhere else home.team.commune
        return Scene(channel, at, home, None, tuple(crowd), place)

    def _moment(self) -> datetime:
        """Draw a minute of May 2025, by day."""
        day = datetime(2025, 5, 1, 7, 30, tzinfo=HANOI) + timedelta(days=self._rng.randrange(DAYS_OF_MAY))
        return day + timedelta(minutes=self._rng.randrange(12 * 60))

    def _device(self, team: Team) -> str:
        return f"{team.code}-d{self._rng.choice((1, 1, 2))}"

    def _frame(self, scene: Scene) -> Json:
        team = scene.home.team
        row: Json = {"id": uuid7(scene.at, self._rng), "team": team.code, "occurred_at": scene.at.isoformat()}
        if scene.commune != team.commune or self._rng.random() < 0.03:
            row["unit"] = scene.commune
        if scene.household is not None and (scene.household.business or self._rng.random() < 0.9):
            row["household"] = {"ref": scene.household.ref}
        row["recorded_by"] = f"{team.code}-m{self._rng.randint(1, 4)}"
        row["channel"] = scene.channel
        return row

    def _measure(self, scene: Scene, number: int) -> str | None:
        """Choose by what is left to do; a business visit begins with the market place."""
        business = scene.household is not None and scene.household.business
        if business and number == 1 and self._left["FLD-10"]:
            return "FLD-10"
        measures = [one for one in (ABOARD_A_BUSINESS if business else ABOARD_A_HOME) if self._left[one]]
        if not measures and number == 1:
            measures = [one for one in TOTALS if self._left[one]]
        if not measures:
            return None
        return self._rng.choices(measures, [self._left[one] for one in measures])[0]

    def _line(self, scene: Scene, measure: str) -> Json:
        platform = self._rng.choice(PLATFORMS[measure])
        line: Json = {"measure": measure, "platform": platform}
        person = self._rng.choice(scene.present)
        key = (person.national_id, measure, platform)
        anonymous = self._rng.random() < (0.55 if scene.channel == "community_meeting" else 0.2)
        if anonymous or key in scene.done:
            line["quantity"] = self._take(measure, self._rng.choices((1, 2, 3, 4), (55, 20, 15, 10))[0])
            return line
        scene.done.add(key)
        line["quantity"] = self._take(measure, 2 if self._rng.random() < 0.02 else 1)
        receipt = self._receipt(platform)
        self.helped.append(Helped(person, measure, platform, scene.at, scene.commune, receipt))
        if receipt is not None:
            line["receipt"] = receipt
        if receipt is None or self._rng.random() < 0.5:
            line["person"] = references(person, person in scene.home.people, self._rng)
        return line

    def _take(self, measure: str, wanted: int) -> int:
        quantity = min(wanted, self._left[measure])
        self._left[measure] -= quantity
        return quantity

    def _receipt(self, platform: str) -> str | None:
        """Give the partner's receipt code, where the team noted it; every platform counts from 1."""
        if platform not in PARTNER_PLATFORMS or self._rng.random() > 0.12:
            return None
        self._receipts[platform] += 1
        return f"{self._receipts[platform]:06}"
