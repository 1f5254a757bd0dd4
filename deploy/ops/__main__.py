"""`python -m deploy.ops COMMAND`: what whoever runs the system asks and does."""

import argparse
import sys
from collections.abc import Callable, Sequence

import asyncpg
from pydantic import ValidationError

from deploy.ops import (
    announce,
    backup,
    client,
    dead_letters,
    grant_watch,
    make_keys,
    recount,
    replay,
    restore,
    rotate_key,
    status,
    watch,
)
from deploy.ops.command import Refused
from libs.common.db import Unavailable
from libs.common.kafka import Away

# One module each, with `add(commands)` that declares it (deploy.ops.command.declare) and the work itself.
COMMANDS: tuple[Callable[..., None], ...] = (
    announce.add,
    backup.add,
    client.add,
    dead_letters.add,
    grant_watch.add,
    make_keys.add,
    recount.add,
    replay.add,
    restore.add,
    rotate_key.add,
    status.add,
    watch.add,
)

DESCRIPTION = """\
Vận hành Từng Nhà: hỏi tình trạng và làm những việc sau khi cài đặt.
Operating Từng Nhà: asks how it is and does what comes after the installation.

Settings come from the environment, under the names that the services read (docs/operating.md); where one is missing
and `make up` runs in this folder, from .local/environment.

exit codes: 0 done, 1 not as it should be (or refused), 2 it could not begin: a setting is missing, a server is away"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.ops", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for add in COMMANDS:
        add(commands)
    return parser


def answer(dispatch: Callable[[], int]) -> int:
    """Do what was asked; what stands in the way becomes one clear line and an exit code."""
    try:
        return dispatch()
    except ValidationError as error:
        for finding in error.errors():
            name = str(finding["loc"][0]) if finding["loc"] else error.title
            missing = finding["type"] == "missing"
            sys.stderr.write(f"{name}: thiếu · is missing\n" if missing else f"{name}: {finding['msg']}\n")
        return 2
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Away as error:
        sys.stderr.write(f"Kafka không trả lời · Kafka does not answer: {error}\n")
        return 2
    except Unavailable as error:
        sys.stderr.write(f"PostgreSQL không trả lời · PostgreSQL does not answer: {error}\n")
        return 2
    except asyncpg.PostgresError as error:
        sys.stderr.write(f"PostgreSQL từ chối · PostgreSQL refuses: {error}\n")
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # Whoever read has gone, such as `head`; nothing more is to be said.
        return 1
    except KeyboardInterrupt:
        return 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; gives the exit code."""
    asked = _parser().parse_args(arguments)
    return answer(lambda: int(asked.run(asked)))


if __name__ == "__main__":
    sys.exit(main())
