"""Following the objects of one video: boxes of the frames that are looked at in, sightings out. Nothing here looks ahead."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.detection.base import Detector, sample_step
from normalcy.detection.boxes import Boxes
from normalcy.detection.cache import boxes_of
from normalcy.detection.tracks import PATIENCE_S, Tracker
from normalcy.objects.box_motion import LAG_S, box_motion, flow_picture
from normalcy.objects.sightings import MOTIONS, Floats, Sightings
from normalcy.types import Frame, VideoInfo
from normalcy.video.reader import VideoReader
from normalcy.video.source import VideoRef

STAY = 0.4
"""Box heights within which a foot has not left its place."""
MEMORY_S = 60.0
"""Seconds that a track's places are remembered."""


class Watcher:
    """Call picture() with every frame, in order, and look() after it for those whose boxes are known.

    width, height, fps: of the video. every: each so many-th frame is looked at. video: its number, for the sightings.
    """

    def __init__(self, width: int, height: int, fps: float, every: int, video: int = 0) -> None:
        self._size, self._fps, self._video = (width, height), max(fps, 1e-3), video
        self._every = every
        self.lag = max(1, min(round(self._fps * LAG_S), every))
        """Frames from which flow is taken to the frame that is looked at."""
        self._tracker = Tracker(self._fps / every, keep=False)
        self._before: NDArray[np.uint8] | None = None
        self._feet: dict[int, deque[tuple[float, float, float]]] = {}
        """Track -> (time, x, y) of its foot, in frame heights."""

    def picture(self, frame: int, image_HWC: NDArray[np.uint8]) -> None:
        """Keep what flow will be taken from."""
        if (frame + self.lag) % self._every == 0 and frame % self._every:
            self._before = flow_picture(image_HWC)

    def look(self, frame: int, time_s: float, image_HWC: NDArray[np.uint8], boxes: Boxes) -> Sightings:
        """The objects of this frame. boxes: in pixels of the video, of frame numbers that are multiples of ``every``."""
        w, h = self._size
        n = len(boxes)
        box_N4 = boxes.xyxy_N4.astype(np.float64) / [w, h, w, h]
        now = flow_picture(image_HWC)
        if self._before is None or self._before.shape != now.shape:  # the first frame has nothing before it
            motion_NK = np.full((n, MOTIONS), np.nan)
        else:
            motion_NK = box_motion(self._before, now, box_N4, self.lag / self._fps)
        if self.lag == self._every:
            self._before = now
        ids = self._tracker.push(boxes)
        features, crops = (
            np.zeros((n, 0), np.float32) if rows is None else rows.astype(np.float32)
            for rows in (boxes.features_ND, boxes.crops_ND)
        )
        return Sightings(
            np.full(n, self._video, np.int64),
            np.full(n, frame, np.int64),
            np.full(n, time_s),
            ids,
            box_N4,
            np.full(n, w / h),
            boxes.label_N,
            features,
            motion_NK,
            self._dwell(time_s, ids, box_N4),
            crops,
        )

    def _dwell(self, time_s: float, ids: NDArray[np.int64], box_N4: Floats) -> Floats:
        """(N,) seconds that each foot has stayed within STAY of its height."""
        aspect = self._size[0] / self._size[1]
        out = np.zeros(len(ids))
        for i, (track, (x1, y1, x2, y2)) in enumerate(zip(ids.tolist(), box_N4.tolist(), strict=True)):
            places = self._feet.setdefault(track, deque())
            x, y = (x1 + x2) / 2 * aspect, y2
            places.append((time_s, x, y))
            while time_s - places[0][0] > MEMORY_S:
                places.popleft()
            since = time_s
            for t, px, py in reversed(places):
                if math.hypot(px - x, py - y) > STAY * (y2 - y1):
                    break
                since = t
            out[i] = time_s - since
        lost = [k for k, p in self._feet.items() if time_s - p[-1][0] > PATIENCE_S + self._every / self._fps]
        for k in lost:
            del self._feet[k]
        return out


def watch_video(
    ref: VideoRef, info: VideoInfo, cfg: Config, detector: Detector, video: int = 0
) -> Iterator[tuple[Frame, Sightings]]:
    """The frames of a whole video that are looked at, the first among them, each with its objects.

    Boxes and frames are read with the same settings (``cfg.video``), the boxes from the cache where they are known. video: its
    number, for the sightings. Raises as normalcy.detection.cache.boxes_of.
    """
    every = sample_step(info.fps, cfg.objects)
    boxes = boxes_of(ref, detector, every=every, config=cfg.video)
    watcher = Watcher(info.width, info.height, info.fps, every, video)
    with VideoReader(ref, config=cfg.video) as reader:
        for n, frame in enumerate(reader):
            watcher.picture(n, frame.image)
            if n % every == 0 and n // every < len(boxes):
                yield frame, watcher.look(n, frame.time_s, frame.image, boxes[n // every])
