"""Cross-fitting of the object level: which objects reach which model; scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from made_models import stream, tiny_network
from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.errors import TrainingError
from normalcy.objects import folds
from normalcy.objects.folds import ObjectFolds
from normalcy.objects.model import ObjectModel
from normalcy.objects.training_boxes import TrainingBoxes
from normalcy.presets import load_config
from normalcy.scoring.crossfit import cross_fit, plan_of, threshold_of
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.scorer import score_all
from normalcy.types import Piece, VideoInfo
from normalcy.video.cache import CachedVideo
from objects_help import boxes

W, H, FPS = 64, 48, 25.0


def config(*sets: str) -> Config:
    base = ["level=object", "objects.side=16", "objects.stride=1", "objects.readouts=[continuity, density, flow]"]
    return load_config("tiny", environ={}, sets=[*base, *sets])


def camera(n: int, background: int, seed: int, speed: float = 1.0) -> tuple[CachedVideo, list[Boxes]]:
    """n frames of one background with three textured things that move, and their boxes."""
    coarse = np.random.default_rng(background).integers(60, 200, (6, 8)).astype(np.uint8)
    still = cv2.resize(coarse, (W, H), interpolation=cv2.INTER_NEAREST)
    rng = np.random.default_rng([background, seed])
    things = rng.integers(0, 255, (3, 12, 10)).astype(np.uint8)
    starts = rng.uniform((0, 0), (W - 10, H - 12), (3, 2))
    frames, found = np.repeat(still[None], n, axis=0), []
    for i in range(n):
        corners = []
        for thing, (x, y) in zip(things, starts, strict=True):
            x1, y1 = int(x + i * speed) % (W - 10), int(y)
            frames[i, y1 : y1 + 12, x1 : x1 + 10] = thing
            loose = rng.uniform(0, 1, 4)  # no two boxes of a detector are quite alike
            corners.append((x1 - loose[0], y1 - loose[1], x1 + 10 + loose[2], y1 + 12 + loose[3]))
        found.append(boxes(*corners))
    name = f"{background}-{seed}"
    info = VideoInfo(name, Path(name), W, H, FPS, n)
    return CachedVideo(np.repeat(frames[..., None], 3, axis=3), np.arange(n) / FPS, info, name), found


def made(
    cfg: Config, made_of: list[tuple[CachedVideo, list[Boxes]]], pieces: list[Piece] | None = None
) -> tuple[ObjectFolds, NormalVideo]:
    videos, found = [v for v, _ in made_of], [b for _, b in made_of]
    m = NormalVideo([], videos, pieces or [Piece(i, 0, len(v)) for i, v in enumerate(videos)], [], cfg)
    return ObjectFolds(tiny_network(cfg), m, TrainingBoxes(found, found, None)), m


def test_no_piece_is_tested_by_a_model_that_was_fitted_on_it() -> None:
    objects, m = made(config(), [camera(20, 0, i) for i in range(7)])
    model, tested = cross_fit(plan_of(m), objects.fit)
    everything = set(m.fit_on)
    assert model.fitted_on == everything and not model.scenes
    assert {p for _, p in tested} == everything and len({id(of_fold) for of_fold, _ in tested}) == 5  # folds of seven videos
    for of_fold, _ in tested:
        own = {p for other, p in tested if other is of_fold}
        assert of_fold.fitted_on == everything - own


def test_a_single_video_is_cut_into_stretches() -> None:
    objects, m = made(config(), [camera(100, 0, 0)], [Piece(0, 0, 80), Piece(0, 80, 100)])
    _, tested = cross_fit(plan_of(m), objects.fit)
    assert [(p.start, p.stop) for _, p in tested] == [(20 * i, 20 * i + 20) for i in range(5)]
    assert all(p not in of_fold.fitted_on for of_fold, p in tested)


def test_unseen_objects_lie_farther_out_than_those_that_the_density_was_fitted_on() -> None:
    objects, m = made(config(), [camera(20, 0, i) for i in range(5)])
    model, tested = cross_fit(plan_of(m), objects.fit)
    own, unseen = [], []
    for of_fold, p in tested:
        ((of_piece,),) = objects.objects([[p]])
        own.append(of_piece.read_by(model).raw_NR[:, 1])
        unseen.append(of_piece.read_by(of_fold).raw_NR[:, 1])
    assert np.concatenate(unseen).mean() > 1.1 * np.concatenate(own).mean()


def scored(model: ObjectModel, video: CachedVideo, found: list[Boxes]) -> np.ndarray:
    return np.array([s.score for s in score_all(model.scorer(video.info, boxes=found), stream(video.frames, FPS))])


def test_objects_are_cut_once_for_all_that_read_them() -> None:
    objects, m = made(config(), [camera(24, i % 2, i) for i in range(4)])
    first = objects.objects([[p] for p in m.fit_on])
    again = objects.objects([list(m.fit_on)])[0]
    assert [o is p for (o,), p in zip(first, again, strict=True)] == [True] * 4


def test_two_cameras_get_a_model_of_normal_each() -> None:
    shown = [camera(24, i % 2, i, speed=1.0 + 2 * (i % 2)) for i in range(6)]
    objects, m = made(config(), shown)
    model, tested = cross_fit(plan_of(m), objects.fit)
    model.threshold = threshold_of(m, tested, objects.score)
    assert len(model.scenes) == 2
    for parity, (_, of_scene) in enumerate(model.scenes):
        assert {p.video for p in of_scene.fitted_on} == {parity, parity + 2, parity + 4}
    assert all({q.video % 2 for q in of_fold.fitted_on} == {p.video % 2} for of_fold, p in tested)
    assert all(p not in of_fold.fitted_on for of_fold, p in tested)
    assert model.threshold.normal_hours == pytest.approx(6 * 24 / FPS / 3600)

    again = ObjectModel.from_state(model.cfg, model.network, *model.state())
    for parity in (0, 1):
        video, found = camera(24, parity, 99)
        of_scene = scored(model.scenes[parity][1], video, found)
        np.testing.assert_array_equal(scored(model, video, found), of_scene)
        np.testing.assert_array_equal(scored(again, video, found), of_scene)
        assert not np.allclose(scored(model.scenes[1 - parity][1], video, found), of_scene)
    unknown, found = camera(24, 7, 0)
    alone = ObjectModel.from_state(model.cfg, model.network, *model.state())
    alone.scenes = []
    np.testing.assert_array_equal(scored(model, unknown, found), scored(alone, unknown, found))


def test_a_scene_with_hardly_any_object_is_measured_by_all_video() -> None:
    empty = [(v, [Boxes.none() for _ in found]) for v, found in (camera(24, 1, i) for i in range(2))]
    objects, m = made(config(), [*(camera(24, 0, i) for i in range(3)), *empty])
    model, tested = cross_fit(plan_of(m), objects.fit)
    assert len(model.scenes) == 2
    assert model.scenes[1][1].normal is model.normal and not model.scenes[1][1].scenes
    assert [p.video for _, p in tested] == [0, 1, 2, 3, 4]
    assert all(p not in of_fold.fitted_on for of_fold, p in tested)
    again = ObjectModel.from_state(model.cfg, model.network, *model.state())
    assert len(again.scenes) == 2
    assert threshold_of(m, tested, objects.score).normal_hours == pytest.approx(5 * 24 / FPS / 3600)


def test_much_video_is_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "MAX_OBJECTS", 60)
    objects, m = made(config(), [camera(50, 0, i) for i in range(2)])
    for part in objects.objects([[p] for p in m.fit_on]):
        assert [len(o) for o in part] == [3 * len(range(2, 50 - 1, 5))] and part[0].fps == FPS / 5


def test_video_without_objects_is_an_error() -> None:
    v, found = camera(20, 0, 0)
    objects, m = made(config(), [(v, [Boxes.none() for _ in found])] * 2)
    with pytest.raises(TrainingError, match="found no object"):
        cross_fit(plan_of(m), objects.fit)
