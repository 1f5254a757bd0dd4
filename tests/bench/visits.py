"""Batches of visits as a volunteers' application sends them, made before the clock runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from deploy.local.campaign.people import HANOI, uuid7
from deploy.local.campaign.sends import Team, load_teams
from deploy.local.system import ROOT

__all__ = ["FACTS_A_VISIT", "MONTH", "Batch", "batches"]

MONTH = ("2025-05-01", "2025-05-31")
"""When all of these visits were."""

FACTS_A_VISIT = 3
VISIT = (
    '{"id":"%(id)s","team":"%(team)s","occurred_at":"%(at)s","household":{"ref":"%(team)s-h-%(home)04d"},'
    '"recorded_by":"%(team)s-m%(member)d","channel":"door_to_door",'
    '"consent":{"text":"v1","at":"%(agreed)s","how":"oral"},"lines":['
    '{"line":1,"measure":"FLD-07","platform":"e-dongthap","quantity":1,"person":{"national_id":"%(national_id)s"}},'
    '{"line":2,"measure":"FLD-08","platform":"vnpt-money","quantity":1,"person":{"national_id":"%(national_id)s"}},'
    '{"line":3,"measure":"FLD-09","platform":"dvc-quoc-gia","quantity":1,"person":{"phone":"%(phone)s"}}]}'
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The body of one request, but for the moment of sending; and the ids of its visits, in order."""

    before: bytes
    after: bytes
    ids: tuple[str, ...]

    def body(self) -> bytes:
        """Give the body, sent now by the device's clock, which is right."""
        return b"".join((self.before, datetime.now(UTC).isoformat(timespec="microseconds").encode(), self.after))


def batches(seed: int, size: int, count: int) -> Iterator[Batch]:
    """Make batches of visits of three lines, two with a national id and one with a phone; a seed is used once.

    Each is of one team of the reference data and one day of May 2025.
    """
    chance = Random(seed)  # noqa: S311  for the same visits in every run, not for secrets
    teams = load_teams(ROOT / "data" / "teams_sa_dec.csv")
    for _ in range(count):
        yield _batch(chance, chance.choice(teams), size)


def _batch(chance: Random, team: Team, size: int) -> Batch:
    day = datetime(2025, 5, 1, 7, 30, tzinfo=HANOI) + timedelta(days=chance.randrange(31))
    ids: list[str] = []
    rows: list[str] = []
    for _ in range(size):
        at = day + timedelta(seconds=chance.randrange(12 * 3600))
        ids.append(uuid7(at, chance))
        rows.append(VISIT % _fields(chance, team, at, ids[-1]))
    before = f'{{"batch_id":"{uuid7(day, chance)}","device":"{team.code}-d1","sent_at":"'
    return Batch(before.encode(), f'","rows":[{",".join(rows)}]}}'.encode(), tuple(ids))


def _fields(chance: Random, team: Team, at: datetime, record_id: str) -> dict[str, str | int]:
    born = chance.randint(1945, 2006)
    return {
        "id": record_id,
        "team": team.code,
        "at": at.isoformat(),
        "agreed": (at - timedelta(minutes=5)).isoformat(),
        "home": chance.randrange(2000),
        "member": chance.randint(1, 4),
        "national_id": f"087{2 * (born // 100 - 19) + chance.randrange(2)}{born % 100:02}{chance.randrange(10**6):06}",
        "phone": f"09{chance.randrange(10**8):08}",
    }
