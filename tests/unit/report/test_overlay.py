from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.report.overlay import Scale, blend, draw_frame
from normalcy.types import FrameScore

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
SIZES = [(48, 64), (158, 238), (360, 640), (33, 120), (1080, 1920)]


def picture(h: int, w: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SIZES[:4]), st.integers(1, 30), st.integers(1, 30), st.floats(0.5, 6), st.integers(0, 99))
def test_every_pixel_below_the_threshold_is_untouched(
    size: tuple[int, int], h: int, w: int, threshold: float, seed: int
) -> None:
    image = picture(*size)
    score_map = np.random.default_rng(seed).normal(0, 3, (h, w)).astype(np.float32)
    out = blend(image, score_map, threshold, 9.0)
    normal = cv2.resize(score_map, size[::-1], interpolation=cv2.INTER_LINEAR) <= threshold - 1e-4
    assert (out[normal] == image[normal]).all()
    assert out.shape == image.shape and out.dtype == np.uint8


@pytest.mark.parametrize("value", [3.0, -1.0, np.nan, -np.inf])
def test_a_normal_picture_is_returned_bit_for_bit(value: float) -> None:
    image = picture(158, 238)
    out = blend(image, np.full((19, 29), value, np.float32), 3.0, 9.0)
    assert (out == image).all()
    assert out is not image


def test_the_input_is_never_written_to() -> None:
    image = picture(120, 160)
    before = image.copy()
    score = FrameScore(0, 0.0, 9.0, {}, np.full((3, 4), 9.0, np.float32))
    draw_frame(image, score, Scale(3.0, 9.0), event=1)
    blend(image, np.full((3, 4), 9.0, np.float32), 3.0, 9.0)
    assert (image == before).all()


def test_heat_grows_with_the_score() -> None:
    image = np.full((120, 160, 3), 90, np.uint8)

    def change(value: float) -> float:
        out = blend(image, np.full((3, 4), value, np.float32), 3.0, 9.0)
        return float(np.abs(out[60, 80].astype(int) - 90).sum())

    steps = [change(v) for v in (3.0, 3.5, 5.0, 9.0)]
    assert steps == sorted(steps) and steps[0] == 0 and steps[1] > 0
    assert change(9.0) == change(50.0) == change(np.inf)


def test_a_hot_cell_lights_its_own_place() -> None:
    image = picture(240, 320)
    score_map = np.zeros((6, 8), np.float32)
    score_map[1, 6] = 9.0
    touched = (blend(image, score_map, 3.0, 9.0) != image).any(axis=2)
    ys, xs = np.nonzero(touched)
    assert 40 <= ys.mean() <= 80 and 240 <= xs.mean() <= 280
    assert touched[60, 260]


def test_the_outline_stands_out_from_the_fill() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    score_map = np.zeros((10, 10), np.float32)
    score_map[3:7, 3:7] = 9.0
    out = blend(image, score_map, 3.0, 9.0).sum(axis=2)
    row = out[100]
    first = int(np.flatnonzero(row)[0])
    assert row[first] > 1.5 * row[100]


def test_gaps_in_the_map_do_not_spread() -> None:
    score_map = np.zeros((6, 8), np.float32)
    score_map[2, 2], score_map[4, 6] = np.nan, 9.0
    touched = (blend(picture(240, 320), score_map, 3.0, 9.0) != picture(240, 320)).any(axis=2)
    assert touched[180, 260] and not touched[:, :160].any()


@pytest.mark.parametrize("size", [*SIZES, (32, 32), (64, 48)])
@pytest.mark.parametrize("event", [None, 1, 12345])
def test_any_size_can_be_drawn_on(size: tuple[int, int], event: int | None) -> None:
    score = FrameScore(7, 36000.5, 4.2, {}, np.full((4, 4), 4.2, np.float32))
    out = draw_frame(picture(*size), score, Scale(3.0, 9.0), event)
    assert out.shape == (*size, 3) and out.dtype == np.uint8


@pytest.mark.parametrize("scale", [Scale(3.0, 3.0), Scale(3.0, 1.0), Scale(0.0, 0.0), Scale(-1.0, -0.5)])
@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf])
def test_odd_scales_and_scores(scale: Scale, value: float) -> None:
    score = FrameScore(0, 0.0, value, {}, np.full((4, 4), value, np.float32))
    assert draw_frame(picture(100, 150), score, scale, None).shape == (100, 150, 3)


def test_the_bar_grows_with_the_score_and_an_event_is_framed() -> None:
    image = np.full((360, 640, 3), 10, np.uint8)

    def length(value: float) -> int:
        return int((draw_frame(image, FrameScore(0, 1.0, value, {}), Scale(3.0, 9.0))[-1] > 60).any(axis=1).sum())

    assert length(1.0) < length(2.5) < length(6.0) < length(9.0) == 640
    calm = draw_frame(image, FrameScore(0, 1.0, 1.0, {}), Scale(3.0, 9.0))
    assert (calm[:300] == image[:300]).all()
    assert (draw_frame(image, FrameScore(0, 1.0, 5.0, {}), Scale(3.0, 9.0), 2)[:300, 0] != 10).any()


def test_real_footage_keeps_its_normal_part() -> None:
    path = SHARED / "data" / "ped1_dev" / "testing" / "videos" / "03.mp4"
    if not path.exists():
        pytest.skip("real footage is not at hand: ../shared/data/ped1_dev")
    capture = cv2.VideoCapture(str(path))
    frame = capture.read()[1][..., ::-1]
    capture.release()
    score_map = np.zeros((19, 29), np.float32)
    score_map[10, 20] = 8.0
    out = blend(np.ascontiguousarray(frame), score_map, 3.0, 9.0)
    changed = (out != frame).any(axis=2)
    assert 0 < changed.mean() < 0.01
