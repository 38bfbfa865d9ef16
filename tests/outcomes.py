"""Finished cells, made up."""

from __future__ import annotations

from collections.abc import Mapping

from normalcy.experiments.halves import ALL
from normalcy.experiments.store import Measured, Outcome, Part

FUSED = Measured(
    {"micro_auc": 0.812, "macro_auc_padded": 0.9, "macro_auc_defined": None},
    {"micro_auc": (0.7, 0.9)},
    {"<0.5 %": {"auc": None, "low": None, "high": None, "frames": 0, "videos": 0}},
)
RANDOM = {"random (mean of 20)": Measured({"micro_auc": 0.5, "macro_auc_padded": 0.6, "macro_auc_defined": 0.5})}


def part(scores: Mapping[str, Measured], baselines: Mapping[str, Measured] | None = None) -> Part:
    """40 frames of two clips, 12 of them abnormal."""
    return Part(["01", "02"], 40, 12, scores, RANDOM if baselines is None else baselines)


OUTCOME = Outcome(
    key="a" * 20,
    name="CJ",
    dataset="folder",
    where="yard",
    seed=0,
    preset="cpu",
    sets=["train.steps=9"],
    untrained=False,
    control=None,
    config="cfg",
    code="code",
    commit="abc",
    length=5,
    protocol="train, gaussian 0.5 s",
    readouts=["density"],
    label_source="testing/labels",
    parts={ALL: part({"fused": FUSED})},
    alarms={"events": 3, "detected": 2, "false_alarms": 0, "normal_hours": 0.1, "alarm_share_normal": 0.25},
    figures={"encoder/val/continuity_accuracy": 0.75, "encoder/train/loss": 1.0},
    seconds={"train": 10.0, "calibrate": 2.0, "score": 4.0},
    frames_per_s=100.0,
    precision="fp32",
    network_reused=False,
    split={"train_videos": 2, "train_frames": 48, "test_videos": 2, "test_frames": 40, "abnormal_frames": 12},
    threads=1,
    machine={"processor": "one", "cores": "2", "torch": "2"},
    notes=["a note"],
    finished="2026-01-01T00:00:00+00:00",
)
