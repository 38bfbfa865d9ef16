"""The passes through F that tasks share: those of a training batch, and what is asked of the clips that are scored."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from normalcy.config import Config, TasksConfig
from normalcy.nn.encoder import frozen_statistics
from normalcy.nn.heads import PLACE, Pool
from normalcy.nn.inputs import grey, to_input
from normalcy.nn.share import by_shares

if TYPE_CHECKING:
    from normalcy.nn.build import Network

Batch = Mapping[str, Tensor]
"""v (B, T, h, w, 3) uint8, c the same or one frame shorter, m (B,), video (B,): see normalcy.data.sampler. Clips of objects may
bring ``irregular`` (as v, frames at uneven steps) and ``teacher`` (B, K), the detector's class scores."""
MOVING = 0.02
"""Change of grey, of 1 for black to white, at which a place counts half of one where much moves."""


def moving(clips_BTHWC: Tensor, grid: tuple[int, int]) -> Tensor:
    """How much each place of a feature grid can tell about continuity, in [0, 1): (B, h, w).

    Where nothing moves a missing frame cannot be seen. The largest change between neighbouring frames, over a
    neighbourhood of three places, which is about what the features there look at.
    """
    change_BHW = grey(clips_BTHWC).diff(dim=1).abs().amax(dim=1)
    near = F.avg_pool2d(F.adaptive_avg_pool2d(change_BHW.unsqueeze(1), grid), 3, stride=1, padding=1).squeeze(1)
    return near.square() / (near.square() + MOVING**2)


def without_frame(v_BTHWC: Tensor, m: Tensor) -> Tensor:
    """V_d: each clip without its frame m. (B, T, ...) -> (B, T-1, ...)."""
    order = torch.arange(v_BTHWC.shape[1] - 1, device=m.device)[None]
    return v_BTHWC[torch.arange(len(m), device=m.device)[:, None], order + (order >= m[:, None])]


class Passes:
    """One training batch and the passes through F that its tasks share; each is run when a task first asks for it.

    Clips of one length go through F together, so that batch statistics see all kinds of them alike.
    """

    def __init__(self, network: Network, batch: Batch, cfg: Config) -> None:
        self.network, self.batch = network, batch
        self.weights: TasksConfig = cfg.tasks
        self._places = cfg.judges_places

    def encode(self, x_BTHWC: Tensor) -> Tensor:
        """F of clips (B, T, h, w, 3)."""
        return by_shares(self._encode, x_BTHWC)

    def _encode(self, x_BTHWC: Tensor) -> Tensor:
        x_BCTHW = to_input(x_BTHWC, self.network.channels)
        f: Tensor = self.network.encoder(x_BCTHW.contiguous(memory_format=torch.channels_last_3d))
        return f

    @cached_property
    def _short(self) -> dict[str, Tensor]:
        w, b = self.weights, self.batch
        clips: dict[str, Tensor] = {}
        if w.localisation or w.estimation or (w.continuity and w.continuity_of == "clip"):
            clips |= {"d": without_frame(b["v"], b["m"]), "c": b["c"]}
        if w.middle:
            clips["rest"] = without_frame(b["v"], torch.full_like(b["m"], b["v"].shape[1] // 2))
        return self._together(clips)

    @cached_property
    def _whole(self) -> dict[str, Tensor]:
        w, b = self.weights, self.batch
        clips = {"v": b["v"]}
        if w.arrow:
            clips["backward"] = b["v"].flip(1)
        if w.irregularity:
            clips["irregular"] = b["irregular"]
        return self._together(clips)

    def _together(self, clips: dict[str, Tensor]) -> dict[str, Tensor]:
        """F of all clips, those of the same length in one pass."""
        out: dict[str, Tensor] = {}
        for length in dict.fromkeys(x.shape[1] for x in clips.values()):
            names = [n for n, x in clips.items() if x.shape[1] == length]
            f = self.encode(torch.cat([clips[n] for n in names]))
            out |= dict(zip(names, torch.split(f, [len(clips[n]) for n in names]), strict=True))
        return out

    @property
    def d(self) -> Tensor:
        """F(V_d)."""
        return self._short["d"]

    @property
    def c(self) -> Tensor:
        """F(V_c)."""
        return self._short["c"]

    @property
    def rest(self) -> Tensor:
        """F of V without its middle frame."""
        return self._short["rest"]

    @property
    def v(self) -> Tensor:
        """F(V), for the tasks about whole clips."""
        return self._whole["v"]

    @property
    def backward(self) -> Tensor:
        """F of V played backward."""
        return self._whole["backward"]

    @property
    def irregular(self) -> Tensor:
        """F of a clip whose frames lie at uneven steps."""
        return self._whole["irregular"]

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """(F of two frames with a gap between them, F of two neighbours): clips of two frames.

        Both begin with the first frame of V: they show the same things at the same moment, and only how far those moved
        tells them apart.
        """
        first, following, far = self.around.unbind(dim=1)
        f = self._together({"gap": torch.stack([first, far], dim=1), "beside": torch.stack([first, following], dim=1)})
        return f["gap"], f["beside"]

    @cached_property
    def around(self) -> Tensor:
        """The first frame of V, the one after it, and one beyond the gap: (B, 3, h, w, 3). All widths of gap in turn."""
        v = self.batch["v"]
        rows = torch.arange(len(v), device=v.device)
        widest = min(self.weights.widest_gap, v.shape[1] - 1)
        return torch.stack([v[:, 0], v[:, 1], v[rows, 2 + rows % (widest - 1)]], dim=1)

    @property
    def pool(self) -> Pool:
        """What P1 and P2 judge: each place, or the whole crop."""
        return PLACE if self._places else None

    def counts(self, clips_BTHWC: Tensor, f_BDthw: Tensor) -> Tensor | None:
        """How much each place of these clips counts where places are judged; None where whole crops are."""
        return moving(clips_BTHWC, (f_BDthw.shape[-2], f_BDthw.shape[-1])) if self._places else None

    def single(self, m: Tensor) -> Tensor:
        """F of frame m of each V alone; its statistics stay out of batch normalisation."""
        rows = torch.arange(len(m), device=m.device)
        with frozen_statistics(self.network.encoder):
            return self.encode(self.batch["v"][rows, m].unsqueeze(1))


class ScoredClips(Protocol):
    """What a score reads: intact clips and the passes through F on demand (normalcy.scoring.windows.Windows)."""

    network: Network
    cfg: Config
    """What is scored with."""
    length: int

    @property
    def clips_BTHWC(self) -> Tensor: ...
    @property
    def full(self) -> Tensor: ...
    @property
    def pair(self) -> Tensor: ...
    def dropped(self, t: int) -> Tensor: ...
    def single(self, t: int) -> Tensor: ...
