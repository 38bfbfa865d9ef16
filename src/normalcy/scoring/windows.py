"""What the readouts share: one batch of windows, and the passes through the network that more than one readout needs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from normalcy.config import Config
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.heads import PLACE
from normalcy.nn.inputs import to_pixels, with_differences
from normalcy.scoring.velocity import fields_of

CHUNK_PIXELS = 1_000_000
"""On a CPU the encoder takes about this many input pixels (frames x height x width) at a time: activations then stay small
enough to be found in the cache and to have their memory reused. All windows at once were a fifth slower."""


class Windows:
    """A batch of B windows of T frames. Every pass through F is run at most once, and only when a readout asks.

    frames_NHWC: (N, H, W, 3) uint8 on the network's device. index_BT: (B, T) long, the frame at each place of each window;
    what concerns single frames is computed once for all windows that hold the frame.
    cfg: the model's settings, as they are when it scores. encoder: a faster equal of the network's own.
    """

    def __init__(
        self, network: Network, frames_NHWC: Tensor, index_BT: Tensor, cfg: Config, encoder: Encoder | None = None
    ) -> None:
        self.network, self.cfg = network, cfg
        self._encoder = network.encoder if encoder is None else encoder
        self.frames_NHWC = frames_NHWC
        self.index_BT = index_BT
        self.length = index_BT.shape[1]
        self._bf16 = cfg.scoring.precision == "bf16"
        self.flows: Sequence[Future[NDArray[np.float32]]] = ()
        """The velocity of each window, where a thread takes it already."""
        self._dropped: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.index_BT)

    @cached_property
    def clips_BTHWC(self) -> Tensor:
        """The windows' frames, uint8 RGB (B, T, H, W, 3)."""
        return self.frames_NHWC[self.index_BT]

    @cached_property
    def _pixels_NHWC(self) -> Tensor:
        return to_pixels(self.frames_NHWC, self.network.channels)

    def _features(self, index_BT: Tensor) -> Tensor:
        """F of any clips of these frames: (B, D, t, h, w)."""
        height, width = self.frames_NHWC.shape[1:3]
        chunks = 1
        if self.frames_NHWC.device.type == "cpu":
            # At least two clips each: for a single one PyTorch picks another convolution, which takes twice the time.
            each = max(2, CHUNK_PIXELS // (index_BT.shape[1] * height * width))
            chunks = -(-len(index_BT) // each)
        parts = [self._encode(part) for part in torch.tensor_split(index_BT, chunks)]
        return parts[0] if chunks == 1 else torch.cat(parts)

    def _encode(self, index_BT: Tensor) -> Tensor:
        x_BCTHW = with_differences(self._pixels_NHWC[index_BT], self.network.channels)
        with torch.autocast(x_BCTHW.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            f_BDthw: Tensor = self._encoder(x_BCTHW.contiguous(memory_format=torch.channels_last_3d))
        return f_BDthw.float()

    @cached_property
    def full(self) -> Tensor:
        """F(V): features (B, D, t, h, w) of the intact windows."""
        return self._features(self.index_BT)

    @cached_property
    def pooled(self) -> Tensor:
        """What densities are about, (B, D, h, w): F averaged over time, of whole windows or of their two middle frames."""
        return (self.full if self.cfg.scoring.density_of == "clip" else self.pair).mean(dim=2)

    def dropped(self, t: int) -> Tensor:
        """F(V without frame t): (B, D, t', h, w)."""
        if t not in self._dropped:
            keep = [i for i in range(self.length) if i != t]
            self._dropped[t] = self._features(self.index_BT[:, keep])
        return self._dropped[t]

    @cached_property
    def pair(self) -> Tensor:
        """F of the two middle frames alone: features (B, D, t', h, w)."""
        return self._features(self._middle)

    @property
    def _middle(self) -> Tensor:
        return self.index_BT[:, self.length // 2 - 1 : self.length // 2 + 1]

    @cached_property
    def _singles(self) -> tuple[Tensor, Tensor]:
        """F of every frame that is an interior one of some window, and which of them each place of each window holds."""
        used, place = torch.unique(self.index_BT[:, 1:-1], return_inverse=True)
        return self._features(used.unsqueeze(1)), place

    def single(self, t: int) -> Tensor:
        """F(I_t): features (B, D, 1, h, w) of one interior frame, t in 1..T-2."""
        features, place = self._singles
        return features[place[:, t - 1]]

    @cached_property
    def motion(self) -> Tensor:
        """Mean absolute grey difference between neighbouring frames of each window, on the score grid: (B, h, w)."""
        pairs = torch.stack([self.index_BT[:, :-1], self.index_BT[:, 1:]], dim=-1)
        used, place = torch.unique(pairs.flatten(0, 1), dim=0, return_inverse=True)
        grey_NHW = self.frames_NHWC.float() @ torch.full((3,), 1.0 / 765.0, device=self.frames_NHWC.device)
        change_PHW = (grey_NHW[used[:, 1]] - grey_NHW[used[:, 0]]).abs_()
        return to_grid(change_PHW, self.grid)[place.view(len(self), -1)].mean(dim=1)

    @cached_property
    def velocity(self) -> NDArray[np.float32]:
        """Optical flow between the two middle frames of each window, in pixels, on the score grid: (B, h, w, 2)."""
        if self.flows:
            return np.stack([f.result() for f in self.flows])
        return fields_of(self.frames_NHWC.cpu().numpy(), self._middle.cpu().numpy(), self.grid)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the encoder's feature grid for these windows, without running it."""
        height, width = self.frames_NHWC.shape[1:3]
        _, sy, sx = self.network.encoder.stride
        return -(-height // sy), -(-width // sx)

    @property
    def judged(self) -> tuple[int, int]:
        """Neighbourhood (in places) over which P1 and P2 average."""
        return PLACE if self.cfg.judges_places else self.pool

    @property
    def pool(self) -> tuple[int, int]:
        """Neighbourhood (in places) over which P3 averages, and P1 and P2 where they judge crops: what they saw in training.

        Trained on whole frames, a quarter of the picture is taken, so that a map over place exists at all.
        """
        crop = self.cfg.train.crop
        _, sy, sx = self.network.encoder.stride
        h, w = self.grid
        if crop is None:
            return max(1, h // 2), max(1, w // 2)
        return max(1, min(h, crop // sy)), max(1, min(w, crop // sx))


def to_grid(x_BHW: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pixel maps (B, H, W) averaged down to the score grid (B, h, w)."""
    return F.adaptive_avg_pool2d(x_BHW.unsqueeze(1), grid).squeeze(1)
