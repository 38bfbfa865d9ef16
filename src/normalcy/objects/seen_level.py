"""The object level of training: watch the normal video once, then learn what is normal of its objects, for each scene."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.base import build_detector, sample_step
from normalcy.errors import TrainingError
from normalcy.objects.album import Album
from normalcy.objects.fit import fit
from normalcy.objects.seen_model import SeenModel
from normalcy.objects.seen_scorer import Judge
from normalcy.objects.selftest import Probe
from normalcy.objects.sightings import Sightings
from normalcy.objects.watch import watch_video
from normalcy.parts import CUES
from normalcy.scoring.crossfit import Parts, ScoreOfFrames, cross_fit, plan_of, threshold_of
from normalcy.scoring.fusion import squash
from normalcy.scoring.normal_video import NormalVideo
from normalcy.types import Piece

MAX_SIGHTINGS = 20_000
"""Sightings that a scene's normal is fitted on; looks of longer video are thinned evenly."""
ENOUGH = 50
"""Sightings from which on a scene has a normal of its own; fewer are measured by that of all video."""
_VIDEO = 1_000_000
"""Tracks that the numbers of a video have room for."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Of each normal video what was seen in the frames that were looked at."""

    looks: Sequence[Sequence[Sightings]]
    every: Sequence[int]
    """Frames from one look to the next."""

    @classmethod
    def of(cls, footage: NormalVideo) -> Self:
        """Watch all videos; known boxes are read from the cache. Raises TrainingError where those are others'."""
        detector = build_detector(footage.cfg.objects, features=True)
        looks, steps = [], []
        for i, (ref, v) in enumerate(zip(footage.refs, footage.videos, strict=True)):
            every = sample_step(v.info.fps, footage.cfg.objects)
            met = watch_video(ref, v.info, footage.cfg, detector, video=i)
            seen = [s.but(track_N=s.track_N + i * _VIDEO) for _, s in met]
            if len(seen) != -(-len(v) // every):
                raise TrainingError(f"{ref.path}: has {len(v)} frames, and boxes for others; clear the cache and run again")
            looks.append(seen)
            steps.append(every)
            footage.report("watch", i + 1, len(footage.refs))
        return cls(looks, steps)

    def within(self, p: Piece) -> list[Sightings]:
        """The looks of a piece."""
        every = self.every[p.video]
        return list(self.looks[p.video][-(-p.start // every) : -(-p.stop // every)])

    def __len__(self) -> int:
        return sum(len(s) for video in self.looks for s in video)


@dataclass(slots=True)
class SeenFolds:
    """Cross-fitting of one scene after the other. See normalcy.scoring.crossfit.cross_fit."""

    footage: NormalVideo
    watched: Watched
    probes: list[tuple[SeenModel, Probe]] = field(default_factory=list)
    """Of all video first, then of each scene."""
    _of_all: tuple[SeenModel, dict[int, SeenModel]] | None = None

    def fit(self, parts: Parts, of: str = "") -> tuple[SeenModel, list[tuple[SeenModel, Piece]]]:
        """(model of all parts, each piece with the model that was fitted without its part). The first call is for all video.

        Raises TrainingError where it shows no object.
        """
        looks = [[look for p in part for look in self.watched.within(p)] for part in parts]
        folds = [Sightings.joined(part) for part in looks]
        total = sum(map(len, folds))
        if self._of_all is not None and total < ENOUGH:
            return self._borrowed(parts)
        if not total:
            raise nothing_seen(self.footage)
        thin = -(-total // MAX_SIGHTINGS)
        if thin > 1:
            folds = [Sightings.joined(part[::thin]) for part in looks]
        cfg = self.footage.cfg
        empty = float(np.mean([not len(look) for part in looks for look in part]))
        fitted = fit(folds, cfg.objects.cues or tuple(CUES), cfg.objects.track_s, empty, cfg.seed)
        album = Album.of(Sightings.joined(folds), [v.info.name for v in self.footage.videos])
        whole, *without = (SeenModel(cfg, n, album) for n in (fitted.whole, *fitted.without))
        for model in (whole, *without):
            model.trained_fps = float(np.median([v.info.fps for v in self.footage.videos]))
        self.probes.append((whole, fitted.probe))
        self.footage.report(f"objects{of}", 1, 1)
        tested = [(without[k], p) for k, part in enumerate(parts) for p in part]
        if self._of_all is None:
            self._of_all = whole, {p.video: model for model, p in tested}
        return whole, tested

    def _borrowed(self, parts: Parts) -> tuple[SeenModel, list[tuple[SeenModel, Piece]]]:
        """For a scene with hardly any object. There are other scenes, so the folds of all video are of whole videos."""
        assert self._of_all is not None
        whole, without = self._of_all
        own = copy.copy(whole)
        own.scenes = []
        return own, [(without[p.video], p) for part in parts for p in part]

    def score(self, model: SeenModel, p: Piece) -> ScoreOfFrames:
        """Score a piece from what was seen in it, as new video is scored."""
        v, every = self.footage.videos[p.video], self.watched.every[p.video]
        judge = Judge(model, v.info, maps=False)
        looks, scores = iter(self.watched.within(p)), []
        for n in range(p.start, p.stop):
            time_s = float(v.time_s[n] - v.time_s[p.start])
            judge.frame(time_s)
            if n % every == 0:
                s = next(looks)
                scores += judge.look(n - p.start, time_s, s.but(time_N=s.time_N - v.time_s[p.start]))
        scores += judge.finish()
        return np.array([s.score for s in scores]), np.array([s.time_s for s in scores])

    def test(self, threshold: float) -> None:
        """Keep with each model what it would notice. threshold: of the score, which objects reach by themselves or not."""

        def alarm(z_N: NDArray[np.float64]) -> NDArray[np.bool_]:
            return np.asarray(squash(z_N) > threshold)

        for model, probe in self.probes:
            model.selftest = probe.table(model.normal, alarm)


def nothing_seen(footage: NormalVideo) -> TrainingError:
    """The error for normal video without objects."""
    return TrainingError(
        f"the detector '{footage.cfg.objects.detector}' found no object in the normal video; give more video, another "
        "objects.detector, or learn whole frames alone with --level frame"
    )


def calibrate_seen(footage: NormalVideo) -> SeenModel:
    """The object level alone, with its threshold and what it would notice."""
    folds = SeenFolds(footage, Watched.of(footage))
    model, tested = cross_fit(plan_of(footage), folds.fit)
    model.threshold = threshold_of(footage, tested, folds.score)
    folds.test(model.threshold.value)
    return model
