"""Objects through the same push and finish as whole frames: detect, cut, read, paint, interpolate, smooth."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.detection.base import Detector, build_detector
from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import Tracker, along
from normalcy.errors import DataError, VideoError
from normalcy.objects.model import ObjectModel, Regions, region_size
from normalcy.objects.track_average import Memory
from normalcy.scoring.model import Reading
from normalcy.scoring.scorer import Scorer
from normalcy.types import Frame, FrameScore, ObjectScore

GRID = 4
"""Pixels of the regions' frame to one place of the painted map."""


class Replay:
    """A detector that knows the boxes of every frame already, in pixels of the source."""

    name = "replay"
    key = "replay"

    def __init__(self, boxes: Sequence[Boxes]) -> None:
        self._boxes, self._next = boxes, 0

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        self._next = 0

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        if self._next == len(self._boxes):
            raise DataError(f"boxes are known for {len(self._boxes)} frames, and the video has more")
        self._next += 1
        return self._boxes[self._next - 1]

    def finish(self) -> None:
        return


class ObjectScorer(Scorer):
    """Scores the objects of one video or stream. Use as normalcy.scoring.scorer.Scorer, from which it differs in what is read.

    Frames are pushed at the source's size; with ``boxes`` also at ``self.regions``. boxes: of every frame, in pixels of the
    source, where they are known; else the model's detector finds them. Frame scores carry the scored objects.
    """

    def __init__(
        self,
        model: ObjectModel,
        width: int,
        height: int,
        fps: float,
        name: str = "video",
        maps: bool = False,
        boxes: Sequence[Boxes] | None = None,
        video: str = "",
    ) -> None:
        """video: what the detector is told the video is called (boxes from files are looked up by it)."""
        super().__init__(model, width, height, fps, name, maps)  # type: ignore[arg-type]  # it uses cfg and names alone
        cfg = model.cfg
        self._objects = model
        self._at: ObjectModel | None = None
        self._hop = cfg.objects.stride * self._step
        self._seconds = self._step / max(fps, 1e-3)
        self._middle = cfg.clip.length // 2 * self._step
        self.size = self.source_size
        self.regions = region_size(width, height, cfg)
        self._detector: Detector = build_detector(cfg.objects) if boxes is None else Replay(boxes)
        self._replayed = boxes is not None
        self._detector.reset(video, fps)
        self._memory = Memory(cfg.objects.memory_s, max(fps, 1e-3) / self._hop)
        self._found: deque[Boxes] = deque(maxlen=self._span)
        self._follow = Tracker(max(fps, 1e-3), keep=False) if cfg.objects.tracked else None
        self._ids: deque[NDArray[np.int64]] = deque(maxlen=self._span)
        self._cut: list[Regions] = []
        self._anchored: list[tuple[float, dict[int, ObjectScore]]] = []
        """(centre, objects by track) of every window whose values stand in the anchors."""
        self._of_frame: dict[int, tuple[ObjectScore, ...]] = {}

    def finish(self) -> list[FrameScore]:
        done = super().finish()
        self._detector.finish()
        return done

    def _fit(self, frame: Frame) -> NDArray[np.uint8]:
        height, width = frame.image.shape[:2]
        small = (width, height) == self.regions
        if (width, height) != self.source_size and not (small and self._replayed):
            w, h = self.source_size
            raise VideoError(f"{self._name}: frame {frame.index} is {width}x{height}, the video was {w}x{h}")
        found = self._detector.push(frame.image)
        sx, sy = self.regions[0] / self.source_size[0], self.regions[1] / self.source_size[1]
        self._found.append(found.scaled(sx, sy).within(*self.regions))
        if self._follow is not None:
            self._ids.append(self._follow.push(self._found[-1]))
        if small:
            return frame.image
        return np.asarray(cv2.resize(frame.image, self.regions, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _take_window(self, start: int) -> None:
        frames = np.stack(list(self._frames)[:: self._step])
        last = len(self._found) - 1  # a video shorter than a clip has fewer frames; its last one is repeated
        at = [min(k, last) for k in range(0, self._span, self._step)]
        middle = self._middle // self._step
        boxes, path = self._found[at[middle]], None
        if self._follow is not None:
            path = along([self._found[k] for k in at], [self._ids[k] for k in at], middle)
        if self._at is None:  # the first clip says where the camera stands
            self._at = self._objects.at(frames)
        self._cut.append(self._objects.regions(frames, boxes, self._seconds, path))
        self._waiting.append((start + self._middle, []))
        self._last_start = start

    def _read(self) -> Reading:
        """Read the objects of the windows that wait, in batches over objects."""
        assert self._at is not None  # chosen with the first window
        rows = np.concatenate([self._at.read(clips) for clips in self._objects.batches(self._cut, self.regions)])
        ends = np.cumsum([len(r.boxes) for r in self._cut])[:-1]
        values, maps = [], []
        for (centre, _), r, z in zip(self._waiting, self._cut, np.split(rows, ends), strict=True):
            ids, z_NR = self._memory.push(r.boxes, z)
            value_N = self._at.object_values(z_NR)
            values.append(self._at.frame_values(z_NR))
            maps.append(self._painted(r.boxes, value_N))
            self._anchored.append((centre, self._scored(r.boxes, ids, z_NR, value_N)))
        self._cut.clear()
        return Reading(np.stack(values), np.stack(maps))

    def _scored(
        self, boxes: Boxes, ids: NDArray[np.int64], z_NR: NDArray[np.float64], value_N: NDArray[np.float64]
    ) -> dict[int, ObjectScore]:
        """The objects of a frame by track."""
        sx, sy = self.source_size[0] / self.regions[0], self.source_size[1] / self.regions[1]
        out = {}
        for i, track in enumerate(ids.tolist()):
            x1, y1, x2, y2 = (float(v) for v in boxes.xyxy_N4[i])
            fired = self._objects.names[int(z_NR[i].argmax())]
            box = (x1 * sx, y1 * sy, x2 * sx, y2 * sy)
            out[track] = ObjectScore(track, box, float(value_N[i]), int(boxes.label_N[i]), fired)
        return out

    def _painted(self, boxes: Boxes, value_N: NDArray[np.float64]) -> NDArray[np.float32]:
        """(h, w) map with every object's value over its box, where boxes overlap the highest; 0 elsewhere."""
        w, h = (-(-s // GRID) for s in self.regions)
        out = np.zeros((h, w), np.float32)
        for i in np.argsort(value_N):
            x1, y1 = np.floor(boxes.xyxy_N4[i, :2] / GRID).astype(int)
            x2, y2 = np.ceil(boxes.xyxy_N4[i, 2:] / GRID).astype(int)
            out[y1:y2, x1:x2] = np.maximum(out[y1:y2, x1:x2], value_N[i])
        return out

    def _interpolate(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        for i in frames.tolist():
            self._of_frame[i] = self._objects_at(i)
        self._anchored = self._anchored[-1:]
        return super()._interpolate(frames)

    def _objects_at(self, frame: int) -> tuple[ObjectScore, ...]:
        """The objects of a frame: those in both windows around it lie in between, others belong to the nearer window."""
        after = next((k for k, (centre, _) in enumerate(self._anchored) if centre >= frame), len(self._anchored) - 1)
        before = max(after - 1, 0) if self._anchored[after][0] > frame else after
        (a, old), (b, new) = self._anchored[before], self._anchored[after]
        if a == b:
            return tuple(new.values())
        share = min(max((frame - a) / (b - a), 0.0), 1.0)
        out = [_between(old[k], new[k], share) for k in old if k in new]
        alone = [o for k, o in old.items() if k not in new] if share < 0.5 else [o for k, o in new.items() if k not in old]
        return (*out, *alone)

    def _fuse(self, row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return float(row[-1]), row[:-1]

    def _final(self, rows: list[NDArray[np.float64]]) -> list[FrameScore]:
        return [replace(s, objects=self._of_frame.pop(s.frame, ())) for s in super()._final(rows)]


def _between(a: ObjectScore, b: ObjectScore, share: float) -> ObjectScore:
    x1, y1, x2, y2 = (u + (v - u) * share for u, v in zip(a.box, b.box, strict=True))
    nearer = a if share < 0.5 else b
    return replace(nearer, box=(x1, y1, x2, y2), score=a.score + (b.score - a.score) * share)
