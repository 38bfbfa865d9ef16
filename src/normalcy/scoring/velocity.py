"""How rare a velocity is at its place: histograms of optical flow per zone, counted on normal video.

A car at walking pace on the road, a walker against the stream, anyone where nobody walks: what the size of motion alone
cannot tell apart, its direction and place can. Velocities are in units of what is usual for things that stand on their row of
the picture, so that a skater far away and one in front are as fast as each other; and they are counted by direction and by the
logarithm of their speed, so that where cars set what is usual a runner is still told from a walker.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from normalcy.scoring.lesson import around
from normalcy.scoring.place import zones

STEPS = np.array([0.1, 0.17, 0.3, 0.5, 0.8, 1.2, 1.7, 2.5, 3.5, 5.0])
"""Borders of the speed bins in usual speeds of the row, each about 1.5 times the one before. What is slower is still."""
DIRECTIONS = 8
"""Directions that are told apart, the first around a move to the right."""
BINS = len(STEPS) * DIRECTIONS + 1
"""Speeds by directions; the last is for what is still."""
PRIOR = 100.0
"""Places of its band that a zone's histogram is mixed with, and as many of the whole frame in a band's."""
BLUR = 0.4
"""Width in bins over which a count is spread, so that a border between bins is no border of normal. With PRIOR it is what makes
the normal video that was left out likeliest, on three sets of real footage and a simulated street (docs/history.md)."""
MOVING = 0.15
"""Working pixels per clip step from which on a place moves."""
GAP = 1
"""Still places in a column of moving ones that do not part it: a coat of one colour has no flow of its own."""
ENOUGH = 30
"""Moving places that a row's usual speed takes at least."""
LEAST = 0.3
"""The line of usual speeds is not followed below this share of the whole frame's: a line may cross zero, a speed may not."""
KEPT = 4000
"""Fields of normal video that are kept for fitting, drawn evenly from all."""

Floats = NDArray[np.float32]
_own = threading.local()


