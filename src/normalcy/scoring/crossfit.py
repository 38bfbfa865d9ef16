"""Cross-validation over normal video, the same at every level: what a piece of it is measured with was fitted on the rest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.scene import MAX_SCENES, Signature, group, signature
from normalcy.scoring.scorer import Scorer, score_all
from normalcy.scoring.threshold import Threshold, fit_threshold
from normalcy.types import Piece

FOLDS = 5
"""Parts of a cross-validation over normal video."""
MAX_SCORED = 100_000
"""Frames, about, that the threshold is measured on: an hour of video. Of more, an even choice of whole pieces."""
BACKGROUND_FRAMES = 50
"""Frames that a video's background is the median of."""

Parts = Sequence[Sequence[Piece]]
"""Pieces of normal video, by fold."""
ScoreOfFrames = tuple[NDArray[np.float64], NDArray[np.float64]]
"""(score (N,), time_s (N,)) of the frames of a piece."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which normal video is put to the test together."""

    parts: Parts
    """All of it, in folds."""
    scenes: Sequence[tuple[Signature, Parts]]
    """Background of each scene, and its own video in folds; none where there is a single scene."""


class HasScenes(Protocol):
    """A model of normal that may have one for each scene beside it."""

    scenes: list[tuple[Signature, Self]]


class Fitted(Protocol):
    """A model of normal that takes in video."""

    fitted_on: set[Piece]
    """Pieces of normal video that it observed."""

    def observe(self, x: Any) -> None:
        """Take in some normal video."""

    def fit(self) -> None:
        """End of the normal video."""


S = TypeVar("S", bound=HasScenes)
M = TypeVar("M", bound=Fitted)
X = TypeVar("X")
N = TypeVar("N")


class CrossFitted(NamedTuple, Generic[N]):
    """One thing fitted on all folds of the normal video, and once without each of them."""

    whole: N
    without: list[N]


def plan_of(footage: NormalVideo) -> Plan:
    """Folds of all video, and of each scene's where the videos show several, told apart by their background."""
    length = footage.cfg.clip.length
    starts = [v.starts for v in footage.videos]
    pieces = joined([p for p in (*footage.fit_on, *footage.held) if p.frames >= span(length, p.step)], starts)
    frames = [footage.videos[p.video].frames for p in pieces]
    backgrounds = [signature(f[:: max(1, len(f) // BACKGROUND_FRAMES)]) for f in frames]
    scene_of = group(backgrounds)
    scenes = []
    if 1 < len(set(scene_of)) <= MAX_SCENES:
        for scene in dict.fromkeys(scene_of):
            own = [i for i, s in enumerate(scene_of) if s == scene]
            scenes.append((backgrounds[own[0]], folds([pieces[i] for i in own], length)))
    return Plan(folds(pieces, length), scenes)


def cross_fit(plan: Plan, fit: Callable[[Parts, str], tuple[S, list[tuple[S, Piece]]]]) -> tuple[S, list[tuple[S, Piece]]]:
    """(model of all normal video with one of each scene beside it, each piece with the model to test it by).

    fit: (folds, words for progress) -> the same of one set of folds, where a piece comes with a model that was fitted without
    its fold. In several scenes a piece comes with a model of its own scene.
    """
    model, tested = fit(plan.parts, "")
    if plan.scenes:
        tested = []
    for i, (background, parts) in enumerate(plan.scenes):
        of_scene, more = fit(parts, f", scene {i + 1} of {len(plan.scenes)}")
        model.scenes.append((background, of_scene))
        tested += more
    return model, tested


def fit_without(models: CrossFitted[M], batches: Iterable[tuple[int, Piece, Any]], alone: Collection[int]) -> None:
    """Show each model the normal video of all folds but its own, and ``models.whole`` all of it; then fit them.

    batches: (fold, piece, what the models observe of it). alone: folds without which too little is left to fit on; theirs is
    shown to their own models as well.
    """
    for k, piece, batch in batches:
        for j, model in enumerate((*models.without, models.whole)):
            if j != k or k in alone:
                model.observe(batch)
                model.fitted_on.add(piece)
    for model in (*models.without, models.whole):
        model.fit()


def leave_one_out(folds: Sequence[Sequence[X]], fit: Callable[[Sequence[X]], N]) -> CrossFitted[N]:
    """Fit on the contents of all folds, and of all but each; where the other folds hold nothing, on all of them."""
    everything = [x for fold in folds for x in fold]
    others = [[x for j, fold in enumerate(folds) if j != k for x in fold] for k in range(len(folds))]
    return CrossFitted(fit(everything), [fit(x or everything) for x in others])


def threshold_of(
    footage: NormalVideo, tested: Sequence[tuple[N, Piece]], score: Callable[[N, Piece], ScoreOfFrames]
) -> Threshold:
    """The threshold that these pieces, each scored by its model, give; of very much video an even share is scored."""
    every = -(-sum(p.frames for _, p in tested) // MAX_SCORED)
    scored = []
    for i, (model, p) in enumerate(tested[::every]):
        scored.append(score(model, p))
        footage.report("threshold", min((i + 1) * every, len(tested)), len(tested))
    return fit_threshold(scored, footage.cfg.alarm.budget_per_hour, footage.cfg.alarm.merge_s)


def score_piece(scorer: Scorer, footage: NormalVideo, p: Piece) -> ScoreOfFrames:
    """Score a piece of normal video as new video is scored."""
    scores = score_all(scorer, footage.frames(p))
    return np.array([s.score for s in scores]), np.array([s.time_s for s in scores])


def joined(pieces: Sequence[Piece], starts: Sequence[Sequence[int]]) -> list[Piece]:
    """One piece for each segment of a video, from the first to the last frame of its pieces.

    starts: of each video, the first frame of each segment.
    """
    out: dict[tuple[int, int], Piece] = {}
    for p in sorted(pieces):
        key = p.video, bisect_right(starts[p.video], p.start)
        start = out[key].start if key in out else p.start
        out[key] = Piece(p.video, start, max(p.stop, out[key].stop) if key in out else p.stop, p.step)
    return list(out.values())


def folds(pieces: Sequence[Piece], length: int) -> list[list[Piece]]:
    """Divide pieces of different videos for a cross-validation: into FOLDS parts, or as many as there are.

    Videos stay whole, since the end of a video resembles its beginning. A single one is cut into equal stretches that hold
    two clips of ``length`` frames each; too short for that, it is one part.
    """
    videos = [[p for p in pieces if p.video == video] for video in dict.fromkeys(p.video for p in pieces)]
    if len(videos) > 1:
        parts = min(FOLDS, len(videos))
        return [[p for video in videos[i::parts] for p in video] for i in range(parts)]
    if len(pieces) != 1:  # one video in segments: no fold holds part of one
        parts = min(FOLDS, len(pieces))
        return [list(pieces[len(pieces) * i // parts : len(pieces) * (i + 1) // parts]) for i in range(parts)]
    (p,) = pieces
    parts = max(1, min(FOLDS, p.frames // (2 * span(length, p.step))))
    cuts = [p.start + p.frames * i // parts for i in range(parts + 1)]
    return [[Piece(p.video, a, b, p.step)] for a, b in pairwise(cuts)]
