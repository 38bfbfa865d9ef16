"""Inception-I3D: SAME padding, layers, parity with the Kinetics features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from normalcy.nn.i3d import ENDPOINTS, I3D, Unit3D, same_padding
from normalcy.nn.weights import load_kinetics

WEIGHTS = Path(__file__).resolve().parents[3] / ".." / "shared" / "weights"
KINETICS, FIXTURE = WEIGHTS / "i3d_rgb_kinetics400.safetensors", WEIGHTS / "i3d_parity_fixture.npz"
needs_weights = pytest.mark.skipif(not FIXTURE.is_file(), reason="the shared Kinetics weights and parity fixture are not here")


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (64, 7, 2, (2, 3)),  # 32 outputs: 31 x 2 + 7 = 69 = 64 + 5, the odd one after
        (57, 7, 2, (3, 3)),  # 29 outputs: 63 = 57 + 6
        (75, 3, 2, (1, 1)),
        (8, 3, 2, (0, 1)),
        (5, 3, 1, (1, 1)),
        (1, 7, 2, (3, 3)),
        (4, 2, 2, (0, 0)),
        (5, 2, 2, (0, 1)),
    ],
)
def test_same_padding_by_hand(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding((size,) * 3, (kernel,) * 3, (stride,) * 3) == [expected] * 3


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 3))
def test_same_padding_makes_the_rounded_up_size(size: int, kernel: int, stride: int) -> None:
    ((before, after), *_) = same_padding((size,) * 3, (kernel,) * 3, (stride,) * 3)
    assert 0 <= after - before <= 1
    if kernel >= stride:
        assert (size + before + after - kernel) // stride + 1 == -(-size // stride)


def test_convolution_without_stride_pads_alike_by_either_road() -> None:
    unit = Unit3D(3, 4, (3, 3, 3)).eval()
    x = torch.randn(1, 3, 4, 5, 6)
    padded = torch.relu(unit.bn(F.conv3d(F.pad(x, (1,) * 6), unit.conv3d.weight)))
    torch.testing.assert_close(unit(x), padded)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_channels_and_stride_of_every_endpoint(endpoint: str) -> None:
    with torch.device("meta"):  # shapes alone, no arithmetic
        net = I3D(3, endpoint).eval()
        f = net(torch.empty(2, 3, 11, 70, 97))
    assert f.shape == (2, net.channels, *(-(-n // s) for n, s in zip((11, 70, 97), net.stride, strict=True)))


def test_unknown_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="Mixed_9z"):
        I3D(3, "Mixed_9z")


def test_scaling_touches_pixels_and_not_differences() -> None:
    torch.manual_seed(0)
    scaled, raw = (I3D(6, "Conv3d_1a_7x7", scale_input=s).eval() for s in (True, False))
    raw.load_state_dict(scaled.state_dict())
    x = torch.rand(1, 6, 2, 8, 8)
    by_hand = torch.cat([x[:, :3] * 2 - 1, x[:, 3:]], dim=1)
    torch.testing.assert_close(scaled(x), raw(by_hand))


@needs_weights
@pytest.mark.parametrize("layout", ["contiguous", "channels_last_3d"])
def test_parity_with_kinetics_features(layout: str) -> None:
    net = I3D(3, scale_input=False).eval()
    load_kinetics(net, KINETICS)
    fixture = np.load(FIXTURE)
    got: dict[str, torch.Tensor] = {}
    for name in ("Conv3d_1a_7x7", "Mixed_3c", "Mixed_4f", "Mixed_5b", "Mixed_5c"):
        net.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: got.__setitem__(name, out))
    x = torch.from_numpy(fixture["x"])
    if layout == "channels_last_3d":
        net, x = net.to(memory_format=torch.channels_last_3d), x.contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        net(x)
        for name in ("Mixed_3c", "Mixed_4f", "Mixed_5b", "Mixed_5c"):
            np.testing.assert_allclose(got[name].numpy(), fixture[f"y_{name}"], atol=2e-4, rtol=0)
        np.testing.assert_allclose(got["Conv3d_1a_7x7"][0, :8].numpy(), fixture["Conv3d_1a_7x7_slice"], atol=2e-4, rtol=0)
        np.testing.assert_allclose(got["Mixed_5c"].numpy(), fixture["Mixed_5c_fp64"], atol=2e-4, rtol=0)
        odd = net(torch.from_numpy(fixture["x_odd"]))
    np.testing.assert_allclose(odd.numpy(), fixture["Mixed_5c_odd"], atol=2e-4, rtol=0)


@needs_weights
def test_the_paper_input_reaches_the_kinetics_range() -> None:
    raw, scaled = I3D(3, "Mixed_3b", scale_input=False).eval(), I3D(3, "Mixed_3b").eval()
    load_kinetics(raw, KINETICS)
    load_kinetics(scaled, KINETICS)
    x = torch.from_numpy(np.load(FIXTURE)["x"])[:, :, :1]
    with torch.inference_mode():
        torch.testing.assert_close(scaled((x + 1) / 2), raw(x), atol=1e-4, rtol=1e-4)
