"""One batch on several devices: each takes its share of the clips through the network, and all know all features.

Every process draws the whole batch and computes the whole loss; only what costs, the passes through encoder and decoder, is
shared out. So the loss is that of one device at the same batch whatever it compares within the batch (the contrastive term,
means weighted by motion), and so are the gradients, up to the order of sums: the sum over processes that an all-reduce makes
of their equal losses is undone by the mean of their gradients.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


def processes() -> int:
    """How many train together; 1 outside of such a training."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def by_shares(f: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """``f(*inputs)``, each process computing its share of the rows: the same result, with gradients, in every process.

    f: gives as many rows as it is given. inputs: tensors of B rows, the same in every process. Fewer rows than processes, or a
    number that they do not divide, is computed by each in whole.
    """
    n, rows = processes(), len(inputs[0])
    if n == 1 or rows % n:
        return f(*inputs)
    each, first = rows // n, dist.get_rank() * (rows // n)
    own = f(*(x[first : first + each] for x in inputs))
    whole = own.new_zeros(rows, *own.shape[1:])
    whole = torch.cat([whole[:first], own, whole[first + each :]])  # adding zeros is exact
    return _summed(whole)


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation by the statistics of all shares. torch.nn.SyncBatchNorm does not run on a CPU."""

    def _check_input_dim(self, input: Tensor) -> None:
        return

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            training = self.training or self.running_mean is None
            momentum = self.momentum if self.momentum is not None else 0.0
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training, momentum, self.eps
            )
        x = input.float()
        over = [0, *range(2, x.ndim)]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        n = processes()
        mean = _summed(x.mean(dim=over)) / n  # every share has the same number of rows
        centred = x - mean.view(shape)
        var = _summed(centred.square().mean(dim=over)) / n
        self._remember(mean.detach(), var.detach(), x.numel() // x.shape[1] * n)
        out = centred * (torch.rsqrt(var + self.eps) * self.weight).view(shape) + self.bias.view(shape)
        return out.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        # By .data, as torch's own does: a pass with frozen statistics may lie before this one in the same graph.
        self.running_mean.data.lerp_(mean, self.momentum)
        self.running_var.data.lerp_(var * (count / max(count - 1, 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_statistics(module: nn.Module) -> None:
    """Put SharedBatchNorm in the place of batch normalisation everywhere in a module; parameters and buffers stay the same."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SharedBatchNorm):
            new = SharedBatchNorm(child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats)
            new._parameters, new._buffers, new.training = child._parameters, child._buffers, child.training
            setattr(module, name, new)
        else:
            share_statistics(child)


class _Sum(torch.autograd.Function):
    """All-reduce whose gradient is the all-reduce of the gradients."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        return grad


def _summed(x: Tensor) -> Tensor:
    out: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return out
