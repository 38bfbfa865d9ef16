"""Takes the small pictures of normal video that a model keeps: one more pass over those of its videos that hold one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.scoring.exemplars import GRID, Exemplar, Exemplars, Wanted, chosen_moments
from normalcy.scoring.model import Model
from normalcy.scoring.normal_video import NormalVideo
from normalcy.scoring.scene import SAME, signature
from normalcy.types import Box
from normalcy.video.reader import VideoReader

MOMENTS = 12
"""Moments of a scene, where there are up to four; of more scenes half."""
CANDIDATES = 400
"""Moments of a scene among which is chosen."""
BACKGROUND = 15
"""Frames that a background is the median of."""
OBJECT_SIDE, SCENE_SIDE = 112, 300
"""Pixels of the longer side of a crop, and of the shorter side of a whole picture, at most."""
MARGIN = 0.15
QUALITY = 82


@dataclass(slots=True)
class _Jobs:
    """What is to be taken from one video, by frame."""

    objects: dict[int, list[Wanted]] = field(default_factory=lambda: defaultdict(list))
    moments: dict[int, tuple[int, NDArray[np.float32]]] = field(default_factory=dict)
    """Frame -> (scene, how lively each place is)."""
    background: dict[int, int] = field(default_factory=dict)
    """Frame -> scene."""

    @property
    def last(self) -> int:
        return max([*self.objects, *self.moments, *self.background], default=-1)


def take_exemplars(model: Model, footage: NormalVideo, most: int) -> Exemplars:
    """Pictures for a model that was calibrated on this video. most: of objects. Raises VideoError as reading does."""
    scene_of = _scenes(model, footage)
    jobs = [_Jobs() for _ in footage.videos]
    for w in model.wanted_exemplars(most):
        jobs[w.video].objects[w.frame].append(w)
    for scene in sorted(set(scene_of)):
        own = [i for i, s in enumerate(scene_of) if s == scene]
        _plan_scene(footage, own, scene, MOMENTS if len(set(scene_of)) <= 4 else MOMENTS // 2, jobs)
    items: list[Exemplar] = []
    backgrounds: dict[int, list[NDArray[np.uint8]]] = defaultdict(list)
    for i, (ref, job) in enumerate(zip(footage.refs, jobs, strict=True)):
        if job.last < 0:
            continue
        name = footage.videos[i].info.name
        with VideoReader(ref, config=footage.cfg.video) as reader:
            for f in reader:
                for w in job.objects.get(f.index, ()):
                    crop = _crop(f.image, w.box)
                    items.append(Exemplar("object", w.scene, name, f.index, f.time_s, w.box, w.row, w.label, crop))
                if f.index in job.moments:
                    scene, lively = job.moments[f.index]
                    picture = _jpeg(_shrunk(f.image))
                    items.append(Exemplar("moment", scene, name, f.index, f.time_s, None, -1, -1, picture, lively))
                if f.index in job.background:
                    backgrounds[job.background[f.index]].append(_shrunk(f.image))
                if f.index >= job.last:
                    break
        footage.report("exemplars", i + 1, len(footage.refs))
    for scene, pictures in sorted(backgrounds.items()):
        same = [p for p in pictures if p.shape == pictures[0].shape]
        median = np.median(np.stack(same), axis=0).astype(np.uint8)
        items.append(Exemplar("background", scene, "", -1, 0.0, None, -1, -1, _jpeg(median)))
    return Exemplars(items)


def _scenes(model: Model, footage: NormalVideo) -> list[int]:
    """Scene of each video; 0 where the model knows a single one."""
    if not model.scenes:
        return [0] * len(footage.videos)
    known = np.stack([background for background, _ in model.scenes])
    out = []
    for v in footage.videos:
        likeness = known @ signature(np.asarray(v.frames[:: max(1, len(v) // 50)]))
        out.append(int(likeness.argmax()) if likeness.max() >= SAME else 0)
    return out


def _plan_scene(footage: NormalVideo, videos: Sequence[int], scene: int, most: int, jobs: Sequence[_Jobs]) -> None:
    """Choose the moments and the frames of the background of one scene."""
    total = sum(len(footage.videos[i]) for i in videos)
    every = max(1, total // CANDIDATES)
    at, lively = [], []
    for i in videos:
        v = footage.videos[i]
        step = max(1, round(v.info.fps / 5))
        for n in range(step, len(v), every):
            at.append((i, n))
            lively.append(_liveliness(np.asarray(v.frames[n - step]), np.asarray(v.frames[n])))
    if not at:
        return
    grid = np.stack(lively)
    for k in chosen_moments(grid.reshape(len(grid), -1), most):
        i, n = at[k]
        jobs[i].moments[n] = scene, grid[k]
    for k in np.unique(np.linspace(0, len(at) - 1, BACKGROUND).astype(np.int64)).tolist():
        i, n = at[k]
        jobs[i].background[n] = scene


def _liveliness(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    a, b = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32) for x in (before, after))
    return np.asarray(cv2.resize(np.abs(b - a), GRID[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32)


def _crop(image: NDArray[np.uint8], box: Box) -> bytes:
    """An object with a margin."""
    h, w = image.shape[:2]
    x1, y1, x2, y2 = box[0] * w, box[1] * h, box[2] * w, box[3] * h
    edge = MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(0, int(x1 - edge)), max(0, int(y1 - edge))
    part = image[top : max(top + 2, int(np.ceil(y2 + edge))), left : max(left + 2, int(np.ceil(x2 + edge)))]
    scale = OBJECT_SIDE / max(part.shape[:2])
    if scale < 1:
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return _jpeg(part)


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    h, w = image.shape[:2]
    scale = SCENE_SIDE / min(h, w)
    if scale >= 1:
        return image.copy()
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
