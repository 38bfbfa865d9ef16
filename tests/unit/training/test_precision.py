"""The wish is obeyed; ``auto`` takes bf16 only where it pays and works."""

from __future__ import annotations

import pytest
import torch

from made_models import batch_of, square_frames, tiny_config, tiny_network
from normalcy.training import precision
from normalcy.training.modules import Batch, ProxyTask
from normalcy.training.precision import choose_precision

CPU = torch.device("cpu")


@pytest.fixture
def task() -> ProxyTask:
    cfg = tiny_config()
    return ProxyTask(tiny_network(cfg).train(), cfg)


@pytest.fixture
def batch() -> Batch:
    import numpy as np

    return batch_of(np.stack([square_frames(4, seed=i) for i in range(4)])[:, :, :32, :32], [1, 2], [0, 1])


@pytest.mark.parametrize("wish", ["fp32", "bf16"])
def test_a_wish_is_obeyed_unmeasured(task: ProxyTask, batch: Batch, wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_time", None)
    assert choose_precision(task, batch, CPU, wish) == wish


@pytest.mark.parametrize(
    ("fp32", "bf16", "finite", "want"),
    [(1.0, 0.5, True, "bf16"), (1.0, 0.95, True, "fp32"), (1.0, 2.0, True, "fp32"), (1.0, 0.2, False, "fp32")],
)
def test_auto(
    task: ProxyTask, batch: Batch, fp32: float, bf16: float, finite: bool, want: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {False: (fp32, True), True: (bf16, finite)}
    monkeypatch.setattr(precision, "_time", lambda *a, bf16: answers[bf16])
    assert choose_precision(task, batch, CPU, "auto") == want


def test_measuring_leaves_no_trace(task: ProxyTask, batch: Batch) -> None:
    before = {k: v.clone() for k, v in task.network.state_dict().items()}
    random = torch.get_rng_state()
    assert choose_precision(task, batch, CPU, "auto") in ("fp32", "bf16")
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(v, before[k]) for k, v in task.network.state_dict().items())
    assert all(p.grad is None for p in task.network.parameters())


def test_gradients_that_are_not_finite_are_noticed(task: ProxyTask, batch: Batch) -> None:
    assert precision._time(task, batch, CPU, bf16=False)[1]
    with torch.no_grad():
        task.network.heads.p1[-1].bias.fill_(torch.inf)
    assert not precision._time(task, batch, CPU, bf16=False)[1]
