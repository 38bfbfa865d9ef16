"""Means along tracks: noise of a single frame is the enemy of a maximum over objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from normalcy.objects.sightings import Floats

REACH = 2.5
"""Widths of the Gaussian that a mean reaches to both sides."""


def track_means(value_NV: Floats, track_N: NDArray[np.int64], time_N: Floats, sigma_s: float, ahead: bool = True) -> Floats:
    """(N, V) weighted means over the sightings of the same track.

    sigma_s: width of the Gaussian in seconds; with ahead=False, of the sightings so far alone, the time constant of an
    exponential.
    """
    out = np.empty_like(value_NV)
    order = np.lexsort((time_N, track_N))
    ends = np.flatnonzero(np.diff(track_N[order]) != 0) + 1
    for rows in np.split(order, ends):
        if not len(rows):
            continue
        t = time_N[rows]
        first = np.searchsorted(t, t - REACH * sigma_s * (1 if ahead else 2) - 1e-9)
        last = np.searchsorted(t, t + (REACH * sigma_s if ahead else 0) + 1e-9)
        for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
            apart = np.abs(t[a:b] - t[i]) / sigma_s
            weight = np.exp(-0.5 * apart**2) if ahead else np.exp(-apart)
            out[rows[i]] = weight @ value_NV[rows[a:b]] / weight.sum()
    return out
