"""Which box is which over time: overlap with where each track should be by now, and the assignment that is best in all.

SORT (Bewley et al. 2016) in numpy and SciPy: a constant-velocity Kalman filter per box side and centre, Hungarian assignment on
IoU. The best known packaged trackers (norfair, trackers) would bring an older NumPy or a second OpenCV, for this one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from normalcy.detection.boxes import Boxes, Floats, iou, joined

NEAR = 3.0
"""A small fast thing may not overlap its last place at all: boxes are compared enlarged to so many times their size."""
PATIENCE_S = 0.5
"""A track that finds no box for so long has ended."""
CHANGE = 0.2
"""IoU of the enlarged boxes below which two are not the same object."""
_PLACE, _SPEED, _MEASURED = 0.05, 0.03, 0.07
"""Standard deviations in box sizes: how a place and a speed change by chance in a frame, and how a detector's box scatters."""


@dataclass(slots=True)
class Track:
    """One object over time."""

    id: int
    frames: list[int] = field(default_factory=list)
    """Frames in which it has a box, ascending; gaps where the detector missed it."""
    xyxy: list[Floats] = field(default_factory=list)
    """(4,) float32 per frame in ``frames``, as detected."""


class Tracker:
    """Frames of boxes in, an id for every box out. Ids count from 1 and are never used twice."""

    def __init__(self, fps: float = 25.0, keep: bool = True) -> None:
        """fps: frames per second of the boxes. keep: False for a stream without end; memory then does not grow."""
        self.tracks: list[Track] = []
        """All of them, ended ones too, by id; none with keep=False."""
        self._keep, self._ids = keep, 0
        self._alive: list[_Moving] = []
        self._patience = max(1, round(PATIENCE_S * fps))
        self._frame = -1

    def push(self, boxes: Boxes) -> NDArray[np.int64]:
        """(N,) track id of each box of the next frame."""
        self._frame += 1
        for m in self._alive:
            m.predict()
        ids = np.zeros(len(boxes), np.int64)
        for i, j in self._assign(boxes.xyxy_N4):
            self._alive[j].correct(boxes.xyxy_N4[i])
            ids[i] = self._seen(self._alive[j], boxes.xyxy_N4[i])
        for i in np.flatnonzero(ids == 0).tolist():
            self._ids += 1
            track = Track(self._ids)
            if self._keep:
                self.tracks.append(track)
            self._alive.append(_Moving(track, boxes.xyxy_N4[i]))
            ids[i] = self._seen(self._alive[-1], boxes.xyxy_N4[i])
        self._alive = [m for m in self._alive if self._frame - m.track.frames[-1] <= self._patience]
        return ids

    def cut(self) -> None:
        """A gap: no object after it is one of before."""
        self._alive.clear()

    def _seen(self, m: _Moving, xyxy: Floats) -> int:
        if not self._keep:
            m.track.frames.clear()
            m.track.xyxy.clear()
        m.track.frames.append(self._frame)
        m.track.xyxy.append(xyxy)
        return m.track.id

    def _assign(self, xyxy_N4: Floats) -> list[tuple[int, int]]:
        """(box, track) pairs."""
        if not len(xyxy_N4) or not self._alive:
            return []
        expected = np.stack([m.box() for m in self._alive])
        likeness = iou(_enlarged(xyxy_N4), _enlarged(expected))
        # a plain overlap counts on top, so that in a crowd the nearest wins among many that are near
        rows, columns = linear_sum_assignment(likeness + iou(xyxy_N4, expected), maximize=True)
        return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if likeness[i, j] >= CHANGE]


