"""What one training step computes, task by task, and what it must not touch."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Trainer

from made_models import batch_of, square_frames, tiny_config, tiny_network
from normalcy.config import Config
from normalcy.errors import TrainingError
from normalcy.nn import losses
from normalcy.nn.build import Network
from normalcy.training.modules import Batch, DecoderTask, ProxyTask, without_frame

NAMES = ("continuity", "localisation", "estimation", "frame_prediction")
SUBSETS = [s for k in range(1, 5) for s in itertools.combinations(NAMES, k)]
T = 4


def config(on: tuple[str, ...] = NAMES[:3], *sets: str) -> Config:
    """Each task that is on has a weight of its own, so that a mix-up of two shows."""
    weights = dict(zip(NAMES, (1.0, 0.75, 0.5, 0.25), strict=True))
    return tiny_config(*(f"tasks.{n}={weights[n] if n in on else 0}" for n in NAMES), "decoder.width=8", *sets)


def batch(video: tuple[int, ...] = (0, 0, 1, 2), c_length: int = T - 1) -> Batch:
    clips = np.stack([square_frames(T, seed=i) for i in range(8)])[:, :, :32, :32]
    b = batch_of(clips, [1, 2, 1, 2], video)
    b["c"] = torch.from_numpy(clips[4:, :c_length])
    return b


def network_of(cfg: Config) -> Network:
    return tiny_network(cfg).train()


def task_of(cfg: Config, kind: Any = ProxyTask) -> Any:
    return kind(network_of(cfg), cfg)


class Repeat:
    """A feed that gives the same batch for ever."""

    def __init__(self, b: Batch) -> None:
        self._batch = b

    def __iter__(self) -> Iterator[Batch]:
        return itertools.repeat(self._batch)


def train(task: Any, b: Batch, steps: int) -> None:
    options: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # as fit() does
        Trainer(accelerator="cpu", devices=1, max_steps=steps, gradient_clip_val=5.0, **options).fit(task, Repeat(b))


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[k], b[k]) for k in a)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 8).flatmap(lambda t: st.tuples(st.just(t), st.lists(st.integers(1, t - 2), min_size=1, max_size=5))))
def test_without_frame_takes_out_that_frame_of_each_clip(case: tuple[int, list[int]]) -> None:
    t, m = case
    v = torch.arange(len(m) * t).reshape(len(m), t, 1, 1, 1)
    got = without_frame(v, torch.tensor(m))
    for row, clip, k in zip(got, v, m, strict=True):
        np.testing.assert_array_equal(row.numpy(), np.delete(clip.numpy(), k, axis=0))


@pytest.mark.parametrize("on", SUBSETS, ids="+".join)
def test_only_the_tasks_that_are_on_count(on: tuple[str, ...]) -> None:
    cfg = config(on)
    network = network_of(cfg)
    loss, terms = ProxyTask(network, cfg).terms(batch())
    assert {k.removesuffix("_loss") for k in terms if k.endswith("_loss")} == set(on)
    assert {k.removesuffix("_accuracy") for k in terms if k.endswith("_accuracy")} == set(on) - {"frame_prediction"}
    weights = {n: getattr(cfg.tasks, n) for n in on}
    torch.testing.assert_close(loss, sum(weights[n] * terms[f"{n}_loss"] for n in on))
    loss.backward()
    heads = {"continuity": network.heads.p1, "localisation": network.heads.p2, "estimation": network.heads.p3}
    for name, head in heads.items():
        assert all((p.grad is not None) == (name in on) for p in head.parameters()), name
    assert all(p.grad is not None for p in network.encoder.parameters())
    assert (network.decoder is not None) == ("frame_prediction" in on)


@pytest.mark.parametrize("c_length", [T - 1, T], ids=["matched lengths", "the paper's lengths"])
def test_losses_are_those_of_the_equations(c_length: int) -> None:
    """As the paper states them: whole clips, pooled."""
    literal = ("train.dense=false", "tasks.continuity_of=clip", "heads.keep_time=false")
    cfg = config(NAMES[:3], *literal)
    network = tiny_network(cfg)  # running statistics: every clip on its own
    b = batch(c_length=c_length)
    _, terms = ProxyTask(network, cfg).terms(b)
    heads = network.heads
    f_d = torch.cat([network.features(torch.cat([v[:k], v[k + 1 :]])[None]) for v, k in zip(b["v"], b["m"], strict=True)])
    f_c = network.features(b["c"])
    l_d, l_c = heads.continuity(f_d), heads.continuity(f_c)
    torch.testing.assert_close(terms["continuity_loss"], losses.continuity_loss(l_d, l_c))
    right = [*(l_d[:, 1] > l_d[:, 0]).tolist(), *(l_c[:, 0] > l_c[:, 1]).tolist()]
    assert terms["continuity_accuracy"].item() == pytest.approx(np.mean(right))
    torch.testing.assert_close(terms["localisation_loss"], losses.localisation_loss(heads.localise(f_d), b["m"]))
    z_m = heads.project(network.features(b["v"][torch.arange(4), b["m"]][:, None]))
    other = b["video"][:, None] != b["video"][None]
    w = cfg.tasks
    want = losses.estimation_loss(heads.project(f_d), z_m, heads.project(f_c), w.omega, w.gamma, w.tau, other)
    torch.testing.assert_close(terms["estimation_loss"], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("video", "want"),
    [
        ((0, 0, 1, 2), ["0011", "0011", "1101", "1110"]),
        ((3, 3, 3, 3), ["0111", "1011", "1101", "1110"]),  # one video alone: other clips stand in
    ],
)
def test_negatives_are_of_other_videos(video: tuple[int, ...], want: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def loss(z_d: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(rest[-1])
        return z_d.sum()

    monkeypatch.setattr(losses, "estimation_loss", loss)
    task_of(config(("estimation",))).terms(batch(video))
    assert ["".join(str(int(x)) for x in row) for row in seen[0]] == want


@pytest.mark.parametrize(("head", "name"), [("p1", "continuity_loss"), ("p2", "localisation_loss"), ("p3", "estimation_loss")])
def test_a_loss_that_is_not_finite_is_named(head: str, name: str) -> None:
    cfg = config()
    network = network_of(cfg)
    with torch.no_grad():
        getattr(network.heads, head)[-1].bias.fill_(torch.nan)
    with pytest.raises(TrainingError, match=rf"^{name} became nan at step 0: .*train\.precision=fp32.*train\.lr"):
        ProxyTask(network, cfg).training_step(batch(), 0)


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_learning_rate_rises_and_falls_as_a_cosine(warmup: float) -> None:
    cfg = config(NAMES[:3], "train.steps=40", f"train.warmup={warmup}", "train.lr=0.01")
    made = ProxyTask(network_of(cfg), cfg).configure_optimizers()
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(41):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    rise = round(40 * warmup)
    assert all(a < b for a, b in itertools.pairwise(rates[: rise + 1]))
    want = [0.005 * (1 + math.cos(math.pi * i / (40 - rise))) for i in range(41 - rise)]
    np.testing.assert_allclose(rates[rise:], want, atol=1e-9)
    assert max(rates) == pytest.approx(0.01) and rates[-1] == pytest.approx(0.0, abs=1e-9)


def test_training_lowers_the_loss_and_moves_every_part() -> None:
    cfg = config(NAMES[:3], "train.steps=12", "train.lr=0.01")
    network = network_of(cfg)
    before, parts = state(network), ("encoder", "heads.p1", "heads.p2", "heads.p3")
    task = ProxyTask(network, cfg)
    first = task.terms(batch())[0].item()
    train(task, batch(), 12)
    assert task.train().terms(batch())[0].item() < 0.9 * first
    after = state(network)
    for part in parts:
        assert any(not torch.equal(before[k], after[k]) for k in before if k.startswith(part)), part


class Faulty(ProxyTask):
    """Now and then a gradient comes out as some kernels give it in bfloat16."""

    faulty: tuple[int, ...] = ()

    def on_after_backward(self) -> None:
        if self.global_step in self.faulty:
            next(self.network.encoder.parameters()).grad.fill_(torch.inf)  # type: ignore[union-attr]


def test_a_step_with_gradients_that_are_not_finite_is_left_out() -> None:
    cfg = config(NAMES[:3], "train.steps=20", "train.lr=0.01", "train.warmup=0")
    whole, skipped = Faulty(network_of(cfg), cfg), Faulty(network_of(cfg), cfg)
    skipped.faulty = (1,)
    train(whole, batch(), 1)
    train(skipped, batch(), 2)
    weights = {k: v for k, v in state(skipped.network).items() if "running" not in k and "tracked" not in k}
    assert all(torch.equal(v, state(whole.network)[k]) for k, v in weights.items())
    assert all(v.isfinite().all() for v in state(skipped.network).values())


def test_gradients_that_are_seldom_finite_are_an_error() -> None:
    task = task_of(config(NAMES[:3], "train.steps=20"), Faulty)
    task.faulty = tuple(range(3, 9))
    with pytest.raises(TrainingError, match=r"gradients of 3 steps were not finite, the last at step 5: .*fp32"):
        train(task, batch(), 20)


def test_a_frozen_encoder_stays_as_it_is_and_the_heads_learn() -> None:
    cfg = config(NAMES[:3], "encoder.frozen=true", "train.steps=5")
    network = network_of(cfg)
    encoder, heads = state(network.encoder), state(network.heads)
    train(ProxyTask(network, cfg), batch(), 5)
    assert same(encoder, state(network.encoder))  # its running statistics too
    assert not same(heads, state(network.heads))


def decoder_config(*sets: str) -> Config:
    return config(NAMES[:3], "decoder.steps=25", "decoder.lr=0.01", *sets)


def changing() -> Batch:
    """Clips whose interior frames are brighter than both neighbours: the mean of these is wrong by much, and learnably so."""
    b = batch()
    b["v"] = b["v"] // 2
    rows = torch.arange(4)
    b["v"][rows, b["m"]] += 100
    return b


def ratio(task: DecoderTask, b: Batch) -> float:
    seen: dict[str, torch.Tensor] = {}
    task._report = lambda terms, prefix: seen.update(terms)  # type: ignore[method-assign]
    task.validation_step(b, 0)
    del task._report
    return float(seen["against_interpolation"])


def test_the_decoder_starts_at_interpolation_and_beats_it() -> None:
    task = task_of(decoder_config(), DecoderTask)
    assert ratio(task, changing()) == pytest.approx(1.0)
    train(task, changing(), 25)
    assert ratio(task.eval(), changing()) < 0.8


@pytest.mark.parametrize("freeze", [True, False])
def test_the_decoder_stage_leaves_the_rest_alone(freeze: bool) -> None:
    cfg = decoder_config(f"decoder.freeze_encoder={freeze}")
    network = network_of(cfg)
    assert network.decoder is not None
    encoder, heads, decoder = state(network.encoder), state(network.heads), state(network.decoder)
    train(DecoderTask(network, cfg), changing(), 3)
    assert same(heads, state(network.heads))
    assert same(encoder, state(network.encoder)) == freeze
    assert not same(decoder, state(network.decoder))


def test_a_decoder_loss_that_is_not_finite_is_an_error() -> None:
    cfg = decoder_config()
    network = network_of(cfg)
    assert network.decoder is not None and network.decoder.out.bias is not None
    with torch.no_grad():
        network.decoder.out.bias.fill_(torch.inf)
    with pytest.raises(TrainingError, match=r"loss became (inf|nan)"):
        DecoderTask(network, cfg).training_step(changing(), 0)
