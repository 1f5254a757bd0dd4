"""`python -m deploy.local up | demo | monitoring | ps | start | stop | restart`: the whole system on this machine."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import get_args

from deploy.local.campaign.caller import Caller, ReplayStopped, open_caller
from deploy.local.campaign.check import QUESTIONS
from deploy.local.campaign.oracle import count
from deploy.local.campaign.replay import ask, replay
from deploy.local.campaign.report import write_report
from deploy.local.campaign.sends import Role, load_teams
from deploy.local.campaign.world import make_campaign
from deploy.local.child import LocalError
from deploy.local.control import NotUp
from deploy.local.monitoring import monitor
from deploy.local.network.bring import Brought, bring, communes_of
from deploy.local.network.made import NETWORKS
from deploy.local.network.report import ask_all, write
from deploy.local.running import add_running, run
from deploy.local.say import Say
from deploy.local.system import LOCAL, ROOT, System, open_system
from deploy.local.up import stay_up

TEAMS = ROOT / "data" / "teams_sa_dec.csv"


def _speaker() -> Say:
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    return say


async def _demo(say: Say) -> int:
    """Replay a campaign, bring three networks in, print what was counted; 1 where a number is not what it must be."""
    async with open_system(say) as system, _caller(system) as caller:
        right = await _campaign(caller, say) & await _networks(caller, say)
        _show_curl()
    say("everything is stopped" if right else "some numbers are not what they must be, see above")
    return 0 if right else 1


async def _campaign(caller: Caller, say: Say) -> bool:
    """Replay the campaign of Sa Đéc; say whether what was counted equals plain sets."""
    campaign = make_campaign(load_teams(TEAMS))
    say("replaying the campaign of Sa Đéc, May 2025")
    replayed = await replay(caller, campaign, sys.stdout)
    asked = await ask(caller, QUESTIONS, replayed)
    return write_report(asked, count(campaign.sends(), campaign.communes), replayed, sys.stdout)


async def _networks(caller: Caller, say: Say) -> bool:
    """Bring the networks of three provinces in, and look at them and at the campaign by the maps of two days."""
    brought: dict[str, Brought] = {}
    for network in NETWORKS:
        say(f"{network.name}: bringing {network.teams:,} teams and {network.members:,} members in from spreadsheets")
        brought[network.name] = await bring(caller, network, await communes_of(caller, network.province), say)
    return write(await ask_all(caller), brought, sys.stdout)


def _caller(system: System) -> AbstractAsyncContextManager[Caller]:
    roles: tuple[Role, ...] = get_args(Role)
    return open_caller(system.gateway_url, {role: system.secrets.clients[role] for role in roles})


def _show_curl() -> None:
    print(
        """
Try it yourself: `make up`, then, with the address and a token that it prints,

  curl -s $GATEWAY/v1/catalogue -H "Authorization: Bearer $TOKEN"
  curl -s "$GATEWAY/v1/metrics?measures=FLD-07&from=2025-05-01&to=2025-05-31&group_by=unit:commune" \\
       -H "Authorization: Bearer $TOKEN"
  curl -sG $GATEWAY/v1/metrics -d measures=FLD-07 -d from=2025-05-01 -d to=2025-05-31 -d group_by=unit:commune \\
       -d boundaries=current -H "Authorization: Bearer $TOKEN"
  curl -s $GATEWAY/v1/metrics:query -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
       -d '{"measures": ["FLD-08"], "from": "2025-05-01", "to": "2025-05-31", "group_by": ["reporter_kind"]}'
""",
        flush=True,
    )


async def _until_told_to_stop(command: Callable[[Say], Awaitable[int]]) -> int:
    """Run a command so that SIGINT and SIGTERM end it in order, once."""
    task = asyncio.ensure_future(command(_speaker()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task


def main() -> int:
    """Run a command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("up", help="start everything and stay until Ctrl-C")
    commands.add_parser("demo", help="start everything, replay a real campaign, print what was counted, stop")
    commands.add_parser("monitoring", help="run a Prometheus beside `up` and stay until Ctrl-C")
    add_running(commands)
    asked = parser.parse_args()
    work = {"up": stay_up, "demo": _demo, "monitoring": monitor}
    try:
        if asked.command not in work:
            return asyncio.run(run(asked, LOCAL))
        return asyncio.run(_until_told_to_stop(work[asked.command]))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("stopped", flush=True)
        return 0 if asked.command in ("up", "monitoring") else 130
    except (LocalError, ReplayStopped) as error:
        print(f"\n{error}", file=sys.stderr)
        return 2 if isinstance(error, NotUp) else 1


if __name__ == "__main__":
    sys.exit(main())
