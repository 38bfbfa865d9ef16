"""benchmarks/quality end to end on made-up data sets: what is run, what is kept, and what a kill costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alarms import table
from layouts import make_folder
from normalcy.errors import ConfigError, DataError
from normalcy.experiments import code, run
from normalcy.experiments.cells import Cell
from normalcy.experiments.store import Outcome, Results, cell_folder, read
from normalcy.experiments.sweep import Sweep, Variant
from normalcy.experiments.sweep import run as run_sweep
from normalcy.experiments.table import Wanted, to_text
from normalcy.scoring.normal_video import NormalVideo
from road import own_cache

pytestmark = pytest.mark.slow

TINY = ("input.short_side=32", "train.crop=16", "train.steps=3", "train.batch=2")
SHARP = (*TINY, "scoring.sigma_s=0.1")
QUALITY = Path(__file__).resolve().parents[2] / "benchmarks" / "quality"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """ped1_dev, whose clips 01 and 03 may be looked at and 02 not, and yard, which is report only."""
    at = tmp_path_factory.mktemp("data")
    make_folder(at / "ped1_dev", tests=3)
    make_folder(at / "yard")
    with own_cache(at / "cache"):
        yield at


def order(*variants: Variant, **more: object) -> Sweep:
    known: dict[str, object] = {"preset": "tiny", "sets": ("ped1_dev",), "seeds": (0,), **more}
    return Sweep(variants=variants or (Variant("plain", TINY),), **known)  # type: ignore[arg-type]


def go(root: Path, folder: Path, wanted: Sweep) -> tuple[list[str], Results]:
    said: list[str] = []
    run_sweep(wanted, root, folder / "r.jsonl", folder / "work", "cpu", said.append)
    return said, read(folder / "r.jsonl")


def scores(folder: Path, o: Outcome) -> list[bytes]:
    return [p.read_bytes() for p in sorted(cell_folder(folder / "work", o.key, o.code).glob("scores/*/scores.csv"))]


def test_one_configuration_on_two_sets(root: Path, tmp_path: Path) -> None:
    said, r = go(root, tmp_path, order(sets=("ped1_dev", "yard"), seeds=(0, 1)))
    assert len(said) == len(r.outcomes) == 8
    assert [(c.dataset, c.seed, c.untrained) for c in r.outcomes][:4] == [
        ("ped1_dev", 0, False),
        ("ped1_dev", 0, True),
        ("yard", 0, False),
        ("yard", 0, True),
    ]
    for c in r.outcomes:
        wanted = {"choose": ["01", "03"], "report": ["02"], "all": ["01", "02", "03"]}
        if c.dataset == "yard":
            wanted = {"report": ["01", "02"], "all": ["01", "02"]}
        assert {name: p.clips for name, p in c.parts.items()} == wanted
        fused = c.parts["all"].scores["fused"]
        assert set(fused.intervals) >= {"micro_auc", "macro_auc_padded", "macro_auc_defined"}
        assert fused.sizes is not None
        assert {f"readout {n}" for n in c.readouts} < set(c.parts["all"].scores)
        assert {"decode", "train", "calibrate", "score"} <= set(c.seconds)
        assert {"encoder/val/continuity_accuracy", "encoder/val/localisation_accuracy"} < set(c.figures)
        assert c.frames_per_s > 0 and c.commit and c.machine["cores"]
        assert (c.control is None) == c.untrained
    controls = {c.key for c in r.outcomes if c.untrained}
    assert {c.control for c in r.outcomes if not c.untrained} == controls
    beside = {"random (mean of 20)", "constant", "position", "interpolation (global)", "interpolation (by row)"}
    assert all(beside < set(c.parts["report"].baselines) for c in r.outcomes)
    one, other = (c.parts["report"].baselines for c in r.outcomes if c.dataset == "yard" and not c.untrained)
    assert one == other  # the same for every seed

    before = (tmp_path / "r.jsonl").read_bytes()
    said, _ = go(root, tmp_path, order(sets=("ped1_dev", "yard"), seeds=(0, 1)))
    assert all("finished before" in s for s in said)
    assert (tmp_path / "r.jsonl").read_bytes() == before
    text = to_text(r, Wanted())
    assert "plain" in text and "over random weights, mean over the sets (ped1_dev, yard)" in text


def test_alarms_are_counted_from_what_it_leaves(root: Path, tmp_path: Path) -> None:
    _, r = go(root, tmp_path, order(seeds=(0, 1)))
    (tmp_path / "r.work").symlink_to(tmp_path / "work")
    _, _, trained, control = table(root, [tmp_path / "r.jsonl"], [1.0, 3600.0]).splitlines()
    of = [c.alarms for c in r.outcomes if not c.untrained]
    at_one = trained.split("|")[4].strip()
    assert at_one == f"{of[0]['detected']}, {of[1]['detected']}; {of[0]['false_alarms']}, {of[1]['false_alarms']} false"
    assert "| trained |" in trained and "| random |" in control


def test_auc_of_a_part_is_that_of_its_clips(root: Path, tmp_path: Path) -> None:
    """Counted pair by pair from the score files and labels on disk."""
    _, r = go(root, tmp_path, order(control=False))
    (c,) = r.outcomes
    folder = cell_folder(tmp_path / "work", c.key, c.code) / "scores"
    for part in c.parts.values():
        normal, abnormal = [], []
        for clip in part.clips:
            y = np.load(root / "ped1_dev" / "testing" / "labels" / f"{clip}.npy")
            s = np.loadtxt(folder / clip / "scores.csv", delimiter=",", skiprows=1, usecols=2)
            normal += list(s[y == 0])
            abnormal += list(s[y == 1])
        pairs = np.subtract.outer(abnormal, normal)
        assert part.scores["fused"].values["micro_auc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
        assert (part.frames, part.abnormal) == (len(normal) + len(abnormal), len(abnormal))


def test_network_of_another_scoring_is_taken_and_gives_the_same_scores(root: Path, tmp_path: Path) -> None:
    both = order(Variant("plain", TINY), Variant("sharp", SHARP), control=False)
    _, shared = go(root, tmp_path / "a", both)
    assert [c.network_reused for c in shared.outcomes] == [False, True]
    assert shared.outcomes[0].figures == shared.outcomes[1].figures
    assert shared.outcomes[0].seconds["train"] == shared.outcomes[1].seconds["train"]
    _, alone = go(root, tmp_path / "b", order(Variant("sharp", SHARP), control=False))
    assert not alone.outcomes[0].network_reused
    assert scores(tmp_path / "a", shared.outcomes[1]) == scores(tmp_path / "b", alone.outcomes[0])
    assert scores(tmp_path / "a", shared.outcomes[0]) != scores(tmp_path / "a", shared.outcomes[1])
    of = [o.parts["all"].baselines["motion (global)"] for o in shared.outcomes]
    assert of[0] != of[1]  # another smoothing, other baselines


def test_control_shares_all_but_the_weights(root: Path, tmp_path: Path) -> None:
    _, r = go(root, tmp_path, order(Variant("plain", (*TINY, "scoring.readouts=[density,motion]"))))
    trained, control = r.outcomes
    of = {c.untrained: c.parts["all"].scores for c in (trained, control)}
    assert of[True]["readout motion"].values == of[False]["readout motion"].values
    assert scores(tmp_path, trained) != scores(tmp_path, control)
    steps = order(Variant("longer", (*TINY, "train.lr=0.01", "scoring.readouts=[density,motion]")))
    said, r = go(root, tmp_path, steps)
    assert "finished before" in said[1]  # another learning rate, the same control
    assert r.outcomes[2].control == control.key


def test_a_kill_leaves_a_readable_file_and_costs_the_cell_at_work(root: Path, tmp_path: Path) -> None:
    argv = [sys.executable, str(QUALITY), "run", str(root), "--sets", "ped1_dev", "--seeds", "0", "1", "--preset", "tiny"]
    argv += [f"--set={s}" for s in TINY] + ["--name", "plain", "--out", str(tmp_path / "r.jsonl"), "--device", "cpu"]
    argv += ["--work", str(tmp_path / "work")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None
        assert "[1/4]" in p.stdout.readline()
        p.kill()
    first = (tmp_path / "r.jsonl").read_bytes()
    assert len(read(tmp_path / "r.jsonl").outcomes) in (1, 2)
    said, r = go(root, tmp_path, order(seeds=(0, 1)))
    assert "finished before" in said[0]
    assert [(c.seed, c.untrained) for c in r.outcomes] == [(0, False), (0, True), (1, False), (1, True)]
    assert (tmp_path / "r.jsonl").read_bytes().startswith(first)
    table = subprocess.run(
        [sys.executable, str(QUALITY), "table", str(tmp_path / "r.jsonl")], capture_output=True, text=True, check=True
    )
    assert "plain" in table.stdout


def test_another_name_for_a_finished_cell_costs_nothing(root: Path, tmp_path: Path) -> None:
    go(root, tmp_path, order(control=False))
    said, r = go(root, tmp_path, order(Variant("again", TINY), control=False))
    assert "finished before" in said[0]
    assert [c.name for c in r.outcomes] == ["plain", "again"]
    assert r.outcomes[1] == replace(r.outcomes[0], name="again")
    assert len(go(root, tmp_path, order(Variant("again", TINY), control=False))[1].outcomes) == 2


def test_other_code_is_run_again_unless_any_will_do(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(root, tmp_path, order(control=False))
    monkeypatch.setattr(code, "score_code", lambda objects: "other")
    monkeypatch.setattr(code, "changed", lambda: True)
    said, _ = go(root, tmp_path, order(control=False, any_code=True))
    assert "finished before" in said[0]
    said, r = go(root, tmp_path, order(control=False))
    assert "finished before" not in said[0] and "network reused" in said[0]
    assert [c.code for c in r.outcomes][1] == "other"
    assert any("changed on disk" in n for n in r.outcomes[1].notes)


@pytest.mark.parametrize(
    ("error", "reason"), [(DataError("out of luck"), "out of luck"), (RuntimeError("oops"), "RuntimeError: oops")]
)
def test_a_cell_that_fails_is_written_down_and_tried_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    good = run.run_cell

    def fails(cell: Cell, *args: object) -> object:
        if cell.cfg.seed == 0:
            raise error
        return good(cell, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_cell", fails)
        said, r = go(root, tmp_path, order(control=False, seeds=(0, 1)))
    assert f"failed: {reason}" in said[0]
    assert [f.reason for f in r.failures] == [reason] and len(r.outcomes) == 1
    assert f"failed: plain, ped1_dev, seed 0: {reason}" in to_text(r, Wanted())
    _, r = go(root, tmp_path, order(control=False, seeds=(0, 1)))
    assert len(r.outcomes) == 2
    assert reason not in to_text(r, Wanted())


@pytest.mark.parametrize("sets", [("level=object", "objects.method=tubes", "objects.side=16"), ("level=both",)])
def test_object_level_has_its_cells_and_controls(root: Path, tmp_path: Path, sets: tuple[str, ...]) -> None:
    objects = Variant("objects", (*TINY, *sets, "objects.detector=motion"))
    _, r = go(root, tmp_path, order(objects))
    assert not r.failures
    assert [c.untrained for c in r.outcomes] == [False, True]
    assert all(c.parts["all"].scores["fused"].values["micro_auc"] is not None for c in r.outcomes)
    assert scores(tmp_path, r.outcomes[0]) != scores(tmp_path, r.outcomes[1])


def test_environment_is_left_out(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALCY_SCORING__SIGMA_S", "3")
    _, r = go(root, tmp_path, order(control=False))
    assert r.outcomes[0].protocol == "train, gaussian 0.7 s"


def test_what_cannot_be_is_left_out_with_the_reason(root: Path, tmp_path: Path) -> None:
    wrong = Variant("no decoder", (*TINY, "scoring.readouts=[psnr]"))
    said, r = go(root, tmp_path, order(Variant("plain", TINY), wrong, control=False))
    assert said[0].startswith("no decoder: left out: ") and "decoder.steps" in said[0]
    assert len(r.outcomes) == 1
    with pytest.raises(ConfigError, match=r"decoder\.steps"):
        go(root, tmp_path / "none", order(wrong))


def test_calibration_that_fails_does_not_cost_the_training(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from normalcy.training import level

    def breaks(self: object, network: object, m: NormalVideo) -> object:
        m.report("density", 0, 1)
        raise DataError("calibration is broken")

    with monkeypatch.context() as patch:
        patch.setattr(level.FrameLevel, "calibrate", breaks)
        said, _ = go(root, tmp_path, order(control=False))
    assert "calibration is broken" in said[0]
    (facts,) = (tmp_path / "work" / "networks").glob("*/network.json")
    assert json.loads(facts.read_text())["figures"]
    said, r = go(root, tmp_path, order(control=False))
    assert "network reused" in said[0]
    assert r.outcomes[0].figures
