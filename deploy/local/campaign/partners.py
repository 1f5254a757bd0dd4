"""What a telco and a bank report of May 2025: installs of partly the same people as the teams."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from deploy.local.campaign.fieldwork import Helped
from deploy.local.campaign.people import HANOI, People, Person, consent, uuid7, write_phone
from deploy.local.campaign.sends import Json, Role

__all__ = ["BANK", "TELCO", "Partner", "report_installs"]


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner: what it reports, how it knows people, how many installs of which kind."""

    code: str
    role: Role
    products: tuple[tuple[str, str], ...]
    knows_by: str
    of_teams: int
    of_own: int
    of_nobody: int


TELCO = Partner(
    code="vnpt-dong-thap",
    role="telco",
    products=(("FLD-07", "e-dongthap"), ("FLD-08", "vnpt-money")),
    knows_by="phone",
    of_teams=170,
    of_own=70,
    of_nobody=12,
)
BANK = Partner(
    code="lienviet-dong-thap",
    role="bank",
    products=(("FLD-08", "lienviet24h"),),
    knows_by="national_id",
    of_teams=110,
    of_own=50,
    of_nobody=8,
)


def report_installs(partner: Partner, helped: list[Helped], people: People, rng: Random) -> list[Json]:
    """Make the partner's rows in the order of time."""
    known = [one for one in helped if (one.measure, one.platform) in partner.products and _known(partner, one.person)]
    communes = [one.commune for one in helped]
    installs = rng.sample(known, partner.of_teams)
    for number in range(partner.of_own):
        installs.append(_own(partner, people.person(f"own-{number}"), rng.choice(communes), rng))
    rows = [_row(partner, one, one.person, rng) for one in installs]
    for number in range(partner.of_nobody):
        one = _own(partner, people.person(f"nobody-{number}"), rng.choice(communes), rng)
        rows.append(_row(partner, one, None, rng))
    return sorted(rows, key=lambda row: (row["occurred_at"], row["id"]))


def _known(partner: Partner, person: Person) -> bool:
    return partner.knows_by == "national_id" or person.phone is not None


def _own(partner: Partner, person: Person, commune: str, rng: Random) -> Helped:
    measure, platform = rng.choice(partner.products)
    at = datetime(2025, 5, 1, 9, 0, tzinfo=HANOI) + timedelta(days=rng.randrange(31), minutes=rng.randrange(480))
    return Helped(person, measure, platform, at, commune, receipt=None)


def _row(partner: Partner, install: Helped, person: Person | None, rng: Random) -> Json:
    """Report an install within the hour and a half; one whom the partner cannot know has a receipt only."""
    at = install.at + timedelta(minutes=rng.randint(2, 90))
    row: Json = {
        "id": uuid7(at, rng),
        "unit": install.commune,
        "occurred_at": at.isoformat(),
        "measure": install.measure,
        "platform": install.platform,
    }
    if person is None:
        return row
    receipt = install.receipt
    if receipt is None and rng.random() < 0.5:
        receipt = f"9{rng.getrandbits(40):013}"
    if receipt is not None:
        row["receipt"] = receipt
    if partner.knows_by == "national_id":
        row["person"] = {"national_id": person.national_id}
    elif person.phone is not None:
        row["person"] = {"phone": write_phone(person.phone, rng)}
    if "person" in row or "receipt" in row:
        row["consent"] = consent(at, text=f"{partner.code}-2025", how="app")
    return row
