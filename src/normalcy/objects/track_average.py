"""An object's values over the frames in which it was seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import PATIENCE_S, Tracker

Values = NDArray[np.float64]


class TrackAverage:
    """Follows objects and averages their values along their tracks, causally, with time constant ``seconds``.

    A track begins at 0, typical of normal: what shows up for a single frame does not count in full. fps: of the frames that
    are pushed. seconds: 0 for no averaging.
    """

    def __init__(self, seconds: float, fps: float) -> None:
        self._tracker = Tracker(fps, keep=False)
        self._keep = math.exp(-1.0 / (seconds * fps)) if seconds > 0 else 0.0
        self._patience = max(1, round(PATIENCE_S * fps))
        self._values: dict[int, tuple[int, Values]] = {}
        """Track -> (its last frame, its values then)."""
        self._frame = -1

    def cut(self) -> None:
        """A gap: no object after it is one of before."""
        self._tracker.cut()
        self._values.clear()

    def push(self, boxes: Boxes, z_NR: Values) -> tuple[NDArray[np.int64], Values]:
        """(track (N,), averaged values (N, R)) of the objects of the next frame."""
        self._frame += 1
        ids = self._tracker.push(boxes)
        out = np.empty_like(z_NR)
        for i, track in enumerate(ids.tolist()):
            last, before = self._values.get(track, (self._frame - 1, np.zeros(z_NR.shape[1])))
            keep = self._keep ** (self._frame - last)
            out[i] = keep * before + (1.0 - keep) * z_NR[i]
            self._values[track] = (self._frame, out[i])
        self._values = {k: v for k, v in self._values.items() if self._frame - v[0] <= self._patience}
        return ids, out