class _Moving:
    """Kalman filter over (centre x, centre y, width, height) and the speed of each; the four are independent of one another."""

    def __init__(self, track: Track, xyxy: Floats) -> None:
        self.track = track
        self._place = _centred(xyxy)
        self._speed = np.zeros(4)
        scale = self._scale()
        # covariance of (place, speed) per coordinate; the speed is not known yet, and may be a whole box per frame
        self._pp, self._ps, self._ss = (_MEASURED * scale) ** 2, np.zeros(4), (0.5 * scale) ** 2

    def _scale(self) -> NDArray[np.float64]:
        w, h = np.maximum(self._place[2:], 1.0)
        return np.array([w, h, w, h])

    def predict(self) -> None:
        scale = self._scale()
        self._place = self._place + self._speed
        self._place[2:] = np.maximum(self._place[2:], 1.0)
        self._pp = self._pp + 2 * self._ps + self._ss + (_PLACE * scale) ** 2
        self._ps = self._ps + self._ss
        self._ss = self._ss + (_SPEED * scale) ** 2

    def correct(self, xyxy: Floats) -> None:
        off = _centred(xyxy) - self._place
        total = self._pp + (_MEASURED * self._scale()) ** 2
        gain_place, gain_speed = self._pp / total, self._ps / total
        self._place = self._place + gain_place * off
        self._place[2:] = np.maximum(self._place[2:], 1.0)
        self._speed = self._speed + gain_speed * off
        self._ss = self._ss - gain_speed * self._ps
        self._ps = self._ps - gain_place * self._ps
        self._pp = self._pp - gain_place * self._pp

    def box(self) -> Floats:
        x, y, w, h = self._place
        return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], np.float32)


def _centred(xyxy: Floats) -> NDArray[np.float64]:
    x1, y1, x2, y2 = xyxy.astype(np.float64)
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def _enlarged(xyxy_N4: Floats) -> Floats:
    half = (xyxy_N4[:, 2:] - xyxy_N4[:, :2]) * (NEAR - 1) / 2
    return np.concatenate([xyxy_N4[:, :2] - half, xyxy_N4[:, 2:] + half], axis=1)


def track(boxes: Sequence[Boxes], fps: float = 25.0) -> tuple[list[NDArray[np.int64]], list[Track]]:
    """(track id of each box per frame, the tracks by id) of one video's boxes."""
    tracker = Tracker(fps)
    return [tracker.push(b) for b in boxes], tracker.tracks


def filled(
    boxes: Sequence[Boxes], ids: Sequence[NDArray[np.int64]], every: int, frames: int
) -> tuple[list[Boxes], list[NDArray[np.int64]]]:
    """(boxes, their tracks) of each of a video's frames, from those of frames 0, every, 2 every, ...

    Between two sightings of a track its box lies on the line between them; score and class are the nearer one's, the earlier
    one's in the middle. Before the first and after the last it stays for half of ``every``. Features are left out.
    """
    if every == 1:
        return list(boxes), list(ids)
    seen: dict[int, list[tuple[int, int]]] = {}
    for n, own in enumerate(ids):
        for row, track in enumerate(own.tolist()):
            seen.setdefault(track, []).append((n, row))
    rows: list[list[tuple[int, Floats, int, int]]] = [[] for _ in range(frames)]  # of each frame (track, box, sample, row)
    for track, sightings in sorted(seen.items()):
        at = np.array([n * every for n, _ in sightings])
        known = np.stack([boxes[n].xyxy_N4[row] for n, row in sightings])
        first, last = max(at[0] - (every - 1) // 2, 0), min(at[-1] + every // 2, frames - 1)
        for frame in range(first, last + 1):
            xyxy = np.array([np.interp(frame, at, known[:, k]) for k in range(4)], np.float32)
            rows[frame].append((track, xyxy, *sightings[int(np.abs(at - frame).argmin())]))
    return [_gathered(r, boxes) for r in rows], [np.array([t for t, *_ in r], np.int64) for r in rows]


def _gathered(rows: Sequence[tuple[int, Floats, int, int]], boxes: Sequence[Boxes]) -> Boxes:
    """Boxes where a frame's tracks are, each like the sighting that is named by sample and row."""
    like = [boxes[n].select(np.array([row])) for _, _, n, row in rows]
    moved = (replace(b, xyxy_N4=row[1][None], features_ND=None, crops_ND=None) for b, row in zip(like, rows, strict=True))
    return joined(Boxes.none(), *moved)


def along(boxes: Sequence[Boxes], ids: Sequence[NDArray[np.int64]], middle: int) -> Floats:
    """(N, T, 4) the boxes of a clip's objects in each of its T frames, for cut_tracked; NaN where an object has none.

    boxes, ids: of each frame of the clip, with the tracks of the boxes. middle: the frame whose N objects are meant.
    """
    row = {track: i for i, track in enumerate(ids[middle].tolist())}
    out = np.full((len(row), len(boxes), 4), np.nan, np.float32)
    for k, (found, own) in enumerate(zip(boxes, ids, strict=True)):
        for j, track in enumerate(own.tolist()):
            if track in row:
                out[row[track], k] = found.xyxy_N4[j]
    return out
