"""Features of boxes: means over exactly the box, that go where their boxes go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.detection.base import build_detector
from normalcy.detection.boxes import Boxes, joined
from normalcy.detection.cache import boxes_of
from normalcy.detection.feature_map import FeatureMap
from normalcy.detection.motion import MotionDetector
from normalcy.detection.union import MergedDetector
from objects_help import Scripted, boxes, textured
from onnx_made import yolox_model

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "weights"
NANO = SHARED / "yolox_nano_dynamic.onnx"
needs_weights = pytest.mark.skipif(not NANO.is_file(), reason="the shared YOLOX weights are not here")


def in_cells(map_CHW: np.ndarray, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """The same description by counting points of a fine raster."""
    fine = np.kron(map_CHW, np.ones((1, 64, 64)))
    x, y = (np.linspace(a, b, 3) * 64 for a, b in ((x1, x2), (y1, y2)))
    parts = [
        fine[:, round(y[r]) : round(y[r + 1]), round(x[c]) : round(x[c + 1])].mean(axis=(1, 2)) for r in (0, 1) for c in (0, 1)
    ]
    flat = np.concatenate(parts)
    return flat / np.linalg.norm(flat)


def test_means_are_over_exactly_the_box() -> None:
    map_CHW = np.random.default_rng(0).normal(0, 1, (3, 7, 9)).astype(np.float32)
    cells = np.array([[1.25, 0.5, 4.75, 6.0], [0, 0, 9, 7], [3, 2, 4, 3.5]], np.float32)
    scale = 2.5
    got = FeatureMap.of(map_CHW, scale).describe(cells * 8 / scale)
    assert got.shape == (3, 12) and got.dtype == np.float16
    for row, box in zip(got, cells, strict=True):
        assert row == pytest.approx(in_cells(map_CHW, *box), abs=2e-3)


def test_boxes_off_the_map_and_tiny_ones_have_the_nearest_cell() -> None:
    map_CHW = np.arange(1.0, 13.0, dtype=np.float32).reshape(1, 3, 4)
    m = FeatureMap.of(np.concatenate([map_CHW, np.ones_like(map_CHW)]), 8.0)
    got = m.describe(np.array([[-50, -50, -40, -40], [90, 90, 99, 99], [2.4, 1.4, 2.6, 1.6]], np.float32))
    for row, value in zip(got, (1.0, 12.0, 7.0), strict=True):
        assert row.reshape(4, 2)[:, 0] / row.reshape(4, 2)[:, 1] == pytest.approx([value] * 4, rel=2e-3)
    assert m.describe(np.zeros((0, 4), np.float32)).shape == (0, 8)


def test_a_model_without_a_map_gives_boxes_without_features(tmp_path: Path) -> None:
    path = tmp_path / "made.onnx"
    path.write_bytes(yolox_model(160, 96, (100, 60, 24, 40), 1))
    cfg = ObjectsConfig(detector="onnx", weights=str(path))
    plain, described = build_detector(cfg), build_detector(cfg, features=True)
    assert described.key == plain.key
    assert described.push(np.zeros((96, 160, 3), np.uint8)).features_ND is None


def test_features_go_where_their_boxes_go(tmp_path: Path) -> None:
    b = boxes((0, 0, 5, 5), (90, 90, 95, 95), (4, 4, 8, 8))
    known = Boxes(b.xyxy_N4, b.score_N, b.label_N, None, np.arange(6, dtype=np.float16).reshape(3, 2))
    inside = known.scaled(2, 2).within(50, 50)
    assert inside.features_ND is not None and inside.features_ND.tolist() == [[0, 1], [4, 5]]
    both = joined(boxes((0, 0, 1, 1)), inside)
    assert both.features_ND is not None and both.features_ND.tolist() == [[0, 0], [0, 1], [4, 5]]
    with pytest.raises(ValueError, match="features_ND must be"):
        Boxes(b.xyxy_N4, b.score_N, b.label_N, None, np.zeros((2, 2), np.float16))

    def describe(found: Boxes) -> Boxes:
        return Boxes(found.xyxy_N4, found.score_N, found.label_N, None, np.full((len(found), 2), 7, np.float16))

    motion = MotionDetector(ObjectsConfig())
    merged = MergedDetector(Scripted([inside] * 9), motion, describe)
    image = textured(60, 60)
    for _ in range(8):
        merged.push(image)
    image[30:50, 30:40] = 255
    found = merged.push(image).features_ND
    assert found is not None and found.tolist() == [[0, 1], [4, 5], [7, 7]]


@needs_weights
def test_of_a_real_detector_in_the_same_pass_and_from_the_cache(tmp_path: Path) -> None:
    import cv2

    image = cv2.imread(str(SHARED / "vtest_frame100.png"))[:, :, ::-1].copy()
    cfg = ObjectsConfig(detector="both", weights=str(NANO), threads=1)
    detector = build_detector(cfg, features=True)
    found = detector.push(image)
    assert found.features_ND is not None and found.features_ND.shape == (len(found), 256)
    assert np.linalg.norm(found.features_ND.astype(float), axis=1) == pytest.approx(np.ones(len(found)), abs=2e-3)
    plain = build_detector(cfg).push(image)
    assert plain.features_ND is None and np.allclose(plain.xyxy_N4, found.xyxy_N4, atol=0.01)
    likeness = found.features_ND.astype(float) @ found.features_ND.astype(float).T
    person = found.label_N == 0
    assert likeness[person][:, person].mean() > likeness[person][:, ~person].mean(), "people look like people"
    (tmp_path / "frames").mkdir()
    for k in range(2):
        cv2.imwrite(str(tmp_path / "frames" / f"{k}.png"), image[:, :, ::-1])
    for _ in range(2):
        again = boxes_of(tmp_path / "frames", detector, tmp_path / "cache")
        assert all(a.features_ND is not None and np.array_equal(a.features_ND, found.features_ND) for a in again)
