"""Boxes, moving things and detectors for the tests of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from normalcy.detection.boxes import Boxes


def boxes(*xyxy: Sequence[float], score: Sequence[float] | float = 1.0, label: Sequence[int] | int = -1) -> Boxes:
    """Boxes from their corners."""
    n = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(n, 4),
        np.broadcast_to(np.asarray(score, np.float32), (n,)).copy(),
        np.broadcast_to(np.asarray(label, np.int64), (n,)).copy(),
    )


def random_boxes(rng: np.random.Generator, n: int, span: float = 40.0, largest: float = 20.0) -> Boxes:
    """n boxes anywhere, with random scores."""
    low = rng.uniform(0, span, (n, 2))
    return boxes(*np.concatenate([low, low + rng.uniform(1, largest, (n, 2))], axis=1), score=rng.uniform(0, 1, n))


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8: a background with something on it everywhere."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 120, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((4, 4, 1), np.uint8))[:height, :width].copy()


class Scripted:
    """A detector whose boxes are given, one entry per frame; it counts what it was asked."""

    name = "motion"
    key = "scripted"

    def __init__(self, script: Sequence[Boxes]) -> None:
        self.script, self.pushed, self.next, self.ended = list(script), 0, 0, False

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        self.next, self.ended = 0, False

    def push(self, frame_HWC: np.ndarray) -> Boxes:
        self.next += 1
        self.pushed += 1
        return self.script[self.next - 1]

    def finish(self) -> None:
        self.ended = True
