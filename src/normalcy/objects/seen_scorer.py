"""Scores the objects of one video or stream by what is normal of them: detect, follow, compare, average along tracks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from normalcy.detection.base import Detector, Replay, build_detector, sample_step
from normalcy.detection.boxes import Boxes
from normalcy.errors import VideoError
from normalcy.objects.cues.base import Facts
from normalcy.objects.normal import Reading, frame_value
from normalcy.objects.reasons import reason
from normalcy.objects.sightings import Floats, Sightings
from normalcy.objects.track_mean import REACH
from normalcy.objects.watch import Watcher
from normalcy.scoring.timeline import Anchor, Timeline
from normalcy.types import Frame, FrameScore, ObjectScore, VideoInfo

if TYPE_CHECKING:
    from normalcy.objects.seen_model import SeenModel

MAP_SIDE = 60
"""Places of the painted map along the short side of the picture."""


@dataclass(frozen=True, slots=True)
class _Look:
    """The objects of one frame, compared and not yet averaged."""

    frame: int
    time_s: float
    s: Sightings
    reading: Reading


class Judge:
    """From sightings to scores: frame() for every frame, look() after it for those that were looked at, finish() at the end.

    Means along tracks look ahead unless the smoothing is causal; a score is final some seconds after its frame.
    """

    def __init__(self, model: SeenModel, info: VideoInfo, maps: bool) -> None:
        """model: of the scene that is shown."""
        cfg = model.cfg
        self._model, self._size, self._fps = model, (info.width, info.height), max(info.fps, 1e-3)
        self._sigma = cfg.objects.track_s
        self._ahead = REACH * self._sigma if cfg.scoring.smoothing != "ema" else 0.0
        self._back = REACH * self._sigma * (1 if self._ahead else 2)
        self._timeline = Timeline(model.names, cfg.scoring, info.fps, lambda row: float(row[-1]), maps)
        self._waiting: deque[_Look] = deque()
        self._tracks: dict[int, deque[tuple[float, Floats]]] = {}
        """Track -> (time, z_C) of its sightings within reach."""

    @property
    def frame_share(self) -> float:
        """See normalcy.objects.normal.Normal."""
        return self._model.normal.frame_share

    def frame(self, time_s: float) -> None:
        """The next frame came."""
        self._timeline.frame(time_s)

    def look(self, frame: int, time_s: float, s: Sightings) -> list[FrameScore]:
        """Its objects; returns the scores that are final now."""
        reading = self._model.normal.read(s)
        self._waiting.append(_Look(frame, time_s, s, reading))
        for track, z_C in zip(s.track_N.tolist(), reading.z_NC, strict=True):
            self._tracks.setdefault(track, deque()).append((time_s, z_C))
        return self._final(time_s - self._ahead)

    def finish(self) -> list[FrameScore]:
        """The scores of all frames not yet returned."""
        return [*self._final(float("inf")), *self._timeline.final(ended=True)]

    def _final(self, until_s: float) -> list[FrameScore]:
        """Scores that are final once every look up to a moment is."""
        anchors = []
        while self._waiting and self._waiting[0].time_s <= until_s + 1e-9:
            anchors.append(self._anchor(self._waiting.popleft()))
        if not anchors:
            return []
        self._timeline.add(anchors)
        if self._waiting:
            self._forget(self._waiting[0].time_s - self._back)
        return self._timeline.final()

    def _forget(self, before_s: float) -> None:
        for track in list(self._tracks):
            own = self._tracks[track]
            while own and own[0][0] < before_s - 1e-9:
                own.popleft()
            if not own:
                del self._tracks[track]

    def _anchor(self, look: _Look) -> Anchor:
        normal = self._model.normal
        mean_NC = np.stack([self._mean(k, look.time_s) for k in look.s.track_N.tolist()]) if len(look.s) else look.reading.z_NC
        part_NC = normal.parts(mean_NC)
        score_N = normal.objects(part_NC)
        frame = (frame_value(score_N, normal.top) - normal.centre) / normal.scale
        own = part_NC.max(axis=0) if len(part_NC) else np.zeros(len(normal.cues))
        objects = self._scored(look, mean_NC, part_NC, np.maximum(score_N, 0) / normal.map_scale)
        return Anchor(look.frame, np.append(own, frame), self._painted(look.s, objects), objects)

    def _mean(self, track: int, time_s: float) -> Floats:
        """(C,) mean of a track around a moment."""
        own = [(t, z) for t, z in self._tracks[track] if time_s - self._back - 1e-9 <= t <= time_s + self._ahead + 1e-9]
        apart = np.array([abs(t - time_s) for t, _ in own]) / self._sigma
        weight = np.exp(-0.5 * apart**2) if self._ahead else np.exp(-apart)
        return np.asarray(weight @ np.stack([z for _, z in own]) / weight.sum())

    def _scored(self, look: _Look, mean_NC: Floats, part_NC: Floats, value_N: Floats) -> Mapping[int, ObjectScore]:
        """The objects of a look by track."""
        w, h = self._size
        normal, s, out = self._model.normal, look.s, {}
        times = normal.usual.speed(s)
        for i, track in enumerate(s.track_N.tolist()):
            x1, y1, x2, y2 = (s.box_N4[i] * [w, h, w, h]).tolist()
            top = int(part_NC[i].argmax())
            parts = dict(zip(normal.names, part_NC[i].round(3).tolist(), strict=True))
            why = reason(int(s.label_N[i]), normal.cues, mean_NC[i], part_NC[i], Facts(float(times[i]), float(s.dwell_N[i])))
            like = self._model.like(look.reading.nearest_NC[i], part_NC[i]) if why else None
            score = float(value_N[i])
            out[track] = ObjectScore(track, (x1, y1, x2, y2), score, int(s.label_N[i]), normal.names[top], parts, why, like)
        return out

    def _painted(self, s: Sightings, objects: Mapping[int, ObjectScore]) -> NDArray[np.float32]:
        """(h, w) map with every object's score over its box, where boxes overlap the highest; 0 elsewhere."""
        width, height = self._size
        by = min(1.0, MAP_SIDE / min(width, height))  # never finer than the picture
        w, h = max(1, round(width * by)), max(1, round(height * by))
        out = np.zeros((h, w), np.float32)
        for o, (x1, y1, x2, y2) in zip(objects.values(), s.box_N4.tolist(), strict=True):
            part = out[int(y1 * h) : int(np.ceil(y2 * h)), int(x1 * w) : int(np.ceil(x2 * w))]
            np.maximum(part, o.score, out=part)
        return out


