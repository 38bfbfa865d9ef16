"""The detector auto: with a model where there is one, else by motion, and then it says so."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.detection import weights
from normalcy.detection.base import build_detector
from normalcy.detection.choice import NoDetectorWarning, concrete
from normalcy.errors import WeightsError
from onnx_made import yolox_model


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "weights_folders", lambda: [tmp_path])


def made(path: Path) -> Path:
    path.write_bytes(yolox_model(160, 96, (100, 60, 24, 40), 1))
    return path


def test_with_weights_it_is_both(tmp_path: Path) -> None:
    made(tmp_path / "yolox_nano_416.onnx")
    cfg = concrete(ObjectsConfig(detector="auto"))
    assert (cfg.detector, cfg.weights) == ("both", "yolox_nano")
    assert build_detector(ObjectsConfig(detector="auto")).key == build_detector(cfg).key


def test_without_weights_it_is_motion_and_one_line_says_what_that_costs(tmp_path: Path) -> None:
    with pytest.warns(NoDetectorWarning) as told:
        cfg = concrete(ObjectsConfig(detector="auto"))
    assert cfg.detector == "motion" and len(told) == 1
    words = str(told[0].message)
    assert "motion alone" in words and "get it with: normalcy weights yolox_nano" in words and "\n" not in words


def test_without_onnxruntime_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "yolox_nano.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.warns(NoDetectorWarning, match=r"onnxruntime is not there .*pip install 'normalcy\[objects\]'"):
        detector = build_detector(ObjectsConfig(detector="auto"))
    assert len(detector.push(np.zeros((40, 40, 3), np.uint8))) == 0


def test_weights_that_are_named_are_not_passed_over(tmp_path: Path) -> None:
    path = made(tmp_path / "own.onnx")
    assert concrete(ObjectsConfig(detector="auto", weights=str(path))).weights == str(path)
    with pytest.raises(WeightsError, match="no such file"):
        build_detector(ObjectsConfig(detector="auto", weights=str(tmp_path / "other.onnx")))


def test_a_detector_that_is_named_stays() -> None:
    for name in ("motion", "onnx", "both", "file"):
        cfg = ObjectsConfig(detector=name)  # type: ignore[arg-type]
        assert concrete(cfg) == cfg.model_copy(update={"encoder": None})
