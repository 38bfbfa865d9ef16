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
from normalcy.scoring.calibration import calibrate
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.normal_video import Material
from normalcy.scoring.statistics import Raw
from normalcy.scoring.windows import Windows
from normalcy.types import Frame, Piece, VideoInfo
from normalcy.video.cache import CachedVideo


def video(images: np.ndarray, fps: float = 25.0, name: str = "v") -> CachedVideo:
    h, w = images.shape[1:3]
    info = VideoInfo(name, Path(name), w, h, fps, len(images))
    return CachedVideo(images, np.arange(len(images)) / fps, info, "key")


def run(cfg: Config, videos: list[CachedVideo], fit: list[Piece], held: list[Piece], **kwargs: Any) -> FrameModel:
    return calibrate(tiny_network(cfg), Material([], videos, fit, held, cfg, **kwargs))


class Seen:
    """First grey levels of the windows that each fold's readouts were fitted on and measured with, in the order of folds."""

    def __init__(self) -> None:
        self.windows: list[list[int]] = []
        self.fitted: dict[int, list[int]] = {}
        self.measured: dict[int, list[int]] = {}
        self.kept: list[Any] = []  # an identity is used again once its owner is gone


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What was shown to whom; readouts lists are known by their identity."""
    out = Seen()
    observe, add = FrameModel.observe, Raw.add

    def levels(w: Windows) -> list[int]:
        clips = w.clips_BTHWC[..., 0, 0, 0].tolist()
        out.windows += clips
        return [c[0] for c in clips]

    def spy_observe(self: FrameModel, w: Windows) -> None:
        out.kept.append(self.readouts)
        out.fitted.setdefault(id(self.readouts), []).extend(levels(w))
        observe(self, w)

    def spy_add(self: Raw, w: Windows) -> None:
        out.measured.setdefault(id(self.readouts), []).extend(levels(w))
        add(self, w)

    monkeypatch.setattr(FrameModel, "observe", spy_observe)
    monkeypatch.setattr(Raw, "add", spy_add)
    return out


def textured(n: int, first: int = 0, seed: int = 0, h: int = 48, w: int = 64) -> np.ndarray:
    """Numbered frames of one camera: the first pixel is first + i, the rest a background of the seed's own."""
    background = np.random.default_rng(seed).integers(0, 255, (6, 8)).astype(np.uint8)
    out = np.repeat(cv2.resize(background, (w, h), interpolation=cv2.INTER_NEAREST)[None, ..., None], n, axis=0)
    out = np.repeat(out, 3, axis=3)
    out[:, 0, 0] = np.arange(first, first + n)[:, None]
    return out


def test_readouts_are_measured_on_video_that_they_were_not_fitted_on(seen: Seen) -> None:
    videos = [video(textured(20, 20 * i)) for i in range(7)]
    model = run(tiny_config("scoring.stride=3"), videos, [Piece(i, 0, 20) for i in range(5)], [Piece(i, 0, 20) for i in (5, 6)])
    assert len(seen.measured) == 5  # folds of seven videos
    everything = sorted(x for part in seen.measured.values() for x in part)
    assert everything == [20 * i + s for i in range(7) for s in (0, 3, 6, 9, 12, 15, 16)]
    for key, part in seen.measured.items():
        assert not {x // 20 for x in part} & {x // 20 for x in seen.fitted[key]}
        assert sorted({*part, *seen.fitted[key]}) == everything
    (whole,) = (v for k, v in seen.fitted.items() if k not in seen.measured)
    assert sorted(whole) == everything
    assert len(model.normal) == len(model.readouts) and model.threshold is not None and not model.scenes
    assert model.threshold.normal_hours == pytest.approx(7 * 20 / 25 / 3600)


def test_a_single_video_is_cut_into_stretches(seen: Seen) -> None:
    run(tiny_config("scoring.stride=2"), [video(textured(100))], [Piece(0, 0, 80, 2)], [Piece(0, 80, 100, 2)])
    assert all(np.diff(w).tolist() == [2, 2, 2] for w in seen.windows)
    starts = [sorted(part) for part in seen.measured.values()]
    assert [(s[0], s[-1]) for s in starts] == [(0, 13), (20, 33), (40, 53), (60, 73), (80, 93)]


def test_much_video_is_thinned_evenly(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MAX_WINDOWS", 20)
    run(
        tiny_config("scoring.stride=1"),
        [video(textured(100)), video(textured(100, 100))],
        [Piece(0, 0, 100)],
        [Piece(1, 0, 100)],
    )
    for part in seen.measured.values():
        assert len(part) <= 10 and set(np.diff(part)) == {10}


def test_two_cameras_get_a_model_of_normal_each(seen: Seen) -> None:
    videos = [video(textured(24, 24 * i, seed=i % 2), name=f"v{i}") for i in range(6)]
    model = run(tiny_config(), videos, [Piece(i, 0, 24) for i in range(6)], [])
    assert len(model.scenes) == 2
    for parity, (_, of_scene) in enumerate(model.scenes):
        assert {x // 24 % 2 for x in seen.fitted[id(of_scene.readouts)]} == {parity}
        assert model.at(videos[parity].frames[5:9]) is of_scene
    assert model.at(textured(4, seed=9)) is model  # a camera that was never seen
    arrays, scalars = model.state()
    again = FrameModel.from_state(model.cfg, model.network, arrays, scalars)
    a, b = (m.at(videos[1].frames[5:9]) for m in (model, again))
    assert [n.centre for n in a.normal] == [n.centre for n in b.normal] != [n.centre for n in model.normal]
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
