"""One finished cell of a reproduced table, made up."""

from __future__ import annotations

from normalcy.experiments.store import Measured, Outcome

FUSED = Measured(
    {"micro_auc": 0.812, "macro_auc_padded": 0.9, "macro_auc_defined": None},
    {"micro_auc": (0.7, 0.9)},
    {"<0.5 %": {"auc": None, "low": None, "high": None, "frames": 0, "videos": 0}},
)
OUTCOME = Outcome(
    fingerprint="a" * 20,
    dataset="folder",
    where="yard",
    row="CJ",
    label="CJ",
    tasks=["CJ"],
    length=5,
    seed=0,
    preset="cpu",
    sets=[],
    untrained=False,
    readouts=["density"],
    protocol="train, gaussian 0.5 s",
    label_source="testing/labels",
    data_notes=[],
    split={"train_videos": 2, "train_frames": 48, "test_videos": 2, "test_frames": 48, "abnormal_frames": 22},
    scores={"fused": FUSED},
    beside={"random (mean of 20)": Measured({"micro_auc": 0.5, "macro_auc_padded": 0.6, "macro_auc_defined": 0.5})},
    dropped={},
    added={},
    figures={"train/loss": 1.0},
    seconds={"train": 60.0, "score": 4.0},
    machine={"processor": "one", "cores": "2", "torch": "2"},
    command="normalcy reproduce table2",
    finished="2026-01-01T00:00:00+00:00",
)
