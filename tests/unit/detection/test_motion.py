"""The motion detector on made-up scenes with known truth: small and large things, noise, standing, leaving, light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes import Boxes, iou
from normalcy.detection.motion import MotionDetector, _between
from normalcy.video.reader import VideoReader
from objects_help import boxes, textured

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def watch(frames: list[np.ndarray], fps: float = 10.0, **settings: float) -> list[Boxes]:
    detector = MotionDetector(ObjectsConfig(**settings))  # type: ignore[arg-type]
    detector.reset("", fps)
    return [detector.push(f) for f in frames]


def crossing(
    n: int, size: tuple[int, int], speed: float, noise: float = 0.0, seed: int = 0
) -> tuple[list[np.ndarray], np.ndarray]:
    """(frames of a bright thing of size (w, h) that crosses a scene of 160x120, its box in each frame)."""
    rng = np.random.default_rng(seed)
    ground = textured(120, 160)
    w, h = size
    frames, truth = [], []
    for t in range(n):
        x, y = round(5 + speed * t), 60
        image = ground.copy()
        image[y : y + h, x : x + w] = (230, 200, 180)
        if noise:
            image = np.clip(image + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
        frames.append(image)
        truth.append((x, y, x + w, y + h))
    return frames, np.array(truth, np.float32)


@pytest.mark.parametrize(("size", "speed"), [((5, 5), 6.0), ((8, 20), 2.0), ((30, 40), 3.0)])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_what_moves_has_one_box_where_it_is(size: tuple[int, int], speed: float, noise: float) -> None:
    frames, truth = crossing(20, size, speed, noise)
    empty, _ = crossing(15, (0, 0), 0.0, noise, seed=1)
    found = watch(empty + frames)[15:]
    for t in range(2, 20):
        assert len(found[t]) == 1
        low, high = found[t].xyxy_N4[0, :2], found[t].xyxy_N4[0, 2:]
        assert (np.abs(low - truth[t, :2]) <= 3).all() and (np.abs(high - truth[t, 2:]) <= 3).all()
        assert found[t].label_N.tolist() == [-1] and 0.5 < found[t].score_N[0] <= 1


def test_a_small_thrown_thing_is_kept_unless_asked_otherwise() -> None:
    frames, _ = crossing(20, (4, 5), 7.0)
    assert all(len(b) == 1 for b in watch(frames)[10:])
    assert not any(len(b) for b in watch(frames, min_area=60.0))


def test_nothing_moves_nothing_is_found() -> None:
    still = textured(90, 120)
    rng = np.random.default_rng(0)
    noisy = [np.clip(still + rng.normal(0, 5.0, still.shape), 0, 255).astype(np.uint8) for _ in range(40)]
    assert sum(len(b) for b in watch(noisy)) == 0
    assert sum(len(b) for b in watch([np.zeros((90, 120, 3), np.uint8)] * 10)) == 0


def test_first_frame_and_tiny_frames() -> None:
    assert len(watch([textured(90, 120)])[0]) == 0
    assert [len(b) for b in watch([np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)])] == [0, 0]


def test_a_standing_thing_fades_and_the_hole_it_leaves_is_no_object() -> None:
    ground = textured(120, 160)
    there = ground.copy()
    there[40:80, 60:80] = (220, 220, 220)
    found = watch([ground] * 30 + [there] * 20 + [ground] * 20, left_s=0.0)
    assert any(len(b) for b in found[30:36])
    assert not any(len(b) for b in found[40:50]), "it has not moved for a second"
    assert not any(len(b) for b in found[60:]), "nothing is there any more"


def test_what_is_left_behind_keeps_its_box_while_it_is_there_and_no_longer_than_asked() -> None:
    ground = textured(120, 160)
    there = ground.copy()
    there[40:80, 60:80] = (220, 220, 220)
    found = watch([ground] * 30 + [there] * 120 + [ground] * 20, left_s=8.0)
    assert all(len(b) == 1 and np.abs(b.xyxy_N4[0] - [60, 40, 80, 80]).max() <= 2 for b in found[31:110])
    assert not any(len(b) for b in found[118:150]), "8 s after it last moved it is no longer worth a box"
    found = watch([ground] * 30 + [there] * 20 + [ground] * 20, left_s=60.0)
    assert all(len(b) == 1 for b in found[31:50]) and not any(len(b) for b in found[56:]), "it was taken away"


def test_the_place_of_something_that_drives_off_is_not_left_behind() -> None:
    ground = textured(120, 160)
    frames = []
    for t in range(60):
        image = ground.copy()
        x = 60 + 4 * max(t - 20, 0)  # parked for two seconds, then off
        image[40:70, x : x + 24] = (220, 220, 220)
        frames.append(image)
    found = watch(frames, left_s=60.0)
    assert all(len(b) == 1 for b in found[33:44]) and not any(len(b) for b in found[46:])


def test_light_on_a_part_of_the_picture_leaves_nothing_behind() -> None:
    ground = textured(120, 160)
    frames = []
    for t in range(60):
        lamp = np.clip((t - 20) / 20, 0, 1) * 50 * np.exp(-(((np.arange(160) - 80) / 30) ** 2))
        frames.append(np.clip(ground + lamp[None, :, None], 0, 255).astype(np.uint8))
    assert not any(len(b) for b in watch(frames, left_s=60.0)[30:])


def test_beside_known_boxes_only_what_they_leave() -> None:
    """Two walk side by side, one is known: the other has a box of its own, the known one's hair has none."""
    frames, truth = crossing(20, (24, 30), 3.0)
    detector = MotionDetector(ObjectsConfig())
    detector.reset("", 10.0)
    for t, frame in enumerate(frames):
        x1, y1, x2, y2 = truth[t]
        pair = detector.push_beside(frame, boxes((x1, y1, x1 + 12, y2)))
    assert len(pair) == 1
    assert iou(pair.xyxy_N4, np.array([[x1 + 12, y1, x2, y2]], np.float32))[0, 0] > 0.6
    assert len(detector.push_beside(frames[-1], boxes((x1, y1 + 1, x2, y2)))) == 0
    assert len(detector.push_beside(frames[-1], boxes((0, 0, 160, 119)))) == 1, "a box over the whole scene hides nothing"


