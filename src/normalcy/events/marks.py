"""What marks say of alarms: true and false ones by camera and week, and what fewer alarms a day would have kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from normalcy.events.store import StoredEvent

PER_DAY = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Week:
    """The alarms of one camera in one week."""

    camera: str
    week: str
    """By ISO 8601, ``2026-W48``."""
    true: int
    """Marked anomaly."""
    false: int
    """Marked normal."""
    unsure: int
    unmarked: int


@dataclass(frozen=True, slots=True)
class AtBudget:
    """What would have been raised, had so many alarms a day been allowed."""

    per_day: float
    threshold: float
    """Of the score: the lowest at which no more came."""
    raised: int
    true: int
    of: int
    """Events that were marked anomaly in all: those raised at the budget of then. What it missed is not known."""
    false: int


def weeks(events: Sequence[StoredEvent], zone: tzinfo = UTC) -> list[Week]:
    """By camera, then week, newest first; of anomalies, the only ones that can be true or false."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for e in events:
        if e.record.kind != "anomaly":
            continue
        year, week, _ = datetime.fromtimestamp(e.record.start_time, zone).isocalendar()
        counts.setdefault((e.record.camera, f"{year}-W{week:02d}"), Counter())[e.verdict or ""] += 1
    cameras = sorted({c for c, _ in counts})
    return [
        Week(camera, week, n["anomaly"], n["normal"], n["unsure"], n[""])
        for camera in cameras
        for (c, week), n in sorted(counts.items(), reverse=True)
        if c == camera
    ]


def at_budgets(events: Sequence[StoredEvent], per_day: Sequence[float] = PER_DAY) -> list[AtBudget]:
    """Of one camera, what stricter budgets would have raised of its alarms, over the days from its first to its last event.

    Empty without two anomalies with a peak. A looser budget than that of then is left out: what it would add was never stored.
    """
    own = [e for e in events if e.record.kind == "anomaly" and e.record.peak is not None]
    if len(own) < 2:
        return []
    times = [e.record.start_time for e in own]
    days = max((max(times) - min(times)) / DAY_S, 1.0)
    peaks = sorted((e.record.peak or 0.0 for e in own), reverse=True)
    of = sum(e.verdict == "anomaly" for e in own)
    out = []
    for rate in per_day:
        allowed = int(rate * days)
        if allowed >= len(peaks):
            break
        threshold = peaks[allowed]  # events above it are raised
        raised = [e for e in own if (e.record.peak or 0.0) > threshold]
        true = sum(e.verdict == "anomaly" for e in raised)
        out.append(AtBudget(rate, threshold, len(raised), true, of, sum(e.verdict == "normal" for e in raised)))
    lowest = min(e.record.threshold if e.record.threshold is not None else 0.0 for e in own)
    out.append(AtBudget(len(peaks) / days, lowest, len(own), of, of, sum(e.verdict == "normal" for e in own)))
    return out
