"""Whose clock to believe: a device's that is ahead of ours is set back by what it is ahead."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

from libs.common.problem import Fault

__all__ = ["Clock", "VIETNAM", "local_day"]

# Vietnam has kept UTC+7 without daylight saving since 1975; records begin in 2020.
AHEAD_OF_UTC = timedelta(hours=7)
VIETNAM = timezone(AHEAD_OF_UTC, "Asia/Ho_Chi_Minh")
FIRST_DAY = date(2020, 1, 1)
FIRST_MOMENT = datetime(2020, 1, 1, tzinfo=VIETNAM).astimezone(UTC)
LAST_YEAR = 2200  # No device says that it sends later than that.
TOLERANCE = timedelta(seconds=60)


def local_day(moment: datetime) -> date:
    """Give the local day of a moment."""
    if moment.tzinfo is UTC:
        return (moment + AHEAD_OF_UTC).date()
    return moment.astimezone(VIETNAM).date()


@dataclass(frozen=True)
class Clock:
    """Our clock at receipt, and by how much the sender's is ahead of it (zero unless clearly so)."""

    received_at: datetime
    ahead: timedelta
    _latest: datetime = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_latest", (self.received_at + self.ahead + TOLERANCE).astimezone(UTC))

    @classmethod
    def compare(cls, received_at: datetime, sent_at: datetime | None) -> "Clock":
        """Compare the moment of sending, by the device's clock, with the moment of receipt.

        A clock behind ours cannot be told from a slow network, so only one that is ahead is corrected.
        """
        ahead = sent_at - received_at if sent_at is not None else timedelta(0)
        return cls(received_at, ahead if ahead > TOLERANCE else timedelta(0))

    @property
    def corrects(self) -> bool:
        """Say whether times are being corrected."""
        return bool(self.ahead)

    def judge(self, occurred_at: datetime, pointer: str) -> datetime | Fault:
        """Give the corrected moment in UTC, or what is wrong with it."""
        if occurred_at.year < FIRST_DAY.year - 1:
            return Fault("too_early", pointer, {"day": occurred_at.date().isoformat()})
        if self.is_future(occurred_at):
            return Fault("in_the_future", pointer)
        corrected = (occurred_at - self.ahead if self.ahead else occurred_at).astimezone(UTC)
        if corrected < FIRST_MOMENT:
            return Fault("too_early", pointer, {"day": local_day(corrected).isoformat()})
        return corrected

    def is_future(self, moment: datetime) -> bool:
        """Say whether a moment lies in the future even after correction."""
        return moment.year > LAST_YEAR or moment.astimezone(UTC) > self._latest

    def synced_through(self, claimed: datetime) -> datetime:
        """Give until when everything has been sent, by our clock: never later than now."""
        return min((claimed - self.ahead).astimezone(UTC), self.received_at)
