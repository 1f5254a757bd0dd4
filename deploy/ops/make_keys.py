"""`make-keys`: the files of keys that a new installation needs."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from deploy.keys import ensure_keys
from deploy.ops.command import Commands, declare

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "make-keys",
        _run,
        vi="tạo các tệp khóa của một cài đặt mới; tệp đã có thì giữ nguyên",
        en="make the files of keys of a new installation; what is there is kept",
        more="Back them up apart from the databases: docs/operating.md, Secrets.",
        examples=("make-keys /secrets",),
    )
    parser.add_argument("folder", type=Path, help="thư mục · where they are to lie")


def _run(asked: Namespace) -> int:
    before = set(asked.folder.iterdir()) if asked.folder.is_dir() else set()
    for name, path in asdict(ensure_keys(asked.folder)).items():
        print(f"{name:10} {path}  {'giữ nguyên · kept' if path in before else 'mới tạo · made'}")
    return 0
