"""What every proxy task keeps: run over the whole dictionary, so a new one is held to it by its name alone."""

from __future__ import annotations

import io
import math

import pytest
import torch

from made_models import batch_of, square_frames
from normalcy.cli.progress import Bars, Lines
from normalcy.config import OBJECT_TASKS, Config
from normalcy.config import TASKS as WEIGHTS
from normalcy.nn.build import build_network
from normalcy.nn.passes import Passes
from normalcy.nn.tasks import TASKS, chance
from normalcy.presets import load_config
from normalcy.scoring.windows import Windows

B, T, K = 4, 5, 3


def config(name: str) -> Config:
    off = [f"tasks.{n}=0" for n in ("continuity", "localisation", "estimation") if n != name]
    level = TASKS[name].levels[-1]
    sets = [f"level={level}", f"clip.length={T}", f"heads.classes={K}", "objects.detector=file", *off, f"tasks.{name}=1"]
    return load_config("tiny", environ={}, sets=sets)


def batch() -> dict[str, torch.Tensor]:
    clips = torch.stack([torch.from_numpy(square_frames(T, seed)) for seed in range(2 * B)])
    some = batch_of(clips.numpy(), [1, 2, 3, 1], [0, 1, 0, 1])
    return {
        **some,
        "irregular": some["v"][:, [0, 3, 4, 4, 1]],
        "teacher": torch.rand(B, K, generator=torch.Generator().manual_seed(0)),
    }


@pytest.fixture(params=list(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_configuration_has_a_weight_for_each() -> None:
    assert set(TASKS) == set(WEIGHTS)
    assert {n for n, t in TASKS.items() if t.levels == ("object",)} == set(OBJECT_TASKS)


def test_it_says_what_it_is(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert 2 <= len(task.abbreviation) <= 3 and task.abbreviation.isupper()
    assert len(task.title.split()) >= 2
    assert len(task.words.split()) >= 3 and task.words[0].islower() and task.words[-1].isalpha()
    assert set(task.levels) <= {"frame", "object"} and task.levels
    assert len({t.abbreviation for t in TASKS.values()}) == len({t.title for t in TASKS.values()}) == len(TASKS)


def test_a_head_of_its_own_is_there_where_it_is_on_and_only_there(name: str) -> None:
    head = TASKS[name].head
    heads = {n: set(dict(build_network(config(n)).heads.named_children())) for n in TASKS}
    assert heads[name] == {"p1", "p2", "p3"} | ({head} if head else set())
    assert [t.head for t in TASKS.values()].count(head) == 1 or not head


def test_its_loss_teaches_and_its_figures_carry_its_name(name: str) -> None:
    task, network = TASKS[name], build_network(config(name)).train()
    loss, figures = task.loss(Passes(network, batch(), config(name)))
    loss.backward()
    assert math.isfinite(loss.item())
    assert set(figures) <= {f"{name}_accuracy"} and all(0.0 <= float(v) <= 1.0 for v in figures.values())
    assert any(p.grad is not None and bool((p.grad != 0).any()) for p in network.parameters())


def test_a_chance_level_stands_beside_an_accuracy_alone(name: str) -> None:
    task, network = TASKS[name], build_network(config(name)).train()
    _, figures = task.loss(Passes(network, batch(), config(name)))
    guess = task.chance(T)
    assert guess is None or (0.0 < guess < 1.0 and f"{name}_accuracy" in figures)
    assert chance(config(name)) == ({} if guess is None else {name: guess})


def test_its_score_is_one_value_for_each_clip(name: str) -> None:
    if "object" not in TASKS[name].levels:
        pytest.skip("it has no score of its own")
    network, b = build_network(config(name)).eval(), batch()
    w = Windows(network, b["v"].flatten(0, 1), torch.arange(B * T).view(B, T), config(name))
    with torch.inference_mode():
        value = TASKS[name].score(w, b["teacher"])
    assert value.shape == (B,) and torch.isfinite(value).all()


def test_it_shows_while_it_trains(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In lines and in the table of a terminal: by the figures alone, whatever the task."""
    figures = {"train/loss": 0.7, f"train/{name}_loss": 0.7, f"train/{name}_accuracy": 0.6, f"chance/{name}": 0.25}
    out = io.StringIO()
    Lines(out)("encoder", 10, 10, figures)
    assert f"{name} loss 0.700 accuracy 0.60 (chance 0.25)" in out.getvalue()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    bars = Bars(screen)
    bars("encoder", 1, 10, figures)
    bars.refresh()
    bars.close()
    assert TASKS[name].title in screen.getvalue()
