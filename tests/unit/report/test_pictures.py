from __future__ import annotations

import numpy as np
import pytest

from normalcy.report.pictures import close_up, map_picture, panels, thumbnail


def picture(h: int, w: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)


def test_map_brightness_rises_through_the_threshold() -> None:
    values = np.array([[-1.0, 0.0, 1.5, 3.0, 6.0, 9.0, 50.0, np.nan]], np.float32)
    light = map_picture(values, 3.0, 9.0).astype(int).sum(axis=2)[0]
    assert light[0] == light[1] == light[7]
    assert (np.diff(light[1:6]) > 0).all() and light[5] == light[6]
    at = map_picture(values, 3.0, 9.0)[0, 3]
    assert at[0] > 200 > at[1] > at[2]  # orange
    even = map_picture(values, None, 9.0).astype(int).sum(axis=2)[0]
    assert even[3] < light[3]


def test_panels_share_a_size_and_show_the_mask() -> None:
    mask = np.zeros((100, 150), bool)
    mask[40:60, 60:90] = True
    frame, truth, heat = panels(np.full((100, 150, 3), 80, np.uint8), mask, np.zeros((5, 7), np.float32), 3.0, 9.0)
    assert truth is not None and heat is not None
    assert frame.shape == truth.shape == heat.shape == (213, 320, 3)
    assert truth[106, 160, 1] > truth[10, 10, 1] + 40
    frame, truth, heat = panels(picture(100, 150), None, None, None, 9.0)
    assert truth is None and heat is None


@pytest.mark.parametrize(
    "region", [(0, 0, 8, 8), (230, 150, 238, 158), (100, 70, 104, 90), (-5, -5, 3, 3), (50.5, 60.2, 50.9, 60.4)]
)
def test_close_up_holds_the_region_at_the_shape_of_the_picture(region: tuple[float, float, float, float]) -> None:
    image = np.zeros((158, 238, 3), np.uint8)
    x1, y1, x2, y2 = (int(v) for v in region)
    image[max(y1, 0) : y2 + 1, max(x1, 0) : x2 + 1] = 255
    out = close_up(image, region)
    assert out is not None and out.shape == thumbnail(image, region).shape
    assert out.max() > 200


def test_a_region_as_large_as_the_picture_has_no_close_up() -> None:
    assert close_up(picture(158, 238), (0, 0, 200, 150)) is None
