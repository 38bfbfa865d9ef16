"""Calibration: units, sidedness, round trip, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import write_video
from made_models import again, fitted_model, square_frames, stream, tiny_config, tiny_network, video_info, windows_of
from normalcy.errors import ModelError, TrainingError
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.readout import FrameReadout
from normalcy.scoring.readouts import READOUTS
from normalcy.scoring.scorer import score_all
from normalcy.scoring.threshold import Threshold
from normalcy.scoring.windows import Windows

ALL = "[" + ",".join(sorted(READOUTS)) + "]"


class Brightness(FrameReadout):
    """A readout that a test can steer: how bright each place of the window's first frame is."""

    name = "brightness"

    def maps(self, w: Windows) -> Tensor:
        grey = w.clips_BTHWC[:, 0].float().mean(dim=-1)
        return torch.nn.functional.adaptive_avg_pool2d(grey[:, None], w.grid)


class TwoSided(Brightness):
    two_sided = (True,)


def shades(*levels: int) -> np.ndarray:
    """Frames of one grey each; with four frames to a window, window i begins with levels[i]."""
    return np.repeat(np.array([*levels, 0, 0, 0], dtype=np.uint8), 48 * 64 * 3).reshape(-1, 48, 64, 3)


def steered(readout: type[FrameReadout]) -> FrameModel:
    cfg = tiny_config("scoring.bands=1", "scoring.top=1.0")
    model = FrameModel(cfg, tiny_network(cfg))
    model.readouts = [readout(cfg)]
    levels = np.random.default_rng(0).normal(120, 10, 400).clip(60, 180).astype(int)
    model.calibrate(windows_of(model, shades(*levels), batch=64)[:6])
    return model


def read(model: FrameModel, images: np.ndarray) -> Any:
    (w,) = windows_of(model, images, batch=len(images))
    return model.read(w)


def test_values_are_in_standard_deviations_of_normal_video() -> None:
    values = read(steered(Brightness), shades(100, 110, 120, 130, 140)).values[:, 0]
    np.testing.assert_allclose(values, [-2, -1, 0, 1, 2], atol=0.25)


def test_one_sided_low_is_not_abnormal_two_sided_it_is() -> None:
    low, middle, high = 60, 120, 180
    one = read(steered(Brightness), shades(low, middle, high)).values[:, 0]
    assert one[0] < one[1] < one[2]
    two = read(steered(TwoSided), shades(low, middle, high)).values[:, 0]
    assert two[0] > two[1] < two[2] and two[0] == pytest.approx(two[2], rel=0.1)


def test_the_map_is_about_one_at_the_highest_normal_place() -> None:
    model = fitted_model(tiny_config("scoring.readouts=[motion,density]"))
    peaks = np.concatenate([model.read(w).maps.max(axis=(1, 2)) for w in windows_of(model, square_frames(60))])
    assert np.quantile(peaks, 0.99) == pytest.approx(1.0, rel=0.05)


def test_reading_has_a_value_for_each_readout_and_a_map_on_the_grid() -> None:
    model = fitted_model(tiny_config(f"scoring.readouts={ALL}", "decoder.steps=1", "decoder.width=8"))
    assert model.names == sorted(READOUTS)
    r = read(model, square_frames(9, seed=3))
    assert r.values.shape == (6, len(READOUTS)) and r.values.dtype == np.float64
    assert r.maps.shape == (6, 6, 8) and r.maps.dtype == np.float32
    assert np.isfinite(r.values).all() and np.isfinite(r.maps).all()


def test_state_and_back_reads_the_same() -> None:
    cfg = tiny_config(f"scoring.readouts={ALL}", "decoder.steps=1", "decoder.width=8")
    model = fitted_model(cfg)
    model.threshold = Threshold(2.0, 1.0, 0.1, 3, 1.5, 0.2, "exponential")
    model.trained_fps = 12.5
    arrays, scalars = model.state()
    loaded = FrameModel.from_state(cfg, model.network, arrays, scalars)
    a, b = read(model, square_frames(9, seed=3)), read(loaded, square_frames(9, seed=3))
    np.testing.assert_allclose(a.values, b.values)
    np.testing.assert_allclose(a.maps, b.maps)
    assert loaded.threshold == model.threshold and loaded.trained_fps == 12.5


def test_a_calibration_of_other_readouts_is_refused() -> None:
    arrays, scalars = fitted_model(tiny_config("scoring.readouts=[motion]")).state()
    cfg = tiny_config("scoring.readouts=[motion,continuity]")
    with pytest.raises(ModelError, match="continuity"):
        FrameModel.from_state(cfg, tiny_network(cfg), arrays, scalars)


def test_an_uncalibrated_model_does_not_read() -> None:
    cfg = tiny_config("scoring.readouts=[motion]")
    model = FrameModel(cfg, tiny_network(cfg))
    with pytest.raises(ModelError, match="not calibrated"):
        read(model, square_frames(9))


def test_calibration_needs_video() -> None:
    cfg = tiny_config("scoring.readouts=[motion]")
    with pytest.raises(TrainingError, match="no normal video"):
        FrameModel(cfg, tiny_network(cfg)).calibrate([])


def test_bf16_reads_nearly_the_same() -> None:
    model = fitted_model(tiny_config("scoring.readouts=[density]"))
    coarse = again(model, "scoring.readouts=[density]", "scoring.precision=bf16")
    a, b = (read(m, square_frames(30, seed=3)).values for m in (model, coarse))
    assert not np.array_equal(a, b)  # else bf16 was never used
    assert np.corrcoef(a[:, 0], b[:, 0])[0, 1] > 0.95


def test_reading_leaves_the_network_as_it_is() -> None:
    model = fitted_model(tiny_config())
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    read(model, square_frames(9))
    after = model.network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(v, after[k]) for k, v in before.items())


def test_a_model_scores_one_video_in_memory_or_from_a_file(tmp_path: Path) -> None:
    model = fitted_model(tiny_config())
    images = square_frames(20, seed=3)
    pushed = score_all(model.scorer(video_info(fps=10.0)), stream(images, 10.0))
    in_memory = model.score(images, fps=10.0)
    filed = model.score(write_video(tmp_path / "gate.mkv", images, 10, lossless=True))
    assert filed.name == "gate" and list(filed.readouts) == model.names
    for scores in (in_memory, filed):
        np.testing.assert_array_equal(scores.time_s, [s.time_s for s in pushed])
        np.testing.assert_array_equal(scores.score, [s.score for s in pushed])


def test_other_settings_reach_the_models_of_scenes() -> None:
    model = fitted_model(tiny_config())
    model.scenes = [(np.zeros(768, np.float32), fitted_model(tiny_config()))]
    cfg = tiny_config("scoring.precision=bf16")
    assert model.with_config(cfg).scenes[0][1].cfg is cfg and model.scenes[0][1].cfg is not cfg
