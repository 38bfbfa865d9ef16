"""Folding changes how long an encoder takes, not what it computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from normalcy.nn.encoder import Encoder
from normalcy.nn.fold_batchnorm import folded
from normalcy.nn.i3d import I3D
from normalcy.nn.light import LightEncoder


def trained_looking(encoder: Encoder) -> Encoder:
    """Running statistics, scales and offsets as training leaves them: none of them neutral."""
    g = torch.Generator().manual_seed(0)
    for m in encoder.modules():
        if isinstance(m, nn.BatchNorm3d):
            m.running_mean = torch.randn(m.num_features, generator=g) * 0.1
            m.running_var = torch.rand(m.num_features, generator=g) + 0.5
            m.weight.data = torch.rand(m.num_features, generator=g) + 0.5
            m.bias.data = torch.randn(m.num_features, generator=g) * 0.1
    return encoder


@pytest.mark.parametrize(
    "encoder", [LightEncoder(2, 4), I3D(3, "Mixed_3b"), I3D(2, "Conv3d_1a_7x7")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("training", [True, False])
def test_same_features_without_batch_normalisation(encoder: Encoder, training: bool) -> None:
    trained_looking(encoder).eval()
    x = torch.rand(2, 3 if isinstance(encoder, I3D) and encoder.in_channels == 3 else 2, 4, 32, 40)
    with torch.inference_mode():
        want = encoder(x)
        fast = folded(encoder.train(training))
        torch.testing.assert_close(fast(x), want, rtol=1e-4, atol=1e-5)
    assert not [m for m in fast.modules() if isinstance(m, nn.BatchNorm3d)]


def test_the_original_stays_as_it_is() -> None:
    encoder = trained_looking(LightEncoder(2, 4)).train()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    fast = folded(encoder)
    assert encoder.training and all(p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())
    assert not fast.training and not any(p.requires_grad for p in fast.parameters())
    assert (fast.channels, fast.stride) == (encoder.channels, encoder.stride)
