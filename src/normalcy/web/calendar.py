"""Days and months in the viewer's time zone, as bounds in seconds since 1970."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Day:
    """A field of the calendar."""

    date: str
    number: int
    events: int


@dataclass(frozen=True, slots=True)
class Month:
    """A sheet of the calendar. Weeks begin on Monday; None stands for days of other months."""

    name: str
    month: str
    before: str
    after: str
    weeks: list[list[Day | None]]


def begin_of(d: date, zone: tzinfo) -> float:
    """Midnight at which a day begins. Raises ValueError or OverflowError at the ends of the calendar."""
    return datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()


def bounds_of_day(text: str, zone: tzinfo) -> tuple[float, float] | None:
    """(begin, end) of YYYY-MM-DD; None where it is no day."""
    try:
        d = date.fromisoformat(text)
        return begin_of(d, zone), begin_of(d + timedelta(days=1), zone)
    except (ValueError, OverflowError, OSError):
        return None


def bounds_of_month(text: str, zone: tzinfo) -> list[float] | None:
    """Begins of the days of YYYY-MM, and of the day after; None where it is no month."""
    try:
        first = date.fromisoformat(f"{text}-01")
        n = calendar.monthrange(first.year, first.month)[1]
        return [begin_of(first + timedelta(days=i), zone) for i in range(n + 1)]
    except (ValueError, OverflowError, OSError):
        return None


def sheet(month: str, counts: list[int]) -> Month:
    """The sheet of YYYY-MM. counts: events of each of its days."""
    first = date.fromisoformat(f"{month}-01")
    fields: list[Day | None] = [None] * first.weekday()
    fields += [Day(f"{month}-{i:02d}", i, n) for i, n in enumerate(counts, 1)]
    fields += [None] * (-len(fields) % 7)
    weeks = [fields[i : i + 7] for i in range(0, len(fields), 7)]
    before, after = first - timedelta(days=1), first + timedelta(days=31)
    return Month(first.strftime("%B %Y"), month, before.strftime("%Y-%m"), after.strftime("%Y-%m"), weeks)
