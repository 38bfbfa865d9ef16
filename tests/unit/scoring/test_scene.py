"""Backgrounds: the same camera with other people and other light is one scene, another camera is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from normalcy.scoring.scene import SAME, group, model_at, signature


def camera(seed: int, h: int = 120, w: int = 160) -> np.ndarray:
    """(h, w, 3) a view with structure."""
    blocks = np.random.default_rng(seed).integers(30, 200, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(blocks, (w, h), interpolation=cv2.INTER_CUBIC)


def crowd(view: np.ndarray, seed: int, n: int = 12) -> np.ndarray:
    """(n, h, w, 3) the view with dark people at other places in each frame."""
    rng = np.random.default_rng(seed)
    out = np.repeat(view[None], n, axis=0)
    for frame in out:
        for y, x in zip(rng.integers(0, 100, 8), rng.integers(0, 150, 8), strict=True):
            frame[y : y + 20, x : x + 8] = 15
    return out


def test_people_and_light_do_not_make_another_scene() -> None:
    view = camera(0)
    base = signature(crowd(view, 1))
    assert base @ signature(crowd(view, 2)) > 0.8
    assert base @ signature(crowd((view * 0.6 + 40).astype(np.uint8), 3)) > 0.8
    assert base @ signature(cv2.resize(view, (320, 240))[None]) > 0.8
    assert abs(float(base @ signature(crowd(camera(7), 1)))) < SAME / 2


def test_videos_are_grouped_by_camera_in_order_of_appearance() -> None:
    views = [camera(s) for s in (4, 5, 4, 6, 5, 4)]
    assert group([signature(crowd(v, i)) for i, v in enumerate(views)]) == [0, 1, 0, 2, 1, 0]


def test_a_picture_without_structure_is_like_nothing() -> None:
    flat = signature(np.full((2, 48, 64, 3), 90, np.uint8))
    assert not flat.any()
    assert group([flat]) == [0]


@pytest.mark.parametrize(("likeness", "same"), [(0.55, True), (0.45, False)])
def test_two_backgrounds_are_one_scene_from_a_correlation_of_a_half(likeness: float, same: bool) -> None:
    view = crowd(camera(0), 1)
    base, other = signature(view), signature(crowd(camera(7), 1))
    other = other - (other @ base) * base
    alike = likeness * base + np.sqrt(1 - likeness**2) * other / np.linalg.norm(other)
    assert group([base, alike.astype(np.float32)]) == ([0, 0] if same else [0, 1])
    assert model_at(view, [(alike, "its own")], "of all") == ("its own" if same else "of all")  # type: ignore[type-var]