def test_one_that_stood_there_from_the_start_leaves_no_ghost_for_long() -> None:
    frames, truth = crossing(60, (10, 24), 2.0)
    found = watch(frames)
    for t in range(15, 60):
        assert len(found[t]) == 1 and iou(found[t].xyxy_N4, truth[t : t + 1])[0, 0] > 0.5


def test_lights_out_is_not_one_giant_object() -> None:
    frames, _ = crossing(40, (8, 20), 2.0)
    dark = [f if t < 20 else (f // 3).astype(np.uint8) for t, f in enumerate(frames)]
    found = watch(dark)
    assert len(found[20]) == 0
    assert all(len(b) == 1 for b in found[32:]), "the walker is found again in the new light"


def test_the_size_of_the_picture_does_not_matter() -> None:
    frames, truth = crossing(20, (12, 30), 3.0)
    large = [np.kron(f, np.ones((6, 6, 1), np.uint8)) for f in frames]  # 960x720, shrunk inside
    found = watch(large)[15]
    assert len(found) == 1 and iou(found.xyxy_N4, truth[15:16] * 6)[0, 0] > 0.6


def test_a_video_starts_anew_after_reset_and_when_the_size_changes() -> None:
    frames, _ = crossing(12, (8, 20), 3.0)
    detector = MotionDetector(ObjectsConfig())
    first = [detector.push(f) for f in frames]
    detector.reset()
    again = [detector.push(f) for f in frames]
    assert all(np.array_equal(a.xyxy_N4, b.xyxy_N4) for a, b in zip(first, again, strict=True))
    assert len(detector.push(textured(50, 70))) == 0


def test_it_never_looks_ahead() -> None:
    frames, _ = crossing(30, (8, 20), 3.0)
    whole, part = watch(frames), watch(frames[:15])
    assert all(np.array_equal(a.xyxy_N4, b.xyxy_N4) for a, b in zip(whole, part, strict=False))


def test_the_key_names_the_settings() -> None:
    keys = {MotionDetector(ObjectsConfig(**s)).key for s in ({}, {"min_area": 4.0}, {"motion_threshold": 9.0})}  # type: ignore[arg-type]
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("video", "least", "most"),
    [
        ("ped1_dev/training/videos/12.mp4", 5, 16),
        ("opencv_vtest/training/videos/01.mp4", 3, 12),
        ("avenue/training/videos/16.mp4", 5, 40),
    ],
)
def test_real_footage(video: str, least: float, most: float) -> None:
    if not (SHARED / video).is_file():
        pytest.skip(f"real footage is not at hand: ../shared/data/{video}")
    with VideoReader(SHARED / video) as reader:
        frames = [f.image for f, _ in zip(reader, range(70), strict=False)]
        found = watch(frames, reader.info.fps)
    height, width = frames[0].shape[:2]
    for b in found:
        assert (b.xyxy_N4[:, :2] >= 0).all() and (b.xyxy_N4[:, 2:] <= [width, height]).all()
    assert least <= np.mean([len(b) for b in found[20:]]) <= most


def test_between_fills_each_stretch_of_a_row_from_its_first_seed_to_its_last() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        h, w = rng.integers(1, 9, 2)
        runs = rng.random((h, w)) < 0.7
        seeds = runs & (rng.random((h, w)) < 0.4)
        expected = np.zeros_like(runs)
        for y in range(h):
            x = 0
            while x < w:
                end = x
                while end < w and runs[y, end]:
                    end += 1
                if (inside := np.flatnonzero(seeds[y, x:end])).size:
                    expected[y, x + inside[0] : x + inside[-1] + 1] = True
                x = end + 1
        assert np.array_equal(_between(runs, seeds), expected)
