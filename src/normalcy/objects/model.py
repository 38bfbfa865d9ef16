"""The object level: the objects of a frame, each read as a short clip, for normal objects of its place and size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.clips.sampling import continuous, step_at
from normalcy.config import Config
from normalcy.detection.base import Detector, Replay, build_detector
from normalcy.detection.boxes import Boxes
from normalcy.detection.cache import boxes_of
from normalcy.detection.tracks import Tracker, along
from normalcy.errors import VideoError
from normalcy.objects.flow import ObjectMotion, measure
from normalcy.objects.readouts import ObjectClips, ObjectReadout, Values, build_readout, readout_names
from normalcy.objects.sampler import teacher_of
from normalcy.objects.statistics import ObjectNormal, ObjectValues, calibrate_folds, fused, highest
from normalcy.objects.track_average import TrackAverage
from normalcy.objects.tubes import cut, cut_tracked
from normalcy.scoring.fusion import PER_VIDEO, describe
from normalcy.scoring.model import CalibratedModel
from normalcy.scoring.scene import Arrays
from normalcy.scoring.scorer import Scorer, Window, WindowScorer
from normalcy.scoring.timeline import Anchor, Timeline
from normalcy.scoring.windows import Windows
from normalcy.types import Frame, ObjectScore, VideoInfo
from normalcy.video.source import VideoRef

BATCH = 256
"""Objects that go through the network at a time."""
GRID = 4
"""Pixels of the frame that crops are cut from to one place of the painted map."""
Extracts = list[Any]
"""What each readout goes by (ObjectReadout.extract), of the objects of one batch."""


def region_size(width: int, height: int, cfg: Config) -> tuple[int, int]:
    """(width, height) that frames are shrunk to before crops are cut; smaller ones stay as they are."""
    shrink = min(1.0, cfg.objects.resolution / min(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


@dataclass(frozen=True, slots=True)
class Regions:
    """The objects of one frame as they were cut: once, for all that reads them."""

    boxes: Boxes
    """In pixels of the frame that the tubes were cut from."""
    tubes_NTHWC: NDArray[np.uint8]
    motion: ObjectMotion | None


class ObjectModel(CalibratedModel[ObjectNormal]):
    """Network and calibration of the object level. Everything that it needs is stored in the model folder."""

    readouts: Sequence[ObjectReadout]

    def _build_readouts(self) -> list[ObjectReadout]:
        return [build_readout(n, self.cfg) for n in readout_names(self.cfg)]

    def describe(self) -> str:
        highest = "the highest object of the frame in standard deviations of held-out normal frames"
        each = (
            f"Each object that the detector '{self.cfg.objects.detector}' finds: its readouts ({', '.join(self.names)}) in "
            "standard deviations of held-out normal objects of its place and size"
        )
        if self.cfg.scoring.normalise == "per_video":
            return f"{each}; {highest} under each, {PER_VIDEO}; the mean of the readouts"
        fused = describe({r.name: r.voice for r in self.readouts})
        return f"{each}, through asinh; {fused}; {highest}, through asinh; without objects 0"

    def scorer(
        self, info: VideoInfo, maps: bool = False, ref: VideoRef | None = None, boxes: Sequence[Boxes] | None = None
    ) -> Scorer:
        """See Model. boxes: of every frame, in pixels of the source, where they are known already."""
        if boxes is None and ref is not None:
            boxes = boxes_of(ref, build_detector(self.cfg.objects), config=self.cfg.video)
        timeline = Timeline(self.names, self.cfg.scoring, info.fps, lambda row: float(row[-1]), maps)
        return WindowScorer(self.cfg, info, ObjectReader(self, info, boxes), timeline, self.cfg.objects.stride)

    def regions(
        self, frames_THWC: NDArray[np.uint8], boxes: Boxes, seconds: float, along_NT4: NDArray[np.float32] | None = None
    ) -> Regions:
        """Cut the objects of a clip's middle frame. boxes: in pixels of the frames. seconds: from one frame to the next.

        along_NT4: their boxes in each frame, where crops follow the track (``objects.tracked``).
        """
        o = self.cfg.objects
        if along_NT4 is None:
            tubes = cut(frames_THWC, boxes.xyxy_N4, o.side, o.margin)
        else:
            tubes = cut_tracked(frames_THWC, along_NT4, o.side, o.margin)
        if "flow" not in self.names:
            return Regions(boxes, tubes, None)
        middle = len(frames_THWC) // 2
        before, after = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames_THWC[middle - 1 : middle + 1])
        return Regions(boxes, tubes, measure(np.asarray(before, np.uint8), np.asarray(after, np.uint8), boxes, seconds))

    def clips(self, regions: Sequence[Regions], size: tuple[int, int]) -> ObjectClips:
        """The objects of several frames of one size as one batch."""
        tubes = torch.from_numpy(np.concatenate([r.tubes_NTHWC for r in regions])).to(self.device)
        n, t = tubes.shape[:2]
        index = torch.arange(n * t, device=self.device).view(n, t)
        windows = Windows(self.network, tubes.flatten(0, 1), index, self.cfg, self.encoder)
        boxes = [r.boxes for r in regions]
        k = self.cfg.heads.classes
        teacher = np.concatenate([teacher_of(b, k) for b in boxes]) if self.cfg.tasks.distillation else None
        xyxy = np.concatenate([b.xyxy_N4 for b in boxes])
        motion = [r.motion for r in regions if r.motion is not None]
        return ObjectClips(windows, xyxy, size, teacher, together(motion) if motion else None)

    def batches(self, regions: Iterable[Regions], size: tuple[int, int]) -> Iterator[ObjectClips]:
        """The objects of any number of frames in batches of about BATCH, in order. Nothing else grows with a crowd."""
        held: list[Regions] = []
        for r in regions:
            if held and sum(len(h.boxes) for h in held) + len(r.boxes) > BATCH:
                yield self.clips(held, size)
                held = []
            held.append(r)
        if held:
            yield self.clips(held, size)

    @torch.inference_mode()
    def extract(self, o: ObjectClips) -> Extracts:
        """What each readout goes by, of N >= 1 objects: the same for any model of this network."""
        return [r.extract(o) for r in self.readouts]

    @torch.inference_mode()
    def observe(self, x: Extracts) -> None:
        """Show the readouts normal objects."""
        for r, own in zip(self.readouts, x, strict=True):
            r.observe(own)

    @torch.inference_mode()
    def raw(self, x: Extracts) -> Values:
        """(N, R) values before calibration, NaN where a readout has nothing to say."""
        return np.stack([r.raw(own) for r, own in zip(self.readouts, x, strict=True)], axis=1)

    def calibrate(self, values: Sequence[ObjectValues]) -> None:
        """Fit cells and values on normal objects that the readouts were not fitted on. Raises TrainingError without any."""
        self.normal = calibrate_folds([values], self.readouts, self.cfg).whole

    def read(self, o: ObjectClips) -> Values:
        """(N, R) values in standard deviations of normal objects of their place and size.

        Raises ModelError for a model that was never calibrated.
        """
        normal = self.calibrated()
        if not len(o):
            return np.zeros((0, len(self.readouts)))
        return normal.cells.z(self.raw(self.extract(o)), o.xyxy_N4, o.size, [r.two_sided for r in self.readouts])

    def frame_values(self, z_NR: Values) -> Values:
        """(R + 1,) of a frame with these objects: its highest one under each readout and, last, under their fusion, in standard
        deviations of normal frames. A frame without objects is typical of normal: zeros."""
        normal = self.calibrated()
        if not len(z_NR):
            return np.zeros(len(normal.centre_R))
        return np.asarray((highest(z_NR, self.voices) - normal.centre_R) / normal.scale_R)

    def object_values(self, z_NR: Values) -> Values:
        """(N,) score of each object: 1 is as high as the highest one of all but 1 % of normal frames."""
        return np.asarray(fused(z_NR, self.voices) / self.calibrated().map_scale)

    def _normal_from(self, arrays: Arrays, scalars: Mapping[str, Any]) -> ObjectNormal:
        if list(scalars["readouts"]) != self.names:
            raise KeyError(f"the readouts {self.names}")
        return ObjectNormal.from_state(arrays, scalars)

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        arrays, scalars = super().state()
        return arrays, {**scalars, "readouts": self.names}


@dataclass(frozen=True, slots=True)
class DetectedFrame:
    """A frame and its objects."""

    image: NDArray[np.uint8]
    """As crops are cut from it."""
    boxes: Boxes
    """In its pixels."""
    track_N: NDArray[np.int64] | None
    """The objects' tracks, where crops follow them."""


