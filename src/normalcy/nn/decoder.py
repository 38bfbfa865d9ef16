"""The decoder of stage 2: from F's features of the other frames to an estimate of the frame that is left out."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NARROWEST = 8


def at_gap(f_BDthw: Tensor, t: Tensor, frames: int) -> Tensor:
    """The features just before, in, and just after the gap that frame t left: (B, 3 D, h, w).

    f_BDthw: features of the clip without frame t; its time axis covers the ``frames`` = T - 1 frames that remain,
    with a stride or without. t: (B,) long, 0..T-1, the gap's position in the clip with all T frames. At a clip's ends
    both sides are the same border.
    Remaining frame i lies at feature time (i + 0.5) t'/(T - 1) - 0.5; the gap lies half a frame after frame t - 1.
    Between two feature times they are interpolated linearly.
    """
    steps = f_BDthw.shape[2]
    remaining = torch.stack([t - 1.0, t - 0.5, t.to(torch.float32)], dim=1).clamp(0, frames - 1)
    u_B3 = ((remaining + 0.5) * (steps / frames) - 0.5).clamp(0, steps - 1)
    grid = torch.arange(steps, device=t.device)
    weight_B3t = (1.0 - (u_B3[:, :, None] - grid).abs()).clamp_min(0.0).to(f_BDthw.dtype)
    return torch.einsum("bkt,bdthw->bkdhw", weight_B3t, f_BDthw).flatten(1, 2)


class _Up(nn.Module):
    """Twice the size, two convolutions. The normalisation is local at inference: trained on crops, it works on whole frames."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y: Tensor = self.body(x_BCHW)
        return y


class Decoder(nn.Module):
    """Estimates a frame from the features of the clip without it, and the frames on either side.

    dim: D of the features. stride: pixels per feature place, a power of two. width: channels of the widest layer.
    length: T. The estimate is the mean of the two neighbouring frames plus a residual that starts at zero: a small
    decoder that painted the whole picture was no better than that mean, so this one starts there and can only improve on it.
    Frame t reaches it by no road: it is not in the features, and the neighbours are other frames.
    For frame prediction (the baseline of Table 2) the frame left out is the last one, t = T - 1, and ``before`` and ``after``
    are both frame T - 2.
    """

    def __init__(self, dim: int, stride: int, width: int, length: int) -> None:
        super().__init__()
        levels = stride.bit_length() - 1
        if stride < 1 or 2**levels != stride:
            raise ValueError(f"the decoder needs a stride that is a power of two, got {stride}")
        self.stride, self.length = stride, length
        self.enter = nn.Conv2d(3 * dim, width, 1)
        self.position = nn.Embedding(length, width)
        widths = [max(width >> i, min(width, _NARROWEST)) for i in range(levels + 1)]
        self.up = nn.Sequential(*(_Up(a, b) for a, b in pairwise(widths)))
        last = widths[-1]
        self.mix = nn.Conv2d(last + 6, last, 3, padding=1)
        self.out = nn.Conv2d(last, 3, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, f_BDthw: Tensor, t: Tensor, before_B3HW: Tensor, after_B3HW: Tensor) -> Tensor:
        """Estimated RGB frame (B, 3, H, W), nominally in [0, 1], not clamped.

        f_BDthw: features of the T - 1 frames other than t. t: (B,) long in 0..T-1. before, after: frames t - 1 and t + 1,
        RGB in [0, 1]; their H and W are at most h and w times the stride, and are the output's.
        Raises ValueError where they are larger.
        """
        height, width = before_B3HW.shape[-2:]
        if height > f_BDthw.shape[3] * self.stride or width > f_BDthw.shape[4] * self.stride:
            places = tuple(f_BDthw.shape[3:])
            raise ValueError(f"features of {places} places of {self.stride} pixels do not cover a frame of {height}x{width}")
        x = self.enter(at_gap(f_BDthw, t, self.length - 1)) + self.position(t)[:, :, None, None]
        x = self.up(F.relu(x))[..., :height, :width]
        x = F.relu(self.mix(torch.cat([x, before_B3HW, after_B3HW], dim=1)))
        # The sum in the frames' own precision: under autocast the residual may be bfloat16, the picture must not be.
        residual: Tensor = self.out(x)
        return (before_B3HW + after_B3HW) * 0.5 + residual.to(before_B3HW.dtype)


class Painter(nn.Module):
    """Paints the middle frame of an object's clip from the features of the other frames, and from nothing else.

    The middle-box task of [11]: no picture reaches it beside the features, unlike Decoder, whose neighbouring frames carry
    most of what is to be painted. dim: D. stride: pixels per feature place, a power of two. width: channels of the widest
    layer.
    """

    def __init__(self, dim: int, stride: int, width: int) -> None:
        super().__init__()
        levels = stride.bit_length() - 1
        if stride < 1 or 2**levels != stride:
            raise ValueError(f"painting needs a stride that is a power of two, got {stride}")
        self.enter = nn.Conv2d(dim, width, 1)
        widths = [max(width >> i, min(width, _NARROWEST)) for i in range(levels + 1)]
        self.up = nn.Sequential(*(_Up(a, b) for a, b in pairwise(widths)))
        self.out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, f_BDthw: Tensor, size: tuple[int, int]) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1] with size = (H, W), at most the features' places times the stride."""
        x = self.up(F.relu(self.enter(f_BDthw.mean(dim=2))))[..., : size[0], : size[1]]
        painted: Tensor = torch.sigmoid(self.out(x).float())
        return painted
