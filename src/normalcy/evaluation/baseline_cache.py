"""Motion and interpolation error of a data set's test videos, kept on disk: the same for every model."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.config import VideoConfig
from normalcy.evaluation.motion import GLOBAL, INTERPOLATION, PICTURE, Rows, change_scores, fit_rows
from normalcy.evaluation.protocol import Scores
from normalcy.files import write_files
from normalcy.results.record import stamp
from normalcy.types import Progress
from normalcy.versions import version
from normalcy.video.source import VideoRef

FORMAT = 2
"""Raised whenever what is measured changes; older files are then not found again."""


def raw_motion(
    train: Sequence[VideoRef],
    test: Sequence[VideoRef],
    folder: Path,
    progress: Progress | None = None,
    config: VideoConfig | None = None,
) -> dict[str, Scores]:
    """Motion and interpolation error of each test video, not smoothed: over the whole frame, and by image row in units of the
    training videos.

    ``folder`` keeps one file per finished video. Without training videos those by row are left out: there is nothing that a
    row could be compared with.
    config: how videos are read; test videos that are damaged are refused where it says so, as they are for the method. Training
    videos are not: what is sound of them was trained on.
    Returns method -> video -> (N,) scores. Raises SourceError, VideoError, TrainingError, OutputError.
    """
    trained_on = [stamp(r) for r in train]
    rows: Rows | None = None
    scores: dict[str, Scores] = {method: {} for method in (PICTURE if train else (GLOBAL, INTERPOLATION))}
    for i, ref in enumerate(test):
        if progress is not None:
            progress("motion baselines", i, len(test), {})
        path = folder / f"{_key(ref, trained_on, config)}.npy"
        values = _kept(path)
        if values is None:
            if rows is None and train:
                rows = fit_rows(train, None if config is None else config.model_copy(update={"damage": "skip"}))
            values = change_scores(ref, rows, config)
            _keep(path, values)
        for method, v in zip(scores, values, strict=True):
            scores[method][ref.name] = v
    if progress is not None:
        progress("motion baselines", len(test), len(test), {})
    return scores


def _key(ref: VideoRef, trained_on: object, config: VideoConfig | None) -> str:
    parts: list[object] = [version(), FORMAT, stamp(ref), trained_on]
    read = VideoConfig() if config is None else config.model_copy(update={"damage": "skip"})
    if read != VideoConfig():
        parts.append(read.model_dump(mode="json"))
    if config is not None and config.damage != "skip":
        parts.append(config.damage)  # what was kept of a damaged video is not found where it is refused
    marks = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(marks.encode()).hexdigest()[:24]


def _kept(path: Path) -> NDArray[np.float64] | None:
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except (OSError, ValueError):
        return None  # not there, or damaged: measure again


def _keep(path: Path, values: NDArray[np.float64]) -> None:
    content = io.BytesIO()
    np.save(content, values)
    write_files(path.parent, {path.name: content.getvalue()})
