"""Pixels to network input."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normalcy.nn.inputs import picture, to_input

CHANNELS = {"rgb": 3, "grey_diff": 2, "rgb_diff": 6}


def clip(*colours: tuple[int, int, int]) -> torch.Tensor:
    """(1, T, 2, 2, 3) uint8, each frame of one colour."""
    return torch.tensor(colours, dtype=torch.uint8)[None, :, None, None, :].expand(1, -1, 2, 2, 3)


def test_rgb_is_scaled_to_one() -> None:
    x = to_input(clip((255, 0, 51)), "rgb")
    assert x.shape == (1, 3, 1, 2, 2) and x.dtype == torch.float32
    torch.testing.assert_close(x[0, :, 0, 1, 1], torch.tensor([1.0, 0.0, 0.2]))


def test_grey_and_doubled_difference() -> None:
    x = to_input(clip((255, 0, 0), (0, 255, 0), (0, 0, 255)), "grey_diff")
    assert x.shape == (1, 2, 3, 2, 2)
    torch.testing.assert_close(x[0, 0, :, 0, 0], torch.tensor([0.299, 0.587, 0.114]))
    # 2 (0.587 - 0.299) = 0.576; 2 (0.114 - 0.587) = -0.946; nothing before the first frame.
    torch.testing.assert_close(x[0, 1, :, 1, 0], torch.tensor([0.0, 0.576, -0.946]))


def test_rgb_difference_has_pixels_first() -> None:
    x = to_input(clip((0, 51, 255), (255, 51, 0)), "rgb_diff")
    torch.testing.assert_close(x[0, :, 1, 0, 0], torch.tensor([1.0, 0.2, 0.0, 2.0, 0.0, -2.0]))
    assert not x[0, 3:, 0].any()


@given(st.sampled_from(sorted(CHANNELS)), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_float_input_gives_what_uint8_gives(channels: str, frames: int, h: int, w: int) -> None:
    x = torch.randint(0, 256, (2, frames, h, w, 3), dtype=torch.uint8)
    got = to_input(x, channels)
    assert got.shape == (2, CHANNELS[channels], frames, h, w)
    torch.testing.assert_close(got, to_input(x.float() / 255, channels), atol=1e-5, rtol=0)


def test_grey_is_exact_under_autocast() -> None:
    x = torch.randint(0, 256, (1, 3, 8, 8, 3), dtype=torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = to_input(x, "grey_diff")
    assert torch.equal(got, to_input(x, "grey_diff"))


@pytest.mark.parametrize(
    ("x", "channels"),
    [
        (torch.zeros(2, 4, 4, 3), "rgb"),
        (torch.zeros(1, 0, 4, 4, 3), "rgb"),
        (torch.zeros(1, 2, 4, 4, 1), "rgb"),
        (torch.zeros(1, 2, 4, 4, 3, dtype=torch.int64), "grey_diff"),
        (torch.zeros(1, 2, 4, 4, 3), "yuv"),
    ],
)
def test_what_is_refused(x: torch.Tensor, channels: str) -> None:
    with pytest.raises(ValueError):
        to_input(x, channels)


def test_picture() -> None:
    x = clip((255, 0, 51))[:, 0]
    torch.testing.assert_close(picture(x)[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.2]))
