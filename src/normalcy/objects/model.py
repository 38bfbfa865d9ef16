"""A trained object level: network, readouts, and what their values are for normal objects of each place and size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.clips.sampling import continuous
from normalcy.config import Config
from normalcy.errors import ModelError, TrainingError
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.fold import folded
from normalcy.nn.tasks import TASKS
from normalcy.objects.boxes import Boxes
from normalcy.objects.flow import ObjectMotion, measure
from normalcy.objects.memory import Memory
from normalcy.objects.readouts import FlowReadout, ObjectClips, ObjectReadout, TaskReadout, TubeDensity, Values, readout_names
from normalcy.objects.sampler import teacher_of
from normalcy.objects.tubes import cut, cut_tracked
from normalcy.scoring.fusion import fuse, squash
from normalcy.scoring.normal import centre_and_scale
from normalcy.scoring.place import Moments
from normalcy.scoring.threshold import Threshold
from normalcy.scoring.windows import Windows

BATCH = 256
"""Objects that go through the network at a time."""
SHRINK = 50.0
"""Normal objects of its band of rows that a size class is mixed with, and of all that a band is."""


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


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of successive frames of one stretch of normal video."""

    raw_NR: Values
    """(N, R) values before calibration, of the objects of all frames one after the other."""
    boxes: Sequence[Boxes]
    """Of each frame, in pixels of a frame of ``size``."""
    size: tuple[int, int]
    fps: float
    """Of these frames."""

    @property
    def xyxy_N4(self) -> NDArray[np.float32]:
        """(N, 4) boxes of all frames."""
        return np.concatenate([b.xyxy_N4 for b in self.boxes])


def fused(z_NR: Values, names: Sequence[str]) -> Values:
    """(N,) mean over tasks, density and flow of what asinh(z) exceeds 0 by; the tasks have one voice together, their mean.

    The rule of normalcy.scoring.fusion, twice: that an object hardly moves, for one, is no evidence that it is normal.
    """
    values = squash(z_NR)
    tasks = [i for i, n in enumerate(names) if n in TASKS]
    voices = [values[:, i] for i in range(len(names)) if i not in tasks]
    if tasks:
        voices.append(fuse(values[:, tasks]))
    return fuse(np.stack(voices, axis=1))


