"""What a person on duty would feel: false alarms per hour, events found, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from normalcy.errors import DataError, MetricError
from normalcy.metrics.inputs import BoolArray, FloatArray, IntArray, check_labels, same_names


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """One run of abnormal frames in the labels, and whether an alarm met it."""

    video: str
    start_frame: int
    end_frame: int
    """Inclusive."""
    delay_s: float | None
    """Seconds from its first frame to the first alarm frame in it; 0 if the alarm was on already; None if missed."""


@dataclass(frozen=True, slots=True)
class EventMetrics:
    """Alarms against true events. Read ``alarm_share_normal`` with the rest: an alarm that is always on misses nothing, is
    never late and, where each video holds an anomaly, counts no false alarm; this share is then 1."""

    false_alarms: int
    """Alarm events that hold no abnormal frame."""
    false_alarms_per_hour: float
    """Over the hours of normal frames."""
    alarm_share_normal: float
    """Share of the normal time (0..1) during which an alarm was on, those that also meet a true event included."""
    normal_hours: float
    alarms: int
    """All alarm events."""
    detected: int
    """True events that an alarm met in at least one frame."""
    events: tuple[TrueEvent, ...]

    @property
    def delays_s(self) -> list[float]:
        """Delay in seconds of each detected event."""
        return [e.delay_s for e in self.events if e.delay_s is not None]

    def to_dict(self) -> dict[str, object]:
        """Everything as plain values that JSON can hold; the delays also as median and largest."""
        delays = self.delays_s
        return asdict(self) | {
            "events": [asdict(e) for e in self.events],
            "true_events": len(self.events),
            "median_delay_s": float(np.median(delays)) if delays else None,
            "largest_delay_s": max(delays) if delays else None,
        }


def event_metrics(
    alarms: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike], time_s: Mapping[str, ArrayLike]
) -> EventMetrics:
    """False alarms per hour, detected events and their delay.

    Args:
        alarms: video name -> (N,) bool, alarm on or off in each frame (a run of True is one event), or (E, 2) integers, first
            and last frame (inclusive) of each event, as :class:`normalcy.types.Event` has them. A video without alarm: (0, 2).
        labels: video name -> (N,) of 0 and 1.
        time_s: video name -> (N,) time of each frame in seconds, never falling.

    Raises:
        DataError: names or lengths differ, an interval lies outside its video, or times fall.
        MetricError: no normal time to count false alarms in, or times that are not finite.
    """
    same_names("alarms", alarms, "labels", labels)
    same_names("time_s", time_s, "labels", labels)
    truth = check_labels(labels)
    false_alarms = total = 0
    normal_s = normal_alarm_s = 0.0
    events: list[TrueEvent] = []
    for name in sorted(truth):
        y = truth[name]
        times = _check_times(name, time_s[name], len(y))
        intervals = _intervals(name, alarms[name], len(y))
        on = _painted(intervals, len(y))
        seconds = _frame_seconds(times)
        total += len(intervals)
        false_alarms += int((~holds_anomaly(intervals, y)).sum())
        normal_s += float(seconds[~y].sum())
        normal_alarm_s += float(seconds[~y & on].sum())
        events += [TrueEvent(name, int(a), int(b), _delay(on, times, a, b)) for a, b in runs(y)]
    if normal_s <= 0:
        raise MetricError(
            "no normal time in the set (no normal frame, or all times equal); false alarms per hour are undefined"
        )
    hours = normal_s / 3600
    return EventMetrics(
        false_alarms=false_alarms,
        false_alarms_per_hour=false_alarms / hours,
        alarm_share_normal=normal_alarm_s / normal_s,
        normal_hours=hours,
        alarms=total,
        detected=sum(e.delay_s is not None for e in events),
        events=tuple(events),
    )


def holds_anomaly(alarms: IntArray, labels: ArrayLike) -> BoolArray:
    """(E,) whether each of (E, 2) alarms, first and last frame, holds a frame that (N,) labels call abnormal."""
    y = np.asarray(labels, dtype=np.bool_)
    return np.array([y[a : b + 1].any() for a, b in alarms], dtype=np.bool_)


def meets_alarm(alarms: IntArray, labels: ArrayLike) -> BoolArray:
    """(R,) whether each run of abnormal frames has a frame in any of (E, 2) alarms."""
    return np.array([bool(((alarms[:, 0] <= b) & (alarms[:, 1] >= a)).any()) for a, b in runs(labels)], dtype=np.bool_)


def runs(on: ArrayLike) -> IntArray:
    """(E, 2) first and last index (inclusive) of each run of true values in (N,)."""
    edges = np.diff(np.concatenate([[0], np.asarray(on, dtype=np.bool_).astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1).astype(np.int64)


def _intervals(name: str, value: ArrayLike, frames: int) -> IntArray:
    a = np.asarray(value)
    if a.dtype == np.bool_ and a.ndim == 1:
        if len(a) != frames:
            raise DataError(f"alarms of video '{name}' have {len(a)} frames, labels of video '{name}' have {frames}")
        return runs(a)
    if a.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if a.ndim != 2 or a.shape[1] != 2 or a.dtype.kind not in "ui":
        raise DataError(f"alarms of video '{name}': expected (N,) bool or (E, 2) integers, got {a.dtype} of shape {a.shape}")
    wrong = np.flatnonzero((a[:, 0] < 0) | (a[:, 1] < a[:, 0]) | (a[:, 1] >= frames))
    if wrong.size:
        raise DataError(
            f"alarms of video '{name}': event {a[wrong[0]].tolist()} lies outside its {frames} frames or ends before it starts"
        )
    return a.astype(np.int64)


def _check_times(name: str, value: ArrayLike, frames: int) -> FloatArray:
    t = np.asarray(value, dtype=np.float64)
    if t.shape != (frames,):
        raise DataError(f"time_s of video '{name}' has shape {t.shape}, labels of video '{name}' have {frames} frames")
    if not np.isfinite(t).all():
        raise MetricError(f"time_s of video '{name}': frame {np.flatnonzero(~np.isfinite(t))[0]} has no finite time")
    falls = np.flatnonzero(np.diff(t) < 0)
    if falls.size:
        raise DataError(f"time_s of video '{name}' falls after frame {falls[0]}; times must be in frame order")
    return t


def _frame_seconds(times: FloatArray) -> FloatArray:
    """(N,) how long each frame lasts: until the next one; the last as long as the median of the others."""
    steps = np.diff(times)
    return np.append(steps, np.median(steps) if steps.size else 0.0)


def _painted(intervals: IntArray, frames: int) -> BoolArray:
    on = np.zeros(frames, dtype=np.bool_)
    for a, b in intervals:
        on[a : b + 1] = True
    return on


def _delay(on: BoolArray, times: FloatArray, start: int, end: int) -> float | None:
    hits = np.flatnonzero(on[start : end + 1])
    return float(times[start + hits[0]] - times[start]) if hits.size else None
