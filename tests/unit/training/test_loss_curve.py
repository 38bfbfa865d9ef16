"""A change that is not meant to change training leaves its first losses as they were."""

from __future__ import annotations

import pytest
import torch

from made_models import square_frames, tiny_config
from normalcy.data.sampler import ClipSampler
from normalcy.nn.build import build_network
from normalcy.training.dataset import Feed
from normalcy.training.modules import ProxyTask
from normalcy.types import Piece

STORED = [3.5363, 3.387188, 2.984872, 3.523146, 3.705874, 3.58208, 3.635688, 3.231916]
"""Joint losses of the first steps as f69697f had them (fp32, one thread)."""


def test_the_first_losses_are_those_of_the_first_version() -> None:
    cfg = tiny_config("train.steps=20")
    videos = [square_frames(60, seed=seed) for seed in range(2)]
    sampler = ClipSampler(videos, [Piece(0, 0, 60), Piece(1, 0, 60)], cfg.clip, cfg.train.crop, cfg.seed)
    torch.manual_seed(0)
    task = ProxyTask(build_network(cfg).train(), cfg)
    optimiser = task.configure_optimizers()["optimizer"]
    losses = []
    for batch in Feed(sampler, cfg.train.batch, 0, len(STORED)):
        loss, _ = task.terms(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses == pytest.approx(STORED, rel=1e-3)
