"""Batches follow from (seed, step): resuming and worker processes must not show."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import torch

from made_models import square_frames, tiny_config
from normalcy.config import TrainConfig
from normalcy.data.sampler import ClipSampler
from normalcy.training.dataset import Feed, feed_of, loader
from normalcy.training.modules import Batch
from normalcy.types import Piece


def feed(first: int = 0, stop: int = 7, seed: int = 0) -> Feed:
    videos = [square_frames(30, seed=i) for i in range(2)]
    sampler = ClipSampler(videos, [Piece(0, 0, 30), Piece(1, 0, 30)], tiny_config().clip, 32, seed)
    return Feed(sampler, 3, first, stop)


def same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_batches_are_tensors_of_the_sampler() -> None:
    batches = list(feed())
    assert len(batches) == 7
    for b in batches:
        assert {k: (tuple(v.shape), v.dtype) for k, v in b.items()} == {
            "v": ((3, 4, 32, 32, 3), torch.uint8),
            "c": ((3, 3, 32, 32, 3), torch.uint8),
            "m": ((3,), torch.int64),
            "video": ((3,), torch.int64),
        }


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    assert all(map(same, feed(), feed()))
    assert not any(map(same, feed(), feed(seed=1)))
    assert not any(same(a, b) for a, b in itertools.combinations(feed(), 2))


def test_a_resumed_feed_goes_on_where_the_other_stopped() -> None:
    assert all(map(same, itertools.islice(feed(), 4, None), feed(first=4)))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_deliver_the_steps_in_order(workers: int) -> None:
    # More workers than batches for some of them, and a number of batches that they do not divide.
    got = list(loader(feed(), workers))
    assert len(got) == 7
    assert all(map(same, got, feed()))


def test_without_workers_there_is_no_loader() -> None:
    f = feed()
    assert loader(f, 0) is f


class Drawn(NamedTuple):
    step: np.ndarray
    draws: np.ndarray
    """Batches that its process has drawn so far."""


class Counting:
    def __init__(self) -> None:
        self.draws = 0

    def batch(self, step: int, size: int) -> Drawn:
        self.draws += 1
        return Drawn(np.array([step]), np.array([self.draws]))


def test_each_worker_draws_only_its_own_steps() -> None:
    got = [(int(b["step"]), int(b["draws"])) for b in loader(Feed(Counting(), 1, 0, 7), 2)]
    assert got == [(step, step // 2 + 1) for step in range(7)]


def test_the_decoder_has_batches_of_its_own() -> None:
    sampler, longest = Counting(), max(m.le for m in TrainConfig.model_fields["steps"].metadata if hasattr(m, "le"))
    encoder, decoder = (feed_of(stage, sampler, 1, longest - 3, longest) for stage in ("encoder", "decoder"))
    steps = [{int(b["step"]) for b in f} for f in (encoder, decoder, feed_of("decoder", sampler, 1, 0, 3))]
    assert [len(s) for s in steps] == [3, 3, 3] and len(set.union(*steps)) == 9


def test_arrays_are_not_shared_between_batches() -> None:
    a, b = itertools.islice(feed(), 2)
    before = b["v"].clone()
    a["v"].zero_()
    assert torch.equal(b["v"], before) and not np.shares_memory(a["v"].numpy(), b["v"].numpy())
