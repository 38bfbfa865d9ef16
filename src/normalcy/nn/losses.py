"""Equations 1 to 8 of the paper, and the losses of the frame-prediction baseline. Plain functions of tensors.

Index d is the discontinuous clip V_d, c the continuous clip V_c, m the missing frame I_m. z are P3's embeddings (B, P).
All return a scalar that is the mean over the batch, in float32 (float64 for float64 input) also under autocast.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F


def _exact(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of all values, or by weights of the same shape."""
    return values.mean() if weight is None else (values * weight).sum() / weight.sum().clamp_min(1e-6)


def _cross_entropy(logits: Tensor, target_B: Tensor, weight: Tensor | None) -> Tensor:
    """Of logits (B, K) or (B, K, h, w), where each clip has one class at all its places."""
    target = target_B.view(-1, *[1] * (logits.ndim - 2)).expand(len(logits), *logits.shape[2:])
    return weighted_mean(F.cross_entropy(_exact(logits), target, reduction="none"), weight)


def continuity_loss(
    logits_d: Tensor, logits_c: Tensor, weight_d: Tensor | None = None, weight_c: Tensor | None = None
) -> Tensor:
    """Equation 1: cross-entropy of V_d as class 1 plus that of V_c as class 0. Logits (B, 2); chance is 2 ln 2.

    Judged at every place, logits are (B, 2, h, w) and the weights (B, h, w) say how much each place counts.
    """
    ones = torch.ones(len(logits_d), dtype=torch.long, device=logits_d.device)
    zeros = torch.zeros(len(logits_c), dtype=torch.long, device=logits_c.device)
    return _cross_entropy(logits_d, ones, weight_d) + _cross_entropy(logits_c, zeros, weight_c)


def localisation_loss(logits_d: Tensor, m: Tensor, weight: Tensor | None = None) -> Tensor:
    """Equation 2: cross-entropy over which frame is missing. Logits (B, T - 2), m (B,) in [1, T - 2]; chance is ln(T - 2).

    Judged at every place, logits are (B, T - 2, h, w) and weight (B, h, w) says how much each place counts.
    """
    return _cross_entropy(logits_d, m.long() - 1, weight)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return F.cosine_similarity(_exact(a), _exact(b), dim=1)


def triplet_term(z_d: Tensor, z_m: Tensor, z_c: Tensor, gamma: float) -> Tensor:
    """Motion term of equation 3: max(0, gamma - (p+ - p-)), equations 4 and 5.

    p+ = cos(z_d, z_m) should exceed p- = cos(z_d, z_c) by the margin gamma.
    """
    return (gamma - (_cosine(z_d, z_m) - _cosine(z_d, z_c))).clamp_min(0.0).mean()


def contrastive_term(z_d: Tensor, z_c: Tensor, tau: float, other: Tensor | None = None) -> Tensor:
    """Appearance term of equation 3: -log(q+ / (q+ + sum of q-)), equations 6 and 7.

    q+ = exp(cos(z_d_i, z_c_i) / tau); q-_ij = exp(cos(z_d_i, z_d_j) / tau) + exp(cos(z_d_i, z_c_j) / tau).
    other: (B, B) bool, other[i, j] says that j is of another video than i and so is a negative of it; by default every
    j other than i. A row without a negative contributes 0.
    """
    n = len(z_d)
    if other is None:
        other = ~torch.eye(n, dtype=torch.bool, device=z_d.device)
    # Outside autocast: bfloat16 similarities divided by a small tau are off by several per cent.
    with torch.autocast(z_d.device.type, enabled=False):
        d, c = F.normalize(_exact(z_d), dim=1), F.normalize(_exact(z_c), dim=1)
        positive = (d * c).sum(dim=1, keepdim=True) / tau
        negatives = torch.cat([d @ d.T, d @ c.T], dim=1) / tau
    negatives = negatives.masked_fill(~torch.cat([other, other], dim=1), -torch.inf)
    return (torch.logsumexp(torch.cat([positive, negatives], dim=1), dim=1) - positive[:, 0]).mean()


def estimation_loss(
    z_d: Tensor, z_m: Tensor, z_c: Tensor, omega: float, gamma: float, tau: float, other: Tensor | None = None
) -> Tensor:
    """Equation 3: omega x triplet (motion) + (1 - omega) x contrastive (appearance).

    V_c is the negative of the first and the positive of the second; that is how the paper states it.
    """
    return omega * triplet_term(z_d, z_m, z_c, gamma) + (1.0 - omega) * contrastive_term(z_d, z_c, tau, other)


def joint_loss(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Equation 8: the weighted sum over the tasks in terms. A task that is off is left out of terms, not computed.

    Raises ValueError where there is no term at all, and KeyError for a term without a weight.
    """
    if not terms:
        raise ValueError("every task is switched off: no loss to sum")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def intensity_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of two pictures (B, 3, H, W) (Liu et al., CVPR 2018, eq. 1, as a mean)."""
    return F.mse_loss(_exact(pred), _exact(target))


def gradient_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the pictures' absolute gradients, across plus down (Liu et al., CVPR 2018, eq. 2)."""
    p, t = _exact(pred), _exact(target)
    across = F.l1_loss(p.diff(dim=-1).abs(), t.diff(dim=-1).abs())
    down = F.l1_loss(p.diff(dim=-2).abs(), t.diff(dim=-2).abs())
    return across + down
