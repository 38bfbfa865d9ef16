"""What is read off each object: the score of each task, the density of its features, its motion. Higher is more abnormal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.config import OBJECT_READOUTS, Config
from normalcy.nn.tasks import TASKS, Task
from normalcy.objects.flow import ObjectFlow, ObjectMotion
from normalcy.scoring.density import FeatureDensity
from normalcy.scoring.readout import Arrays, Readout
from normalcy.scoring.windows import Windows

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ObjectClips:
    """N objects of one frame size: their tubes, and where they are."""

    clips: Windows
    """Tubes (N, T, side, side, 3) as windows: a pass through F is made once, whoever asks for it."""
    xyxy_N4: NDArray[np.float32]
    """Boxes in pixels of the frame that the tubes were cut from."""
    size: tuple[int, int]
    """(width, height) of that frame."""
    teacher_NK: NDArray[np.float32] | None
    """Class scores of the detector, rows of zeros where it gave none."""
    motion: ObjectMotion | None
    """How fast they move; None where no readout asks."""

    def __len__(self) -> int:
        return len(self.xyxy_N4)


class ObjectReadout(Readout[Any]):
    """One value per object, from what extract() took of its tube.

    extract() does not depend on what was observed: objects are cut and put through the network once, and every readout of that
    name can observe or read the outcome.
    """

    two_sided = False

    def extract(self, o: ObjectClips) -> Any:
        """What the readout goes by, of N >= 1 objects."""
        raise NotImplementedError

    def raw(self, x: Any) -> Values:
        """(N,) values before calibration; NaN for an object of which nothing can be said. x: from extract()."""
        raise NotImplementedError


class TaskReadout(ObjectReadout):
    """How badly a task is solved on the object."""

    voice = "tasks"

    def __init__(self, task: Task) -> None:
        self.name, self.words, self.two_sided, self._task = task.name, task.words, task.two_sided, task

    def extract(self, o: ObjectClips) -> Values:
        if self.name != "distillation":
            return self._task.score(o.clips).double().cpu().numpy()
        if o.teacher_NK is None:
            return np.full(len(o), np.nan)
        teacher = torch.from_numpy(o.teacher_NK).to(o.clips.frames_NHWC.device)
        value = self._task.score(o.clips, teacher).double().cpu().numpy()
        return np.where((o.teacher_NK > 0).any(axis=1), value, np.nan)

    def raw(self, x: Values) -> Values:
        return x


class TubeDensity(ObjectReadout):
    """Distance of the tube's feature, averaged over space and time, from those of normal objects (a Gaussian)."""

    name = "density"
    words = "looks or moves unlike any object in the normal video"
    voice = "density"

    def __init__(self, seed: int) -> None:
        self._density = FeatureDensity(1, 1, seed)

    def extract(self, o: ObjectClips) -> torch.Tensor:
        return o.clips.pooled.mean(dim=(2, 3), keepdim=True)

    def observe(self, x: torch.Tensor) -> None:
        self._density.observe(x)

    def fit(self) -> None:
        self._density.fit()

    def raw(self, x: torch.Tensor) -> Values:
        return self._density.distance(x)[:, 0, 0].double().cpu().numpy()

    def state(self) -> Arrays:
        return self._density.state()

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._density.load(arrays)


class FlowReadout(ObjectReadout):
    """Speed of the object for where it is (normalcy.objects.flow), the mean of its values in both units. No network."""

    name = "flow"
    words = "faster than is usual for what is where it is"
    voice = "flow"

    def __init__(self, seed: int) -> None:
        self._flow = ObjectFlow(seed=seed)

    def extract(self, o: ObjectClips) -> ObjectMotion:
        if o.motion is None:
            raise ValueError("the tubes were cut without measuring motion")
        return o.motion

    def observe(self, x: ObjectMotion) -> None:
        self._flow.observe(x)

    def fit(self) -> None:
        self._flow.fit()

    def raw(self, x: ObjectMotion) -> Values:
        return np.asarray(self._flow.values(x).mean(axis=1), dtype=np.float64)

    def state(self) -> Arrays:
        return self._flow.state()

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._flow.load(arrays)


def readout_names(cfg: Config) -> list[str]:
    """The readouts of the object level: those that ``objects.readouts`` names, else every task that is on, density, motion."""
    if cfg.objects.readouts is not None:
        return list(cfg.objects.readouts)
    return [n for n in OBJECT_READOUTS if n not in TASKS or getattr(cfg.tasks, n)]


OWN = {r.name: r for r in (TubeDensity, FlowReadout)}
"""Readouts that are no task's score."""


def build_readout(name: str, cfg: Config) -> ObjectReadout:
    """The readout of a name in OBJECT_READOUTS, not yet fitted."""
    return OWN[name](cfg.seed) if name in OWN else TaskReadout(TASKS[name])
