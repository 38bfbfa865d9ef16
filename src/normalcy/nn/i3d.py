"""Inception-I3D for RGB video (Carreira and Zisserman, CVPR 2017), up to any of its layers.

Layer names are those of the widely used PyTorch port, so that converted Kinetics-400 weights load by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.config import Config
from normalcy.errors import ConfigError
from normalcy.nn.encoder import Encoder

Triple = tuple[int, int, int]


def same_padding(size: tuple[int, ...], kernel: Triple, stride: Triple) -> list[tuple[int, int]]:
    """TensorFlow's SAME padding (before, after) of each axis (T, H, W): it depends on the size, and the odd one goes after.

    The output side is ceil(size / stride). PyTorch's fixed symmetric padding differs for even sizes with a stride.
    """
    out = []
    for n, k, s in zip(size, kernel, stride, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        out.append((total // 2, total - total // 2))
    return out


def _pad(x_BCTHW: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    (t0, t1), (h0, h1), (w0, w1) = same_padding(x_BCTHW.shape[2:], kernel, stride)
    return F.pad(x_BCTHW, (w0, w1, h0, h1, t0, t1)) if t0 + t1 + h0 + h1 + w0 + w1 else x_BCTHW


class Unit3D(nn.Module):
    """Convolution with SAME padding, batch normalisation (eps 1e-3), ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride=stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        if self.stride == (1, 1, 1):
            # With stride 1 and odd kernels SAME padding is symmetric: the convolution pads by itself, without a copy.
            side = (self.kernel[0] // 2, self.kernel[1] // 2, self.kernel[2] // 2)
            y = F.conv3d(x_BCTHW, self.conv3d.weight, self.conv3d.bias, padding=side)
        else:
            y = self.conv3d(_pad(x_BCTHW, self.kernel, self.stride))
        return torch.relu_(self.bn(y))


class MaxPool3d(nn.Module):
    """Maximum with SAME padding. Zeros pad, which changes nothing: the inputs are behind a ReLU."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        return F.max_pool3d(_pad(x_BCTHW, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Inception module: 1x1x1; 1x1x1 then 3x3x3, twice; and a maximum then 1x1x1; side by side."""

    def __init__(self, inputs: int, outputs: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        o = outputs
        self.b0 = Unit3D(inputs, o[0])
        self.b1a, self.b1b = Unit3D(inputs, o[1]), Unit3D(o[1], o[2], (3, 3, 3))
        self.b2a, self.b2b = Unit3D(inputs, o[3]), Unit3D(o[3], o[4], (3, 3, 3))
        self.b3a, self.b3b = MaxPool3d((3, 3, 3), (1, 1, 1)), Unit3D(inputs, o[5])
        self.channels = o[0] + o[2] + o[4] + o[5]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


_MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
_CONV: dict[str, tuple[int, Triple, Triple]] = {
    "Conv3d_1a_7x7": (64, (7, 7, 7), (2, 2, 2)),
    "Conv3d_2b_1x1": (64, (1, 1, 1), (1, 1, 1)),
    "Conv3d_2c_3x3": (192, (3, 3, 3), (1, 1, 1)),
}
_POOL: dict[str, tuple[Triple, Triple]] = {
    "MaxPool3d_2a_3x3": ((1, 3, 3), (1, 2, 2)),
    "MaxPool3d_3a_3x3": ((1, 3, 3), (1, 2, 2)),
    "MaxPool3d_4a_3x3": ((3, 3, 3), (2, 2, 2)),
    "MaxPool3d_5a_2x2": ((2, 2, 2), (2, 2, 2)),
}
ENDPOINTS = (
    *("Conv3d_1a_7x7", "MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Conv3d_2c_3x3", "MaxPool3d_3a_3x3", "Mixed_3b", "Mixed_3c"),
    *("MaxPool3d_4a_3x3", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"),
    *("MaxPool3d_5a_2x2", "Mixed_5b", "Mixed_5c"),
)
"""Layers in order; any of them can be the last."""


class I3D(Encoder):
    """Inception-I3D up to ``endpoint``. Accepts any T >= 1 and any size.

    in_channels: 3 for RGB; with 6 (RGB and differences) or 2 (grey and differences) the pixel channels come first.
    scale_input: the input holds pixels in [0, 1], as the paper has them, and the encoder maps them to the [-1, 1] that
    the Kinetics weights were trained with; difference channels pass as they are. False: the input is used as given.
    Its padding is zeros in time as well, so a clip's length shows at its borders: train it with clip.match_lengths, or
    continuity judgment has a shortcut.
    Raises ValueError for an unknown endpoint.
    """

    def __init__(self, in_channels: int = 3, endpoint: str = "Mixed_5c", scale_input: bool = True) -> None:
        super().__init__()
        if endpoint not in ENDPOINTS:
            raise ValueError(f"unknown I3D layer '{endpoint}'; there are {', '.join(ENDPOINTS)}")
        self.in_channels = in_channels
        self.pixel_channels = 3 if in_channels >= 3 else 1
        self.scale_input = scale_input
        self.names = ENDPOINTS[: ENDPOINTS.index(endpoint) + 1]
        channels, steps = in_channels, [1, 1, 1]
        for name in self.names:
            stride: Triple = (1, 1, 1)
            if name in _MIXED:
                layer: nn.Module = Mixed(channels, _MIXED[name])
                channels = layer.channels if isinstance(layer, Mixed) else channels
            elif name in _CONV:
                outputs, kernel, stride = _CONV[name]
                layer, channels = Unit3D(channels, outputs, kernel, stride), outputs
            else:
                layer, stride = MaxPool3d(*_POOL[name]), _POOL[name][1]
            self.add_module(name, layer)
            steps = [a * b for a, b in zip(steps, stride, strict=True)]
        self.channels = channels
        self.stride = (steps[0], steps[1], steps[2])

    @classmethod
    def build(cls, cfg: Config) -> I3D:
        if cfg.encoder.endpoint not in ENDPOINTS:
            raise ConfigError(f"encoder.endpoint: unknown layer '{cfg.encoder.endpoint}'; there are {', '.join(ENDPOINTS)}")
        return cls(cfg.input.channel_count, cfg.encoder.endpoint)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """f_BDthw at the endpoint; t, h, w are the input sides over the stride, rounded up."""
        x = x_BCTHW
        if self.scale_input:
            pixels = x[:, : self.pixel_channels] * 2.0 - 1.0
            x = pixels if self.pixel_channels == x.shape[1] else torch.cat([pixels, x[:, self.pixel_channels :]], dim=1)
        for name in self.names:
            x = getattr(self, name)(x)
        return x
