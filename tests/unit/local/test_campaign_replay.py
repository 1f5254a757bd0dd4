"""The replay against a door that is just enough of one."""

import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.local.campaign.caller import ReplayStopped, open_caller
from deploy.local.campaign.check import QUESTIONS
from deploy.local.campaign.replay import ask, replay
from deploy.local.campaign.sends import Batch, Campaign, Change, Json, load_teams
from deploy.local.campaign.world import FAST_CLOCK, make_campaign

TEAMS_FILE = Path(__file__).parents[3] / "data" / "teams_sa_dec.csv"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return make_campaign(load_teams(TEAMS_FILE))


class Door:
    """Accepts ids once; loses the answer of the first batch; may refuse a row or forget its tokens."""

    def __init__(self) -> None:
        self.seen: dict[str, Json] = {}
        self.ahead: list[timedelta] = []
        self.queries: list[Json] = []
        self.tokens = 0
        self.lose_an_answer = True
        self.forget_the_token = False
        self.refuse: str | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth/token", self.token)
        app.router.add_post("/v1/metrics:query", self.query)
        app.router.add_post("/v1/{what}", self.batch)
        app.router.add_post("/v1/visits/{change}", self.change)
        return app

    async def token(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("Basic ")
        assert (await request.post())["grant_type"] == "client_credentials"
        self.tokens += 1
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 300})

    async def query(self, request: web.Request) -> web.Response:
        self.queries.append(await request.json())
        return web.json_response({"rows": []})

    async def batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.forget_the_token:
            self.forget_the_token = False
            return web.json_response({"code": "token_expired"}, status=401)
        self.ahead.append(datetime.fromisoformat(body["sent_at"]) - datetime.now().astimezone())
        answers = [self.take(row) for row in body["rows"]]
        if self.lose_an_answer:
            self.lose_an_answer = False
            return web.json_response({"code": "unavailable"}, status=503, headers={"Retry-After": "0"})
        return web.json_response({"rows": answers})

    async def change(self, request: web.Request) -> web.Response:
        return web.json_response(self.take(await request.json()))

    def take(self, row: Json) -> Json:
        content = {key: value for key, value in row.items() if key != "sent_at"}
        if row["id"] == self.refuse:
            error = {"code": "unit_unknown", "pointer": "/unit", "vi": "không có", "en": "no such unit"}
            return {"id": row["id"], "status": "rejected", "errors": [error]}
        status = "duplicate" if row["id"] in self.seen else "accepted"
        assert self.seen.setdefault(row["id"], content) == content
        position = f"visits:1.{9 + list(self.seen).index(row['id']) // 5}.1"
        return {"id": row["id"], "status": status, "errors": [], "position": position}


@asynccontextmanager
async def opened(door: Door) -> AsyncIterator[str]:
    async with TestServer(door.app()) as server:
        yield str(server.make_url("/"))


CREDENTIALS: Any = {role: (role, "secret") for role in ("app", "telco", "bank", "portal")}


def small(campaign: Campaign) -> Campaign:
    """Only the lanes with a change, the fast one and a partner's."""
    odd = {
        name: lane
        for name, lane in campaign.lanes.items()
        if any(isinstance(send, Change) or send.clock_ahead for send in lane) or name == "vnpt-dong-thap"
    }
    return Campaign(campaign.teams, odd)


async def test_a_lost_answer_is_asked_for_again_and_a_second_replay_is_all_duplicates(campaign: Campaign) -> None:
    door, few = Door(), small(campaign)
    async with opened(door) as url, open_caller(url, CREDENTIALS) as caller:
        first = await replay(caller, few, io.StringIO())
        second = await replay(caller, few, io.StringIO())
        await ask(caller, QUESTIONS, second)
    assert first.answered == few.size
    assert first.retries == 1
    assert first.rows["duplicate"] > 0
    assert (first.corrections, first.voids) == (Counter(accepted=1), Counter(accepted=1))
    assert second.rows == Counter(duplicate=first.rows.total())
    assert (second.corrections, second.voids, second.last_accepted) == (Counter(["duplicate"]),) * 2 + (None,)
    assert {query["at_least"] for query in door.queries} == {f"visits:1.{9 + (len(door.seen) - 1) // 5}.1"}
    assert Counter(round(ahead / FAST_CLOCK) for ahead in door.ahead).keys() == {0, 1}


async def test_an_expired_token_is_renewed_once(campaign: Campaign) -> None:
    door = Door()
    door.forget_the_token = True
    lane = campaign.lanes["lienviet-dong-thap"]
    async with opened(door) as url, open_caller(url, CREDENTIALS) as caller:
        replayed = await replay(caller, Campaign((), {"bank": lane}), io.StringIO())
    assert door.tokens == 2
    assert replayed.rows["rejected"] == 0


async def test_a_refused_row_stops_the_replay_with_its_code_and_text(campaign: Campaign) -> None:
    door = Door()
    [door.refuse, *_] = (
        row["id"] for send in campaign.lanes["vnpt-dong-thap"] if isinstance(send, Batch) for row in send.rows
    )
    async with opened(door) as url, open_caller(url, CREDENTIALS) as caller:
        with pytest.raises(ReplayStopped, match="unit_unknown at /unit: không có / no such unit"):
            await replay(caller, small(campaign), io.StringIO())


async def test_progress_is_a_line_that_counts_to_the_end(campaign: Campaign) -> None:
    out = io.StringIO()
    few = small(campaign)
    async with opened(Door()) as url, open_caller(url, CREDENTIALS) as caller:
        await replay(caller, few, out)
    assert f"{few.size} / {few.size}  100 %" in out.getvalue()
