"""What every encoder F has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from normalcy.config import Config


class Encoder(nn.Module):
    """F: x_BCTHW -> f_BDthw. Any T >= 1, a single frame included, and any H and W, odd ones included.

    A kind of encoder that ``encoder.name`` can choose stands in normalcy.parts.ENCODERS.
    Each output side is the input side divided by the stride, rounded up.
    """

    channels: int
    """D, feature channels."""
    stride: tuple[int, int, int]
    """Input steps per feature step in time, height and width."""

    @classmethod
    def build(cls, cfg: Config) -> Self:
        """One as the settings ask for it, with random weights. Raises ConfigError for settings that it cannot follow."""
        raise NotImplementedError

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Features f_BDthw."""
        raise NotImplementedError


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Within it, batch normalisation neither updates its running statistics nor uses those of the batch.

    For passing the missing frame I_m through F in training: single frames have other statistics than clips, and in
    the running means they cost continuity judgment its accuracy at inference (.87 in training mode against .68). I_m is
    normalised by the running statistics, as it will be at inference; scale and offset still learn, gradients flow.
    The layers return to the mode that they were in, also after an error.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.training]
    for m in norms:
        m.training = False
    try:
        yield
    finally:
        for m in norms:
            m.training = True
