"""`python -m deploy.k8s generate | secrets FOLDER`."""

import argparse
import sys
from pathlib import Path

from deploy.k8s.generate import files, write
from deploy.k8s.secrets import BadFolder, make_secrets


def main() -> int:
    """Do what the command line names; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.k8s",
        description="Tệp cho Kubernetes, xem docs/kubernetes.md · Files for Kubernetes, see docs/kubernetes.md",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("generate", help="tạo lại những tệp suy ra từ mã nguồn · make anew what follows from the code")
    secret = commands.add_parser(
        "secrets", help="tạo khóa và mật khẩu trong một thư mục · make keys and passwords in a folder"
    )
    secret.add_argument("folder", type=Path, help="ngoài kho mã nguồn; có sẵn thì giữ nguyên · what is there is kept")
    asked = parser.parse_args()
    if asked.command == "generate":
        write()
        sys.stdout.writelines(f"{file}\n" for file in files())
        return 0
    try:
        made = make_secrets(asked.folder)
    except BadFolder as error:
        sys.stderr.write(f"{error}\n")
        return 2
    said = [f"+ {asked.folder / name}" for name in made] or ["đã đủ · nothing was missing"]
    sys.stdout.writelines(f"{line}\n" for line in [*said, f"kubectl apply -k {asked.folder}"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
