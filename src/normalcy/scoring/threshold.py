"""A threshold without labels: from scores of normal video to a false-alarm budget in events per hour.

Alarms on normal video are runs of high scores, so runs are counted, not frames. Where the normal video is shorter than the
budget asks for, the tail beyond it is a model: peaks over a high level are taken to fall off exponentially (the
Pickands-Balkema-de Haan limit with shape 0, the cautious choice where there are few peaks).

They are taken to do so in standard deviations of normal video, as readouts are measured, and not in the score, which is
their asinh (normalcy.scoring.fusion): an exponential tail of a logarithm would be that of something whose moments are infinite,
and put the threshold where no event of a real video comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.scoring.fusion import squash, unsquash

EMPIRICAL_PEAKS = 10
"""The budget is read off the data directly once it allows this many alarms in the held-out video."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where the alarm is set, and what that rests on."""

    value: float
    """Frame scores above this are alarms."""
    budget_per_hour: float
    normal_hours: float
    """Hours of normal video that was scored."""
    peaks: int
    """Separate runs above the level that the tail was fitted to."""
    level: float
    """In standard deviations of normal video (unsquash() of a score)."""
    tail_scale: float
    """Mean excess of the peaks over the level, in the same: the scale of the exponential tail; 0 where there were no peaks."""
    tail: str
    """``empirical`` or ``exponential``."""

    def sentence(self) -> str:
        """How much video it rests on, in plain words."""
        minutes = self.normal_hours * 60.0
        head = (
            f"The alarm is set for {_count(self.budget_per_hour, 'false alarm')} per hour "
            f"and rests on {minutes:.1f} minutes of normal video"
        )
        if self.tail == "empirical":
            return f"{head}, enough to count such alarms directly."
        wanted = EMPIRICAL_PEAKS / self.budget_per_hour
        if self.normal_hours >= wanted:  # for_budget() of a model that was trained for another budget
            return f"{head}: an exponential was fitted to its {_count(self.peaks, 'peak')}."
        return (
            f"{head}, too little to count them: the tail beyond it is an exponential fitted to {_count(self.peaks, 'peak')}. "
            f"With {wanted:.1f} hours of normal video it would be counted."
        )

    def for_budget(self, budget_per_hour: float) -> Threshold:
        """The threshold for another budget, from the exponential tail, since the scores themselves are not kept."""
        if budget_per_hour == self.budget_per_hour:
            return self
        value = _exponential(self.level, self.tail_scale, self.peaks, budget_per_hour * self.normal_hours)
        return replace(self, value=value, budget_per_hour=budget_per_hour, tail="exponential")

    def with_normal(self, peaks: int, excess: float) -> Threshold:
        """The threshold after more normal video. peaks: runs above the level in it. excess: their sum over it.

        The video counts for its peaks and for no time: someone chose it because it was unusual. Scores are not kept, so the
        value moves as the exponential tail does, and only up.
        """
        before, after = self.peaks, self.peaks + peaks
        if not peaks:
            return self
        scale = (self.tail_scale * before + excess) / after
        allowed = self.budget_per_hour * self.normal_hours
        old = _exponential(self.level, self.tail_scale, before, allowed) if before else self.value
        new = _exponential(self.level, scale, after, allowed)
        return replace(self, value=self.value + max(new - old, 0.0), peaks=after, tail_scale=scale)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Threshold:
        return cls(**d)


def run_peaks(score: NDArray[np.float64], time_s: NDArray[np.float64], level: float, gap_s: float) -> NDArray[np.float64]:
    """Highest score of each run above ``level``; runs closer than gap_s seconds are one."""
    above = np.flatnonzero(score > level)
    if not len(above):
        return np.empty(0)
    breaks = np.flatnonzero(np.diff(time_s[above]) > gap_s) + 1
    return np.array([score[part].max() for part in np.split(above, breaks)])


def fit_threshold(
    videos: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], budget_per_hour: float, gap_s: float
) -> Threshold:
    """Threshold at which normal video gives ``budget_per_hour`` events.

    videos: (score (N,), time_s (N,)) of each stretch of normal video; scores are asinh of standard deviations. gap_s: alarms
    closer than this are one event.
    """
    scores = np.concatenate([s for s, _ in videos])
    hours = max(sum(float(t[-1] - t[0]) + float(t[-1] - t[0]) / max(len(t) - 1, 1) for _, t in videos) / 3600.0, 1e-9)
    allowed = budget_per_hour * hours
    level = float(np.quantile(scores, 0.9))
    peaks = np.sort(np.concatenate([run_peaks(s, t, level, gap_s) for s, t in videos]))[::-1]
    deviations = float(unsquash(np.array(level)))
    if not len(peaks):  # a constant score: nothing ever rises above its own level
        return Threshold(level, budget_per_hour, hours, 0, deviations, 0.0, "exponential")
    scale = float(np.mean(unsquash(peaks) - deviations))
    if allowed >= EMPIRICAL_PEAKS and allowed < len(peaks):
        value = float(np.mean(peaks[int(allowed) - 1 : int(allowed) + 1]))
        return Threshold(value, budget_per_hour, hours, len(peaks), deviations, scale, "empirical")
    value = _exponential(deviations, scale, len(peaks), allowed)
    return Threshold(value, budget_per_hour, hours, len(peaks), deviations, scale, "exponential")


def _exponential(level: float, scale: float, peaks: int, allowed: float) -> float:
    """The score at which an exponential tail over ``level`` leaves ``allowed`` of its peaks; both in standard deviations."""
    return float(squash(np.array(level + scale * np.log(max(peaks / allowed, 1.0)))))


def _count(n: float, thing: str) -> str:
    return f"{n:g} {thing}" if n == 1 else f"{n:g} {thing}s"
