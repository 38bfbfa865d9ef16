"""Training on two devices: the losses of one at the same batch, whatever they compare within it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import normalcy
from normalcy.config import Config
from normalcy.errors import ConfigError, TrainingError
from normalcy.training import together
from road import TINY

SETS = (*TINY, "tasks.localisation=0", "train.precision=fp32", "decoder.steps=4", "decoder.batch=4", "train.checkpoint_s=0.01")


def losses(folder: Path) -> dict[str, list[dict[str, float]]]:
    config = json.loads((folder / "config.json").read_text())
    history: dict[str, list[dict[str, float]]] = config["extra"]["history"]
    return history


@pytest.mark.slow
def test_two_devices_learn_what_one_does(normal: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    normalcy.train(normal, one, preset="tiny", sets=SETS, device="cpu")
    normalcy.train(normal, two, preset="tiny", sets=SETS, device="cpu", devices=2)
    a, b = losses(one), losses(two)
    assert set(a) == set(b) == {"encoder", "decoder"}
    for stage in a:
        assert len(a[stage]) == len(b[stage]) >= 4
        for i, (x, y) in enumerate(zip(a[stage], b[stage], strict=True)):
            assert x.keys() == y.keys()
            of_one, of_two = ({k: v for k, v in row.items() if "loss" in k} for row in (x, y))
            # The first differs by the order of float32 sums alone; then weights drift apart by it, a little with each step.
            assert of_two == pytest.approx(of_one, rel=1e-5 if i == 0 and stage == "encoder" else 2e-3)
    # Held-out losses rest on the running statistics. Weights are not compared: Adam makes whole steps of mere rounding.
    assert any("val/loss" in row for row in a["encoder"])
    assert not (two / "checkpoints").exists() and not list((two / "logs").glob("*.json"))


@pytest.mark.slow
def test_a_device_that_dies_ends_the_training_in_one_line(
    normal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = together.Together._spec
    monkeypatch.setattr(together.Together, "_spec", lambda *a: {**spec(*a), "stage": "nonsense"})
    with pytest.raises(TrainingError, match="device 1 ended with code 1: KeyError: 'nonsense'"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=SETS, device="cpu", devices=2)


def test_what_devices_cannot_share_is_said(normal: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"3 devices cannot share a batch of 4 evenly; set train\.batch"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", sets=SETS, device="cpu", devices=3)
    with pytest.raises(ConfigError, match="objects are learned on one"):
        normalcy.train(
            normal, tmp_path / "m", preset="tiny", sets=[*TINY, "objects.method=tubes"], level="object", device="cpu", devices=2
        )
    assert Config().train.devices == 1
