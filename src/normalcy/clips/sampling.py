"""Which source frames form a clip (3.2 of the paper). Index functions only: numpy in, numpy out, no pixels.

All indices count source frames from 0. A clip of ``length`` T with ``step`` s spans ``(T - 1) * s + 1`` source frames,
the frames between its own included. Random choices take an explicit ``numpy.random.Generator``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.errors import ShortVideoError

Indices = NDArray[np.int64]
ShortPolicy = Literal["error", "repeat"]
"""What to do with a video shorter than one clip: refuse it, or repeat its last frame."""


class Pair(NamedTuple):
    """One training example: V starts at v_start and loses its frame m, V_c starts at c_start."""

    v_start: int
    c_start: int
    m: int
    """Clip frame (0-based, in [1, T-2]) that is taken out of V."""


def span(length: int, step: int) -> int:
    """Source frames from the first to the last of a clip, both included."""
    if length < 1 or step < 1:
        raise ValueError(f"a clip needs length and step of at least 1, got length {length}, step {step}")
    return (length - 1) * step + 1


def step_at(fps: float, cfg: Config) -> int:
    """Source frames between two clip frames for a video of ``fps`` frames per second: at least 1.

    Time between frames, not their number, decides how far things move in a clip, so one model fits cameras of any rate.
    """
    return cfg.clip.step if cfg.level_fps is None else max(1, round(fps / cfg.level_fps))


def continuous(start: int, length: int, step: int = 1) -> Indices:
    """V_c: the (T,) source frames ``start, start + step, ...``."""
    span(length, step)
    if start < 0:
        raise ValueError(f"a clip cannot start at frame {start}")
    return start + step * np.arange(length, dtype=np.int64)


def discontinuous(start: int, length: int, step: int, m: int) -> Indices:
    """V_d: the (T-1,) source frames of the continuous clip without its frame ``m``.

    m lies in [1, T-2], so that V_d begins and ends where V does. Raises ValueError outside of that.
    """
    if not 1 <= m <= length - 2:
        raise ValueError(f"the missing frame must lie in [1, {length - 2}] for a clip of {length} frames, got {m}")
    return np.delete(continuous(start, length, step), m)


def pair_fits(n_frames: int, length: int, step: int = 1) -> bool:
    """Whether a video of ``n_frames`` holds V and a V_c that does not overlap it."""
    return n_frames >= 2 * span(length, step)


def sample_pair(n_frames: int, length: int, step: int, rng: np.random.Generator) -> Pair:
    """Draw V, V_c and m (3.2 of the paper).

    V_c never shares a source frame with V, nor lies between its frames: their spans are disjoint. v_start is uniform over
    the starts that leave room for a V_c, c_start is uniform over what is allowed then, m is uniform on [1, T-2].
    Raises ShortVideoError where the video cannot hold two clips apart, ValueError for a length below 3.
    """
    if length < 3:
        raise ValueError(f"a discontinuous clip needs a length of at least 3, got {length}")
    need = span(length, step)
    if not pair_fits(n_frames, length, step):
        raise ShortVideoError(
            f"too few frames to train on: {n_frames}, needed {2 * need} "
            f"(two clips of {length} frames at step {step} that do not overlap)"
        )
    last = n_frames - need  # the last start of any clip
    v_left = last - need + 1  # starts 0 .. v_left-1 leave room for V_c behind V
    v_right = max(need, v_left)  # starts v_right .. last leave room before it, and were not counted yet
    v = int(rng.integers(v_left + last - v_right + 1))
    if v >= v_left:
        v += v_right - v_left
    before = max(v - need + 1, 0)  # starts 0 .. before-1 end before V begins
    after = max(last - (v + need) + 1, 0)  # starts v+need .. last begin after V ends
    c = int(rng.integers(before + after))
    if c >= before:
        c += v + need - before
    return Pair(v, c, int(rng.integers(1, length - 1)))


def sliding(n_frames: int, length: int, step: int = 1, stride: int = 1, policy: ShortPolicy = "error") -> Indices:
    """Windows over a whole video: (K, T) source frames, K >= 1.

    stride: source frames between two window starts. The last window is aligned to the end of the video, so with a stride of
    at most the window's span every frame lies within some window. A video shorter than one window: policy ``error`` raises
    ShortVideoError, ``repeat`` gives one window in which the last frame stands for the missing ones.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    need = span(length, step)
    if n_frames < need:
        if policy == "error" or n_frames < 1:
            raise ShortVideoError(
                f"too few frames for one clip: {n_frames}, needed {need} ({length} frames at step {step}); "
                "use a longer video, or set clip.short to repeat"
            )
        return np.minimum(continuous(0, length, step), n_frames - 1)[None]
    starts = np.arange(0, n_frames - need + 1, stride, dtype=np.int64)
    if starts[-1] != n_frames - need:
        starts = np.append(starts, n_frames - need)
    return starts[:, None] + continuous(0, length, step)[None]
