"""Runs the gateway: `python -m services.gateway api`.

/metrics and /health are served on the same port; in production the ingress exposes the other paths only.
"""

import argparse
import sys

from libs.common.process import answer, run
from services.gateway.settings import Settings
from services.gateway.wiring import run_api

__all__ = ["main"]


def main() -> int:
    """Read the settings once, run, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.gateway", description=__doc__)
    parser.add_argument("process", choices=["api", "all"], help="the gateway has one process; `all` is the same")
    parser.parse_args()

    def serve() -> int:
        settings = Settings()
        return run(lambda: run_api(settings))

    return answer(serve)


if __name__ == "__main__":
    sys.exit(main())
