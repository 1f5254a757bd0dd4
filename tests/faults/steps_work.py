"""What clients send while processes die: rounds of batches, reports, corrections, voids, and requests that fail."""

import json
import random
import uuid
from dataclasses import dataclass
from typing import Any

from tests.support.http import Answer
from tests.support.visits import Visits, a_line, a_report, a_visit

__all__ = ["Request", "disagreement", "rounds", "send"]

ROUNDS = 6
UNKNOWN_TEAM = str(uuid.UUID(int=91, version=4))


@dataclass(frozen=True)
class Request:
    """A request, which is sent again as it is until it is answered; `status` is what the answer must be."""

    client: str
    path: str
    body: bytes
    status: int = 200


def rounds(seed: int) -> list[list[Request]]:
    """Make some rounds of requests, the same for the same seed; a round changes records of the one before."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    made: list[list[Request]] = []
    before: list[dict[str, Any]] = []
    for number in range(ROUNDS):
        visits = [_visit(chance, team) for team in ("SD-01", "SD-02", chance.choice(["SD-01", UNKNOWN_TEAM]))]
        reports = [_report(chance) for _ in range(2)]
        synced = {"device": "m-1", "synced_through": f"2025-05-{number + 10}T08:00:00+07:00"}
        batch = _batch("app", "visits:batch", visits, synced)
        broken = [_visit(chance, "SD-01"), _visit(chance, "SD-01", lines=[])]
        made.append(
            [
                batch,
                _batch("bank", "partner-reports:batch", reports, synced),
                batch,
                *[_change(chance, row, position) for position, row in enumerate(before)],
                _batch("app", "visits:batch?mode=validate", [_visit(chance, "SD-01")]),
                _batch("app", "visits:batch?atomic=true", broken, status=409),
            ]
        )
        before = [*visits[:2], *reports]
    return made


def _batch(
    client: str, path: str, rows: list[dict[str, Any]], synced: dict[str, str] | None = None, *, status: int = 200
) -> Request:
    return _request(client, path, {"batch_id": rows[0]["id"], "rows": rows, **(synced or {})}, status)


def _change(chance: random.Random, row: dict[str, Any], position: int) -> Request:
    """Void every other record, give the rest new content."""
    client, kind, fresh = ("app", "visits", _visit(chance, "")) if "team" in row else ("bank", "partner-reports", None)
    body = {"id": _id(chance), "replaces": 1}
    if position % 2:
        return _request(client, f"{kind}/{row['id']}:void", body)
    content = fresh or _report(chance)
    kept = {name: value for name, value in content.items() if name not in ("id", "team")}
    return _request(client, f"{kind}/{row['id']}:correct", {**kept, **body})


def _request(client: str, path: str, body: dict[str, Any], status: int = 200) -> Request:
    return Request(client, f"/v1/{path}", json.dumps(body, ensure_ascii=False).encode(), status)


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _visit(chance: random.Random, team: str, **changes: Any) -> dict[str, Any]:
    lines = [a_line(n, person={"phone": f"09123000{chance.randrange(6):02}"}) for n in (1, 2)]
    lines.append(a_line(3, quantity=chance.randint(1, 3)))
    home = {"ref": f"H{chance.randrange(4)}"}
    return a_visit(**{"id": _id(chance), "team": team, "household": home, "lines": lines, **changes})


def _report(chance: random.Random) -> dict[str, Any]:
    return a_report(id=_id(chance), person={"phone": f"09123000{chance.randrange(6):02}"})


async def send(visits: Visits, request: Request) -> Answer:
    """Send a request and give its answer; another status than the one it must have fails, or a row that is rejected."""
    answer = await visits.post(request.path, request.body, client=request.client)
    if answer.status != request.status or (answer.status == 200 and b'"status":"rejected"' in answer.body):
        raise AssertionError(f"{request.path}: {answer.status} {answer.body.decode()}")
    return answer


def disagreement(request: Request, told: Any, again: Any) -> str:
    """Say how the answer to a request that is sent again contradicts the first; empty where it does not."""
    if request.status != 200 or "mode=validate" in request.path:
        return ""
    before, after = told.get("rows", [told]), again.get("rows", [again])
    for old, new in zip(before, after, strict=True):
        if old["status"] == "rejected" or new["status"] not in ("duplicate", "held"):
            return f"{request.path}: {old} became {new}"
        if any(old[name] != new[name] for name in ("id", "record", "revision", "position", "received_at")):
            return f"{request.path}: {old} became {new}"
    return ""
