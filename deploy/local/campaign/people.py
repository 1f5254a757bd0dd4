"""The people and households of the campaign, and what they say of themselves; nobody here is real."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random

from deploy.local.campaign.sends import Json, Team

__all__ = [
    "HANOI",
    "Household",
    "Neighbourhood",
    "People",
    "Person",
    "consent",
    "references",
    "uuid7",
    "write_phone",
]

HANOI = timezone(timedelta(hours=7))
HOUSEHOLDS_OF_A_TEAM = 14
MOBILE_PREFIXES = ("33", "35", "70", "86", "88", "90", "91", "93", "94", "96", "97", "98")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is helped; `phone` is without its leading 0, `ref` is what the own team calls them."""

    national_id: str
    phone: str | None
    ref: str


@dataclass(frozen=True, slots=True)
class Household:
    """A household as its team numbers it; some run a business."""

    ref: str
    members: tuple[Person, ...]
    business: bool


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Where one team works."""

    team: Team
    households: tuple[Household, ...]

    @property
    def people(self) -> tuple[Person, ...]:
        """All who live there."""
        return tuple(person for household in self.households for person in household.members)


class People:
    """Makes people whose national ids and phones are all different."""

    def __init__(self, rng: Random) -> None:
        """Draw from this generator."""
        self._rng = rng
        self._taken: set[str] = set()

    def person(self, ref: str) -> Person:
        """Make an adult; one in twelve has no phone."""
        phone = self._unused(self._phone) if self._rng.random() > 1 / 12 else None
        return Person(self._unused(self._national_id), phone, ref)

    def neighbourhood(self, team: Team) -> Neighbourhood:
        """Make a team's households; different teams use the same numbers for different people."""
        households: list[Household] = []
        number = 0
        for index in range(1, HOUSEHOLDS_OF_A_TEAM + 1):
            size = self._rng.choice((1, 2, 2, 3))
            members = tuple(self.person(f"P{number + n:03d}") for n in range(1, size + 1))
            households.append(Household(f"H{index:03d}", members, business=index % 4 == 0))
            number += size
        return Neighbourhood(team, tuple(households))

    def _unused(self, draw: Callable[[], str]) -> str:
        while (value := draw()) in self._taken:
            pass
        self._taken.add(value)
        return value

    def _phone(self) -> str:
        return self._rng.choice(MOBILE_PREFIXES) + f"{self._rng.randrange(10**7):07d}"

    def _national_id(self) -> str:
        year = self._rng.randint(1945, 2006)
        century_and_gender = 2 * (year // 100 - 19) + self._rng.randrange(2)
        return f"087{century_and_gender}{year % 100:02d}{self._rng.randrange(10**6):06d}"


def write_phone(phone: str, rng: Random) -> str:
    """Write a phone number in one of the ways in which people do."""
    spaced = f"{phone[:2]} {phone[2:5]} {phone[5:]}"
    forms = (f"0{phone}", f"0{phone}", f"0{spaced}", f"+84 {spaced}", f"+84{phone}", f"84{phone}")
    return rng.choice(forms)


def references(person: Person, at_home: bool, rng: Random) -> Json:
    """Choose what is noted of a person this time: not always the same, so one may count as two."""
    draw = rng.random()
    if person.phone is None:
        return {"national_id": person.national_id} if draw < 0.8 or not at_home else {"ref": person.ref}
    phone = write_phone(person.phone, rng)
    if draw < 0.45:
        return {"national_id": person.national_id, "phone": phone}
    if draw < 0.60:
        return {"national_id": person.national_id}
    if draw < 0.86 or not at_home:
        return {"phone": phone}
    return {"phone": phone, "ref": person.ref} if draw < 0.92 else {"ref": person.ref}


def consent(at: datetime, text: str = "v1", how: str = "oral") -> Json:
    """Say under which text a person agreed, minutes before `at`."""
    return {"text": text, "at": (at - timedelta(minutes=5)).isoformat(), "how": how}


def uuid7(at: datetime, rng: Random) -> str:
    """Make an id shaped like a UUIDv7 of that moment, from the generator."""
    value = int(at.timestamp() * 1000) << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
