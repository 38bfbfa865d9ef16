"""What scoring may change of a model's configuration, and what becomes of the threshold."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from normalcy.config import Config
from normalcy.errors import ConfigError
from normalcy.nn.build import build_network
from normalcy.presets import load_config
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.settings import alarm, changed, with_settings
from normalcy.scoring.threshold import Threshold


@pytest.fixture
def model() -> FrameModel:
    cfg = load_config("tiny", environ={})
    m = FrameModel(cfg, build_network(cfg))
    m.threshold = Threshold(3.0, 1.0, 0.01, 4, 1.0, 0.5, "exponential")
    return m


@pytest.mark.parametrize(
    "item",
    [
        "scoring.normalise=per_video",
        "scoring.smoothing=ema",
        "scoring.sigma_s=0.1",
        "scoring.stride=1",
        "scoring.batch=1",
        "scoring.precision=bf16",
        "alarm.min_s=1",
        "alarm.budget_per_hour=20",
        "clip.short=repeat",
    ],
)
def test_what_scoring_may_change(model: FrameModel, item: str) -> None:
    other = with_settings(model, None, [item])
    assert changed(model.cfg, other.cfg) == [item.split("=")[0]]
    assert other.network is model.network
    assert model.cfg == load_config("tiny", environ={})


@pytest.mark.parametrize("item", ["scoring.bands=4", "scoring.top=0.5", "scoring.readouts=[motion]", "clip.length=5", "seed=3"])
def test_what_only_training_can_change(model: FrameModel, item: str) -> None:
    with pytest.raises(ConfigError, match=f"{item.split('=')[0]}.*train anew"):
        with_settings(model, None, [item])


def test_the_same_value_is_no_change(model: FrameModel) -> None:
    assert with_settings(model, None, ["scoring.bands=2"]).cfg == model.cfg


def test_unknown_key_names_the_nearest(model: FrameModel) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'scoring\.sigma_s'"):
        with_settings(model, None, ["scoring.sigma=1"])


def test_a_file_under_the_settings(model: FrameModel, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("scoring: {stride: 4, smoothing: ema}\n")
    cfg = with_settings(model, tmp_path / "c.yaml", ["scoring.stride=1"]).cfg
    assert (cfg.scoring.stride, cfg.scoring.smoothing) == (1, "ema")


def test_training_environment_does_not_reach_a_model(model: FrameModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALCY_TRAIN__STEPS", "7")
    assert with_settings(model, None, []).cfg == model.cfg


def alarm_after(model: FrameModel, *items: str, trained: Config | None = None):  # type: ignore[no-untyped-def]
    return alarm(trained or model.cfg, with_settings(model, None, items))


def test_threshold_as_it_was_calibrated(model: FrameModel) -> None:
    a = alarm_after(model)
    assert (a.value, a.warning) == (3.0, None)
    assert a.note == model.threshold.sentence()  # type: ignore[union-attr]


def test_another_budget_moves_the_threshold_along_the_tail(model: FrameModel) -> None:
    """asinh of level + scale ln(peaks / (budget hours)): asinh(1 + .5 ln(4 / .2)), by hand."""
    assert alarm_after(model, "alarm.budget_per_hour=20").value == pytest.approx(math.asinh(1 + 0.5 * 2.995732), abs=1e-5)
    assert alarm_after(model, "alarm.budget_per_hour=1000").value == pytest.approx(math.asinh(1.0))


def test_per_video_has_no_events_and_says_why(model: FrameModel) -> None:
    a = alarm_after(model, "scoring.normalise=per_video")
    assert a.value is None
    assert "per-video" in a.note and "highest frame" in a.note


def test_a_model_calibrated_per_video_has_no_threshold_for_others(model: FrameModel) -> None:
    trained = with_settings(model, None, ["scoring.normalise=per_video"]).cfg
    a = alarm_after(model, trained=trained)
    assert a.value is None and "fitted to per-video" in a.note


@pytest.mark.parametrize("item", ["scoring.smoothing=ema", "scoring.sigma_s=0", "scoring.stride=1"])
def test_changed_smoothing_is_said_to_void_the_budget(model: FrameModel, item: str) -> None:
    a = alarm_after(model, item)
    assert a.value == 3.0
    assert a.warning is not None and item.split("=")[0] in a.warning
