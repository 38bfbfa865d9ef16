"""What training looks at: whole frames, or (normalcy.objects.level, which plugs in here) the objects in them.

run.fit() is the same for both; a level says at which size video is decoded, what a batch is drawn from, and how the trained
network is calibrated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from normalcy.config import Config
from normalcy.data.sampler import ClipSampler
from normalcy.nn.build import Network
from normalcy.scoring.calibration import calibrate
from normalcy.scoring.model import Model
from normalcy.scoring.normal_video import NormalVideo
from normalcy.training.dataset import Sampler
from normalcy.video.reader import working_size


class Level(Protocol):
    """What fit() needs to know of what it looks at."""

    @property
    def trains(self) -> bool:
        """Whether the network is trained. If not, batches are never drawn."""
        ...

    @property
    def whole(self) -> bool:
        """Whether scoring will read whole pictures and shrink them; then training does (normalcy.video.cache.open_cache)."""
        ...

    def size(self, width: int, height: int, cfg: Config) -> tuple[int, int]:
        """(width, height) that a video of this size is decoded to."""
        ...

    def samplers(self, footage: NormalVideo) -> tuple[Sampler, Sampler]:
        """(training, validation) batches. Raises TrainingError where nothing can be drawn."""
        ...

    def batch(self, cfg: Config) -> int:
        """Clip pairs in a batch of stage 1."""
        ...

    def calibrate(self, network: Network, footage: NormalVideo) -> Model:
        """The trained network, calibrated on normal video."""
        ...


@dataclass(frozen=True, slots=True)
class FrameLevel:
    """Whole frames: crops drawn where things move, maps over place."""

    calibrated: Callable[[Network, NormalVideo], Model] = calibrate
    """How the trained network is calibrated."""
    trains: bool = True
    whole: bool = False

    def size(self, width: int, height: int, cfg: Config) -> tuple[int, int]:
        return working_size(width, height, cfg.input)

    def samplers(self, footage: NormalVideo) -> tuple[Sampler, Sampler]:
        cfg, frames = footage.cfg, [v.frames for v in footage.videos]
        fit = ClipSampler(frames, footage.fit_on, cfg.clip, cfg.train.crop, cfg.seed)
        return fit, ClipSampler(frames, footage.held, cfg.clip, cfg.train.crop, cfg.seed + 1)

    def batch(self, cfg: Config) -> int:
        return cfg.train.batch

    def calibrate(self, network: Network, footage: NormalVideo) -> Model:
        return self.calibrated(network, footage)
