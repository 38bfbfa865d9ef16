"""Read in parts, a video has the scores of the whole, to the last bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from made_models import fitted_model, square_frames, stream, tiny_config, video_info
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.parts import PartReadings, joined, read_part, spans, window_frames
from normalcy.scoring.scene import signature
from normalcy.scoring.scorer import score_all
from normalcy.types import FrameScore

N = 203


def in_parts(model: FrameModel, images: np.ndarray, length: int) -> list[FrameScore]:
    info, frames = video_info(), stream(images)
    parts = spans(len(frames), info.fps, model.cfg, length)
    assert len(parts) > 2
    read = []
    for part in parts:
        opening = frames[: window_frames(model.cfg, info.fps)] if part.first else []
        anchors = read_part(model, info, part, iter(frames[part.first : part.end]), opening)
        moments, values = np.array([a.frame for a in anchors]), np.stack([a.values_V for a in anchors])
        read.append(PartReadings(moments, values, np.stack([a.map_hw for a in anchors]), 0, 0.0, 0.0))
    times = np.array([f.time_s for f in frames])
    return [s for scores in joined(model, info, times, read, maps=True) for s in scores]


@pytest.mark.parametrize(
    "sets",
    [
        ("scoring.smoothing=gaussian", "scoring.sigma_s=0.3"),
        ("scoring.smoothing=ema", "scoring.sigma_s=0.5"),  # it never forgets: no overlap would do
        ("scoring.smoothing=none", "scoring.stride=3", "scoring.batch=5"),
        ("scoring.normalise=per_video",),
        ("scoring.stride=1", "scoring.batch=8"),
    ],
)
def test_scores_and_maps_are_those_of_the_whole(sets: tuple[str, ...]) -> None:
    model = fitted_model(tiny_config("scoring.readouts=[density, motion, velocity]", *sets))
    images = square_frames(N, seed=3, speed=3.0)
    whole = score_all(model.scorer(video_info(), maps=True), stream(images))
    parts = in_parts(model, images, 40)
    assert [s.frame for s in parts] == list(range(N))
    for a, b in zip(whole, parts, strict=True):
        assert (a.frame, a.time_s, a.score, a.readouts) == (b.frame, b.time_s, b.score, b.readouts)
        assert a.map is not None and b.map is not None and np.array_equal(a.map, b.map)


def test_every_part_is_measured_by_the_scene_of_the_first_window() -> None:
    """The camera turns away after the first window: each part by itself would take another scene for its own."""
    model = fitted_model(tiny_config("scoring.readouts=[density]"))
    here, there = square_frames(N, seed=0), square_frames(N, seed=9)
    other = fitted_model(tiny_config("scoring.readouts=[density]"), square_frames(60, seed=9))
    model.scenes = [(signature(here[:10]), fitted_model(model.cfg, here[:60])), (signature(there[:10]), other)]
    images = np.concatenate([here[:20], there[20:]])
    whole = score_all(model.scorer(video_info(), maps=True), stream(images))
    assert [s.score for s in whole] == [s.score for s in in_parts(model, images, 40)]


@pytest.mark.parametrize("frames", [1, 30, 79, 80, 81, 203, 999])
def test_parts_cover_the_video_and_keep_its_batches(frames: int) -> None:
    cfg = tiny_config("scoring.stride=2", "scoring.batch=5")
    parts = spans(frames, 25.0, cfg, 40)
    assert parts[0].first == 0 and parts[-1].stop == parts[-1].end == frames
    for a, b in pairwise(parts):
        assert a.stop == b.first and a.first % 10 == b.first % 10 == 0
        assert a.stop < a.end <= frames and not a.last
    assert parts[-1].last and (len(parts) == 1 or frames - parts[-1].first >= window_frames(cfg, 25.0))
