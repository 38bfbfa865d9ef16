"""What every registered encoder keeps: run over the whole dictionary, so a new one is held to it by its name alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from normalcy.config import Config
from normalcy.nn.build import Encoder, build_encoder, channels_last
from normalcy.nn.inputs import to_input
from normalcy.parts import ENCODERS
from normalcy.presets import load_config

CHANNELS = ["rgb", "grey_diff", "rgb_diff"]


def _config(name: str, channels: str) -> Config:
    sets = [f"encoder.name={name}", f"input.channels={channels}", "encoder.width=4"]
    return load_config("tiny", sets=sets, environ={})


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """In evaluation mode, with running statistics that fit its own activations: otherwise depth makes them vanish."""
    torch.manual_seed(0)
    net = build_encoder(_config(request.param, "grey_diff"))
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm3d):
            m.momentum = None  # the mean over all passes
    with torch.no_grad():
        net.train()(_clips(2, 4, 48, 48))
    return net.eval()


def _clips(batch: int, frames: int, h: int, w: int, channels: str = "grey_diff", seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return to_input(torch.randint(0, 256, (batch, frames, h, w, 3), dtype=torch.uint8, generator=g), channels)


def _distance(a: Tensor, b: Tensor) -> float:
    """Relative, over all features: a deep network's small ones carry the rounding of its large ones."""
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("size", [(1, 32, 32), (2, 33, 41), (3, 16, 57), (5, 40, 24), (9, 17, 31)])
def test_any_length_and_size_and_true_attributes(encoder: Encoder, size: tuple[int, int, int]) -> None:
    with torch.inference_mode():
        f = encoder(_clips(2, *size))
    assert f.shape == (2, encoder.channels, *(-(-n // s) for n, s in zip(size, encoder.stride, strict=True)))
    assert f.isfinite().all() and f.std() > 0


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_any_input_channels(name: str, channels: str) -> None:
    net = build_encoder(_config(name, channels)).eval()
    with torch.inference_mode():
        assert net(_clips(1, 2, 32, 32, channels)).shape[:2] == (1, net.channels)


def test_a_clip_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    x = _clips(3, 4, 33, 40)
    with torch.inference_mode():
        together = encoder(x)
        alone = torch.cat([encoder(x[i : i + 1]) for i in range(3)])
    assert _distance(alone, together) < 1e-4
    assert (together[0] - together[1]).abs().max() > 1e-2


def test_the_same_twice_and_the_input_is_left_alone(encoder: Encoder) -> None:
    x = _clips(1, 3, 33, 40)
    kept = x.clone()
    with torch.inference_mode():
        assert torch.equal(encoder(x), encoder(x))
    assert torch.equal(x, kept)


def test_the_seed_decides_the_weights() -> None:
    for name in ENCODERS:
        states = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            states.append(next(build_encoder(_config(name, "rgb")).parameters()))
        assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_bfloat16_is_finite_and_near(encoder: Encoder) -> None:
    x = _clips(2, 4, 32, 32)
    with torch.inference_mode():
        exact = encoder(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = encoder(x).float()
    assert rough.isfinite().all()
    assert _distance(rough, exact) < 0.2  # about .1 for 57 random layers


def test_channels_last_gives_the_same(encoder: Encoder) -> None:
    x = _clips(2, 4, 32, 40)
    with torch.inference_mode():
        exact = encoder(x)
        channels_last(encoder)
        got = encoder(x.contiguous(memory_format=torch.channels_last_3d))
    assert _distance(got, exact) < 1e-4


def test_gradients_reach_every_layer(encoder: Encoder) -> None:
    encoder.zero_grad()
    encoder(_clips(2, 3, 32, 32)).square().mean().backward()
    for name, p in encoder.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0, name


def test_every_frame_counts(encoder: Encoder) -> None:
    x = _clips(1, 5, 32, 32)
    with torch.inference_mode():
        base = encoder(x)
        for t in range(5):
            changed = x.clone()
            changed[:, :, t] = 1 - changed[:, :, t]
            assert (encoder(changed) - base).abs().max() > 1e-4, t


def test_state_loads_into_a_fresh_one(encoder: Encoder, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["encoder"]
    fresh = build_encoder(_config(name, "grey_diff")).eval()
    fresh.load_state_dict(encoder.state_dict())
    x = _clips(1, 3, 32, 32)
    with torch.inference_mode():
        assert _distance(fresh(x), encoder(x)) < 1e-4
