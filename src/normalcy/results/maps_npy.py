"""maps.npy: the score map of every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib import format as npy

from normalcy.results.layout import MAPS
from normalcy.results.product import Context, Product
from normalcy.types import Event, FrameScore, VideoScores


class MapsNpy(Product):
    """(N, h, w) float16, one fused map per frame; 1 is as high as nearly any place of normal video gets."""

    name = MAPS
    reads_maps = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._shape: tuple[int, ...] = ()
        self._count = 0
        self._file = context.files.open(MAPS, "wb")

    def write(self, s: FrameScore) -> None:
        if s.map is None:
            return
        if self._count == 0:
            self._shape = s.map.shape
            self._write_header()
        self._file.write(s.map.astype(np.float16).tobytes())
        self._count += 1

    def close(self, scores: VideoScores, events: Sequence[Event]) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        """NumPy pads it so that it has the same length for every number of frames."""
        header = {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": (self._count, *self._shape)}
        npy.write_array_header_2_0(self._file, header)
