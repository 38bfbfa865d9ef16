"""The page's words: one sentence that says what came out, and what the numbers do and do not mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalcy.report.style import clock, runs
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
BASELINES = "Baselines without any learning stand in the same table: a result that does not beat them has not shown anything."


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of the AUC table. Values in [0, 1], None where undefined or not measured."""

    name: str
    protocol: str
    """Normalisation and smoothing in a few words; must say so if the protocol saw test videos whole."""
    micro: float | None = None
    macro_padded: float | None = None
    macro_defined: float | None = None
    eer: float | None = None
    ap: float | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What the sentence needs of a video."""

    scores: VideoScores
    events: Sequence[Event]
    truth: NDArray[np.integer] | None


def length(scores: VideoScores) -> float:
    """Seconds from the start of the first to the end of the last frame."""
    start, end = extent(scores.time_s)
    return end - start


def summarise(videos: Sequence[Span], results: Sequence[ResultRow], threshold: float | None) -> str:
    """One or two plain sentences from the numbers alone, with truth or without."""
    where = f"In {_count(len(videos), 'video')} ({clock(sum(length(v.scores) for v in videos))})"
    return " ".join(s for s in (_ranking(where, results), _alarms(where, videos, threshold, bool(results))) if s)


def _ranking(where: str, results: Sequence[ResultRow]) -> str:
    ours = next((r for r in results if r.ours and r.micro is not None), None)
    if ours is None or ours.micro is None:
        return ""
    text = f"{where} an abnormal frame scored above a normal one {100 * ours.micro:.0f} times in 100 (a coin: 50)"
    rest = [r for r in results if not r.ours and r.micro is not None]
    if not rest:
        return text + "."
    best = max(rest, key=lambda r: r.micro or 0.0)
    verb = "only" if (best.micro or 0.0) < ours.micro - 0.02 else "even" if (best.micro or 0.0) > ours.micro + 0.02 else "also"
    return f"{text}; the best baseline, {best.name}, reached {verb} {100 * (best.micro or 0.0):.0f}."


def _alarms(where: str, videos: Sequence[Span], threshold: float | None, after: bool) -> str:
    if threshold is None:
        return "" if after else f"{where} every frame was scored; no threshold was set, so there are no events."
    start = "The threshold, set without labels," if after else f"{where} the threshold"
    events = [(e, v) for v in videos for e in v.events]
    if not events:
        return f"{start} was never crossed{_missed(videos)}."
    known = [v for v in videos if v.truth is not None]
    if known:
        hits = sum(_hit(e, v) for v in known for e in v.events)
        found, there = _found(known)
        raised = sum(len(v.events) for v in known)
        return (
            f"{start} gave {_count(raised, 'event')}: {hits} on a true anomaly, {raised - hits} false; "
            f"{found} of {_count(there, 'true anomaly', 'true anomalies')} raised one."
        )
    top, video = max(events, key=lambda p: p[0].peak)
    at = clock(top.peak_s, length(video.scores))
    return f"{start} was crossed in {_count(len(events), 'event')}, the strongest in {video.scores.name} at {at}."


def _missed(videos: Sequence[Span]) -> str:
    there = sum(len(runs(v.truth)) for v in videos if v.truth is not None)
    if not there:
        return ""
    return f", although there {'is' if there == 1 else 'are'} {_count(there, 'true anomaly', 'true anomalies')}"


def _hit(e: Event, v: Span) -> bool:
    return v.truth is not None and bool(np.any(v.truth[e.start_frame : e.end_frame + 1]))


def _found(videos: Sequence[Span]) -> tuple[int, int]:
    """Stretches of abnormal frames that an event overlaps, and all of them."""
    stretches = [(a, b, v.events) for v in videos if v.truth is not None for a, b in runs(v.truth)]
    return sum(any(e.start_frame <= b and e.end_frame >= a for e in ev) for a, b, ev in stretches), len(stretches)


def caveats(results: Sequence[ResultRow], threshold: float | None, truth: bool) -> list[str]:
    """Sentences on what the numbers do and do not mean, only those that apply."""
    lines = [SCORE, MAP]
    if threshold is not None:
        lines.append(THRESHOLD)
    lines += [AUC, FRAMES, HITS] if truth else [UNLABELLED]
    if any("per_video" in r.protocol or "per-video" in r.protocol for r in results):
        lines.append(PER_VIDEO)
    if results:
        lines.append(BASELINES)
    return lines


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
