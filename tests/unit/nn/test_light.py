"""The light encoder and the frozen batch statistics."""

from __future__ import annotations

import pytest
import torch

from normalcy.nn.encoder import frozen_statistics
from normalcy.nn.light import LightEncoder


def _warm(width: int = 4) -> LightEncoder:
    torch.manual_seed(0)
    net = LightEncoder(2, width)
    for _ in range(3):
        net(torch.randn(4, 2, 3, 16, 16))
    return net


def test_layers_are_those_of_the_prototype() -> None:
    net = LightEncoder(2, 16)
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv3d)]
    assert [c.out_channels for c in convs] == [16, 32, 64, 64]
    assert [c.kernel_size for c in convs] == [(3, 5, 5), (3, 3, 3), (3, 3, 3), (3, 3, 3)]
    assert [c.stride for c in convs] == [(1, 2, 2), (1, 2, 2), (1, 2, 2), (1, 1, 1)]


def test_borders_in_time_do_not_show_the_length() -> None:
    net = _warm().eval()
    still = torch.randn(1, 2, 1, 24, 24)
    one = net(still)
    for frames in (2, 3, 7):
        f = net(still.expand(-1, -1, frames, -1, -1))
        torch.testing.assert_close(f, one.expand_as(f), atol=1e-5, rtol=1e-5)


def test_receptive_field_is_nine_frames_and_33_pixels() -> None:
    net = _warm().eval()
    x = torch.randn(1, 2, 15, 65, 65, requires_grad=True)
    net(x)[0, :, 7, 4, 4].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=0) > 0
    assert touched.any(dim=2).any(dim=1).nonzero().flatten().tolist() == list(range(3, 12))
    rows = touched.any(dim=2).any(dim=0).nonzero().flatten()
    assert 33 >= rows[-1] - rows[0] + 1 >= 31


def test_a_frozen_pass_leaves_the_running_statistics() -> None:
    net = _warm().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    frame = 100 * torch.randn(4, 2, 1, 16, 16)
    with frozen_statistics(net):
        frozen = net(frame)
    frozen.mean().backward()
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in before.items())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    torch.testing.assert_close(frozen, net.eval()(frame))
    net.train()(frame)
    assert not torch.equal(before["layers.0.norm.running_mean"], net.state_dict()["layers.0.norm.running_mean"])


def test_modes_come_back_after_an_error_and_frozen_layers_stay_frozen() -> None:
    net = _warm().train()
    net.layers[0].norm.eval()
    modes = [m.training for m in net.modules()]
    with pytest.raises(RuntimeError), frozen_statistics(net):
        assert not any(m.training for m in net.modules() if isinstance(m, torch.nn.BatchNorm3d))
        raise RuntimeError
    assert [m.training for m in net.modules()] == modes and not net.layers[0].norm.training
