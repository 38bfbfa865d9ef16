"""From the configuration to the network. Names are plain dictionaries, so that a name in a file can be searched for."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from normalcy.config import Config
from normalcy.nn.decoder import Decoder, Painter
from normalcy.nn.encoder import Encoder, frozen_statistics
from normalcy.nn.heads import Heads
from normalcy.nn.inputs import picture, to_input
from normalcy.nn.tasks import TASKS
from normalcy.parts import ENCODERS, load_part

ModuleT = TypeVar("ModuleT", bound=nn.Module)

__all__ = ["Encoder", "Network", "build_encoder", "build_network", "channels_last", "frozen_statistics"]


def build_encoder(cfg: Config) -> Encoder:
    """F as the configuration names it, with random weights: ``encoder.weights`` is the training's to load.

    Raises ConfigError for an unknown I3D endpoint.
    """
    kind: type[Encoder] = load_part(ENCODERS, cfg.encoder.name)
    return kind.build(cfg)


class Network(nn.Module):
    """F with its heads, and decoder and painter where a task asks for them. It holds no settings beside the kind of its input:
    what is done with it, in training and scoring, is said by those who use it."""

    def __init__(
        self, encoder: Encoder, heads: Heads, channels: str, decoder: Decoder | None = None, painter: Painter | None = None
    ) -> None:
        """channels: how pictures become input, see normalcy.nn.inputs."""
        super().__init__()
        self.encoder, self.heads, self.channels = encoder, heads, channels
        self.decoder, self.painter = decoder, painter

    def features(self, x_BTHWC: Tensor) -> Tensor:
        """Features f_BDthw of clips (B, T, H, W, 3), uint8 or float in [0, 1]. Any T >= 1."""
        f_BDthw: Tensor = self.encoder(to_input(x_BTHWC, self.channels))
        return f_BDthw

    def estimate(self, x_BTHWC: Tensor, t: Tensor) -> Tensor:
        """The decoder's estimate of frame t from the other T - 1: RGB (B, 3, H, W), nominally in [0, 1], not clamped.

        x_BTHWC: clips of T frames, uint8 or float in [0, 1]. t: (B,) long in 0..T-1, one frame for each clip. Frame t is
        taken out before anything is computed. At a clip's end the one neighbour stands for both: t = T - 1 is frame
        prediction. Raises ValueError where the network has no decoder or the clip has not T frames.
        """
        frames = x_BTHWC.shape[1]
        if self.decoder is None:
            raise ValueError("this network has no decoder: set decoder.steps above 0")
        if frames != self.decoder.length:
            raise ValueError(f"estimation needs clips of {self.decoder.length} frames, got {frames}")
        order = torch.arange(frames - 1, device=t.device)[None]
        rows = torch.arange(len(t), device=t.device)
        rest = x_BTHWC[rows[:, None], order + (order >= t[:, None])]
        before, after = rest[rows, (t - 1).clamp_min(0)], rest[rows, t.clamp_max(frames - 2)]
        estimate: Tensor = self.decoder(self.features(rest), t, picture(before), picture(after))
        return estimate


def build_network(cfg: Config) -> Network:
    """The network that the configuration describes, with random weights. Raises ConfigError as build_encoder()."""
    h, t = cfg.heads, cfg.tasks
    encoder = build_encoder(cfg)
    more = {task.head: task.outputs(cfg) for n, task in TASKS.items() if task.head and getattr(t, n) > 0}
    heads = Heads(encoder.channels, cfg.clip.length, h.projection, h.hidden, h.keep_time, more)
    decoder = painter = None
    if cfg.decoder.steps > 0 or t.frame_prediction > 0:
        decoder = Decoder(encoder.channels, encoder.stride[1], cfg.decoder.width, cfg.clip.length)
    if t.middle > 0:
        painter = Painter(encoder.channels, encoder.stride[1], cfg.decoder.width)
    return Network(encoder, heads, cfg.input.channels, decoder, painter)


def channels_last(module: ModuleT) -> ModuleT:
    """Put the convolution weights of a module in channels-last memory order (in place). Same numbers, often faster."""
    with torch.inference_mode(False):  # called within it, it would leave weights that can no longer be trained
        for p in module.parameters():
            if p.ndim in (4, 5):
                order = torch.channels_last if p.ndim == 4 else torch.channels_last_3d
                p.data = p.data.contiguous(memory_format=order)
                if p.grad is not None:
                    p.grad = p.grad.contiguous(memory_format=order)
    return module
