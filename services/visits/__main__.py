"""`python -m services.visits api | consumer | relay | all | migrate | await-migration | announce`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from libs.common.process import answer, run
from libs.common.telemetry import configure_logging
from services.visits import wiring
from services.visits.settings import ApiSettings, CommandSettings, Settings

PROCESSES = {
    "api": "take visits and partner reports in over HTTP",
    "consumer": "settle held records when what they wait for comes",
    "relay": "send the log to Kafka (one leads, others stand by)",
    "all": "the three above in one process, for one machine",
    "migrate": "bring the database to the newest revision, then end",
    "await-migration": "wait until somebody else has migrated, then end",
    "announce": "send every record again from the beginning, then end",
}


def _dispatch(process: str) -> int:
    match process:
        case "migrate":
            wiring.migrate(CommandSettings())
            return 0
        case "await-migration":
            asyncio.run(wiring.await_migrated(CommandSettings()))
            return 0
        case "announce":
            asyncio.run(wiring.announce_all(CommandSettings()))
            return 0
    serving = process in ("api", "all")
    settings = ApiSettings() if serving else Settings()
    configure_logging("visits", process, settings.log_level)
    if process == "relay":
        return run(lambda: wiring.run_relay_alone(settings))
    everything = process == "all"
    return run(lambda: wiring.run(settings, consumer=everything or not serving, relay=everything))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m services.visits",
        description="Visits and partner reports. Settings come from the environment; see services/visits/settings.py.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:10} {text}" for name, text in PROCESSES.items()),
    )
    parser.add_argument("process", choices=PROCESSES, metavar="process", help="one of the below")
    process = parser.parse_args(arguments).process
    return answer(lambda: _dispatch(process))


if __name__ == "__main__":
    sys.exit(main())
