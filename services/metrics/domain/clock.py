"""Days where the numbers are told."""

from datetime import date, datetime, timedelta, timezone

__all__ = ["VIETNAM", "local_day"]

# Vietnam has kept UTC+7 without daylight saving since 1975.
VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


def local_day(moment: datetime) -> date:
    """Give the local day of a moment."""
    return moment.astimezone(VIETNAM).date()