class ObjectReader:
    """Reads the objects of one video's windows (normalcy.scoring.scorer.Reader).

    Frames come at the source's size; where boxes are known also at ``regions``, the size that crops are cut at.
    """

    def __init__(self, model: ObjectModel, info: VideoInfo, boxes: Sequence[Boxes] | None) -> None:
        """boxes: of every frame, in pixels of the source, where they are known; else the model's detector finds them."""
        cfg, fps = model.cfg, max(info.fps, 1e-3)
        self._model, self._info = model, info
        self._normal: ObjectModel | None = None
        self._step = step_at(info.fps, cfg)
        self._middle = cfg.clip.length // 2
        self.size = (info.width, info.height)
        self.regions = region_size(info.width, info.height, cfg)
        self._sizes = {self.size} if boxes is None else {self.size, self.regions}
        self._detector: Detector = build_detector(cfg.objects) if boxes is None else Replay(boxes)
        self._detector.reset(info.name, info.fps)
        self._tracker = Tracker(fps, keep=False) if cfg.objects.tracked else None
        self._seconds = self._step / fps
        self._average = TrackAverage(cfg.objects.memory_s, fps / (cfg.objects.stride * self._step))
        self._unread: list[tuple[int, Regions]] = []
        """(middle frame, its objects) of windows."""

    def take(self, frame: Frame) -> DetectedFrame:
        height, width = frame.image.shape[:2]
        if (width, height) not in self._sizes:
            i = self._info
            raise VideoError(f"{i.path}: frame {frame.index} is {width}x{height}, the video was {i.width}x{i.height}")
        found = self._detector.push(frame.image)
        boxes = found.scaled(self.regions[0] / self.size[0], self.regions[1] / self.size[1]).within(*self.regions)
        tracks = None if self._tracker is None else self._tracker.push(boxes)
        if (width, height) == self.regions:
            return DetectedFrame(frame.image, boxes, tracks)
        small = np.asarray(cv2.resize(frame.image, self.regions, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return DetectedFrame(small, boxes, tracks)

    def add(self, window: Window[DetectedFrame]) -> None:
        """Cut the objects now: their crops are all that is kept of the frames."""
        images = np.stack([f.image for f in window.frames])
        path = None
        if self._tracker is not None:
            tracks = [f.track_N for f in window.frames if f.track_N is not None]
            path = along([f.boxes for f in window.frames], tracks, self._middle)
        if self._normal is None:  # the first window of a segment says where the camera stands
            self._normal = self._model.at(images)
        regions = self._model.regions(images, window.frames[self._middle].boxes, self._seconds, path)
        self._unread.append((window.start + self._middle * self._step, regions))

    def read(self) -> list[Anchor]:
        normal = self._normal
        assert normal is not None  # chosen with the first window
        regions = [r for _, r in self._unread]
        rows = np.concatenate([normal.read(clips) for clips in self._model.batches(regions, self.regions)])
        ends = np.cumsum([len(r.boxes) for r in regions])[:-1]
        anchors = []
        for (frame, r), z in zip(self._unread, np.split(rows, ends), strict=True):
            ids, z_NR = self._average.push(r.boxes, z)
            value_N = normal.object_values(z_NR)
            objects = self._scored(r.boxes, ids, z_NR, value_N)
            anchors.append(Anchor(frame, normal.frame_values(z_NR), self._painted(r.boxes, value_N), objects))
        self._unread.clear()
        return anchors

    def cut(self) -> None:
        self._normal = None
        self._average.cut()
        if self._tracker is not None:
            self._tracker.cut()

    def finish(self) -> None:
        self._detector.finish()

    def _scored(
        self, boxes: Boxes, ids: NDArray[np.int64], z_NR: NDArray[np.float64], value_N: NDArray[np.float64]
    ) -> dict[int, ObjectScore]:
        """The objects of a frame by track."""
        sx, sy = self.size[0] / self.regions[0], self.size[1] / self.regions[1]
        out = {}
        for i, track in enumerate(ids.tolist()):
            x1, y1, x2, y2 = (float(v) for v in boxes.xyxy_N4[i])
            readout = self._model.names[int(z_NR[i].argmax())]
            box = (x1 * sx, y1 * sy, x2 * sx, y2 * sy)
            out[track] = ObjectScore(track, box, float(value_N[i]), int(boxes.label_N[i]), readout)
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


def together(motion: Sequence[ObjectMotion]) -> ObjectMotion:
    """The objects of several frames."""
    return ObjectMotion(*(np.concatenate([getattr(m, f.name) for m in motion]) for f in fields(ObjectMotion)))


def clip_frames(at: int, length: int, step: int) -> NDArray[np.int64]:
    """(T,) frames of the clip whose middle frame is ``at``."""
    return continuous(at - length // 2 * step, length, step)
