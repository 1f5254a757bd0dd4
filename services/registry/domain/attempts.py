"""A limit against guessing secrets: failures of a client id from an address, remembered for a minute."""

from dataclasses import dataclass, field

__all__ = ["Attempts"]

WINDOW_SECONDS = 60.0
MAX_FAILURES = 10
MAX_REMEMBERED = 10_000

Who = tuple[str, str]


@dataclass
class Attempts:
    """Counts failures in this process; keyed by both, so that nobody can lock another's client out from elsewhere."""

    _failures: dict[Who, list[float]] = field(default_factory=dict)

    def wait_seconds(self, who: Who, now: float) -> int:
        """Give the seconds until another try is taken, 0 for at once (monotonic clock)."""
        recent = [at for at in self._failures.get(who, ()) if at > now - WINDOW_SECONDS]
        if len(recent) < MAX_FAILURES:
            return 0
        return int(recent[0] + WINDOW_SECONDS - now) + 1

    def failed(self, who: Who, now: float) -> None:
        """Remember a failure."""
        if len(self._failures) >= MAX_REMEMBERED:
            self._failures = {w: at for w, at in self._failures.items() if at[-1] > now - WINDOW_SECONDS}
        if len(self._failures) >= MAX_REMEMBERED:
            self._failures.clear()
        recent = [at for at in self._failures.get(who, ()) if at > now - WINDOW_SECONDS]
        self._failures[who] = [*recent[1 - MAX_FAILURES :], now]
