"""The whole road, and what happens when it is cut short: a kill, Ctrl-C, and going on from there."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import normalcy
from road import TINY, normal_videos, odd_video, own_cache

pytestmark = pytest.mark.slow

TRAIN = """
import sys, normalcy
sources, out, steps, resume = sys.argv[1:5]
sets = ["train.batch=4", "train.checkpoint_s=0.2", f"train.steps={steps}"]
def tell(stage, done, total, figures):
    print(stage, done, flush=True)
try:
    normalcy.train(sources, out, preset="tiny", sets=sets, device="cpu", resume=resume == "1", progress=tell)
except KeyboardInterrupt:
    sys.exit(130)
"""
STEPS = 300


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return normal_videos(tmp_path / "normal", count=2, frames=60)


def start(videos: Path, out: Path, cache: Path, steps: int = STEPS, resume: bool = False) -> subprocess.Popen[str]:
    env = os.environ | {"NORMALCY_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAIN, str(videos), str(out), str(steps), "1" if resume else "0"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def until(run: subprocess.Popen[str], ready: Callable[[str], bool]) -> None:
    """Read what the training says until ``ready``; the rest stays in the pipe."""
    assert run.stdout is not None
    for line in run.stdout:
        if ready(line):
            return
    pytest.fail(f"training ended early: {run.stderr.read() if run.stderr else ''}")


def steps_in(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])


def first_step(output: str) -> int:
    return next(int(line.split()[1]) for line in output.splitlines() if line.startswith("encoder "))


def test_killed_training_goes_on_from_the_last_checkpoint(videos: Path, tmp_path: Path) -> None:
    out, cache = tmp_path / "m", tmp_path / "cache"
    checkpoint = out / "checkpoints" / "encoder.ckpt"
    run = start(videos, out, cache)
    until(run, lambda line: checkpoint.exists() and line.startswith("encoder "))
    run.kill()
    assert run.wait(60) == -signal.SIGKILL
    run.communicate()
    done = steps_in(checkpoint)
    assert 0 < done < STEPS
    assert not (out / "config.json").exists()  # nothing there passes for a model

    again = start(videos, out, cache, resume=True)
    text, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert first_step(text) == done + 1
    assert f"encoder {STEPS}\n" in text
    assert sum(line.startswith("encoder ") for line in text.splitlines()) == STEPS - done
    assert not (out / "checkpoints").exists()

    # A batch depends on its step alone, so the cut training ends where an uncut one does.
    whole = start(videos, tmp_path / "whole", cache)
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors
    a, b = ((d / "model.safetensors").read_bytes() for d in (out, tmp_path / "whole"))
    assert a == b


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(videos: Path, tmp_path: Path) -> None:
    out, cache = tmp_path / "m", tmp_path / "cache"
    run = start(videos, out, cache)
    until(run, lambda line: line.startswith("encoder 20"))
    run.send_signal(signal.SIGINT)
    text, errors = run.communicate(timeout=120)
    assert run.returncode == 130, errors
    done = steps_in(out / "checkpoints" / "encoder.ckpt")
    last = max((int(line.split()[1]) for line in text.splitlines() if line.startswith("encoder ")), default=20)
    assert done == last  # the very step that it was stopped at
    again = start(videos, out, cache, resume=True)
    text, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert first_step(text) == done + 1
    assert (out / "model.safetensors").is_file()


def test_killed_scoring_leaves_finished_videos_and_no_halves(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with own_cache(tmp_path / "cache"):
        normalcy.train(videos, tmp_path / "m", preset="tiny", sets=TINY, device="cpu")
    for i in range(2):
        odd_video(tmp_path / "test" / f"{i}.mp4", seed=i)
    code = (
        "import sys, time, normalcy\n"
        "def tell(stage, done, total, figures):\n"
        "    print(stage, flush=True)\n"
        "    time.sleep(60 if stage == 'score 1' else 0)\n"
        "normalcy.score(sys.argv[1], sys.argv[2], sys.argv[3], device='cpu', maps=True, progress=tell)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "test"), str(tmp_path / "m"), str(out)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(run, lambda line: line.strip() == "score 1")
    run.kill()
    run.communicate()
    assert (out / "0" / "run.json").is_file()
    assert [p.name for p in (out / "1").iterdir() if not p.name.startswith(".")] == []
    r = normalcy.score(tmp_path / "test", tmp_path / "m", out, maps=True, device="cpu")
    assert [v.skipped for v in r.videos] == [True, False]
    assert not [p for p in (out / "1").iterdir() if p.name.startswith(".")]


def test_train_score_evaluate(tmp_path: Path) -> None:
    """Three commands on data with a plain anomaly: above chance, and above scores that never look at the picture."""
    normal = normal_videos(tmp_path / "normal", count=3, frames=80)
    (tmp_path / "labels").mkdir()
    for i, (a, b) in enumerate([(30, 45), (10, 30), (40, 58)]):
        odd_video(tmp_path / "test" / f"{i}.mp4", start=a, stop=b, seed=i)
        y = np.zeros(60, np.uint8)
        y[a:b] = 1
        np.save(tmp_path / "labels" / f"{i}.npy", y)
    with own_cache(tmp_path / "cache"):
        normalcy.train(normal, tmp_path / "m", preset="tiny", device="cpu")
    normalcy.score(tmp_path / "test", tmp_path / "m", tmp_path / "out", sets=["scoring.sigma_s=0.08"], device="cpu")
    r = normalcy.evaluate(tmp_path / "out", tmp_path / "labels", resamples=100)
    by_name = {row.name: row.values["micro_auc"] for row in r.rows}
    assert by_name["constant"] == 0.5
    assert by_name["scores"] is not None and by_name["scores"] > 0.8
    assert by_name["scores"] > max(v or 0.0 for n, v in by_name.items() if n != "scores")


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo end to end on less video than it usually makes."""
    from normalcy.api import demo
    from normalcy.errors import UsageError
    from normalcy.evaluation.motion import PICTURE

    monkeypatch.setattr(demo, "TRAIN_CLIPS", 2)
    monkeypatch.setattr(demo, "TRAIN_FRAMES", 60)
    monkeypatch.setattr(demo, "TEST_CLIPS", 2)
    monkeypatch.setattr(demo, "TEST_FRAMES", 80)
    stages: list[str] = []
    out = tmp_path / "demo"
    with own_cache(tmp_path / "cache"):
        r = normalcy.demo(out, preset="tiny", progress=lambda s, d, t, f: stages.append(s))
    names = [row.name for row in r.rows]
    assert names[0] == "fused" and names[-7:] == [*PICTURE, "random (mean of 20)", "constant", "position"]
    assert {"simulate", "train", "score and evaluate", "report", "watch"} == set(r.seconds)
    page = r.report.read_text(encoding="utf-8")
    assert "What the model learned" in page
    assert r.watched is not None and (r.watched / "events.db").exists()
    assert "motion (by row)" in page and "data:image/jpeg" in page and "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    results = json.loads((out / "results.json").read_text())
    assert results["rows"][0]["values"]["micro_auc"] == r.rows[0].values["micro_auc"]
    assert {"simulate", "decode", "encoder", "score 01", "motion baselines"} <= set(stages)
    with (out / "scores" / "01" / "scores.csv").open() as f:
        assert sum(1 for _ in csv.reader(f)) == 81

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="mine"):
        normalcy.demo(tmp_path / "mine")
