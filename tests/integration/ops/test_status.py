"""`python -m deploy.ops status` as a person and a script run it, on real databases."""

import asyncio
import json
import os
import re
import sys
from typing import Any, NamedTuple

import pytest_asyncio

from deploy.local.ports import free_port
from deploy.ops.settings import ROOT
from tests.integration.ops.conftest import Both
from tests.support.postgres import MakeDatabase


class Ran(NamedTuple):
    """What a run came to."""

    code: int
    out: str
    err: str

    def check(self, name: str) -> Any:
        """Give a check of the JSON."""
        checks = [check for each in json.loads(self.out)["questions"] for check in each["checks"]]
        return next(check for check in checks if check["check"] == name)


async def _run(environment: dict[str, str], *arguments: str) -> Ran:
    inherited = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251  without those of a system that may run here
        if not name.endswith("_PORT") and not name.startswith("DATABASE_URL")
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "deploy.ops", "status", *arguments),
        cwd=ROOT,
        env={**inherited, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@pytest_asyncio.fixture
async def environment(both: Both, make_database: MakeDatabase) -> dict[str, str]:
    return {
        "DATABASE_URL_REGISTRY": await make_database("registry"),
        "DATABASE_URL_VISITS": both.visits_url,
        "DATABASE_URL_METRICS": both.metrics_url,
    }


async def test_what_is_well_ends_with_0_and_a_loss_with_1(both: Both, environment: dict[str, str]) -> None:
    ids = await both.send(20)
    await both.delivery.all()
    await both.on_visits(
        "INSERT INTO log_position (relay, target, epoch, xid, seq, released)"
        " SELECT 'visits', 't', epoch, xid, seq, false FROM log ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1"
    )
    well = await _run(environment, "--json")
    told = json.loads(well.out)
    assert well.code == (0 if told["light"] in ("green", "yellow") else 1), well
    strict = await _run(environment, "--json", "--strict")
    assert strict.code == (0 if json.loads(strict.out)["light"] == "green" else 1), strict
    # How full the disk of this machine is is not the system's.
    checks = [check for each in told["questions"] for check in each["checks"] if check["check"] != "disk"]
    assert [check for check in checks if check["light"] != "green"] == []
    assert re.match(r"0 missing; \d+ rows of the log compared \(all\)", well.check("missing")["en"])
    await both.on_metrics("DELETE FROM heads WHERE record_id = ANY($1)", ids[:3])
    lost = await _run(environment, "--json", "--whole")
    assert (lost.code, json.loads(lost.out)["light"]) == (1, "red")
    assert lost.check("missing")["en"].startswith("3 missing")
    assert lost.check("missing")["runbook"] == "docs/runbooks/RecordsMissing.md"
    text = await _run(environment)
    assert text.code == 1
    assert "Số liệu có đúng không? · Is it right?" in text.out
    assert "→ docs/runbooks/RecordsMissing.md" in text.out


async def test_what_was_counted_and_is_not_in_the_log_is_found_wherever_it_lies(
    both: Both, environment: dict[str, str]
) -> None:
    ids = await both.send(30)
    await both.delivery.all()
    await both.on_visits("DELETE FROM log WHERE record_id = ANY($1)", ids[:7])
    ran = await _run(environment, "--json")
    assert ran.check("unknown")["en"] == f"7 unknown to the log; {30 + 1} counted records compared"


async def test_a_process_that_should_answer_and_does_not_is_red_and_one_that_is_not_known_is_not_asked(
    both: Both, environment: dict[str, str]
) -> None:
    del both
    ran = await _run({**environment, "METRICS_CONSUMER_PORT": str(free_port())}, "--json")
    assert ran.code == 1
    assert ran.check("processes")["light"] == "red"
    assert ran.check("processes")["en"].startswith("0 of 1 processes ready; not: metrics-consumer")


async def test_without_any_database_it_could_not_look(environment: dict[str, str]) -> None:
    away = dict.fromkeys(environment, f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    ran = await _run(away)
    assert ran.code == 2
    assert "Traceback" not in ran.err + ran.out
    assert "does not answer" in ran.out


async def test_what_waits_is_told_with_its_number(both: Both, environment: dict[str, str]) -> None:
    await both.send(4)
    ran = await _run(environment, "--json")
    assert ran.check("uncounted")["en"].startswith("5 records not counted yet")
