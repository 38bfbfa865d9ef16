"""The three heads P1, P2, P3 (3.3 of the paper). Each pools first, so clips of any length and single frames fit.

Every method has a dense variant for score maps: with ``pool`` the average is taken not over the whole picture but over a
neighbourhood of every place, of the size that the heads were trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Pool = tuple[int, int] | None
"""(height, width) of the neighbourhood in feature places; None is the whole picture."""
PLACE = (1, 1)
"""Each place by itself."""


def local_mean(f_BDhw: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean over a size = (height, width) neighbourhood of every place, over the places inside only. Same shape.

    A neighbourhood of even side reaches one place further up and left than down and right.
    """
    h, w = f_BDhw.shape[-2:]
    out = F.avg_pool2d(f_BDhw, size, stride=1, padding=(size[0] // 2, size[1] // 2), count_include_pad=False)
    return out[..., :h, :w]


def _classifier(inputs: int, outputs: int, hidden: int) -> nn.Sequential:
    if hidden == 0:
        return nn.Sequential(nn.Linear(inputs, outputs))
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class Heads(nn.Module):
    """P1 continuity, P2 localisation and P3 projection over one encoder's features.

    dim: D of the features. length: T of the continuous clip. projection: P, dimensions of P3's output.
    hidden: hidden units of each head, 0 for one linear layer. keep_time: P2 averages over space alone, brings the time
    axis to T - 1 positions and classifies from all of them; False is the paper's pooling over time.
    more: name -> outputs of further heads, which tasks bring along (normalcy.nn.tasks.Task.head) and answer() asks.
    """

    def __init__(
        self,
        dim: int,
        length: int,
        projection: int,
        hidden: int,
        keep_time: bool = False,
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.length = length
        self.keep_time = keep_time
        self.p1 = _classifier(dim, 2, hidden)
        self.p2 = _classifier(dim * (length - 1) if keep_time else dim, length - 2, hidden)
        self.p3 = _classifier(dim, projection, hidden)
        for name, outputs in more.items():
            self.add_module(name, _classifier(dim, outputs, hidden))

    def continuity(self, f_BDthw: Tensor, pool: Pool = None) -> Tensor:
        """P1: logits (B, 2), class 1 = discontinuous; with pool (B, 2, h, w)."""
        return _classify(self.p1, _pooled(f_BDthw, pool))

    def localise(self, f_BDthw: Tensor, pool: Pool = None) -> Tensor:
        """P2: logits (B, T - 2), class i = frame i + 1 is missing; with pool (B, T - 2, h, w)."""
        return _classify(self.p2, self._timed(f_BDthw, pool) if self.keep_time else _pooled(f_BDthw, pool))

    def project(self, f_BDthw: Tensor, pool: Pool = None) -> Tensor:
        """P3: embedding (B, P), not normalised (the cosine is); with pool (B, P, h, w)."""
        return _classify(self.p3, _pooled(f_BDthw, pool))

    def answer(self, name: str, f_BDthw: Tensor) -> Tensor:
        """Logits (B, K) of a head that a task brought along. Raises AttributeError where it is not there."""
        return _classify(getattr(self, name), _pooled(f_BDthw, None))

    def _timed(self, f_BDthw: Tensor, pool: Pool) -> Tensor:
        if pool is None:
            f_BDt = f_BDthw.mean(dim=(3, 4))
            return F.adaptive_avg_pool1d(f_BDt, self.length - 1).flatten(1)
        b, d, _, h, w = f_BDthw.shape
        f = F.adaptive_avg_pool3d(f_BDthw, (self.length - 1, h, w)).reshape(b, d * (self.length - 1), h, w)
        return local_mean(f, pool)


def _classify(head: nn.Module, pooled: Tensor) -> Tensor:
    """pooled (B, D) or (B, D, h, w) -> (B, K) or (B, K, h, w)."""
    return torch.movedim(head(torch.movedim(pooled, 1, -1)), -1, 1)


def _pooled(f_BDthw: Tensor, pool: Pool) -> Tensor:
    if pool is None:
        return f_BDthw.mean(dim=(2, 3, 4))
    return local_mean(f_BDthw.mean(dim=2), pool)
