"""What every detector keeps: run over all that are registered, so a new one is held to it by its name alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video
from normalcy.api.doctor import EXTRAS
from normalcy.config import ObjectsConfig
from normalcy.detection import weights
from normalcy.detection.base import Detector, build_detector
from normalcy.detection.boxes import Boxes
from normalcy.errors import ConfigError, WeightsError
from normalcy.parts import DETECTORS, load_part
from normalcy.presets import load_config
from onnx_made import yolox_model

H, W, N = 96, 160, 12
FRAMES = moving_square_video(N, H, W, seed=3, speed=4.0)


@pytest.fixture(params=DETECTORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cfg(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectsConfig:
    """Settings under which it has all that it needs, and no more."""
    monkeypatch.setattr(weights, "weights_folders", lambda: [tmp_path / "weights"])
    kind = DETECTORS[name]
    for package in kind.requires:
        pytest.importorskip(package)
    more: dict[str, str] = {}
    if kind.weights:
        more["weights"] = str(tmp_path / "model.onnx")
        Path(more["weights"]).write_bytes(yolox_model(W, H, (100, 60, 24, 40), 1))
    if kind.ready:
        more["boxes"] = str(tmp_path)
        classes = {"probs": np.full((N, 3), 0.5, np.float32)} if kind.classes else {}
        xyxy = np.tile(np.array([[10.0, 10.0, 30.0, 40.0]]), (N, 1))
        np.savez(tmp_path / "01.npz", frame=np.arange(N), boxes=xyxy, score=np.ones(N), **classes)
    return ObjectsConfig(detector=name, **more)


def search(detector: Detector) -> list[Boxes]:
    detector.reset("01", 25.0)
    found = [detector.push(frame) for frame in FRAMES]
    detector.finish()
    return found


def test_it_says_what_it_is(name: str) -> None:
    kind = DETECTORS[name]
    assert load_part(DETECTORS, name).name == name
    assert kind.words and f"{name}: {kind.words}" in f"{ObjectsConfig.model_fields['detector'].description}"
    assert set(kind.requires) <= {package for package, _ in EXTRAS.values()}, "the doctor does not know what it requires"


@pytest.mark.filterwarnings("ignore::normalcy.detection.choice.NoDetectorWarning")
def test_boxes_lie_in_the_picture_and_are_the_same_again(cfg: ObjectsConfig) -> None:
    detector = build_detector(cfg)
    found = search(detector)
    assert any(map(len, found))
    for b in found:
        x1, y1, x2, y2 = b.xyxy_N4.T
        assert (x1 >= 0).all() and (y1 >= 0).all() and (x2 <= W).all() and (y2 <= H).all()
        assert ((b.score_N >= 0) & (b.score_N <= 1)).all()
    for again in (search(detector), search(build_detector(cfg))):
        assert all(np.array_equal(a.xyxy_N4, b.xyxy_N4) for a, b in zip(found, again, strict=True))


@pytest.mark.filterwarnings("ignore::normalcy.detection.choice.NoDetectorWarning")
def test_its_key_says_what_boxes_depend_on(cfg: ObjectsConfig) -> None:
    detector = build_detector(cfg)
    detector.reset("01", 25.0)
    other = build_detector(cfg.model_copy(update={"threads": cfg.threads + 1}))
    other.reset("01", 25.0)
    assert detector.key == other.key and len(detector.key) > 5


def test_class_scores_come_where_it_says_so(name: str, cfg: ObjectsConfig) -> None:
    if name == "auto":
        pytest.skip("it depends on what the machine has")
    some = next(b for b in search(build_detector(cfg)) if len(b))
    assert (some.probs_NK is not None) == DETECTORS[name].classes


def test_distillation_is_refused_without_class_scores(name: str) -> None:
    sets = ["level=object", "tasks.distillation=1", f"objects.detector={name}"]
    if DETECTORS[name].classes:
        assert load_config("tiny", sets=sets, environ={}).tasks.distillation == 1.0
    else:
        with pytest.raises(ConfigError, match="class scores"):
            load_config("tiny", sets=sets, environ={})


def test_missing_weights_are_an_error_for_those_that_need_them(name: str, cfg: ObjectsConfig) -> None:
    without = cfg.model_copy(update={"weights": None})
    if DETECTORS[name].weights:
        with pytest.raises(WeightsError, match="get it with"):
            build_detector(without)
    elif name != "auto":
        assert search(build_detector(without))