class SeenScorer:
    """Finds and follows the objects of one video or stream, and judges them. See normalcy.scoring.scorer.Scorer."""

    def __init__(self, model: SeenModel, info: VideoInfo, maps: bool, boxes: Sequence[Boxes] | None = None) -> None:
        """boxes: of every frame that is looked at, where they are known; else the model's detector finds them."""
        cfg = model.cfg
        self._model, self._info, self._maps = model, info, maps
        self._judge: Judge | None = None
        self._every = sample_step(info.fps, cfg.objects)
        self._watcher = Watcher(info.width, info.height, info.fps, self._every)
        self._detector: Detector = build_detector(cfg.objects, features=True) if boxes is None else Replay(boxes)
        self._detector.reset(info.name, info.fps, self._every)
        self._pushed, self._last_time = 0, float("-inf")

    @property
    def size(self) -> tuple[int, int]:
        return self._info.width, self._info.height

    @property
    def frame_share(self) -> float:
        """How much the frame level counts beside it; known from the first frame on."""
        return 1.0 if self._judge is None else self._judge.frame_share

    def push(self, frame: Frame) -> list[FrameScore]:
        h, w = frame.image.shape[:2]
        i = self._info
        if (w, h) != self.size:
            raise VideoError(f"{i.path}: frame {frame.index} is {w}x{h}, the video was {i.width}x{i.height}")
        if frame.time_s < self._last_time:
            raise VideoError(f"{i.path}: time runs backwards at frame {frame.index} ({frame.time_s:.3f} s)")
        self._last_time = frame.time_s
        if self._judge is None:  # the first frame says where the camera stands
            self._judge = Judge(self._model.at(frame.image[None]), i, self._maps)
        number = self._pushed
        self._pushed += 1
        self._judge.frame(frame.time_s)
        self._watcher.picture(number, frame.image)
        if number % self._every:
            return []
        boxes = self._detector.push(frame.image)
        return self._judge.look(number, frame.time_s, self._watcher.look(number, frame.time_s, frame.image, boxes))

    def finish(self) -> list[FrameScore]:
        if self._judge is None:
            raise VideoError(f"{self._info.path}: no frame could be read")
        self._detector.finish()
        return self._judge.finish()
