"""The YOLOX detector: letterbox, strides and NMS against stored boxes of a real frame, and on made-up models."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.detection.base import build_detector
from normalcy.detection.boxes import iou, joined, nms
from normalcy.detection.yolox import PAD, YoloxDetector, decode, letterbox, strides_of, tiles
from normalcy.errors import UsageError, WeightsError
from normalcy.video.reader import VideoReader
from objects_help import boxes
from onnx_made import yolox_model

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "weights"
EXPECTED = SHARED / "yolox_vtest_frame100_expected.npz"
needs_weights = pytest.mark.skipif(not EXPECTED.is_file(), reason="the shared YOLOX weights and expected boxes are not here")


def test_letterbox_puts_the_picture_at_the_top_left_in_bgr() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    image[..., 0], image[..., 2] = 200, 30
    boxed = letterbox(image, 64, 64)
    assert boxed.canvas_3HW.shape == (3, 64, 64) and boxed.canvas_3HW.dtype == np.float32 and boxed.scale == 0.64
    assert boxed.canvas_3HW[:, :32].max(axis=(1, 2)).tolist() == [30, 0, 200]
    assert (boxed.canvas_3HW[:, 32:] == PAD).all()


def test_strides_follow_from_the_number_of_places() -> None:
    assert strides_of(3549, 416, 416) == (8, 16, 32)
    assert strides_of(480 * 736 * 21 // 1024, 736, 480) == (8, 16, 32)
    assert strides_of(64 * 64 + 32 * 32 + 16 * 16 + 8 * 8, 512, 512) == (8, 16, 32, 64)
    assert strides_of(3550, 416, 416) is None


def test_decode_place_by_place() -> None:
    width, height = 64, 32
    raw = np.random.default_rng(0).normal(0, 1, (32 + 8 + 2, 7)).astype(np.float32)
    got = decode(raw, width, height, (8, 16, 32))
    row = 0
    for s in (8, 16, 32):
        for y in range(height // s):
            for x in range(width // s):
                cx, cy = (raw[row, 0] + x) * s, (raw[row, 1] + y) * s
                w, h = np.exp(raw[row, 2]) * s, np.exp(raw[row, 3]) * s
                assert got[row, :4] == pytest.approx([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], rel=1e-4, abs=1e-3)
                assert np.array_equal(got[row, 4:], raw[row, 4:])
                row += 1


@needs_weights
def test_the_boxes_of_a_real_frame() -> None:
    image = cv2.cvtColor(cv2.imread(str(SHARED / "vtest_frame100.png")), cv2.COLOR_BGR2RGB)
    expected = np.load(EXPECTED)
    detector = YoloxDetector(
        ObjectsConfig(detector="onnx", weights=str(SHARED / "yolox_nano_416.onnx"), min_score=0.3, nms=0.5, threads=1)
    )
    detector._fixed = (416, 416)  # the stored boxes are of a frame letterboxed to the model's own size
    found = nms(detector._search(image), 0.5, by_class=True)  # stored were boxes suppressed within their class
    assert len(found) == len(expected["boxes_xyxy"])
    match = iou(expected["boxes_xyxy"], found.xyxy_N4).argmax(axis=1)
    assert sorted(match) == list(range(len(found)))
    assert found.xyxy_N4[match] == pytest.approx(expected["boxes_xyxy"], abs=0.05)
    assert found.score_N[match] == pytest.approx(expected["scores"], abs=1e-3)
    assert found.label_N[match].tolist() == expected["classes"].tolist()

    whole = detector.push(image)
    assert len(whole) == len(found) - 1, "a car that is also called a truck is one object"
    assert whole.probs_NK is not None and whole.probs_NK.shape == (len(whole), 80)
    assert np.array_equal(whole.probs_NK.argmax(axis=1), whole.label_N)


@needs_weights
@pytest.mark.parametrize(
    ("name", "n"), [("yolox_nano_dynamic.onnx", 1), ("yolox_nano_dynamic.onnx", 2), ("yolox_nano_416.onnx", 3)]
)
def test_any_size_and_tiles_find_the_same_people(name: str, n: int) -> None:
    image = cv2.cvtColor(cv2.imread(str(SHARED / "vtest_frame100.png")), cv2.COLOR_BGR2RGB)
    expected = np.load(EXPECTED)
    detector = YoloxDetector(ObjectsConfig(detector="onnx", weights=str(SHARED / name), min_score=0.3, tiles=n, threads=1))
    found = detector.push(image)
    assert (iou(expected["boxes_xyxy"], found.xyxy_N4).max(axis=1) > 0.6).all()
    assert len(found) <= 20


@needs_weights
def test_small_footage_is_enlarged() -> None:
    image = cv2.cvtColor(cv2.imread(str(SHARED / "vtest_frame100.png")), cv2.COLOR_BGR2RGB)
    small = cv2.resize(image, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)
    weights = str(SHARED / "yolox_nano_dynamic.onnx")
    people = np.load(EXPECTED)["boxes_xyxy"][:6] / 3
    counts = []
    for side in (192, 480):
        found = YoloxDetector(ObjectsConfig(weights=weights, short_side=side, threads=1)).push(small)
        counts.append(int((iou(people, found.xyxy_N4).max(axis=1, initial=0.0) > 0.5).sum()))
    assert counts[1] >= 5 and counts[1] > counts[0]


def made(tmp_path: Path, **kind: object) -> str:
    path = tmp_path / "made.onnx"
    path.write_bytes(yolox_model(**kind))  # type: ignore[arg-type]
    return str(path)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("decoded", [True, False])
def test_a_made_model_says_where_its_one_object_is(tmp_path: Path, fixed: bool, decoded: bool) -> None:
    """It finds one object of 24x40 pixels at (100, 60) of a canvas of 160x96, whatever it is shown."""
    path = made(tmp_path, width=160, height=96, box=(100, 60, 24, 40), label=1, fixed=fixed, decoded=decoded)
    detector = build_detector(ObjectsConfig(detector="onnx", weights=path, short_side=96, min_score=0.3))
    found = detector.push(np.zeros((192, 320, 3), np.uint8))  # the canvas shows it at half its size
    assert found.xyxy_N4.tolist() == [pytest.approx([176, 80, 224, 160], abs=1e-3)]
    assert found.label_N.tolist() == [81], "its three classes are not COCO's"
    assert found.score_N.tolist() == [pytest.approx(0.9 * 0.8, abs=1e-5)]
    assert found.probs_NK is not None and found.probs_NK.tolist() == [pytest.approx([0.1, 0.8, 0.1], abs=1e-5)]


@needs_weights
def test_a_model_made_for_one_size_takes_any_where_its_network_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = cv2.cvtColor(cv2.imread(str(SHARED / "vtest_frame100.png")), cv2.COLOR_BGR2RGB)
    settings = {"min_score": 0.3, "nms": 0.5, "short_side": 480, "threads": 1}
    fixed, free = (
        YoloxDetector(ObjectsConfig(weights=str(SHARED / f"yolox_nano_{name}.onnx"), **settings), features=True)  # type: ignore[arg-type]
        for name in ("416", "dynamic")
    )
    a, b = fixed.push(image), free.push(image)
    assert len(a) == len(b) and np.allclose(a.xyxy_N4, b.xyxy_N4, atol=1e-2)
    assert a.features_ND is not None and b.features_ND is not None and np.allclose(a.features_ND, b.features_ND, atol=2e-3)
    monkeypatch.setitem(sys.modules, "onnx", None)
    bound = YoloxDetector(ObjectsConfig(weights=str(SHARED / "yolox_nano_416.onnx"), **settings))  # type: ignore[arg-type]
    assert bound.key != fixed.key and len(bound.push(image)) > 5, "without the package onnx frames are letterboxed to its size"


def test_an_unsure_model_finds_nothing(tmp_path: Path) -> None:
    path = made(tmp_path, width=160, height=96, box=(100, 60, 24, 40), label=1)
    detector = build_detector(ObjectsConfig(detector="onnx", weights=path, min_score=0.75))
    assert len(detector.push(np.zeros((96, 160, 3), np.uint8))) == 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"extra_rows": 3}, "do not fit strides"),
        ({"columns": 4}, "not \\(1, places, 5 \\+ classes\\)"),
        ({"score": 7.0}, "leave 0..1"),
        ({"channels": 1}, "not one \\(1, 3, H, W\\) picture"),
        ({"width": 150}, "not a multiple of 32"),
        ({"score": float("nan")}, "not finite"),
    ],
)
def test_other_models_are_refused_with_the_reason(tmp_path: Path, kind: dict[str, object], words: str) -> None:
    path = made(tmp_path, **{"width": 160, "height": 96, "box": (100, 60, 24, 40), "label": 1, **kind})
    with pytest.raises(WeightsError, match=rf"made\.onnx: not a YOLOX-layout model: .*{words}"):
        build_detector(ObjectsConfig(detector="onnx", weights=path))


def test_what_is_no_model_at_all(tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk" * 100)
    with pytest.raises(WeightsError, match=r"junk\.onnx: cannot be opened as an ONNX model"):
        build_detector(ObjectsConfig(detector="onnx", weights=str(tmp_path / "junk.onnx")))
    with pytest.raises(WeightsError, match=r"no\.onnx: no such file; give the path .* yolox_nano"):
        build_detector(ObjectsConfig(detector="onnx", weights=str(tmp_path / "no.onnx")))


def test_the_key_changes_with_weights_and_settings(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    a = made(tmp_path, width=160, height=96, box=(100, 60, 24, 40), label=1)
    b = made(tmp_path / "b", width=160, height=96, box=(90, 60, 24, 40), label=1)
    settings = (
        {"weights": a, "short_side": None},
        {"weights": b},
        {"weights": a, "min_score": 0.5},
        {"weights": a, "nms": 0.7},
        {"weights": a, "tiles": 2},
    )
    keys = [YoloxDetector(ObjectsConfig(**s)).key for s in (*settings, {"weights": a, "threads": 1})]  # type: ignore[arg-type]
    assert len(set(keys)) == 5 and keys[0] == keys[-1], "threads do not change the boxes"


def test_tiles_cover_the_picture_and_overlap() -> None:
    assert tiles(100, 60, 1) == []
    for n in (2, 3):
        seen = np.zeros((60, 100), int)
        for x1, y1, x2, y2 in tiles(100, 60, n):
            seen[y1:y2, x1:x2] += 1
        assert len(tiles(100, 60, n)) == n * n and seen.min() == 1 and seen.max() >= 4


def test_what_a_tile_cuts_is_left_to_the_others() -> None:
    from normalcy.detection.yolox import _not_cut

    part = boxes((0, 10, 20, 30), (10, 10, 20, 30), (40, 10, 50, 30))
    assert _not_cut(part, (50, 0, 100, 60), 100, 60).xyxy_N4.tolist() == [[60, 10, 70, 30], [90, 10, 100, 30]]
    assert len(_not_cut(part, (0, 0, 50, 60), 100, 60)) == 2


@needs_weights
def test_both_and_file_on_real_footage(tmp_path: Path) -> None:
    """Three seconds of people on a lawn: what both finds is what onnx finds and more, and a file gives the same again."""
    video = SHARED.parent / "data" / "opencv_vtest" / "training" / "videos" / "01.mp4"
    if not video.is_file():
        pytest.skip(f"real footage is not at hand: {video.name} of opencv_vtest")
    settings = {"weights": str(SHARED / "yolox_nano_416.onnx"), "threads": 1}
    with VideoReader(video) as reader:
        frames = [f.image for f, _ in zip(reader, range(30), strict=False)]
    runs = []
    for name in ("onnx", "both"):
        detector = build_detector(ObjectsConfig(detector=name, **settings))  # type: ignore[arg-type]
        detector.reset("01", 10.0)
        runs.append([detector.push(f) for f in frames])
        detector.finish()
    for onnx, both in zip(*runs, strict=True):
        assert np.array_equal(both.xyxy_N4[: len(onnx)], onnx.xyxy_N4)
        assert (both.label_N[len(onnx) :] == -1).all()
    assert sum(map(len, runs[0])) > 100 and sum(map(len, runs[1])) > sum(map(len, runs[0]))
    frame = np.repeat(np.arange(30), [len(b) for b in runs[1]])
    whole = joined(*runs[1])
    np.savez(tmp_path / "01.npz", frame=frame, boxes=whole.xyxy_N4, score=whole.score_N, label=whole.label_N)
    given = build_detector(ObjectsConfig(detector="file", boxes=str(tmp_path)))
    given.reset("01")
    assert all(np.array_equal(given.push(f).xyxy_N4, b.xyxy_N4) for f, b in zip(frames, runs[1], strict=True))


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, width=160, height=96, box=(100, 60, 24, 40), label=1)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"needs onnxruntime .*pip install 'normalcy\[objects\]'"):
        build_detector(ObjectsConfig(detector="onnx", weights=path))
