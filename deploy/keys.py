"""The keys that an installation begins with: made once, readable by their owner only, never written over."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.registry.use_cases.tokens import make_key

__all__ = ["Keys", "ensure_keys", "write_private"]


@dataclass(frozen=True)
class Keys:
    """Where they lie; docs/operating.md says what each is for, and what its loss costs."""

    signing: Path
    sealing: Path
    pseudonym: Path
    lift: Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def ensure_keys(folder: Path) -> Keys:
    """Make what is missing; what is there is kept, for what is in the databases depends on it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = ("signing-key.pem", "sealing-keys.txt", "pseudonym-keys.txt", "lift-keys.txt")
    keys = Keys(*(folder / name for name in names))
    if not keys.signing.exists():
        make_key(keys.signing)
    for path, text in (
        (keys.sealing, secrets.token_hex(32) + "\n"),
        (keys.pseudonym, secrets.token_hex(32) + "\n"),
        (keys.lift, ""),
    ):
        if not path.exists():
            write_private(path, text)
    return keys