def flow(
    before_HW: NDArray[np.uint8],
    after_HW: NDArray[np.uint8],
    grid: tuple[int, int],
    preset: int = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
) -> Floats:
    """Optical flow (DIS, Kroeger et al., ECCV 2016) from one grey frame to the next, averaged to grid (h, w): (h, w, 2).

    preset: OpenCV's; its fastest works on a quarter of the resolution, where a far walker is smaller than a patch.
    """
    field = _solver(preset).calc(before_HW, after_HW, None)
    return np.asarray(cv2.resize(field, (grid[1], grid[0]), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _solver(preset: int) -> Any:
    """OpenCV's, one for each thread: it keeps its memory from one pair of frames to the next, and nothing else."""
    if (getattr(_own, "preset", None)) != preset:
        _own.preset, _own.solver = preset, cv2.DISOpticalFlow.create(preset)
    return _own.solver


def fields_of(frames_NHWC: NDArray[np.uint8], pairs_B2: NDArray[np.int64], grid: tuple[int, int]) -> Floats:
    """flow() from the first to the second frame of each pair: (B, h, w, 2). frames_NHWC: RGB."""
    grey = {int(i): cv2.cvtColor(frames_NHWC[i], cv2.COLOR_RGB2GRAY) for i in np.unique(pairs_B2)}
    return np.stack([flow(grey[a], grey[b], grid) for a, b in pairs_B2.tolist()])


@dataclass(frozen=True, slots=True)
class Velocities:
    """The velocities of normal video."""

    usual_3: Floats
    """Usual speed in pixels per step of what stands on a row: intercept and slope over the row (0 at the top, 1 at the bottom),
    and its least."""
    table_ZK: Floats
    """Rarity in nats of each velocity bin in each zone."""

    def rarity(self, flow_hw2: Floats, bands: int, columns: int) -> Floats:
        """(h, w) rarity of each place's velocity. bands, columns: as counted."""
        h, w = flow_hw2.shape[:2]
        at = bins_of(in_usual_speeds(flow_hw2, self.usual_3))
        return np.asarray(self.table_ZK[zones(h, w, bands, columns), at], dtype=np.float32)

    def with_pairs(self, pair_M2: NDArray[np.integer], bands: int, columns: int) -> Velocities:
        """The same, where these (zone, bin) are no rarer than what moves usually is: there, in the zones around, and for the
        next speeds and directions. bands, columns: as counted."""
        p = np.exp(-self.table_ZK.astype(np.float64))
        moving = p[:, :-1]
        common = float((moving * self.table_ZK[:, :-1]).sum() / max(moving.sum(), 1e-9))
        seen_ZK = np.zeros(self.table_ZK.shape, dtype=np.bool_)
        seen_ZK[pair_M2[:, 0], pair_M2[:, 1]] = True
        seen = seen_ZK[:, :-1].reshape(-1, len(STEPS), DIRECTIONS)
        seen = seen | np.roll(seen, 1, axis=2) | np.roll(seen, -1, axis=2)
        seen[:, 1:], seen[:, :-1] = seen[:, 1:] | seen[:, :-1], seen[:, :-1] | seen[:, 1:]
        seen_ZK = np.concatenate([seen.reshape(len(seen), -1), seen_ZK[:, -1:]], axis=1)
        near = np.stack([around(k.reshape(bands, columns)).ravel() for k in seen_ZK.T], axis=1)
        return Velocities(self.usual_3, np.where(near, np.minimum(self.table_ZK, common), self.table_ZK).astype(np.float32))


class VelocityHistogram:
    """Takes in fields of normal video, of which it keeps a bounded and even choice; then counts them per zone."""

    def __init__(self, bands: int, columns: int, seed: int = 0) -> None:
        self.bands, self.columns = bands, columns
        self._rng = np.random.default_rng(seed)
        self._fields: list[NDArray[np.float16]] = []
        self._seen = 0

    def add(self, flow_hw2: Floats) -> None:
        """Take in one field."""
        self._seen += 1
        field = flow_hw2.astype(np.float16)
        if len(self._fields) < KEPT:
            self._fields.append(field)
        elif (at := int(self._rng.integers(self._seen))) < KEPT:
            self._fields[at] = field

    def fit(self) -> Velocities:
        """Usual speeds, and -log of the share of each velocity in each zone, shrunk towards its band and the whole frame."""
        usual = _usual(self._fields)
        counts = np.zeros((self.bands * self.columns, BINS))
        for field in self._fields:
            h, w = field.shape[:2]
            at = bins_of(in_usual_speeds(field.astype(np.float32), usual))
            index = zones(h, w, self.bands, self.columns) * BINS + at
            counts += np.bincount(index.ravel(), minlength=counts.size).reshape(counts.shape)
        return Velocities(usual, self._table(counts))

    def _table(self, counts_ZK: NDArray[np.float64]) -> Floats:
        moving = counts_ZK[:, :-1].reshape(-1, len(STEPS), DIRECTIONS)
        moving = gaussian_filter(moving, (0.0, BLUR, BLUR), mode=("nearest", "nearest", "wrap"))
        counts = np.concatenate([moving.reshape(len(moving), -1), counts_ZK[:, -1:]], axis=1)
        band = counts.reshape(self.bands, self.columns, BINS).sum(axis=1)
        frame = band.sum(axis=0)
        frame_p = (frame + 1.0) / (frame.sum() + BINS)
        band_p = (band + PRIOR * frame_p) / (band.sum(axis=1, keepdims=True) + PRIOR)
        up = np.repeat(band_p, self.columns, axis=0)
        p = (counts + PRIOR * up) / (counts.sum(axis=1, keepdims=True) + PRIOR)
        return np.asarray(-np.log(p), dtype=np.float32)


def moving_share(v: Velocities) -> NDArray[np.float64]:
    """(Z,) share of the time in which a zone moves."""
    return np.asarray(1.0 - np.exp(-v.table_ZK[:, -1].astype(np.float64)))


def main_velocity(v: Velocities, bands: int, columns: int) -> NDArray[np.float64]:
    """(bands, columns, 2) mean velocity of what moves the way most things move in a zone, in pixels per step.

    bands, columns: as counted. A mean over all directions would be nothing where people come and go.
    """
    p = np.exp(-v.table_ZK[:, :-1].astype(np.float64)).reshape(-1, len(STEPS), DIRECTIONS)
    way_Z = p.sum(axis=1).argmax(axis=1)
    own_ZS = p[np.arange(len(p)), :, way_Z]
    middle = np.sqrt(STEPS * np.append(STEPS[1:], STEPS[-1] * 1.5))
    speed_Z = own_ZS @ middle / np.maximum(own_ZS.sum(axis=1), 1e-12)
    angle_Z = way_Z / DIRECTIONS * 2 * np.pi
    velocity = speed_Z[:, None] * np.stack([np.cos(angle_Z), np.sin(angle_Z)], axis=1)
    usual = usual_speed(v.usual_3, bands).astype(np.float64)
    return np.asarray(velocity.reshape(bands, columns, 2) * usual[:, None, None])


def bins_of(velocity_hw2: NDArray[np.floating]) -> NDArray[np.int64]:
    """(..., 2) velocities in usual speeds -> index of their bin, 0..BINS-1."""
    u, v = velocity_hw2[..., 0], velocity_hw2[..., 1]
    speed = np.digitize(np.hypot(u, v), STEPS)
    direction = np.floor(np.arctan2(v, u) / (2 * np.pi) * DIRECTIONS + 0.5).astype(np.int64) % DIRECTIONS
    return np.asarray(np.where(speed == 0, BINS - 1, (speed - 1) * DIRECTIONS + direction), dtype=np.int64)


def feet(flow_hw2: Floats) -> NDArray[np.int64]:
    """(h, w) the row on which what moves at each place stands: the lowest of the moving places without a break below it.

    A walker's head moves as fast as their feet and is as near, however far up the picture it is seen; by its own row it would
    pass for something far away. A still place stands on its own row. In a crowd the column ends where the nearest walker does.
    """
    moves = np.hypot(flow_hw2[..., 0], flow_hw2[..., 1]) > MOVING
    h, w = moves.shape
    foot = np.repeat(np.arange(h)[:, None], w, axis=1)
    for row in range(h - 2, -1, -1):
        below = np.full(w, row)
        for other in range(min(row + 1 + GAP, h - 1), row, -1):  # the nearest moving one counts, so it is looked at last
            below = np.where(moves[other], foot[other], below)
        foot[row] = np.where(moves[row], below, row)
    return foot


def in_usual_speeds(flow_hw2: Floats, usual_3: Floats) -> Floats:
    """(h, w, 2) velocities in units of what is usual for things that stand where these do."""
    return np.asarray(flow_hw2 / usual_speed(usual_3, len(flow_hw2))[feet(flow_hw2)][..., None], dtype=np.float32)


def usual_speed(usual_3: Floats, rows: int) -> Floats:
    """(rows,) usual speed of what stands on each row of a field."""
    at = (np.arange(rows) + 0.5) / rows
    return np.asarray(np.maximum(usual_3[0] + usual_3[1] * at, usual_3[2]), dtype=np.float32)


def _usual(fields: list[NDArray[np.float16]]) -> Floats:
    """A line through the root mean square speed of what stands on each row, rows weighted by how much moves there."""
    bins = 64  # rows of any field size meet here
    count, square = np.zeros(bins), np.zeros(bins)
    for field in fields:
        f = field.astype(np.float32)
        speed = np.hypot(f[..., 0], f[..., 1])
        moves = speed > MOVING
        row = ((feet(f)[moves] + 0.5) / len(f) * bins).astype(np.int64)
        count += np.bincount(row, minlength=bins)
        square += np.bincount(row, speed[moves] ** 2, minlength=bins)
    if not count.sum():
        return np.array([1.0, 0.0, 1.0], np.float32)
    middle = float(np.sqrt(square.sum() / count.sum()))
    known = count >= ENOUGH
    if known.sum() < 3:
        return np.array([middle, 0.0, middle], np.float32)
    at = (np.arange(bins) + 0.5) / bins
    slope, intercept = np.polyfit(at[known], np.sqrt(square[known] / count[known]), 1, w=np.sqrt(count[known]))
    return np.array([intercept, slope, LEAST * middle], np.float32)
