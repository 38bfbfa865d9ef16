"""From a score map to regions of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from normalcy.types import Box

PEAK_SHARE = 0.5
"""What lies above this share of a map's highest value belongs to its most abnormal region."""


def regions(map_hw: NDArray[np.float32], size: tuple[int, int], threshold: float = 1.0) -> list[tuple[Box, float]]:
    """Connected regions (8-neighbourhood) of a score map above ``threshold``, highest peak first.

    map_hw: (h, w) over the whole picture. size: (width, height) of the picture in pixels.
    Returns boxes in pixels with the highest map value inside.
    """
    labels, n = ndimage.label(map_hw > threshold, structure=np.ones((3, 3), int))
    h, w = map_hw.shape
    sx, sy = size[0] / w, size[1] / h
    out: list[tuple[Box, float]] = []
    for i, (ys, xs) in enumerate(ndimage.find_objects(labels), start=1):
        peak = float(map_hw[ys, xs][labels[ys, xs] == i].max())
        out.append(((xs.start * sx, ys.start * sy, xs.stop * sx, ys.stop * sy), peak))
    return sorted(out, key=lambda r: -r[1])[:n]


def peak_region(map_hw: NDArray[np.float32], size: tuple[int, int]) -> Box | None:
    """Box around the most abnormal region: what lies above PEAK_SHARE of the map's highest value, or None for a flat map."""
    top = float(map_hw.max())
    if top <= 0 or top - float(map_hw.min()) < 1e-6:
        return None
    found = regions(map_hw, size, PEAK_SHARE * top)
    return found[0][0] if found else None
