"""P7: a portal's start page through the gateway, while rows arrive, beside a bare route with the same bytes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import aiohttp

from deploy.local.campaign.caller import Caller, open_caller
from deploy.local.campaign.replay import replay
from deploy.local.campaign.sends import Json, Role, load_teams
from deploy.local.campaign.world import make_campaign
from deploy.local.child import run_to_end
from deploy.local.ports import free_port
from deploy.local.supervisor import Service, Supervisor
from deploy.local.system import ROOT, System, open_system
from tests.bench.bench import CACHE, Bench
from tests.bench.cpu import cpu_seconds, tree
from tests.bench.figures import Figure
from tests.bench.rounds import interleaved, ratios
from tests.support.visits import a_line, a_visit

__all__ = ["run"]

TEAMS = ROOT / "data" / "teams_sa_dec.csv"
SECONDS = 3.0
CONNECTIONS = 8
ROWS_A_SECOND = 50
MEASURES = ("FLD-07", "FLD-08", "FLD-09", "FLD-10")
MAY = "from=2025-05-01&to=2025-05-31"
HALF_YEAR = "from=2025-01-01&to=2025-06-30"
QUESTIONS = [
    *(f"measures={measure}&{MAY}&answers=luot,nguoi,unknown" for measure in MEASURES),
    *(f"measures={measure}&{MAY}&group_by=unit:commune" for measure in MEASURES),
    *(f"measures={measure}&{HALF_YEAR}&group_by=time:month" for measure in MEASURES),
    *(f"measures={measure}&{MAY}&group_by=time:week" for measure in MEASURES),
    f"measures={','.join(MEASURES)}&{MAY}&group_by=measure,reporter_kind",
    f"measures={','.join(MEASURES)}&{MAY}&group_by=platform",
    f"measures=FLD-07&{MAY}&answers=nguoi,known_by",
    f"measures=FLD-08&{MAY}&answers=nguoi,matched",
]
"""The twenty that a start page asks: totals, by commune, the trend, by week, who reported."""


async def run(bench: Bench) -> list[Figure]:
    """Read the start page with and without what the reader has already, and the same bytes from a bare route."""
    local = bench.local / "run" / "reads"
    async with open_system(bench.say, local=local, cache=CACHE) as system, _caller(system) as caller:
        bench.say("replaying the campaign")
        await replay(caller, make_campaign(load_teams(TEAMS)), StringIO())
        paths = [f"/v1/metrics?{question}" for question in QUESTIONS]
        token = await _token(system)
        answers = {path: await _read(system, path, token) for path in paths}
        bare = Service(
            "bare", ["-m", "tests.bench.bare_read", str(port := free_port()), str(_written(local, answers))], port
        )
        await system.supervisor.start(bare)
        gateway_port = int(system.environment["GATEWAY_PORT"])
        reading = _Reading(local, system.supervisor, paths, token)
        async with _rows_arrive(caller):
            rates = await interleaved(
                bench.rounds,
                bare=reading.way("bare", port, etags=False),
                bare_304=reading.way("bare", port, etags=True),
                full=reading.way("gateway", gateway_port, etags=False),
                full_304=reading.way("gateway", gateway_port, etags=True),
            )
    return reading.figures(rates)


class _Reading:
    """Readers in processes of their own, and what was seen of them."""

    def __init__(self, local: Path, supervisor: Supervisor, paths: list[str], token: str) -> None:
        self._local = local
        self._supervisor = supervisor
        self._asked = {"paths": paths, "token": token}
        self._shares: dict[str, str] = {}

    def way(self, name: str, port: int, *, etags: bool) -> Callable[[], Any]:
        """Give a way to read for some seconds; its value is answers a second."""
        label = f"{name}{' with ETags' if etags else ''}"
        file = self._local / f"{name}-{etags}.json"
        file.write_text(json.dumps({**self._asked, "etags": etags}))

        async def read() -> float:
            pids = tree(self._supervisor.pid(name))
            before = cpu_seconds(pids)
            words = [sys.executable, "-m", "tests.bench.reader", str(port), str(SECONDS), str(CONNECTIONS), str(file)]
            told = json.loads(await run_to_end(words, cwd=ROOT))
            used = cpu_seconds(pids) - before
            if set(told["statuses"]) - {"200", "304"}:
                raise AssertionError(f"{label}: {told['statuses']}")
            seconds = told["seconds"]
            not_modified = told["statuses"].get("304", 0) / told["requests"]
            self._shares[label] = (
                f"CPU {used / seconds:.0%}, reader {told['cpu_seconds'] / seconds:.0%}, 304 {not_modified:.0%}"
            )
            return float(told["requests"] / seconds)

        return read

    def figures(self, rates: dict[str, list[float]]) -> list[Figure]:
        """Give the ratios, and the rates they are made of."""
        names = {"bare": "bare", "bare_304": "bare with ETags", "full": "gateway", "full_304": "gateway with ETags"}
        return [
            Figure("P7", "ratio", "ratio", ratios(rates["full"], rates["bare"]), at_least=0.40, aim=0.65),
            Figure("P7", "ratio_304", "ratio", ratios(rates["full_304"], rates["bare_304"]), at_least=0.40, aim=0.65),
            *(
                Figure("P7", f"rate_{way}", "answers/s", tuple(rates[way]), note=self._shares[label])
                for way, label in names.items()
            ),
        ]


@asynccontextmanager
async def _caller(system: System) -> AsyncIterator[Caller]:
    roles: tuple[Role, ...] = get_args(Role)
    async with open_caller(system.gateway_url, {role: system.secrets.clients[role] for role in roles}) as caller:
        yield caller


async def _token(system: System) -> str:
    """Give the portal's token: good for five minutes, which is longer than this takes."""
    async with aiohttp.ClientSession() as http:
        headers = {"authorization": aiohttp.encode_basic_auth(*system.secrets.clients["portal"])}
        form = {"grant_type": "client_credentials"}
        async with http.post(f"{system.gateway_url}/oauth/token", data=form, headers=headers) as response:
            response.raise_for_status()
            token: str = (await response.json())["access_token"]
            return token


async def _read(system: System, path: str, token: str) -> str:
    async with aiohttp.ClientSession() as http:
        headers = {"authorization": f"Bearer {token}"}
        async with http.get(f"{system.gateway_url}{path}", headers=headers) as response:
            response.raise_for_status()
            return await response.text()


def _written(local: Path, answers: dict[str, str]) -> Path:
    file = local / "answers.json"
    file.write_text(json.dumps(answers))
    return file


@asynccontextmanager
async def _rows_arrive(caller: Caller) -> AsyncIterator[None]:
    """Send accepted rows every second, so that every number of the page keeps changing."""
    stop = asyncio.Event()
    teams = [team.code for team in load_teams(TEAMS)]

    def batch() -> Json:
        rows = [
            a_visit(
                team=teams[n % len(teams)],
                occurred_at="2025-05-20T09:00:00+07:00",
                lines=[a_line(line, measure=measure) for line, measure in enumerate(MEASURES, 1)],
            )
            for n in range(ROWS_A_SECOND)
        ]
        return {"rows": rows, "sent_at": datetime.now(UTC).isoformat()}

    async def send() -> None:
        while not stop.is_set():
            told = await caller.post("app", "/v1/visits:batch", batch)
            if any(row["status"] != "accepted" for row in told["rows"]):
                raise AssertionError(told["rows"][0])
            try:
                await asyncio.wait_for(stop.wait(), 1)
            except TimeoutError:
                continue

    sending = asyncio.ensure_future(send())
    try:
        yield
    finally:
        stop.set()
        await sending
