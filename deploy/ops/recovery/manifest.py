"""What a backup says of itself: versions, positions, what every table held, the numbers, the digests of its files."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.ops.command import Refused
from deploy.ops.recovery.content import Content
from deploy.ops.recovery.numbers import Numbers

__all__ = ["MANIFEST", "Database", "Manifest", "digest_of", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"
FORM = 1
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Database:
    """One database at the moment of its snapshot.

    `whole` is False for metrics where only what it alone knows was kept. `visible` is the snapshot: which transactions
    it saw. `position` is the newest row of its log, `sent` how far the relay had come.
    """

    service: str
    whole: bool
    server: str
    schema: str
    file: str
    bytes: int
    sha256: str
    tables: dict[str, Content]
    epoch: int = 0
    position: str = ""
    sent: str = ""
    visible: str = ""


@dataclass(frozen=True)
class Manifest:
    """A backup; `key_marks` tell whether the keys at hand are those of then, and nothing else about them."""

    begun_at: str
    ended_at: str
    version: str
    databases: dict[str, Database]
    numbers: Numbers
    key_marks: dict[str, list[str]] = field(default_factory=dict)
    form: int = FORM


def digest_of(file: Path, told: Callable[[int], None] = lambda done: None) -> str:
    """Give a file's SHA-256 in hexadecimal."""
    digest, done = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            told(done := done + len(chunk))
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, with everything that it tells of already on the disk."""
    for kept in folder.iterdir():
        with kept.open("rb") as opened:
            os.fsync(opened.fileno())
    with open(os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Read it; raises Refused where there is none, or it is of a form that this version does not know."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if told.get("form") != FORM:
            raise Refused(f"{folder}: bản sao lưu dạng lạ", f"{folder}: a backup of another form: {told.get('form')}")
        databases = {name: _database(each) for name, each in told.pop("databases").items()}
        return Manifest(**{**told, "databases": databases, "numbers": Numbers(**told["numbers"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(
            f"{folder} không phải là bản sao lưu nguyên vẹn", f"{folder} is not a whole backup: {error}"
        ) from error


def _database(told: dict[str, Any]) -> Database:
    return Database(**{**told, "tables": {name: Content(**each) for name, each in told["tables"].items()}})
