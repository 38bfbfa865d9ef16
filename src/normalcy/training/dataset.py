"""Batches for the trainer. A batch depends on (seed, step) alone, so a resumed run sees what it would have seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from normalcy.training.modules import Batch


class Sampler(Protocol):
    """Draws batches: a named tuple of arrays, those that no task asks for None. The same step gives the same batch."""

    def batch(self, step: int, size: int) -> Any: ...


class Feed(IterableDataset[Batch]):
    """The batches of steps first..stop-1, drawn when they are asked for."""

    def __init__(self, sampler: Sampler, size: int, first: int, stop: int) -> None:
        self._sampler, self._size = sampler, size
        self.first, self._stop = first, stop

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        offset, every = (0, 1) if info is None else (info.id, info.num_workers)
        for step in range(self.first + offset, self._stop, every):
            b = self._sampler.batch(step, self._size)
            yield {k: torch.from_numpy(v) for k, v in b._asdict().items() if v is not None}

    # Lightning asks loaders for their place; ours follows from the step, which the checkpoint holds already.
    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        return


FIRST_STEP = {"encoder": 0, "decoder": 10_000_000}
"""Where the batches of each stage begin: the decoder's after the last step that an encoder can have (``train.steps``), so that
it does not see the encoder's batches again in the same order."""


def feed_of(stage: str, sampler: Sampler, size: int, done: int, steps: int) -> Feed:
    """The batches of a stage of so many steps, of which so many are done."""
    return Feed(sampler, size, FIRST_STEP[stage] + done, FIRST_STEP[stage] + steps)


def loader(feed: Feed, workers: int) -> Feed | DataLoader[Batch]:
    """The feed itself, or worker processes in front of it."""
    if workers == 0:
        return feed
    return DataLoader(feed, batch_size=None, num_workers=workers, persistent_workers=True)
