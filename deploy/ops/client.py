"""`client create | rotate | suspend | resume | list`: the registry's own commands, under the operators' program."""

import subprocess
import sys
from argparse import REMAINDER, Namespace

from deploy.ops.command import Commands, declare
from deploy.ops.settings import ROOT, read
from services.registry.settings import CommandSettings

__all__ = ["add"]

ACTIONS = {"create": "create", "rotate": "rotate-secret", "suspend": "suspend", "resume": "resume", "list": "list"}


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "client",
        _run,
        vi="hệ thống được gọi API: tạo, đổi bí mật, tạm ngưng, cho lại, liệt kê",
        en="systems that may call the API: create, rotate the secret, suspend, resume, list",
        more="Một bí mật chỉ in ra một lần. docs/runbooks/client.md\n"
        "A secret is printed once. `client ACTION --help` tells what each takes.",
        examples=(
            'client create cong-thu --name "Cổng thử" --scope metrics:read --unit 82',
            "client rotate cong-thu --overlap-minutes 60",
            "client suspend vnpt  # refused everywhere within 2 s, also with a valid token",
            "client resume vnpt",
            "client list",
        ),
    )
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("words", nargs=REMAINDER, metavar="…", help="như --help của mỗi việc · as its --help says")


def _run(asked: Namespace) -> int:
    read(CommandSettings)  # So that a missing setting is told here, and taken from what `make up` wrote.
    words = [sys.executable, "-m", "services.registry", "clients", ACTIONS[asked.action], *asked.words]
    return subprocess.run(words, cwd=ROOT, check=False).returncode
