"""The whole campaign from one seed, the same on every run, with the oddities of the field."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from deploy.local.campaign.fieldwork import PLATFORMS, Fieldwork, Visit
from deploy.local.campaign.partners import BANK, TELCO, Partner, report_installs
from deploy.local.campaign.people import HANOI, Neighbourhood, People, uuid7
from deploy.local.campaign.sends import ON_TIME, Batch, Campaign, Change, Json, Send, Team

__all__ = ["FAST_CLOCK", "ROWS_PER_BATCH", "SEED", "make_campaign"]

SEED = 20250521
ROWS_PER_BATCH = 100
FAST_CLOCK = timedelta(days=2)
END_OF_MAY = datetime(2025, 6, 1, tzinfo=HANOI)


def make_campaign(teams: Sequence[Team], seed: int = SEED) -> Campaign:
    """Make every send of the campaign by these teams and its two partners."""
    rng = Random(seed)  # noqa: S311 a campaign to be made again exactly, not a secret
    people = People(rng)
    neighbourhoods = tuple(people.neighbourhood(team) for team in teams)
    fieldwork = Fieldwork(rng, neighbourhoods)
    visits = fieldwork.visits()
    mistake = fieldwork.extra_visit(len(teams) // 2, people.person("P999"))
    wrong, correction = _mistell(visits, neighbourhoods, rng)
    amends: dict[str, list[Send]] = {
        wrong.device: [correction, _batch([wrong.row], wrong, rng)],
        mistake.device: [_void(mistake, rng), _batch([mistake.row], mistake, rng)],
    }
    lanes = _by_device([*visits, mistake])
    plain = sorted(lanes.keys() - amends.keys())
    fast, empty = plain[len(plain) // 3], plain[len(plain) // 2]
    sends: dict[str, tuple[Send, ...]] = {}
    for device, made in lanes.items():
        seen = [_on_fast_clock(visit) for visit in made] if device == fast else made
        lane = [*_syncs(seen, rng), *amends.get(device, [])]
        lane += [_batch([], made[0], rng)] if device == empty else []
        sends[device] = _say_synced(lane, FAST_CLOCK if device == fast else ON_TIME)
    for partner in (TELCO, BANK):
        rows = report_installs(partner, fieldwork.helped, people, rng)
        sends[partner.code] = _say_synced(_partner_batches(partner, rows, rng), ON_TIME)
    return Campaign(tuple(teams), sends)


def _by_device(visits: list[Visit]) -> dict[str, list[Visit]]:
    lanes: dict[str, list[Visit]] = {}
    for visit in sorted(visits, key=lambda one: (one.device, one.at, one.row["id"])):
        lanes.setdefault(visit.device, []).append(visit)
    return lanes


def _batch(rows: list[Json], of: Visit, rng: Random) -> Batch:
    body = {"batch_id": uuid7(of.at, rng), "device": of.device, "rows": rows}
    if not rows:
        body["reporter"] = of.team.code
    return Batch("app", "team", of.team.code, body)


def _syncs(visits: list[Visit], rng: Random) -> list[Send]:
    """Split a device's visits by the days on which it synced; some sync late, some rows go twice."""
    days = rng.choice((8, 11, 16))
    groups: dict[int, list[Visit]] = {}
    for visit in visits:
        groups.setdefault(visit.at.day // days, []).append(visit)
    order = list(groups.values())
    if len(order) > 2 and rng.random() < 0.25:
        late = order.pop(rng.randrange(2))
        rng.shuffle(late)
        order.append(late)
    sends: list[Send] = []
    sent: list[Json] = []
    for group in order:
        rows = [visit.row for visit in group]
        again = rng.sample(sent, min(len(sent), rng.choice((1, 2)))) if rng.random() < 0.2 else []
        batch = _batch([*again, *rows], group[-1], rng)
        sends += [batch, batch] if rng.random() < 0.06 else [batch]
        sent += rows
    return sends


def _partner_batches(partner: Partner, rows: list[Json], rng: Random) -> list[Send]:
    sends: list[Send] = []
    step = ROWS_PER_BATCH - 5
    for start in range(0, len(rows), step):
        again = rng.sample(rows[:start], 3) if start else []
        at = datetime.fromisoformat(rows[start]["occurred_at"])
        body = {"batch_id": uuid7(at, rng), "device": "core", "rows": again + rows[start : start + step]}
        sends.append(Batch(partner.role, "partner", partner.code, body))
    return sends


def _mistell(visits: list[Visit], neighbourhoods: tuple[Neighbourhood, ...], rng: Random) -> tuple[Visit, Change]:
    """Make one visit wrong in person, platform and quantity of a line; give it and its correction."""
    index, number = next(
        (index, line["line"])
        for index, visit in enumerate(visits)
        for line in visit.row["lines"]
        if _can_be_mistold(visit, line)
    )
    visit = visits[index]
    home = next(one for one in neighbourhoods if one.team == visit.team)
    right = next(line for line in visit.row["lines"] if line["line"] == number)
    elsewhere = next(one for one in home.households if one.ref != visit.row["household"]["ref"])
    other = {"national_id": elsewhere.members[0].national_id}
    platform = next(one for one in PLATFORMS[right["measure"]] if one != right["platform"])
    wrong = right | {"person": other, "platform": platform, "quantity": 2}
    lines = [wrong if line is right else line for line in visit.row["lines"]]
    visits[index] = replace(visit, row=visit.row | {"lines": lines})
    return visits[index], _correction(visit, right, rng)


def _correction(visit: Visit, right: Json, rng: Random) -> Change:
    """Say the truth of one line and keep the people of the others, whom the device has forgotten."""
    lines = [
        line | {"person": {"keep": True}} if "person" in line and line is not right else line
        for line in visit.row["lines"]
    ]
    body = {key: value for key, value in visit.row.items() if key != "id"}
    body |= {
        "id": uuid7(visit.at + timedelta(hours=3), rng),
        "replaces": 1,
        "reason": "nhầm người",
        "lines": lines,
    }
    return Change("app", "correct", visit.row["id"], body)


def _void(visit: Visit, rng: Random) -> Change:
    body = {"id": uuid7(visit.at + timedelta(hours=1), rng), "replaces": 1, "reason": "ghi nhầm"}
    return Change("app", "void", visit.row["id"], body)


def _can_be_mistold(visit: Visit, line: Json) -> bool:
    """Look for one person's line at home, beside other people's, in a visit without receipts."""
    if "household" not in visit.row or line["measure"] != "FLD-08":
        return False
    lines = visit.row["lines"]
    people = sum("person" in one for one in lines)
    receipts = any("receipt" in one for one in lines)
    return line["quantity"] == 1 and "person" in line and people > 1 and not receipts


def _on_fast_clock(visit: Visit) -> Visit:
    """Show a visit as the device noted it, whose clock is two days fast."""
    row = visit.row | {"occurred_at": (visit.at + FAST_CLOCK).isoformat()}
    if "consent" in row:
        agreed = datetime.fromisoformat(row["consent"]["at"])
        row["consent"] = row["consent"] | {"at": (agreed + FAST_CLOCK).isoformat()}
    return replace(visit, row=row)


def _say_synced(lane: list[Send], ahead: timedelta) -> tuple[Send, ...]:
    """Set the lane's clock, and let its last batch say that all of May has been sent."""
    last = max(index for index, send in enumerate(lane) if isinstance(send, Batch))
    told = replace(lane[last], body=lane[last].body | {"synced_through": (END_OF_MAY + ahead).isoformat()})
    return tuple(replace(send, clock_ahead=ahead) for send in [*lane[:last], told, *lane[last + 1 :]])
