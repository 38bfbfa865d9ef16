"""teach(): an event that a person called normal becomes part of what its camera takes for normal, at once, untrained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.api.load import load_model
from normalcy.errors import DataError, ModelError
from normalcy.scoring.fusion import unsquash
from normalcy.scoring.lesson import Lesson
from normalcy.scoring.lesson_files import forget_lesson, journal, lesson_ids, new_lesson_id, save_lesson
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import score_all
from normalcy.scoring.threshold import Threshold, run_peaks
from normalcy.types import Box, FrameScore
from normalcy.video.reader import VideoReader, probe
from normalcy.video.source import VideoRef, as_ref

PART = 0.5
"""Share of the threshold from which on a frame belongs to what is taught, where no interval is given."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a lesson did."""

    id: str
    """Of the lesson; takes it back."""
    before: float
    """Highest score of the event before."""
    after: float
    """The same with the lesson."""
    threshold_before: float
    threshold: float
    region: Box | None
    """Where in the picture, 0 to 1."""
    version: int
    """Of the camera's lessons: how often something was taught or taken back."""

    @property
    def quiet(self) -> bool:
        """Whether the same event would stay below the threshold."""
        return self.after <= self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "quiet": self.quiet}


def teach(
    model_dir: str | Path,
    clip: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    event: str = "",
    camera: str = "",
    by: str = "",
    note: str = "",
    device: str = "auto",
) -> Taught:
    """Make what happens in a clip normal for the camera that filmed it.

    The model's own files stay as they are: a lesson is written beside them, in ``taught/``, and holds from the next load of the
    model on, for video of the same background.

    Args:
        model_dir: the model folder.
        clip: a video of the event, with some seconds around it.
        start_s: where in the clip it begins; None: wherever the score is above half the threshold.
        end_s: where it ends.
        event: its id, for lists.
        camera: its name, for lists.
        by: who says so, for lists.
        note: why, for lists.
        device: auto, cpu or cuda.

    Raises:
        ModelError: no such model, or one of a level that cannot be taught (``objects.method: tubes``).
        SourceError, VideoError: the clip cannot be used. DataError: nothing in it is unusual. OutputError: the folder cannot
        be written.
    """
    from normalcy.api.lesson_parts import learned_of, picture_of  # with PyTorch, which a watch may do without

    folder, ref = Path(model_dir), as_ref(clip)
    model = load_model(folder, device, "torch")
    threshold = model.threshold
    if threshold is None:
        raise ModelError(f"{folder}: has no threshold, so nothing in it can be an alarm; train it to the end")
    scores = _scores(model, ref)
    chosen = _chosen(scores, threshold.value, start_s, end_s)
    if not len(chosen):
        raise DataError(f"{clip}: nothing in it is unusual to {folder}: its highest score is {_peak(scores):.2f}")
    arrays = learned_of(model, ref, [scores[i].frame for i in chosen.tolist()])
    if not arrays:
        raise DataError(f"{clip}: nothing in it that could be learned")
    region = _region(model, ref, scores, chosen)
    at = [scores[i] for i in chosen.tolist()]
    about = {
        "taught": round(time.time(), 3),
        "event": event,
        "camera": camera,
        "by": by,
        "note": note,
        "clip": ref.path.name,
        "region": None if region is None else [round(v, 4) for v in region],
        "seconds": round(at[-1].time_s - at[0].time_s, 3),
        "readout": max(at, key=lambda s: s.score).readouts and _loudest(max(at, key=lambda s: s.score)),
        "before": round(_peak(at), 4),
    }
    lesson = Lesson(new_lesson_id(), picture_of(model, ref), arrays, about)
    again = _scores(model.with_lessons([*model.lessons, lesson]), ref)
    after = _peak([again[i] for i in chosen.tolist()])
    more = _normal_video(again, chosen, threshold, model.cfg.alarm.merge_s)
    lesson = replace(lesson, about={**about, "after": round(after, 4), **more})
    new = threshold.with_normal(**more)
    save_lesson(folder, lesson, by)
    return Taught(lesson.id, _peak(at), after, threshold.value, new.value, region, len(journal(folder)))


def forget(model_dir: str | Path, lesson: str, *, by: str = "") -> int:
    """Take a lesson back; returns the version. Without it the model scores as it did before, to the bit.

    Raises DataError for a lesson that is not there, OutputError.
    """
    forget_lesson(Path(model_dir), lesson, by)
    return len(journal(Path(model_dir)))


def lesson_of_event(model_dir: str | Path, event: str) -> str | None:
    """The newest lesson that holds and was taught by this event, to take it back. Raises DataError."""
    held = set(lesson_ids(Path(model_dir)))
    own = [r["id"] for r in journal(Path(model_dir)) if r["action"] == "teach" and r.get("event") == event and r["id"] in held]
    return own[-1] if own else None


def _scores(model: Model, ref: VideoRef) -> list[FrameScore]:
    info = probe(ref, config=model.cfg.video)
    scorer = model.scorer(info, maps=True, ref=ref)
    with VideoReader(ref, scorer.size, config=model.cfg.video) as reader:
        return score_all(scorer, reader)


def _chosen(scores: Sequence[FrameScore], threshold: float, start_s: float | None, end_s: float | None) -> NDArray[np.int64]:
    """Frames that are taught."""
    score, time_s = np.array([s.score for s in scores]), np.array([s.time_s for s in scores])
    within = np.ones(len(scores), np.bool_)
    if start_s is not None:
        within &= time_s >= start_s - 1e-6
    if end_s is not None:
        within &= time_s <= end_s + 1e-6
    if start_s is not None or end_s is not None:
        return np.flatnonzero(within)
    return (
        np.flatnonzero(score > PART * min(threshold, float(score.max(initial=0.0))))
        if score.max(initial=0.0) > 0
        else np.empty(0, np.int64)
    )


def _peak(scores: Sequence[FrameScore]) -> float:
    return max((s.score for s in scores), default=0.0)


def _loudest(s: FrameScore) -> str:
    return max(s.readouts, key=lambda n: s.readouts[n])


def _region(model: Model, ref: VideoRef, scores: Sequence[FrameScore], chosen: NDArray[np.int64]) -> Box | None:
    """Where the highest frame is most abnormal, 0 to 1."""
    from normalcy.scoring.localise import peak_region

    top = max((scores[i] for i in chosen.tolist()), key=lambda s: s.score)
    if top.objects:
        info = probe(ref, config=model.cfg.video)
        x1, y1, x2, y2 = max(top.objects, key=lambda o: o.score).box
        return x1 / info.width, y1 / info.height, x2 / info.width, y2 / info.height
    return None if top.map is None else peak_region(top.map, (1, 1))


def _normal_video(again: Sequence[FrameScore], chosen: NDArray[np.int64], threshold: Threshold, gap_s: float) -> dict[str, Any]:
    """What the event adds to the normal video that the threshold rests on (Threshold.with_normal)."""
    score, time_s = (np.array([getattr(again[i], k) for i in chosen.tolist()]) for k in ("score", "time_s"))
    z = unsquash(score)
    peaks = run_peaks(z, time_s, threshold.level, gap_s)
    return {
        "peaks": len(peaks),
        "excess": float((peaks - threshold.level).sum()),
    }
