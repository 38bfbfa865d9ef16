"""Training batches of tubes: an object's region through the frames of a clip, drawn from the boxes of normal video.

As normalcy.data.sampler.ClipSampler: every batch is a function of (seed, step) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span
from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import along
from normalcy.errors import TrainingError
from normalcy.objects.tubes import cut, cut_tracked
from normalcy.types import Piece

MAX_OBJECTS = 200_000
"""Boxes that are drawn from; of more an even share is kept."""
LARGEST_GAP = 4
"""Steps between two frames of an irregular clip: 1 to 4, as in [11]."""


class TubeBatch(NamedTuple):
    """B pairs of tubes, as normalcy.data.sampler.ClipBatch, and what the tasks of the multi-task backbone ask for."""

    v: NDArray[np.uint8]
    """(B, T, side, side, 3) tubes around an object, its box that of the middle frame."""
    c: NDArray[np.uint8]
    """(B, T, ...) continuous tubes of other times of the same videos; (B, T-1, ...) with ``clip.match_lengths``."""
    m: NDArray[np.int64]
    """(B,) missing frame, in [1, T-2]."""
    video: NDArray[np.int64]
    """(B,) which video the pair is from."""
    irregular: NDArray[np.uint8] | None
    """As v, around the same middle frame and box, frames at uneven steps; None where the task is off."""
    teacher: NDArray[np.float32] | None
    """(B, K) class scores of v's box, zeros where the detector gave none; None where the task is off."""


