"""What the readouts share: one batch of windows, and the passes through the network that more than one readout needs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from normalcy.nn.build import Network
from normalcy.nn.inputs import to_input


class Windows:
    """A batch of B windows of T frames. Every pass through F is run at most once, and only when a readout asks.

    clips_BTHWC: (B, T, H, W, 3) uint8 on the network's device. precision: fp32 or bf16 (autocast).
    """

    def __init__(self, network: Network, clips_BTHWC: Tensor, precision: str = "fp32") -> None:
        self.network = network
        self.clips_BTHWC = clips_BTHWC
        self.length = clips_BTHWC.shape[1]
        self._bf16 = precision == "bf16"
        self._dropped: dict[int, Tensor] = {}
        self._single: dict[int, Tensor] = {}

    def _encode(self, x_BCTHW: Tensor) -> Tensor:
        with torch.autocast(x_BCTHW.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            f_BDthw: Tensor = self.network.encoder(x_BCTHW.contiguous(memory_format=torch.channels_last_3d))
        return f_BDthw.float()

    @property
    def _channels(self) -> Any:
        return self.network.cfg.input.channels

    @cached_property
    def input_BCTHW(self) -> Tensor:
        """Network input of the intact windows."""
        return to_input(self.clips_BTHWC, self._channels)

    @cached_property
    def full(self) -> Tensor:
        """F(V): features (B, D, t, h, w) of the intact windows."""
        return self._encode(self.input_BCTHW)

    @cached_property
    def pooled(self) -> Tensor:
        """F(V) averaged over time: (B, D, h, w)."""
        return self.full.mean(dim=2)

    def dropped(self, t: int) -> Tensor:
        """F(V without frame t): (B, D, t', h, w)."""
        if t not in self._dropped:
            keep = [i for i in range(self.length) if i != t]
            self._dropped[t] = self._encode(to_input(self.clips_BTHWC[:, keep], self._channels))
        return self._dropped[t]

    def single(self, t: int) -> Tensor:
        """F(I_t): features (B, D, 1, h, w) of one frame."""
        if t not in self._single:
            self._single[t] = self._encode(to_input(self.clips_BTHWC[:, t : t + 1], self._channels))
        return self._single[t]

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the encoder's feature grid for these windows, without running it."""
        height, width = self.clips_BTHWC.shape[2:4]
        _, sy, sx = self.network.encoder.stride
        return -(-height // sy), -(-width // sx)

    @property
    def pool(self) -> tuple[int, int]:
        """Neighbourhood (in places) over which the heads average: what they saw in training.

        Trained on whole frames, a quarter of the picture is taken, so that a map over place exists at all.
        """
        crop = self.network.cfg.train.crop
        _, sy, sx = self.network.encoder.stride
        h, w = self.grid
        if crop is None:
            return max(1, h // 2), max(1, w // 2)
        return max(1, min(h, crop // sy)), max(1, min(w, crop // sx))


def to_grid(x_BHW: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pixel maps (B, H, W) averaged down to the score grid (B, h, w)."""
    return F.adaptive_avg_pool2d(x_BHW.unsqueeze(1), grid).squeeze(1)
