"""The page's words: one sentence that says what came out, and what the numbers do and do not mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalcy.metrics.events import holds_anomaly, meets_alarm, runs
from normalcy.metrics.table import ResultRow
from normalcy.report.style import clock
from normalcy.report.timeline import extent
from normalcy.types import Event, VideoScores

SCORE = (
    "A score says how unlike the normal training video a frame is: 0 is typical of normal video, higher is more "
    "abnormal. It is not a probability, and rare but harmless things score high too."
)
MAP = "The map says where the score comes from, on a coarse grid. It marks a place, not the outline of an object."
THRESHOLD = (
    "The threshold comes from normal video and a budget of false alarms, never from the videos on this page. "
    "It holds as far as that normal video is like what the camera sees later: light, weather, crowds."
)
AUC = (
    "Micro AUC puts the frames of all videos into one ranking; 50 is chance. Macro AUC is the mean over videos: 'defined' "
    "leaves out videos with one class only, 'padded' adds one perfect pair of frames to each video, which flatters every "
    "method, also a random score."
)
FRAMES = "AUC counts frames: one that fires on the wrong object in the right frame still wins. Compare the maps with the truth."
HITS = "An event counts as true if any of its frames is labelled abnormal."
UNLABELLED = "There are no labels here, so nothing on this page says how often the score is right."
PER_VIDEO = (
    "Rows with per-video normalisation need each test video whole and take for granted that it holds an anomaly; "
    "they cannot run live and are not comparable with rows normalised on training video."
)
MICRO = "micro_auc"
BASELINES = "Baselines without any learning stand in the same table: a result that does not beat them has not shown anything."


@dataclass(frozen=True, slots=True)
class Span:
    """What the sentence needs of a video."""

    scores: VideoScores
    events: Sequence[Event]
    truth: NDArray[np.integer] | None

    @property
    def frames(self) -> NDArray[np.int64]:
        """(E, 2) first and last frame of each event."""
        return np.array([(e.start_frame, e.end_frame) for e in self.events], dtype=np.int64).reshape(-1, 2)


def length(scores: VideoScores) -> float:
    """Seconds from the start of the first to the end of the last frame."""
    start, end = extent(scores.time_s)
    return end - start


def summarise(videos: Sequence[Span], results: Sequence[ResultRow], threshold: float | None, own: int = 1) -> str:
    """One or two plain sentences from the numbers alone, with truth or without.

    own: how many of the first results are the model's: its score, then its readouts. The others are baselines.
    """
    where = f"In {_count(len(videos), 'video')} ({clock(sum(length(v.scores) for v in videos))})"
    return " ".join(s for s in (_ranking(where, results, own), _alarms(where, videos, threshold, bool(results))) if s)


def _ranking(where: str, results: Sequence[ResultRow], own: int) -> str:
    if not results or (ours := results[0].values.get(MICRO)) is None:
        return ""
    text = f"{where} an abnormal frame scored above a normal one {100 * ours:.0f} times in 100 (a coin: 50)"
    others = {r.name: v for r in results[own:] if (v := r.values.get(MICRO)) is not None}
    if not others:
        return text + "."
    name, best = max(others.items(), key=lambda item: item[1])
    verb = "only" if best < ours - 0.02 else "even" if best > ours + 0.02 else "also"
    return f"{text}; the best baseline, {name}, reached {verb} {100 * best:.0f}."


def _alarms(where: str, videos: Sequence[Span], threshold: float | None, after: bool) -> str:
    if threshold is None:
        return "" if after else f"{where} every frame was scored; no threshold was set, so there are no events."
    start = "The threshold, set without labels," if after else f"{where} the threshold"
    events = [(e, v) for v in videos for e in v.events]
    if not events:
        return f"{start} was never crossed{_missed(videos)}."
    known = [(v.frames, v.truth) for v in videos if v.truth is not None]
    if known:
        raised, hits = sum(len(f) for f, _ in known), sum(int(holds_anomaly(f, y).sum()) for f, y in known)
        there, met = sum(len(runs(y)) for _, y in known), sum(int(meets_alarm(f, y).sum()) for f, y in known)
        return (
            f"{start} gave {_count(raised, 'event')}: {hits} on a true anomaly, {raised - hits} false; "
            f"{met} of {_count(there, 'true anomaly', 'true anomalies')} raised one."
        )
    top, video = max(events, key=lambda p: p[0].peak)
    at = clock(top.peak_s, length(video.scores))
    return f"{start} was crossed in {_count(len(events), 'event')}, the strongest in {video.scores.name} at {at}."


def _missed(videos: Sequence[Span]) -> str:
    there = sum(len(runs(v.truth)) for v in videos if v.truth is not None)
    if not there:
        return ""
    return f", although there {'is' if there == 1 else 'are'} {_count(there, 'true anomaly', 'true anomalies')}"


def caveats(results: Sequence[ResultRow], threshold: float | None, truth: bool) -> list[str]:
    """Sentences on what the numbers do and do not mean, only those that apply."""
    lines = [SCORE, MAP]
    if threshold is not None:
        lines.append(THRESHOLD)
    lines += [AUC, FRAMES, HITS] if truth else [UNLABELLED]
    if any(r.peeked for r in results):
        lines.append(PER_VIDEO)
    if results:
        lines.append(BASELINES)
    return lines


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
