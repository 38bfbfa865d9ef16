"""Scores of any method against labels, from files and from arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import normalcy
from normalcy.errors import DataError, MetricError, UsageError

RNG = np.random.default_rng(0)


def write(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, a in arrays.items():
        np.save(folder / f"{name}.npy", a)
    return folder


@pytest.fixture
def labels() -> dict[str, np.ndarray]:
    return {f"{i:02d}": np.r_[np.zeros(30), np.ones(10 + i), np.zeros(5)].astype(np.uint8) for i in range(4)}


@pytest.fixture
def scores(labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n: y + RNG.normal(0, 0.8, len(y)) for n, y in labels.items()}


def test_arrays(scores: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
    r = normalcy.evaluate(scores, labels, resamples=50, name="mine")
    assert r.metrics.micro_auc == pytest.approx(
        roc_auc_score(np.concatenate(list(labels.values())), np.concatenate(list(scores.values())))
    )
    assert [row.name for row in r.rows] == ["mine", "random (mean of 20)", "constant", "position"]
    assert r.rows[2].values["micro_auc"] == 0.5
    assert (r.metrics.videos, r.metrics.frames, r.metrics.abnormal_frames) == (4, 4 * 45 + 6, 46)
    bounds = r.intervals.intervals["micro_auc"]
    assert bounds.low is not None and bounds.high is not None and bounds.low <= r.metrics.micro_auc <= bounds.high
    json.dumps(r.to_dict(), allow_nan=False)


def test_folders_of_any_method_agree_with_arrays(
    scores: dict[str, np.ndarray], labels: dict[str, np.ndarray], tmp_path: Path
) -> None:
    label_dir = write(tmp_path / "labels", labels)
    npy = write(tmp_path / "npy", scores)
    table = tmp_path / "csv"
    table.mkdir()
    for n, s in scores.items():
        (table / f"{n}.csv").write_text("score\n" + "\n".join(repr(float(v)) for v in s) + "\n")
    expected = normalcy.evaluate(scores, labels, resamples=5).metrics
    for folder in (npy, table):
        r = normalcy.evaluate(folder, label_dir, resamples=5)
        assert r.metrics == expected
        assert r.rows[0].protocol == "as given"


def test_lengths_that_differ_name_both_files(
    scores: dict[str, np.ndarray], labels: dict[str, np.ndarray], tmp_path: Path
) -> None:
    scores["02"] = scores["02"][:-1]
    with pytest.raises(DataError, match=r"(?s)scores.02\.npy.*labels.02\.npy"):
        normalcy.evaluate(write(tmp_path / "scores", scores), write(tmp_path / "labels", labels))
    with pytest.raises(DataError, match="'02'"):
        normalcy.evaluate(scores, labels)


def test_missing_videos_and_one_class(scores: dict[str, np.ndarray], labels: dict[str, np.ndarray], tmp_path: Path) -> None:
    fewer = {n: s for n, s in scores.items() if n != "01"}
    with pytest.raises(DataError, match="01"):
        normalcy.evaluate(write(tmp_path / "s", fewer), write(tmp_path / "l", labels))
    with pytest.raises(MetricError, match="both classes"):
        normalcy.evaluate({"a": np.arange(5.0)}, {"a": np.zeros(5, np.uint8)})
    with pytest.raises(UsageError, match="both"):
        normalcy.evaluate(tmp_path / "s", labels)


def test_scored_videos_carry_their_protocol_to_the_baselines(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    y = np.zeros(60, np.uint8)
    y[30:45] = 1
    labels = write(tmp_path / "labels", {"odd": y})
    masks = tmp_path / "masks"
    masks.mkdir()
    m = np.zeros((60, 64, 96), np.bool_)
    m[30:45, 36:60] = True
    np.savez(masks / "odd.npz", masks=m)
    normalcy.score(odd, model_dir, tmp_path / "out", device="cpu", maps=True)
    r = normalcy.evaluate(tmp_path / "out", labels, masks=masks, resamples=5)
    assert {row.protocol for row in r.rows} == {"train, gaussian 0.7 s"}
    assert all(row.peeked is None for row in r.rows)
    assert r.pixel is not None and 0 <= r.pixel.pixel_auc <= 1
    assert sum(b.frames for b in r.sizes["scores"].bins) == 15
    normalcy.score(odd, model_dir, tmp_path / "pv", device="cpu", sets=["scoring.normalise=per_video"])
    r = normalcy.evaluate(tmp_path / "pv", labels, masks=masks, resamples=5)
    assert all(row.peeked for row in r.rows)
    assert r.pixel is None and any("--maps" in n for n in r.notes)


def test_masks_of_strangers(scores: dict[str, np.ndarray], labels: dict[str, np.ndarray], tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    np.savez(masks / "99.npz", masks=np.zeros((40, 8, 8), np.bool_))
    with pytest.raises(DataError, match="99"):
        normalcy.evaluate(scores, labels, masks=masks)
