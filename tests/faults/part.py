"""What every part of the run is given, and what it gives back."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.say import Say

__all__ = ["Outcome", "Part", "Run"]


@dataclass(frozen=True)
class Run:
    """What a part is given; its data lie in a folder of its own."""

    seed: int
    minutes: float
    folder: Path
    say: Say


@dataclass
class Outcome:
    """What a part found: figures in the order of reading, and each thing that is wrong; `skipped` says why not run."""

    figures: dict[str, float | str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""


Part = Callable[[Run], Coroutine[Any, Any, Outcome]]