class ObjectModel:
    """Network and calibration of the object level. Everything that it needs is stored in the model folder."""

    def __init__(self, cfg: Config, network: Network) -> None:
        self.cfg = cfg
        self.network = network.eval()
        self.readouts: list[ObjectReadout] = [build_readout(n, cfg) for n in readout_names(cfg)]
        self.edges = np.zeros(0, np.float32)
        """(sizes - 1,) borders of the size classes: side of a square of the box's area, as a share of that of the frame."""
        self.mean_RZ = self.spread_RZ = np.zeros((0, 0), np.float32)
        """Of each readout for normal objects, by band of rows and size class."""
        self.centre_R = self.scale_R = np.zeros(0)
        """Of the highest object of a normal frame, for each readout and, last, for their fusion."""
        self.map_scale = 1.0
        self.threshold: Threshold | None = None
        self.trained_fps = 0.0
        self.hash = ""

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        return [r.name for r in self.readouts]

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
    def observe(self, o: ObjectClips) -> None:
        """Show the readouts normal training objects."""
        if len(o):
            for r in self.readouts:
                r.observe(o)

    def fit(self) -> None:
        """End of the training objects."""
        for r in self.readouts:
            r.fit()

    @torch.inference_mode()
    def raw(self, o: ObjectClips) -> Values:
        """(N, R) values before calibration, NaN where a readout has nothing to say."""
        if not len(o):
            return np.zeros((0, len(self.readouts)))
        return np.stack([r.raw(o) for r in self.readouts], axis=1)

    def calibrate(self, seen: Sequence[Seen]) -> None:
        """Fit on held-out normal objects. Raises TrainingError where there are none."""
        found = [s for s in seen if len(s.raw_NR)]
        if not found:
            raise TrainingError(
                f"the detector '{self.cfg.objects.detector}' found no object in the held-out normal video; "
                "give more video, or another objects.detector"
            )
        raw = np.concatenate([s.raw_NR for s in found])
        side = np.concatenate([_side(s.xyxy_N4, s.size) for s in found])
        sizes = self.cfg.objects.sizes
        self.edges = np.quantile(side, np.arange(1, sizes) / sizes).astype(np.float32)
        cell = np.concatenate([self._cells(s.xyxy_N4, s.size) for s in found])
        n_cells = self.cfg.scoring.bands * sizes
        fitted = []
        for i in range(raw.shape[1]):
            known = np.isfinite(raw[:, i])
            moments = Moments.of(raw[known, i][None], cell[known], n_cells)
            fitted.append(moments.shrunk(self.cfg.scoring.bands, sizes, SHRINK))
        self.mean_RZ, self.spread_RZ = (np.concatenate(part) for part in zip(*fitted, strict=True))
        tops = np.stack([self._highest(z) for s in found for z in self._averaged(s) if len(z)])
        centre, scale = zip(*map(centre_and_scale, tops.T), strict=True)
        self.centre_R, self.scale_R = np.array(centre), np.array(scale)
        self.map_scale = max(float(np.quantile(tops[:, -1], 0.99)), 1e-3)

    def _averaged(self, s: Seen) -> Iterator[Values]:
        """(N, R) values of each frame's objects, averaged along their tracks, as the scorer does."""
        memory = Memory(self.cfg.objects.memory_s, s.fps)
        z = np.split(self._z(s.raw_NR, s.xyxy_N4, s.size), np.cumsum([len(b) for b in s.boxes])[:-1])
        for boxes, z_NR in zip(s.boxes, z, strict=True):
            yield memory.push(boxes, z_NR)[1]

    def read(self, o: ObjectClips) -> Values:
        """(N, R) values in standard deviations of normal objects of their place and size.

        Raises ModelError for a model that was never calibrated.
        """
        if not len(self.centre_R):
            raise ModelError("this model was not calibrated on normal objects; train it to the end")
        return self._z(self.raw(o), o.xyxy_N4, o.size)

    def _z(self, raw_NR: Values, xyxy_N4: NDArray[np.float32], size: tuple[int, int]) -> Values:
        cell = self._cells(xyxy_N4, size)
        z = (raw_NR - self.mean_RZ[:, cell].T) / np.maximum(self.spread_RZ[:, cell].T, 1e-9)
        z = np.where([r.two_sided for r in self.readouts], np.abs(z), z)
        return np.where(np.isfinite(z), z, 0.0)

    def frame_values(self, z_NR: Values) -> Values:
        """(R + 1,) of a frame with these objects: its highest one under each readout and, last, under their fusion, in standard
        deviations of normal frames. A frame without objects is typical of normal: zeros."""
        if not len(z_NR):
            return np.zeros(len(self.centre_R))
        return np.asarray((self._highest(z_NR) - self.centre_R) / self.scale_R)

    def _highest(self, z_NR: Values) -> Values:
        return np.append(z_NR.max(axis=0), fused(z_NR, self.names).max())

    def _cells(self, xyxy_N4: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.int64]:
        """(N,) band of rows of the object's foot, times size class: how far it is, and what sort of thing it may be."""
        bands = self.cfg.scoring.bands
        band = np.clip(xyxy_N4[:, 3] / size[1] * bands, 0, bands - 1).astype(np.int64)
        return band * self.cfg.objects.sizes + np.searchsorted(self.edges, _side(xyxy_N4, size))

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        arrays: dict[str, NDArray[np.float32]] = {"edges": self.edges, "mean": self.mean_RZ, "spread": self.spread_RZ}
        for r in self.readouts:
            arrays |= {f"{r.name}.{k}": np.ascontiguousarray(v) for k, v in r.state().items()}
        scalars: dict[str, Any] = {
            "readouts": self.names,
            "centre": self.centre_R.tolist(),
            "scale": self.scale_R.tolist(),
            "map_scale": self.map_scale,
            "trained_fps": self.trained_fps,
        }
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
            model.edges, model.mean_RZ, model.spread_RZ = (np.array(arrays[k]) for k in ("edges", "mean", "spread"))
            for r in model.readouts:
                r.load({k.removeprefix(f"{r.name}."): v for k, v in arrays.items() if k.startswith(f"{r.name}.")})
            model.centre_R, model.scale_R = np.array(scalars["centre"]), np.array(scalars["scale"])
            model.map_scale, model.trained_fps = float(scalars["map_scale"]), float(scalars["trained_fps"])
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
        except (KeyError, TypeError) as e:
            raise ModelError(f"the calibration holds nothing on {e}; was the model's configuration edited?") from e
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


def _side(xyxy_N4: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    w, h = xyxy_N4[:, 2] - xyxy_N4[:, 0], xyxy_N4[:, 3] - xyxy_N4[:, 1]
    return np.asarray(np.sqrt(w * h / (size[0] * size[1])), dtype=np.float32)
