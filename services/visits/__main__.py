"""`python -m services.visits api | consumer | relay | all | migrate | announce`."""

import argparse
import asyncio
import sys

from pydantic import ValidationError

from libs.common.process import run
from libs.common.telemetry import configure_logging
from services.visits import wiring
from services.visits.settings import Settings

PROCESSES = {
    "api": "take visits and partner reports in over HTTP",
    "consumer": "settle held records when what they wait for comes",
    "relay": "send the log to Kafka (one leads, others stand by)",
    "all": "the three above in one process, for one machine",
    "migrate": "bring the database to the newest revision, then end",
    "announce": "send every record again from the beginning, then end",
}


def main() -> int:
    """Run the process that the command line names; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m services.visits",
        description="Visits and partner reports. Settings come from the environment; see services/visits/settings.py.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:10} {text}" for name, text in PROCESSES.items()),
    )
    parser.add_argument("process", choices=PROCESSES, metavar="process", help="one of the below")
    process = parser.parse_args().process
    try:
        settings = Settings()
    except ValidationError as error:
        for finding in error.errors():
            print(f"{finding['loc'][0]}: {finding['msg']}", file=sys.stderr)
        return 2
    configure_logging("visits", process, settings.log_level)
    match process:
        case "migrate":
            wiring.migrate(settings)
            return 0
        case "announce":
            asyncio.run(wiring.announce_all(settings))
            return 0
        case "relay":
            return run(lambda: wiring.run_relay_alone(settings))
        case name:
            all_of_them = name == "all"
            api, consumer = all_of_them or name == "api", all_of_them or name == "consumer"
            return run(lambda: wiring.run(settings, api=api, consumer=consumer, relay=all_of_them))


if __name__ == "__main__":
    sys.exit(main())
