"""Motion magnitude alone does not solve the simulated scene, and there is something in it that can be learned."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from normalcy.virtual.generate import Scenario, deal_kinds

Floats = NDArray[np.float64]
GRID = (40, 30)
SEEDS = (0, 1, 2)
SMOOTH = np.exp(-0.5 * (np.arange(-15, 16) / 5) ** 2)


def differences(greys: list[NDArray[np.uint8]]) -> Floats:
    """(N, 30, 40) mean absolute frame difference in blocks (8x8 pixels at 320x240)."""
    pairs = zip(greys[:1] + greys[:-1], greys, strict=True)
    return np.stack([cv2.resize(cv2.absdiff(a, b).astype(np.float32), GRID, interpolation=cv2.INTER_AREA) for a, b in pairs])


def flow_words(greys: list[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """(N, 30, 40) which of 49 coarse velocities (size and direction) each block has."""
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    soft = [cv2.GaussianBlur(grey, (0, 0), 1.0) for grey in greys]
    flow = np.stack([cv2.resize(method.calc(a, b, None), GRID) for a, b in zip(soft[:1] + soft[:-1], soft, strict=True)])
    size = np.digitize(np.hypot(flow[..., 0], flow[..., 1]) * 320 / greys[0].shape[1], [0.15, 0.5, 1.0, 1.8, 3.0, 5.0])
    angle = ((np.arctan2(flow[..., 1], flow[..., 0]) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    return np.where(size == 0, 0, 1 + (size - 1) * 8 + angle)


def top(maps: Floats) -> Floats:
    """Mean of the top 1 % of places, per frame."""
    return np.sort(maps.reshape(len(maps), -1), axis=1)[:, -12:].mean(axis=1)


def rareness(words: Iterable[NDArray[np.int64]], tests: list[NDArray[np.int64]]) -> list[Floats]:
    """How rare each test frame's velocities are for their place in the training clips."""
    seen = np.concatenate(list(words))
    counts = np.stack([cv2.GaussianBlur((seen == k).sum(axis=0).astype(np.float64), (0, 0), 1.5) for k in range(49)], axis=-1)
    chance = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 25)
    rows, columns = np.mgrid[: GRID[1], : GRID[0]]
    return [top(-np.log(chance[rows, columns, word])) for word in tests]


def figures(seed: int) -> dict[str, float]:
    """Micro AUC of each score over six test clips, statistics from four training clips."""
    scenario = Scenario((160, 120), seed=seed)
    grey = [[cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in scenario.normal_clip(100 + i, 150)] for i in range(4)]
    tests, labels = [], []
    for i, kinds in enumerate(deal_kinds(seed, 6)):
        clip = list(scenario.anomalous_clip(200 + i, 200, kinds))
        tests.append([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image, _, _ in clip])
        labels += [label for _, label, _ in clip]
    train = np.concatenate([differences(clip) for clip in grey])
    mean, std = train.mean(axis=(0, 2)), train.std(axis=(0, 2)) + 1e-3
    moved = [differences(clip) for clip in tests]
    scores = {
        "mean difference": [maps.mean(axis=(1, 2)) for maps in moved],
        "row-normalised motion": [top((maps - mean[:, None]) / std[:, None]) for maps in moved],
        "velocity for its place": rareness(map(flow_words, grey), [flow_words(clip) for clip in tests]),
    }
    smooth = {name: [np.convolve(np.pad(s, 15, mode="edge"), SMOOTH, "valid") for s in clips] for name, clips in scores.items()}
    return {name: float(roc_auc_score(labels, np.concatenate(clips))) for name, clips in smooth.items()}


@pytest.mark.slow
def test_motion_magnitude_does_not_solve_it_and_velocity_for_its_place_does_better() -> None:
    runs = [figures(seed) for seed in SEEDS]
    report = "; ".join(", ".join(f"{name} {auc:.3f}" for name, auc in run.items()) for run in runs)
    for name in ("mean difference", "row-normalised motion"):
        aucs = [run[name] for run in runs]
        assert max(aucs) < 0.75 and min(aucs) > 0.25, report
        assert 0.35 < np.mean(aucs) < 0.65, report
    learnable = [run["velocity for its place"] for run in runs]
    motion = [run["row-normalised motion"] for run in runs]
    assert min(learnable) > 0.58 and np.mean(learnable) > np.mean(motion) + 0.1, report
