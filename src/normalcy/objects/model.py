"""A trained object level: network, readouts, and what their values are for normal objects of each place and size."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.clips.sampling import continuous
from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.errors import ModelError
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.fold_batchnorm import folded
from normalcy.nn.tasks import TASKS
from normalcy.objects.flow import ObjectMotion, measure
from normalcy.objects.readouts import FlowReadout, ObjectClips, ObjectReadout, TaskReadout, TubeDensity, Values, readout_names
from normalcy.objects.sampler import teacher_of
from normalcy.objects.statistics import ObjectNormal, Seen, fused, highest, settle
from normalcy.objects.tubes import cut, cut_tracked
from normalcy.scoring.scene import Signature, model_at, scenes_from, scenes_state, under
from normalcy.scoring.threshold import Threshold
from normalcy.scoring.windows import Windows

BATCH = 256
"""Objects that go through the network at a time."""
Looks = list[Any]
"""What each readout goes by (ObjectReadout.look), of the objects of one batch."""


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


class ObjectModel:
    """Network and calibration of the object level. Everything that it needs is stored in the model folder."""

    def __init__(self, cfg: Config, network: Network) -> None:
        self.cfg = cfg
        self.network = network.eval()
        self.readouts: list[ObjectReadout] = [build_readout(n, cfg) for n in readout_names(cfg)]
        self.normal: ObjectNormal | None = None
        self.scenes: list[tuple[Signature, ObjectModel]] = []
        """Background and model of normal of each scene, where the training video shows more than one."""
        self.threshold: Threshold | None = None
        self.trained_fps = 0.0
        self.hash = ""

    def with_config(self, cfg: Config) -> Self:
        """See normalcy.scoring.model.Model."""
        other = copy.copy(self)
        other.cfg = cfg
        return other

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        return [r.name for r in self.readouts]

    @property
    def words(self) -> dict[str, str]:
        """See normalcy.scoring.model.Model."""
        return {r.name: r.words for r in self.readouts}

    @property
    def voices(self) -> list[str]:
        """The voice of each readout, in the same order."""
        return [r.voice for r in self.readouts]

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @cached_property
    def _encoder(self) -> Encoder:
        return folded(self.network.encoder)

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
        windows = Windows(self.network, tubes.flatten(0, 1), index, self.cfg.scoring.precision, self._encoder)
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
    def look(self, o: ObjectClips) -> Looks:
        """What each readout goes by, of N >= 1 objects: the same for any model of this network."""
        return [r.look(o) for r in self.readouts]

    @torch.inference_mode()
    def observe(self, looks: Looks) -> None:
        """Show the readouts normal objects."""
        for r, look in zip(self.readouts, looks, strict=True):
            r.observe(look)

    def fit(self) -> None:
        """End of the normal objects."""
        for r in self.readouts:
            r.fit()

    @torch.inference_mode()
    def raw(self, looks: Looks) -> Values:
        """(N, R) values before calibration, NaN where a readout has nothing to say."""
        return np.stack([r.raw(look) for r, look in zip(self.readouts, looks, strict=True)], axis=1)

    def calibrate(self, seen: Sequence[Seen]) -> None:
        """Fit cells and values on normal objects that the readouts were not fitted on. Raises TrainingError without any."""
        self.normal = settle([seen], self.readouts, self.cfg).whole

    def at(self, frames_NHWC: NDArray[np.uint8]) -> ObjectModel:
        """The model of normal that objects in these frames of one video are measured by: of their scene, where there is one."""
        return model_at(frames_NHWC, self.scenes, self)

    def read(self, o: ObjectClips) -> Values:
        """(N, R) values in standard deviations of normal objects of their place and size.

        Raises ModelError for a model that was never calibrated.
        """
        normal = self._calibrated()
        if not len(o):
            return np.zeros((0, len(self.readouts)))
        return normal.cells.z(self.raw(self.look(o)), o.xyxy_N4, o.size, [r.two_sided for r in self.readouts])

    def frame_values(self, z_NR: Values) -> Values:
        """(R + 1,) of a frame with these objects: its highest one under each readout and, last, under their fusion, in standard
        deviations of normal frames. A frame without objects is typical of normal: zeros."""
        normal = self._calibrated()
        if not len(z_NR):
            return np.zeros(len(normal.centre_R))
        return np.asarray((highest(z_NR, self.voices) - normal.centre_R) / normal.scale_R)

    def object_values(self, z_NR: Values) -> Values:
        """(N,) score of each object: 1 is as high as the highest one of all but 1 % of normal frames."""
        return np.asarray(fused(z_NR, self.voices) / self._calibrated().map_scale)

    def _calibrated(self) -> ObjectNormal:
        if self.normal is None:
            raise ModelError("this model was not calibrated on normal objects; train it to the end")
        return self.normal

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays, scalars = self._calibrated().state()
        for r in self.readouts:
            arrays |= {f"{r.name}.{k}": np.ascontiguousarray(v) for k, v in r.state().items()}
        of_scenes, scalars["scenes"] = scenes_state(self.scenes)
        arrays |= of_scenes
        scalars |= {"readouts": self.names, "trained_fps": self.trained_fps}
        if self.threshold is not None:
            scalars["threshold"] = self.threshold.to_dict()
        return arrays, scalars

    @classmethod
    def from_state(
        cls, cfg: Config, network: Network, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]
    ) -> ObjectModel:
        """The reverse of state(). Raises ModelError where the calibration does not fit the configuration."""
        model = cls(cfg, network)
        try:
            if list(scalars["readouts"]) != model.names:
                raise KeyError(f"the readouts {model.names}")
            model.normal = ObjectNormal.from_state(arrays, scalars)
            for r in model.readouts:
                r.load(under(f"{r.name}.", arrays))
            model.scenes = scenes_from(arrays, scalars["scenes"], lambda a, s: cls.from_state(cfg, network, a, s))
            model.trained_fps = float(scalars["trained_fps"])
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
        except (KeyError, TypeError) as e:
            raise ModelError(
                f"the calibration holds nothing on {e}: it was made by another version, or the model's configuration was "
                "edited; train anew"
            ) from e
        return model


def build_readout(name: str, cfg: Config) -> ObjectReadout:
    """The readout of a name in OBJECT_READOUTS, not yet fitted."""
    if name == "density":
        return TubeDensity(cfg.seed)
    return FlowReadout(cfg.seed) if name == "flow" else TaskReadout(TASKS[name])


def together(motion: Sequence[ObjectMotion]) -> ObjectMotion:
    """The objects of several frames."""
    return ObjectMotion(*(np.concatenate([getattr(m, f.name) for m in motion]) for f in fields(ObjectMotion)))


def clip_frames(at: int, length: int, step: int) -> NDArray[np.int64]:
    """(T,) frames of the clip whose middle frame is ``at``."""
    return continuous(at - length // 2 * step, length, step)