class TubeSampler:
    """Draws batches from decoded videos and their boxes.

    videos: (N, H, W, 3) uint8 arrays (memory-mapped). boxes: for each video the boxes of each frame, in pixels of these
    arrays. pieces: the parts that may be drawn from. ids: the tracks of the boxes, where crops follow them.
    V is likelier an object that moves. V_c is another box of the same video (the same object or another) whose clip shares no
    time with V's: the place of V's own box is usually empty at another time, and then continuity could be told from there
    being anything at all. Raises TrainingError where no two boxes lie far enough apart in time.
    """

    def __init__(
        self,
        videos: Sequence[NDArray[np.uint8]],
        boxes: Sequence[Sequence[Boxes]],
        pieces: Sequence[Piece],
        cfg: Config,
        seed: int,
        ids: Sequence[Sequence[NDArray[np.int64]]] | None = None,
    ) -> None:
        self._all, self._ids = boxes, ids
        self._videos, self._cfg, self._seed = videos, cfg, seed
        self._pieces = list(pieces)
        self._mid = cfg.clip.length // 2
        found = [_objects(boxes[p.video], p, cfg) for p in pieces]
        share = -(-sum(len(f[0]) for f in found) // MAX_OBJECTS) or 1
        self._frame, self._box, self._teacher, self._weight = [], [], [], []
        for p, (frame_n, box_n4, teacher) in zip(pieces, found, strict=True):
            self._frame.append(frame_n[::share])
            self._box.append(box_n4[::share])
            self._teacher.append(None if teacher is None else teacher[::share])
            self._weight.append(_moving(videos[p.video], self._frame[-1], self._box[-1], p.step, cfg))
        typical = np.median(np.concatenate([w for w in self._weight if len(w)] or [np.ones(1)]))
        # Whatever moves clearly counts alike, near or far, of high contrast or low; what stands still is rare.
        self._weight = [w / (w + typical + 1e-6) + 0.02 for w in self._weight]
        self._cum = [np.concatenate([[0.0], np.cumsum(w)]) for w in self._weight]
        chance = [self._chance(i) for i in range(len(pieces))]
        self._starts = np.cumsum([0, *map(len, chance)])
        total = np.concatenate(chance) if chance else np.zeros(0)
        if not total.sum() > 0:
            raise TrainingError(
                f"the detector '{cfg.objects.detector}' found {self._starts[-1]} objects in this part of the normal video, and "
                "no two of them far enough apart in time to learn from; give more video, or another objects.detector"
            )
        self._p = total / total.sum()

    def __len__(self) -> int:
        """How many boxes there are to draw from."""
        return int(self._starts[-1])

    def batch(self, step: int, size: int) -> TubeBatch:
        """The batch of optimiser step ``step`` with ``size`` pairs."""
        rng = np.random.default_rng([self._seed, step])
        t, tasks = self._cfg.clip.length, self._cfg.tasks
        c_from, c_to = (int(rng.integers(2)), t - 1) if self._cfg.clip.match_lengths else (0, t)
        even = np.arange(t) - self._mid
        v, c, m, videos, uneven, teacher = [], [], [], [], [], []
        for k in rng.choice(len(self._p), size=size, p=self._p):
            i = int(np.searchsorted(self._starts, k, side="right")) - 1
            a = int(k - self._starts[i])
            b = self._other(i, a, rng)
            v.append(self._tube(i, a, even))
            c.append(self._tube(i, b, even)[c_from : c_from + c_to])
            m.append(int(rng.integers(1, t - 1)))
            videos.append(self._pieces[i].video)
            if tasks.irregularity:
                uneven.append(self._tube(i, a, self._uneven(i, a, rng)))
            if tasks.distillation:
                known = self._teacher[i]
                teacher.append(np.zeros(self._cfg.heads.classes, np.float32) if known is None else known[a])
        return TubeBatch(
            np.stack(v),
            np.stack(c),
            np.array(m, dtype=np.int64),
            np.array(videos, dtype=np.int64),
            np.stack(uneven) if uneven else None,
            np.stack(teacher).astype(np.float32) if teacher else None,
        )

    def _tube(self, i: int, a: int, offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
        p = self._pieces[i]
        at = self._frame[i][a] + offsets * p.step
        o = self._cfg.objects
        frames, box = np.asarray(self._videos[p.video][at]), self._box[i][a]
        if self._ids is None:
            return np.asarray(cut(frames, box[None], o.side, o.margin)[0])
        boxes, ids = self._all[p.video], self._ids[p.video]
        path = along([boxes[t] for t in at], [ids[t] for t in at], self._mid)
        own = np.flatnonzero((boxes[at[self._mid]].xyxy_N4 == box).all(axis=1))[:1]
        return np.asarray(cut_tracked(frames, path[own], o.side, o.margin)[0])

    def _outside(self, i: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each box of a piece: boxes 0..first-1 end before its clip begins, boxes stop.. begin after it ends."""
        reach = span(self._cfg.clip.length, self._pieces[i].step)
        f = self._frame[i]
        return np.searchsorted(f, f - reach, side="right"), np.searchsorted(f, f + reach, side="left")

    def _chance(self, i: int) -> NDArray[np.float64]:
        """How likely each box of a piece is drawn as V; 0 where there is no V_c for it."""
        first, stop = self._outside(i)
        return np.where((first > 0) | (stop < len(self._frame[i])), self._weight[i], 0.0)

    def _other(self, i: int, a: int, rng: np.random.Generator) -> int:
        """A box whose clip shares no time with that of box a."""
        reach, f, cum = span(self._cfg.clip.length, self._pieces[i].step), self._frame[i], self._cum[i]
        first = int(np.searchsorted(f, f[a] - reach, side="right"))
        stop = int(np.searchsorted(f, f[a] + reach, side="left"))
        u = rng.random() * (cum[first] + cum[-1] - cum[stop])
        u = u if u < cum[first] else u - cum[first] + cum[stop]
        b = min(int(np.searchsorted(cum, u, side="right")) - 1, len(f) - 1)
        return b if b < first or b >= stop else (first - 1 if first else stop)

    def _uneven(self, i: int, a: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Offsets of an irregular clip in steps: gaps of 1 to 4 on both sides, as far as the video reaches, not all 1."""
        p, at = self._pieces[i], int(self._frame[i][a])
        before, after = self._mid, self._cfg.clip.length - 1 - self._mid
        room = ((at - p.start) // p.step // before, (p.stop - 1 - at) // p.step // after)
        left, right = (min(LARGEST_GAP, r) for r in room)
        while True:
            gaps = np.concatenate([rng.integers(1, left + 1, before), rng.integers(1, right + 1, after)])
            if max(left, right) == 1 or gaps.max() > 1:
                break
        back, forth = -np.cumsum(gaps[:before])[::-1], np.cumsum(gaps[before:])
        return np.concatenate([back, [0], forth]).astype(np.int64)


def _objects(
    boxes: Sequence[Boxes], p: Piece, cfg: Config
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32] | None]:
    """(frames, boxes, class scores or None) of a piece whose whole clip lies within it, in frame order."""
    mid = cfg.clip.length // 2
    inside = range(p.start + mid * p.step, p.stop - (cfg.clip.length - 1 - mid) * p.step)
    chosen = [boxes[t] for t in inside]
    frame_n = np.repeat(np.array(inside, dtype=np.int64), [len(b) for b in chosen])
    if not len(frame_n):
        return frame_n, np.zeros((0, 4), np.float32), None
    box_n4 = np.concatenate([b.xyxy_N4 for b in chosen])
    if all(b.probs_NK is None for b in chosen):
        return frame_n, box_n4, None
    k = cfg.heads.classes
    return frame_n, box_n4, np.concatenate([teacher_of(b, k) for b in chosen])


def teacher_of(b: Boxes, classes: int) -> NDArray[np.float32]:
    """(N, classes) class scores, zeros where the detector gives none.

    Raises TrainingError where it gives another number of classes.
    """
    if b.probs_NK is None:
        return np.zeros((len(b), classes), np.float32)
    if b.probs_NK.shape[1] != classes:
        raise TrainingError(
            f"the detector gives {b.probs_NK.shape[1]} class scores, heads.classes is {classes}: "
            f"set heads.classes={b.probs_NK.shape[1]}"
        )
    return b.probs_NK


def _moving(
    frames: NDArray[np.uint8], frame_n: NDArray[np.int64], box_n4: NDArray[np.float32], step: int, cfg: Config
) -> NDArray[np.float64]:
    """(n,) mean change of grey level within each box between the first and the last frame of its clip."""
    mid, length = cfg.clip.length // 2, cfg.clip.length
    h, w = frames.shape[1:3]
    x1, y1, x2, y2 = np.clip(np.round(box_n4), 0, [w, h, w, h]).astype(np.int64).T
    out = np.zeros(len(frame_n))
    for t in np.unique(frame_n):
        first, last = frames[t - mid * step, :, :, 1], frames[t + (length - 1 - mid) * step, :, :, 1]  # green for grey
        total = cv2.integral(cv2.absdiff(np.ascontiguousarray(first), np.ascontiguousarray(last)))
        n = np.flatnonzero(frame_n == t)
        whole = total[y2[n], x2[n]] - total[y1[n], x2[n]] - total[y2[n], x1[n]] + total[y1[n], x1[n]]
        out[n] = whole / np.maximum((x2[n] - x1[n]) * (y2[n] - y1[n]), 1)
    return out
