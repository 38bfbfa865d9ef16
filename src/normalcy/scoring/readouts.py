"""What each task says about a window: one small class per readout, all behind one interface.

R1 psnr, R2 feature, R3 proxy, R4 density; beside them the continuity logit alone, the density of the whole frame, and
motion, which needs no network. Higher is more abnormal, everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.nn.tasks import TASKS, continuity_odds, localisation_miss
from normalcy.scoring.density import Density, FrameDensity
from normalcy.scoring.place import zones
from normalcy.scoring.readout import PLAIN, Arrays, FrameReadout
from normalcy.scoring.velocity import Velocities, VelocityHistogram, bins_of, in_usual_speeds
from normalcy.scoring.windows import Windows, to_grid


class Motion(FrameReadout):
    """Mean absolute grey difference between neighbouring frames. No network: the bar that the others have to clear."""

    name = "motion"
    words = "more motion than is usual at this place"
    voice = PLAIN

    def maps(self, w: Windows) -> Tensor:
        return w.motion.unsqueeze(1)


class Continuity(FrameReadout):
    """P1 on the intact window: log-odds of "discontinuous" at every place."""

    name = "continuity"
    words = TASKS["continuity"].words
    reads = ("continuity",)

    def maps(self, w: Windows) -> Tensor:
        return continuity_odds(w, w.judged).unsqueeze(1)


class Feature(FrameReadout):
    """R2: 1 - cos(P3(F(V without t)), P3(F(I_t))), the worst interior t at every place."""

    name = "feature"
    words = "its frames do not fit the feature estimated from their neighbours"
    reads = ("estimation",)

    def maps(self, w: Windows) -> Tensor:
        return torch.stack([estimation_distance(w, t) for t in range(1, w.length - 1)]).amax(dim=0).unsqueeze(1)


class Proxy(FrameReadout):
    """R3: P1's log-odds on the intact window, P2's miss on each removed frame, P3's distance.

    The last two are read two-sided: fast objects are easier to localise than normal ones, so a low error is a sign too.
    """

    name = "proxy"
    words = "the self-supervised tasks were unsure or wrong about it"
    reads = ("continuity", "localisation", "estimation")
    two_sided = (False, True, True)

    def maps(self, w: Windows) -> Tensor:
        distance = torch.stack([estimation_distance(w, t) for t in range(1, w.length - 1)]).mean(dim=0)
        return torch.stack([continuity_odds(w, w.judged), localisation_miss(w, w.judged), distance], dim=1)


def estimation_distance(w: Windows, t: int) -> Tensor:
    """Distance (B, h, w) in [0, 2] between the estimated and the real frame t in the space of P3."""
    heads = w.network.heads
    return 1.0 - F.cosine_similarity(heads.project(w.dropped(t), w.pool), heads.project(w.single(t), w.pool), dim=1)


class Velocity(FrameReadout):
    """Rarity of the optical flow at its place, between the two middle frames of the window. No network.

    Motion magnitude knows how much moves; this knows which way, how fast, and where that is usual (docs/method.md).
    """

    name = "velocity"
    words = "moves in a direction or at a speed that is rare at this place"
    voice = PLAIN

    def __init__(self, cfg: Config) -> None:
        super().__init__(cfg)
        # A histogram needs less video than a density of many features, and lanes are narrow.
        self._zoning = (2 * cfg.scoring.bands, cfg.scoring.lanes)
        self._histogram = VelocityHistogram(*self._zoning, seed=cfg.seed)
        self._normal: Velocities | None = None

    @property
    def zoning(self) -> tuple[int, int]:
        """(bands, columns) of the zones in which it counts."""
        return self._zoning

    @property
    def normal(self) -> Velocities:
        """What was counted. Raises ModelError before fit()."""
        if self._normal is None:
            raise ModelError(f"readout {self.name} was not fitted on normal video")
        return self._normal

    def observe(self, x: Windows) -> None:
        for field in x.velocity:
            self._histogram.add(field)

    def fit(self) -> None:
        self._normal = self._histogram.fit()
        self._histogram = VelocityHistogram(*self._zoning)

    def maps(self, w: Windows) -> Tensor:
        maps = [self.normal.rarity(field, *self._zoning) for field in w.velocity]
        return torch.from_numpy(np.stack(maps)).unsqueeze(1).to(w.frames_NHWC.device)

    def lesson(self, w: Windows, unusual_Bhw: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """(M, 2) pairs of zone and velocity bin that were seen."""
        assert self._normal is not None  # maps() was read before
        pairs = []
        for field, unusual in zip(w.velocity, unusual_Bhw, strict=True):
            zone = zones(field.shape[0], field.shape[1], *self._zoning)
            at = bins_of(in_usual_speeds(field, self._normal.usual_3))
            pairs.append(np.stack([zone[unusual], at[unusual]], axis=1))
        return {"pair": np.unique(np.concatenate(pairs), axis=0).astype(np.int32)}

    def taught(self, lessons: Sequence[Mapping[str, NDArray[Any]]]) -> Self:
        pairs = [x["pair"] for x in lessons if len(x.get("pair", ()))]
        if not pairs or self._normal is None:
            return self
        other = copy.copy(self)
        other._normal = self._normal.with_pairs(np.concatenate(pairs), *self._zoning)
        return other

    def state(self) -> Arrays:
        return {} if self._normal is None else {"rarity": self._normal.table_ZK, "usual": self._normal.usual_3}

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._normal = Velocities(np.array(arrays["usual"]), np.array(arrays["rarity"]))


class Psnr(FrameReadout):
    """R1, eq. 9 and 10: each interior frame is decoded from the others; the frame with the largest MSE counts.

    The value is minus the PSNR of that frame, in dB with MAX_I = 1; the map is its squared error. A network of the frame
    prediction baseline predicts the last frame from those before instead.
    """

    name = "psnr"
    words = "its frames could not be estimated from their neighbours"

    def maps(self, w: Windows) -> Tensor:
        errors_BNHW = self._errors(w)
        worst_B = errors_BNHW.mean(dim=(2, 3)).argmax(dim=1)
        return to_grid(errors_BNHW[torch.arange(len(worst_B)), worst_B], w.grid).unsqueeze(1)

    def values(self, maps_BKhw: Tensor) -> Tensor:
        # The grid cells have equal area, so the mean over the map is the mean over the frame's pixels (eq. 9).
        mse_B = maps_BKhw[:, 0].mean(dim=(1, 2)).clamp_min(1e-10)
        return 10.0 * torch.log10(mse_B)

    def _errors(self, w: Windows) -> Tensor:
        """Squared error of each estimated frame, summed over RGB as in eq. 9: (B, n, H, W)."""
        decoder = w.network.decoder
        if decoder is None:
            raise ModelError("readout psnr needs a decoder, and this model was trained without one (decoder.steps)")
        x = w.clips_BTHWC.permute(0, 1, 4, 2, 3).float() / 255.0
        last = w.length - 1
        predicts = self.cfg.tasks.frame_prediction > 0.0
        out = []
        for t in (last,) if predicts else range(1, last):
            at = torch.full((len(x),), t, device=x.device)
            before, after = x[:, t - 1], x[:, t - 1 if predicts else t + 1]
            estimate = decoder(w.dropped(t), at, before, after)
            out.append((estimate - x[:, t]).square().sum(dim=1))
        return torch.stack(out, dim=1)


READOUTS: dict[str, type[FrameReadout]] = {
    r.name: r for r in (Psnr, Feature, Proxy, Density, FrameDensity, Continuity, Motion, Velocity)
}


def build_readouts(cfg: Config) -> list[FrameReadout]:
    """The readouts that the configuration names, in its order, not yet fitted."""
    return [READOUTS[name](cfg) for name in cfg.scoring.readouts]
