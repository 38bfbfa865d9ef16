"""Densities on the training part, everything else on the held-out part, thinned where there is much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_models import square_frames, tiny_config, tiny_network
from normalcy.config import Config
from normalcy.data.split import Piece
from normalcy.errors import TrainingError
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer
from normalcy.training import calibration
from normalcy.training.calibration import calibrate
from normalcy.types import Frame, VideoInfo
from normalcy.video.cache import CachedVideo


def video(images: np.ndarray, fps: float = 25.0, name: str = "v") -> CachedVideo:
    h, w = images.shape[1:3]
    info = VideoInfo(name, Path(name), w, h, fps, len(images))
    return CachedVideo(images, np.arange(len(images)) / fps, info, "key")


def numbered(n: int, first: int = 0, h: int = 48, w: int = 64) -> np.ndarray:
    """Frame i is grey of level first + i, so that a test can tell which ones a window holds."""
    return np.zeros((n, h, w, 3), dtype=np.uint8) + np.arange(first, first + n, dtype=np.uint8)[:, None, None, None]


def run(cfg: Config, videos: list[CachedVideo], fit: list[Piece], held: list[Piece], **kwargs: Any) -> Model:
    return calibrate(tiny_network(cfg), cfg, videos, fit, held, **kwargs)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[int]]]:
    """The grey levels of each window that the densities and the calibration were shown."""
    out: dict[str, list[list[int]]] = {"fit_density": [], "calibrate": []}
    for name in out:
        original = getattr(Model, name)

        def spy(self: Model, windows: Any, name: str = name, original: Any = original) -> Any:
            kept = list(windows)
            for w in kept:
                out[name] += w.clips_BTHWC[..., 0, 0, 0].tolist()
            return original(self, kept)

        monkeypatch.setattr(Model, name, spy)
    return out


def test_the_parts_are_kept_apart(seen: dict[str, list[list[int]]]) -> None:
    cfg = tiny_config("scoring.stride=3")
    model = run(cfg, [video(numbered(40)), video(numbered(20, 100))], [Piece(0, 0, 18)], [Piece(0, 20, 40), Piece(1, 2, 13)])
    starts = [w[0] for w in seen["fit_density"]]
    assert starts == [0, 4, 8, 12, 14]  # one clip after the other, the last one ends with the piece
    held = [w[0] for w in seen["calibrate"]]
    assert held == [20, 23, 26, 29, 32, 35, 36, 102, 105, 108, 109]
    for w in seen["fit_density"] + seen["calibrate"]:
        assert w == list(range(w[0], w[0] + 4))
    assert len(model.normal) == len(model.readouts) and model.threshold is not None


def test_a_piece_keeps_its_own_step(seen: dict[str, list[list[int]]]) -> None:
    run(tiny_config("scoring.stride=2"), [video(numbered(40))], [Piece(0, 0, 20, 3)], [Piece(0, 20, 40, 2)])
    assert all(np.diff(w).tolist() == [3, 3, 3] for w in seen["fit_density"])
    assert all(np.diff(w).tolist() == [2, 2, 2] for w in seen["calibrate"])
    assert [w[0] for w in seen["calibrate"]][:3] == [20, 24, 28]


def test_much_video_is_thinned_evenly(seen: dict[str, list[list[int]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MAX_WINDOWS", 10)
    run(tiny_config("scoring.stride=1"), [video(numbered(200))], [Piece(0, 0, 30)], [Piece(0, 50, 200)])
    starts = [w[0] for w in seen["calibrate"]]
    assert len(starts) <= 10 and starts[0] == 50 and set(np.diff(starts)) == {15}


def test_videos_of_different_size_and_short_pieces(seen: dict[str, list[list[int]]]) -> None:
    videos = [video(numbered(40)), video(numbered(40, 50, 48, 96)), video(numbered(3, 100))]
    model = run(tiny_config(), videos, [Piece(0, 0, 20), Piece(1, 0, 20)], [Piece(0, 20, 40), Piece(1, 20, 40), Piece(2, 0, 3)])
    assert {w[0] >= 100 for w in seen["calibrate"]} == {False}
    assert model.threshold is not None
    assert model.threshold.normal_hours == pytest.approx(40 / 25 / 3600)  # the piece shorter than a clip does not count


def test_held_out_video_is_typical_and_few_of_its_frames_alarm() -> None:
    cfg = tiny_config("scoring.stride=1")
    v = video(square_frames(160))
    model = run(cfg, [v], [Piece(0, 0, 80)], [Piece(0, 80, 160)])
    scorer = Scorer(model, 64, 48, 25.0)
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
