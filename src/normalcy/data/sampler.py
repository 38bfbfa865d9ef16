"""Training batches: V with its missing frame, and V_c of the same video, as uint8 crops drawn where things move.

Every batch is a function of (seed, step) alone, so training that is resumed sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import continuous, sample_pair, span
from normalcy.config import ClipConfig
from normalcy.errors import TrainingError
from normalcy.types import Piece

BLOCK = 8
"""Motion is kept as a mean per block of 8 x 8 pixels."""
CANDIDATES = 24
"""Places looked at for each crop."""


class ClipBatch(NamedTuple):
    """B clip pairs. V_d is v without frame m; taking it out is left to the device that trains."""

    v: NDArray[np.uint8]
    """(B, T, h, w, 3) initial clips."""
    c: NDArray[np.uint8]
    """(B, T, h, w, 3) continuous clips of the same videos at other times; (B, T-1, ...) with ``clip.match_lengths``."""
    m: NDArray[np.int64]
    """(B,) missing frame, in [1, T-2]."""
    video: NDArray[np.int64]
    """(B,) which video the pair is from."""


class ClipSampler:
    """Draws batches from decoded videos.

    videos: (N, H, W, 3) uint8 arrays (memory-mapped). pieces: the parts that may be drawn from; those that cannot hold two
    clips apart are left out. crop: side of the square crops, None for whole frames (then all videos share one size).
    Raises TrainingError if no piece is long enough, or sizes do not fit.
    """

    def __init__(
        self, videos: Sequence[NDArray[np.uint8]], pieces: Sequence[Piece], clip: ClipConfig, crop: int | None, seed: int
    ) -> None:
        self._videos = videos
        self._clip = clip
        self._crop = crop
        self._seed = seed
        self._pieces = [p for p in pieces if p.frames >= 2 * span(clip.length, p.step)]
        if not self._pieces:
            need = 2 * span(clip.length, min((p.step for p in pieces), default=1))
            raise TrainingError(f"no training video holds two clips apart ({need} frames at this length and step)")
        starts = np.array([p.frames - 2 * span(clip.length, p.step) + 1 for p in self._pieces], dtype=np.float64)
        self._chance = starts / starts.sum()
        sizes = {videos[p.video].shape[1:3] for p in self._pieces}
        if crop is None and len(sizes) > 1:
            raise TrainingError("training on whole frames needs one size for all videos: set input.size=[width,height]")
        if crop is not None and min(min(s) for s in sizes) < crop:
            raise TrainingError(f"train.crop is {crop}, and a resized frame is only {min(min(s) for s in sizes)} pixels high")
        self._motion = [self._motion_of(p) for p in self._pieces] if crop is not None else []

    def batch(self, step: int, size: int) -> ClipBatch:
        """The batch of optimiser step ``step`` with ``size`` pairs."""
        rng = np.random.default_rng([self._seed, step])
        which = rng.choice(len(self._pieces), size=size, p=self._chance)
        t = self._clip.length
        # One shared offset: with matched lengths V_c loses its first or its last frame, for the whole batch.
        c_from, c_to = (int(rng.integers(2)), t - 1) if self._clip.match_lengths else (0, t)
        vs, cs, ms = [], [], []
        for k in which:
            p = self._pieces[k]
            pair = sample_pair(p.frames, t, p.step, rng)
            y, x, h, w = self._place(int(k), pair.v_start, pair.c_start, rng)
            frames = self._videos[p.video]
            v = p.start + continuous(pair.v_start, t, p.step)
            c = p.start + continuous(pair.c_start, t, p.step)[c_from : c_from + c_to]
            vs.append(frames[v[0] : v[-1] + 1 : p.step, y : y + h, x : x + w])
            cs.append(frames[c[0] : c[-1] + 1 : p.step, y : y + h, x : x + w])
            ms.append(pair.m)
        videos = np.array([self._pieces[k].video for k in which], dtype=np.int64)
        return ClipBatch(np.stack(vs), np.stack(cs), np.array(ms, dtype=np.int64), videos)

    def _place(self, k: int, v_start: int, c_start: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """(y, x, h, w) of the crop: one place for both clips, likelier the more moves there in both of them.

        Both must move: were V_c often a still place, continuity could be told from motion being there at all.
        """
        height, width = self._videos[self._pieces[k].video].shape[1:3]
        if self._crop is None:
            return 0, 0, height, width
        moving = self._motion[k]
        reach = span(self._clip.length, self._pieces[k].step)
        a, b = moving[v_start // reach], moving[c_start // reach]
        ys = rng.integers(0, height - self._crop + 1, CANDIDATES)
        xs = rng.integers(0, width - self._crop + 1, CANDIDATES)
        by, bx = np.minimum(ys // BLOCK, a.shape[0] - 1), np.minimum(xs // BLOCK, a.shape[1] - 1)
        weight = np.minimum(a[by, bx], b[by, bx]).astype(np.float64) + 1e-3
        i = int(rng.choice(CANDIDATES, p=weight / weight.sum()))
        return int(ys[i]), int(xs[i]), self._crop, self._crop

    def _motion_of(self, p: Piece) -> NDArray[np.float32]:
        """(chunks, h', w') mean motion under a crop with its corner in each block, one map for each span of frames."""
        assert self._crop is not None
        frames = self._videos[p.video]
        reach, length = self._crop // BLOCK, span(self._clip.length, p.step)
        out = []
        for start in range(p.start, p.stop - 1, length):
            stop = min(start + length, p.stop - 1)
            pair = (frames[start, :, :, 1], frames[stop, :, :, 1])  # green alone is as good as grey here
            size = (pair[0].shape[1] // BLOCK, pair[0].shape[0] // BLOCK)
            blocks = cv2.resize(cv2.absdiff(*map(np.ascontiguousarray, pair)), size, interpolation=cv2.INTER_AREA)
            out.append(cv2.blur(blocks.astype(np.float32), (reach, reach), anchor=(0, 0)))
        return np.stack(out + out[-1:])
