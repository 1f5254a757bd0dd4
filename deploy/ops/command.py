"""What each command of `python -m deploy.ops` is made of: its declaration, its refusal, its progress."""

import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO, TypeAlias

__all__ = ["Commands", "Progress", "Refused", "Run", "declare"]

if TYPE_CHECKING:
    Commands: TypeAlias = _SubParsersAction[ArgumentParser]
else:
    Commands: TypeAlias = _SubParsersAction

Run = Callable[[Namespace], int]
"""Does what was asked and gives the exit code: 0 done, 1 not as it should be; 2 is for what could not even begin."""


class Refused(Exception):
    """The command will not do it, or what it found forbids it: told in both languages, exit code 1."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi}\n{en}")


def declare(
    commands: Commands, name: str, run: Run, *, vi: str, en: str, more: str = "", examples: Sequence[str] = ()
) -> ArgumentParser:
    """Add a command: one line in the list of `--help`, all of it with examples in its own.

    Examples are what follows `python -m deploy.ops`, each with a remark behind two blanks if it needs one.
    """
    lines = "\n".join(f"  python -m deploy.ops {example}" for example in examples)
    parser = commands.add_parser(
        name,
        help=f"{vi} · {en}",
        description="\n\n".join(part for part in (f"{vi}\n{en}", more) if part),
        epilog=f"ví dụ · examples:\n{lines}" if lines else None,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


class Progress:
    """Tells on standard error how far something is, once it has lasted longer than a second; data go to stdout.

    At a terminal one line is written over; in a file a line is added every ten seconds.
    """

    AFTER_SECONDS = 1.0
    EVERY_SECONDS = 10.0

    def __init__(self, what: str, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`what` says in both languages what is under way."""
        self._what = what
        self._out = out or sys.stderr
        self._clock = clock
        self._begun = clock()
        self._told_at = self._begun
        self._told = False

    def at(self, done: int, of: int | None = None, unit: str = "") -> None:
        """Tell how much is done, if it is time to."""
        now, terminal = self._clock(), self._out.isatty()
        every = 0.2 if terminal else self.EVERY_SECONDS
        if now - self._begun < self.AFTER_SECONDS or (self._told and now - self._told_at < every):
            return
        amount = f"{done:,}" if of is None else f"{done:,} / {of:,} ({100 * done // of if of else 100} %)"
        line = f"{self._what}: {amount} {unit}".rstrip() + f", {now - self._begun:.0f} s"
        self._out.write(f"\r\x1b[K{line}" if terminal else f"{line}\n")
        self._out.flush()
        self._told, self._told_at = True, now

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self._told and self._out.isatty():
            self._out.write("\r\x1b[K")
            self._out.flush()
