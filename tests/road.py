"""A tiny road for tests: made-up normal video, the preset ``tiny``, one model for a whole test session's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import moving_square_video, write_video

H, W, FPS = 64, 96, 25.0
READOUTS = "scoring.readouts=[density, frame_density, continuity, motion, velocity]"
TINY = ("train.steps=6", "train.batch=4", "encoder.width=4", READOUTS)
"""Steps enough to run every line, far too few to learn anything: of the readouts, motion needs none."""


def normal_videos(folder: Path, count: int = 2, frames: int = 60) -> Path:
    """count videos in which a square walks to the right."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        write_video(folder / f"{i:02d}.mp4", moving_square_video(frames, H, W, seed=i), FPS)
    return folder


def odd_frames(frames: int = 60, start: int = 30, stop: int = 45, seed: int = 1) -> np.ndarray:
    """A walking square; between start and stop a second, flickering one runs through the lower half."""
    out = moving_square_video(frames, H, W, seed=seed).copy()
    rng = np.random.default_rng(seed)
    for t in range(start, stop):
        x = (7 * (t - start)) % (W - 24)
        out[t, 36:60, x : x + 24] = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
    return out


def odd_video(path: Path, **settings: Any) -> Path:
    """odd_frames as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, odd_frames(**settings), FPS)


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """The frame cache of whatever runs inside lies in folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NORMALCY_CACHE_DIR", str(folder))
        yield


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file under folder with its time of change and content."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}
