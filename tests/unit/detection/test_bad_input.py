"""What a detector may meet: crowds, empty cameras, broken files. It works, or one line says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import write_video
from normalcy.config import ObjectsConfig
from normalcy.detection.base import build_detector
from normalcy.detection.boxes import Boxes, joined, nms
from normalcy.detection.cache import boxes_of
from normalcy.detection.feature_map import FeatureMap
from normalcy.detection.motion import MotionDetector
from normalcy.detection.tracks import filled, track
from normalcy.errors import WeightsError
from objects_help import boxes, random_boxes, textured
from onnx_made import yolox_model

NANO = Path(__file__).resolve().parents[3] / ".." / "shared" / "weights" / "yolox_nano_dynamic.onnx"


def test_three_hundred_objects_in_a_frame() -> None:
    rng = np.random.default_rng(0)
    crowd = random_boxes(rng, 300, 600, 30)
    kept = nms(crowd, 0.6)
    assert 250 < len(kept) <= 300
    samples = [kept, Boxes(kept.xyxy_N4 + 2, kept.score_N, kept.label_N)]
    ids, tracks = track(samples, 5.0)
    assert len(tracks) < 1.1 * len(kept) and len(set(ids[1].tolist())) == len(kept)
    found, own = filled(samples, ids, 5, 10)
    assert [len(b) for b in found[1:5]] == [len(o) for o in own[1:5]] and len(found[0]) == len(kept)
    features = FeatureMap.of(rng.normal(0, 1, (64, 60, 80)).astype(np.float32), 1.0).describe(kept.xyxy_N4)
    assert features.shape == (len(kept), 256) and np.isfinite(features.astype(float)).all()
    assert len(MotionDetector(ObjectsConfig()).push_beside(textured(90, 120), kept)) == 0


def test_a_camera_where_nothing_is_ever_found(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [np.full((96, 160, 3), 90, np.uint8)] * 12)
    weights = tmp_path / "made.onnx"
    weights.write_bytes(yolox_model(160, 96, (100, 60, 24, 40), 1, score=0.1))
    detector = build_detector(ObjectsConfig(detector="both", weights=str(weights)), features=True)
    for _ in range(2):  # the second time from the cache
        found = boxes_of(tmp_path / "a.mp4", detector, tmp_path / "cache", every=5)
        assert [len(b) for b in found] == [0, 0, 0]
    ids, tracks = track(found, 5.0)
    assert not tracks and [len(b) for b in filled(found, ids, 5, 12)[0]] == [0] * 12
    assert len(joined(*found)) == 0


def test_boxes_off_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "made.onnx"
    path.write_bytes(yolox_model(160, 96, (4, 60, 40, 40), 1))
    found = build_detector(ObjectsConfig(detector="onnx", weights=str(path))).push(np.zeros((96, 160, 3), np.uint8))
    assert found.xyxy_N4.tolist() == [pytest.approx([0, 40, 24, 80], abs=1e-3)], "cut to the picture"
    beyond = boxes((-50, -50, -10, -10), (500, 500, 600, 600))
    assert len(beyond.within(160, 96)) == 0
    assert len(MotionDetector(ObjectsConfig()).push_beside(np.zeros((96, 160, 3), np.uint8), beyond)) == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_weights_that_are_cut_off_are_named_in_one_line(tmp_path: Path, share: float) -> None:
    whole = NANO.read_bytes() if NANO.is_file() else yolox_model(160, 96, (100, 60, 24, 40), 1)
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsError) as told:
        build_detector(ObjectsConfig(detector="onnx", weights=str(path)), features=True)
    assert str(path) in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (40, 3000)])
def test_pictures_of_odd_shapes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "made.onnx"
    path.write_bytes(yolox_model(160, 96, (100, 60, 24, 40), 1))
    detector = build_detector(ObjectsConfig(detector="both", weights=str(path)), features=True)
    for value in (0, 255, 0):
        found = detector.push(np.full((*size, 3), value, np.uint8))
        assert (found.xyxy_N4 >= 0).all() and (found.xyxy_N4[:, 2:] <= size[::-1]).all()
