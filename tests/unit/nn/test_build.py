"""Configuration to network."""

from __future__ import annotations

import pytest
import torch

from normalcy.errors import ConfigError
from normalcy.nn import losses
from normalcy.nn.build import build_encoder, build_network, channels_last, frozen_statistics
from normalcy.parts import ENCODERS
from normalcy.presets import PRESETS, load_config


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_builds_what_it_says(preset: str) -> None:
    cfg = load_config(preset, environ={})
    with torch.device("meta"):
        net = build_network(cfg)
    assert net.encoder.channels == {"tiny": 16, "cpu": 64, "paper": 1024}[preset]
    assert (net.decoder is not None) == (preset == "paper")
    assert cfg.input.multiple % net.encoder.stride[1] == 0


def test_i3d_has_the_published_size() -> None:
    with torch.device("meta"):
        encoder = build_encoder(load_config("paper", environ={}))
    assert 12.0e6 < sum(p.numel() for p in encoder.parameters()) < 12.6e6  # 12.7 M with the classifier


def test_a_decoder_where_it_is_needed() -> None:
    for key, expected in (("decoder.steps=3", True), ("tasks.frame_prediction=1.0", True), ("decoder.steps=0", False)):
        assert (build_network(load_config("tiny", sets=[key], environ={})).decoder is not None) == expected


def test_encoder_names_are_those_of_the_configuration() -> None:
    from typing import get_args

    from normalcy.config import EncoderConfig

    assert set(ENCODERS) == set(get_args(EncoderConfig.model_fields["name"].annotation))
    with pytest.raises(ConfigError, match="Mixed_7"):
        build_encoder(load_config("tiny", sets=["encoder.name=i3d", "encoder.endpoint=Mixed_7"], environ={}))


def test_channels_last_changes_order_and_not_numbers() -> None:
    torch.manual_seed(0)
    net = build_network(load_config("tiny", sets=["decoder.steps=1"], environ={})).eval()
    x = torch.randint(0, 256, (2, 4, 16, 24, 3), dtype=torch.uint8)
    before, estimate = net.features(x), net.estimate(x, torch.tensor([1, 2]))
    before.sum().backward()
    assert channels_last(net) is net
    weight = next(p for p in net.parameters() if p.ndim == 5 and p.shape[1] > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(net.features(x), before, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.estimate(x, torch.tensor([1, 2])), estimate, atol=1e-5, rtol=1e-5)
    net.features(x).sum().backward()  # without a warning about the layout of gradients


@pytest.mark.parametrize("task", ["continuity", "localisation", "estimation"])
@pytest.mark.parametrize("keep_time", ["true", "false"])
def test_each_task_alone_trains_the_encoder(task: str, keep_time: str) -> None:
    cfg = load_config("tiny", sets=[f"heads.keep_time={keep_time}"], environ={})
    net = build_network(cfg).train()
    v_d, v_c, i_m = (torch.randint(0, 256, (4, t, 16, 16, 3), dtype=torch.uint8) for t in (3, 4, 1))
    f_d, f_c = net.features(v_d), net.features(v_c)
    with frozen_statistics(net.encoder):
        f_m = net.features(i_m)
    if task == "continuity":
        term = losses.continuity_loss(net.heads.continuity(f_d), net.heads.continuity(f_c))
    elif task == "localisation":
        term = losses.localisation_loss(net.heads.localise(f_d), torch.tensor([1, 2, 1, 2]))
    else:
        z_d, z_m, z_c = (net.heads.project(f) for f in (f_d, f_m, f_c))
        term = losses.estimation_loss(z_d, z_m, z_c, 0.5, 0.5, 0.1)
    losses.joint_loss({task: term}, {task: 1.0}).backward()
    first = next(net.encoder.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0
    head = {"continuity": net.heads.p1, "localisation": net.heads.p2, "estimation": net.heads.p3}
    for name, module in head.items():
        assert any(p.grad is not None for p in module.parameters()) == (name == task)
