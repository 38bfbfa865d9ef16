"""Cross-fitting: readouts are measured on video that they were not fitted on; one model of normal for each scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from made_models import square_frames, tiny_config, tiny_network
from normalcy.config import Config
from normalcy.errors import TrainingError
from normalcy.scoring import calibration
from normalcy.scoring.calibration import FrameFolds, calibrate
from normalcy.scoring.crossfit import cross_fit, plan_of
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.normal_video import NormalVideo
from normalcy.types import Frame, Piece, VideoInfo
from normalcy.video.cache import CachedVideo


def video(images: np.ndarray, fps: float = 25.0, name: str = "v") -> CachedVideo:
    h, w = images.shape[1:3]
    info = VideoInfo(name, Path(name), w, h, fps, len(images))
    return CachedVideo(images, np.arange(len(images)) / fps, info, "key")


def run(cfg: Config, videos: list[CachedVideo], fit: list[Piece], held: list[Piece], **kwargs: Any) -> FrameModel:
    return calibrate(tiny_network(cfg), NormalVideo([], videos, fit, held, cfg, **kwargs))


def textured(n: int, first: int = 0, seed: int = 0, h: int = 48, w: int = 64) -> np.ndarray:
    """Numbered frames of one camera: the first pixel is first + i, the rest a background of the seed's own."""
    background = np.random.default_rng(seed).integers(0, 255, (6, 8)).astype(np.uint8)
    out = np.repeat(cv2.resize(background, (w, h), interpolation=cv2.INTER_NEAREST)[None, ..., None], n, axis=0)
    out = np.repeat(out, 3, axis=3)
    out[:, 0, 0] = np.arange(first, first + n)[:, None]
    return out


def crossed(cfg: Config, videos: list[CachedVideo], fit: list[Piece], held: list[Piece]) -> tuple[FrameModel, Any]:
    """(model, each piece with the model that it is tested by)."""
    m = NormalVideo([], videos, fit, held, cfg)
    return cross_fit(plan_of(m), FrameFolds(tiny_network(cfg), m).fit)


def test_no_piece_is_tested_by_a_model_that_was_fitted_on_it() -> None:
    videos, pieces = [video(textured(20, 20 * i)) for i in range(7)], [Piece(i, 0, 20) for i in range(7)]
    model, tested = crossed(tiny_config("scoring.stride=3"), videos, pieces[:5], pieces[5:])
    assert model.fitted_on == set(pieces) and not model.scenes
    assert {p for _, p in tested} == set(pieces) and len({id(of_fold) for of_fold, _ in tested}) == 5  # folds of seven videos
    for of_fold, _ in tested:
        own = {p for other, p in tested if other is of_fold}
        assert of_fold.fitted_on == set(pieces) - own


def test_a_single_video_is_cut_into_stretches() -> None:
    v = video(textured(100))
    _, tested = crossed(tiny_config("scoring.stride=2"), [v], [Piece(0, 0, 80, 2)], [Piece(0, 80, 100, 2)])
    assert [(p.start, p.stop) for _, p in tested] == [(20 * i, 20 * i + 20) for i in range(5)]
    assert all(p not in of_fold.fitted_on for of_fold, p in tested)


def starts(cfg: Config, videos: list[CachedVideo], pieces: list[Piece]) -> list[list[int]]:
    """Of each piece its windows' first frames, told by their first pixel; every window keeps the step of its piece."""
    m = NormalVideo([], videos, pieces, [], cfg)
    out: list[list[int]] = [[] for _ in pieces]
    for k, p, w in FrameFolds(tiny_network(cfg), m).windows([[p] for p in pieces], "density"):
        clips = w.clips_BTHWC[..., 0, 0, 0].tolist()
        assert all(np.diff(c).tolist() == [p.step] * 3 for c in clips)
        out[k] += [c[0] for c in clips]
    return out


def test_windows_cover_each_piece_from_its_first_frame_to_its_last() -> None:
    v = video(textured(100))
    got = starts(tiny_config("scoring.stride=2"), [v], [Piece(0, 0, 20, 2), Piece(0, 50, 100)])
    assert got == [[0, 4, 8, 12, 13], list(range(50, 97, 2))]


def test_much_video_is_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MAX_WINDOWS", 20)
    videos = [video(textured(100)), video(textured(100, 100))]
    got = starts(tiny_config("scoring.stride=1"), videos, [Piece(0, 0, 100), Piece(1, 0, 100)])
    assert got == [list(range(0, 97, 10)), list(range(100, 197, 10))]


def test_two_cameras_get_a_model_of_normal_each() -> None:
    videos, pieces = (
        [video(textured(24, 24 * i, seed=i % 2), name=f"v{i}") for i in range(6)],
        [Piece(i, 0, 24) for i in range(6)],
    )
    model = run(tiny_config(), videos, pieces, [])
    assert len(model.scenes) == 2
    for parity, (_, of_scene) in enumerate(model.scenes):
        assert of_scene.fitted_on == set(pieces[parity::2])
        assert model.at(videos[parity].frames[5:9]) is of_scene
    assert model.at(textured(4, seed=9)) is model  # a camera that was never seen
    arrays, scalars = model.state()
    again = FrameModel.from_state(model.cfg, model.network, arrays, scalars)
    of_scene = [m.at(videos[1].frames[5:9]) for m in (model, again)]
    a, b, whole = ([n.centre for n in m.calibrated().readouts.values()] for m in (*of_scene, model))
    assert a == b != whole
    assert model.threshold is not None and model.threshold.normal_hours == pytest.approx(6 * 24 / 25 / 3600)


def test_videos_of_different_size_and_short_pieces() -> None:
    videos = [video(textured(40)), video(textured(40, 50, h=48, w=96)), video(textured(3, 100))]
    model = run(tiny_config(), videos, [Piece(0, 0, 20), Piece(1, 0, 20)], [Piece(0, 20, 40), Piece(1, 20, 40), Piece(2, 0, 3)])
    assert model.threshold is not None
    assert model.threshold.normal_hours == pytest.approx(80 / 25 / 3600)  # the piece shorter than a clip does not count


def test_held_out_video_is_typical_and_few_of_its_frames_alarm() -> None:
    cfg = tiny_config("scoring.stride=1")
    v = video(square_frames(160))
    model = run(cfg, [v], [Piece(0, 0, 80)], [Piece(0, 80, 160)])
    scorer = model.scorer(v.info)
    out = [s for i in range(80) for s in scorer.push(Frame(i, i / 25, v.frames[80 + i]))] + scorer.finish()
    readouts = np.array([list(s.readouts.values()) for s in out])
    assert np.abs(np.median(readouts, axis=0)).max() < 0.75
    assert model.threshold is not None and max(s.score for s in out) <= model.threshold.value * 1.05
    assert model.trained_fps == 25.0


def test_progress_reaches_the_end_of_every_stage() -> None:
    told: list[tuple[str, int, int]] = []
    run(
        tiny_config(),
        [video(square_frames(80))],
        [Piece(0, 0, 40)],
        [Piece(0, 40, 80)],
        progress=lambda stage, done, total, figures: told.append((stage, done, total)),
    )
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["density", "calibrate", "threshold"]
    for stage in ("density", "calibrate", "threshold"):
        last = [t for t in told if t[0] == stage][-1]
        assert last[1] == last[2] > 0


def test_no_piece_long_enough_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no normal video"):
        run(tiny_config(), [video(square_frames(10))], [Piece(0, 0, 3)], [Piece(0, 3, 6)])
