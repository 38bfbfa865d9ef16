"""How much moves, and how badly two frames tell the one between them, without any learning: the bars to clear.

Motion is the grey difference of a frame to the one before, interpolation error that to the mean of its two neighbours. Each is
taken ``global``, as the mean over the picture, and by ``row``: per 8 x 8 block, in standard deviations of normal video at the
same height of the picture (far things move few pixels), the mean of the highest 1 % of blocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import InputConfig, VideoConfig
from normalcy.errors import TrainingError
from normalcy.scoring.place import part_of
from normalcy.video.reader import VideoReader, probe, working_size
from normalcy.video.source import VideoRef

BLOCK = 8
BANDS = 8
TOP = 0.01
SIZE = InputConfig(short_side=160, multiple=BLOCK)
"""The pictures that are compared are this size, whatever the model works at."""

GLOBAL, BY_ROW = "motion (global)", "motion (by row)"
INTERPOLATION, INTERPOLATION_BY_ROW = "interpolation (global)", "interpolation (by row)"
PICTURE = (GLOBAL, BY_ROW, INTERPOLATION, INTERPOLATION_BY_ROW)
"""The baselines that look at the picture, in the order of :func:`change_scores`."""

Floats = NDArray[np.float64]


class RowStatistics:
    """Mean and standard deviation of a figure per block in each of 8 bands of rows, from normal video."""

    def __init__(self) -> None:
        self._count, self._total, self._square = np.zeros(BANDS), np.zeros(BANDS), np.zeros(BANDS)

    def observe(self, blocks_hw: Floats) -> None:
        """Take in one frame of normal video."""
        band = part_of(blocks_hw.shape[0], BANDS)
        self._count += np.bincount(band, minlength=BANDS) * blocks_hw.shape[1]
        self._total += np.bincount(band, blocks_hw.sum(axis=1), minlength=BANDS)
        self._square += np.bincount(band, np.square(blocks_hw).sum(axis=1), minlength=BANDS)

    def value(self, blocks_hw: Floats) -> float:
        """Of one frame. Raises TrainingError before any normal video was observed."""
        if not self._count.all():
            raise TrainingError("figures by row need normal video of at least three frames first")
        mean = self._total / self._count
        spread = np.sqrt(np.maximum(self._square / self._count - mean**2, 0.0))
        spread = np.maximum(spread, 1e-2 * max(float(spread.max()), 1e-6))  # a band where nothing ever moves
        band = part_of(blocks_hw.shape[0], BANDS)
        z = ((blocks_hw - mean[band][:, None]) / spread[band][:, None]).ravel()
        k = max(1, round(TOP * z.size))
        return float(np.partition(z, -k)[-k:].mean())


Rows = tuple[RowStatistics, RowStatistics]
"""Of motion, and of interpolation error."""


def fit_rows(refs: Sequence[VideoRef], config: VideoConfig | None = None) -> Rows:
    """Statistics of normal video. config: how it is read."""
    rows = RowStatistics(), RowStatistics()
    for ref in refs:
        for blocks in block_changes(ref, config):
            for statistics, b in zip(rows, blocks, strict=True):
                if b is not None:
                    statistics.observe(b)
    return rows


def change_scores(ref: VideoRef, rows: Rows | None, config: VideoConfig | None = None) -> NDArray[np.float64]:
    """Of every frame, not smoothed: motion (global, by row), interpolation error (global, by row), (4, N).

    Without rows (2, N): both global. The first frame takes the motion of the second, the first and the last the error of
    the frame beside them. config: how the video is read; a damaged one is refused where it says so.
    """
    motion: list[list[float]] = []
    error: list[list[float]] = []
    for moved, missed in block_changes(ref, config):
        motion.append(_values(moved, rows and rows[0]))
        if missed is not None:
            error.append(_values(missed, rows and rows[1]))
    nothing = [[0.0] * (1 if rows is None else 2)]
    motion = (motion[:1] or nothing) + motion
    error = (error[:1] + error + error[-1:]) or nothing * len(motion)
    return np.concatenate([np.array(motion).T, np.array(error).T])


def _values(blocks_hw: Floats, rows: RowStatistics | None) -> list[float]:
    whole = float(blocks_hw.mean())
    return [whole] if rows is None else [whole, rows.value(blocks_hw)]


def block_changes(ref: VideoRef, config: VideoConfig | None = None) -> Iterator[tuple[Floats, Floats | None]]:
    """For each frame from the second on, per block, in grey levels (0 to 255): (h, w) mean absolute difference to the frame
    before, and (h, w) mean absolute error of the frame before as the mean of its neighbours, of which this is the later one;
    None for the second frame, since the first has one neighbour only.
    """
    info = probe(ref, config=config)
    before: deque[NDArray[np.int16]] = deque(maxlen=2)
    with VideoReader(ref, working_size(info.width, info.height, SIZE), config=config) as reader:
        for frame in reader:
            grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY).astype(np.int16)
            if before:
                missed = _blocks(2 * before[1] - before[0] - grey) / 2 if len(before) == 2 else None
                yield _blocks(grey - before[-1]), missed
            before.append(grey)


def _blocks(difference_HW: NDArray[np.int16]) -> Floats:
    h, w = difference_HW.shape
    blocks = np.abs(difference_HW).reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float64)
