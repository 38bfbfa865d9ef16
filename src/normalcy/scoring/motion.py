"""How much moves, without any learning: the bar that every result has to clear.

``global`` is the mean grey difference of a frame to the one before. ``row`` takes it per 8 x 8 block, in standard deviations
of normal video at the same height of the picture (far things move few pixels), and the mean of the highest 1 % of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import InputConfig
from normalcy.errors import TrainingError
from normalcy.scoring.place import part_of
from normalcy.video.reader import VideoReader, probe, working_size
from normalcy.video.source import VideoRef

BLOCK = 8
BANDS = 8
TOP = 0.01
SIZE = InputConfig(short_side=160, multiple=BLOCK)
"""The pictures that are compared are this size, whatever the model works at."""

Floats = NDArray[np.float64]


class RowMotion:
    """Mean and standard deviation of block motion in each of 8 bands of rows, from normal video."""

    def __init__(self) -> None:
        self._count, self._total, self._square = np.zeros(BANDS), np.zeros(BANDS), np.zeros(BANDS)

    def observe(self, ref: VideoRef) -> None:
        """Take in one normal video."""
        for blocks in block_motion(ref):
            band = part_of(blocks.shape[0], BANDS)
            self._count += np.bincount(band, minlength=BANDS) * blocks.shape[1]
            self._total += np.bincount(band, blocks.sum(axis=1), minlength=BANDS)
            self._square += np.bincount(band, np.square(blocks).sum(axis=1), minlength=BANDS)

    def value(self, blocks_hw: Floats) -> float:
        """Of one frame. Raises TrainingError before any normal video was observed."""
        if not self._count.all():
            raise TrainingError("motion by row needs normal video of at least two frames first")
        mean = self._total / self._count
        spread = np.sqrt(np.maximum(self._square / self._count - mean**2, 0.0))
        spread = np.maximum(spread, 1e-2 * max(float(spread.max()), 1e-6))  # a band where nothing ever moves
        band = part_of(blocks_hw.shape[0], BANDS)
        z = ((blocks_hw - mean[band][:, None]) / spread[band][:, None]).ravel()
        k = max(1, round(TOP * z.size))
        return float(np.partition(z, -k)[-k:].mean())


def fit_rows(refs: Sequence[VideoRef]) -> RowMotion:
    """Statistics of normal video."""
    rows = RowMotion()
    for ref in refs:
        rows.observe(ref)
    return rows


def motion_scores(ref: VideoRef, rows: RowMotion) -> tuple[Floats, Floats]:
    """(global, by row) motion of every frame, each (N,), not smoothed. The first frame takes the value of the second."""
    whole: list[float] = []
    by_row: list[float] = []
    for blocks in block_motion(ref):
        whole.append(float(blocks.mean()))
        by_row.append(rows.value(blocks))
    first = slice(0, 1)
    return np.array(whole[first] + whole or [0.0]), np.array(by_row[first] + by_row or [0.0])


def block_motion(ref: VideoRef) -> Iterator[Floats]:
    """(h, w) mean absolute grey difference (0 to 255) per block, for each frame from the second on."""
    info = probe(ref)
    before: NDArray[np.uint8] | None = None
    with VideoReader(ref, working_size(info.width, info.height, SIZE)) as reader:
        for frame in reader:
            grey = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            if before is not None:
                h, w = grey.shape
                difference = cv2.absdiff(grey, before).astype(np.float64)
                yield difference.reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).mean(axis=(1, 3))
            before = grey
