"""Score files and label files of any method, and which belongs to which.

Scores: ``DIR/NAME/scores.csv`` (as normalcy writes them), ``DIR/NAME.csv`` (a column ``score``, or one column alone with or
without a header) or ``DIR/NAME.npy``. Labels: ``DIR/NAME.npy`` of 0 and 1. Masks: ``DIR/NAME.npz``, key ``masks``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normalcy.data import arrays, layout
from normalcy.data.base import Labels, Masks, abbreviate
from normalcy.errors import DataError
from normalcy.video.source import natural_key

Scores = NDArray[np.float64]
"""(N,) float64, one per frame, higher = more abnormal, finite."""


def load_score_folder(path: str | Path) -> dict[str, Scores]:
    """Scores per video name, in natural order of the names.

    Raises:
        DataError: no such folder, no score file, two files for one video, or a file that is not one finite number a frame.
    """
    return {name: read_scores(file) for name, file in score_files(Path(path)).items()}


def load_label_folder(path: str | Path) -> dict[str, Labels]:
    """(N,) uint8 labels per video name, in natural order of the names. Raises DataError as :func:`load_score_folder`."""
    return {name: arrays.as_labels(arrays.read_npy(file), file) for name, file in label_files(Path(path)).items()}


def load_mask_folder(path: str | Path) -> dict[str, Callable[[], Masks]]:
    """A loader of (N, H, W) bool masks per video name; a file is read when its loader is called. Raises DataError."""
    found = _by_name(_folder(Path(path), {".npz"}), Path(path), "mask file (NAME.npz)")
    return {name: _mask_loader(file) for name, file in found.items()}


def _mask_loader(file: Path) -> Callable[[], Masks]:
    return lambda: arrays.as_masks(arrays.read_npz(file, "masks"), file)


def match(
    scores: Mapping[str, Scores], labels: Mapping[str, Labels], score_dir: str | Path, label_dir: str | Path
) -> tuple[dict[str, Scores], dict[str, Labels]]:
    """Scores and labels under the same names (those of the labels): equal names, else names equal without leading zeros.

    Raises:
        DataError: a video on one side only, a name that could be two, or lengths that differ; both files are named.
    """
    score_at, label_at = Path(score_dir), Path(label_dir)
    partner = match_names(scores, labels, score_at, label_at)
    for name, other in partner.items():
        n, m = len(scores[other]), len(labels[name])
        if n != m:
            files = f"{_file(score_files, score_at, other)} has {n} scores, {_file(label_files, label_at, name)} has {m} labels"
            raise DataError(f"{files}: {difference(n, m, 'score')}; there must be one of each per frame")
    return {name: scores[other] for name, other in partner.items()}, {name: labels[name] for name in partner}


def match_names(scores: Mapping[str, object], labels: Mapping[str, object], score_dir: Path, label_dir: Path) -> dict[str, str]:
    """Label name -> score name for every video. Raises DataError naming what has no counterpart."""
    loose: dict[tuple[tuple[int, int, str], ...], list[str]] = {}
    for name in scores:
        if name not in labels:
            loose.setdefault(_loose(name), []).append(name)
    partner: dict[str, str] = {}
    for name in labels:
        candidates = [name] if name in scores else loose.get(_loose(name), [])
        if len(candidates) > 1:
            raise DataError(f"{label_dir}: {name} could be any of {', '.join(candidates)} in {score_dir}; rename them")
        if not candidates:
            file = _file(label_files, label_dir, name)
            raise DataError(f"{file} has no scores: nothing named {name} in {score_dir}, which has {abbreviate(scores)}")
        partner[name] = candidates[0]
    for name in scores:
        users = [label for label, other in partner.items() if other == name]
        if not users:
            file = _file(score_files, score_dir, name)
            raise DataError(f"{file} has no labels: nothing named {name} in {label_dir}, which has {abbreviate(labels)}")
        if len(users) > 1:
            raise DataError(f"{label_dir}: {' and '.join(users)} both fit {name} in {score_dir}; rename them")
    return partner


def difference(have: int, want: int, thing: str) -> str:
    """How two lengths differ, in words: the off-by-one is called that."""
    d = have - want
    if abs(d) == 1:
        return f"off by one: one {thing} too {'many' if d > 0 else 'few'}"
    return f"{abs(d)} {thing}s too {'many' if d > 0 else 'few'}"


def score_files(folder: Path) -> dict[str, Path]:
    """Score file per video name. Raises DataError: no such folder, none in it, or two for one name.

    Where there is a NAME/scores.csv, tables beside the NAME folders are summaries and not scores.
    """
    beside = _folder(folder, {".csv", ".npy"})
    found = [p / "scores.csv" for p in layout.entries(folder) if (p / "scores.csv").is_file()] or beside
    return _by_name(found, folder, "score file (NAME/scores.csv, NAME.csv or NAME.npy)")


def label_files(folder: Path) -> dict[str, Path]:
    """Label file per video name. Raises DataError: no such folder or none in it."""
    return _by_name(_folder(folder, {".npy"}), folder, "label file (NAME.npy)")


def _folder(folder: Path, suffixes: set[str]) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    return layout.files(folder, suffixes)


def _by_name(found: list[Path], folder: Path, what: str) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in found:
        name = path.parent.name if path.name == "scores.csv" and path.parent != folder else path.stem
        if name in names:
            raise DataError(f"{names[name]} and {path}: two files for one video; remove one of them")
        names[name] = path
    if not names:
        raise DataError(f"{folder}: no {what} in this folder")
    return dict(sorted(names.items(), key=lambda item: (natural_key(item[0]), item[0])))


def _file(list_files: Callable[[Path], dict[str, Path]], folder: Path, name: str) -> Path:
    """The file of ``name`` for a message; the folder itself if the values did not come from files."""
    return list_files(folder).get(name, folder / name) if folder.is_dir() else folder / name


def _loose(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key under which ``1``, ``01`` and ``001`` are one name."""
    return tuple(natural_key(name))


def read_scores(path: Path) -> Scores:
    """(N,) float64 of one score file. Raises DataError if it is not one finite number per frame."""
    scores = _csv_column(path) if path.suffix.lower() == ".csv" else _npy_scores(path)
    if not scores.size:
        raise DataError(f"{path}: no scores in it")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise DataError(f"{path}: the score of frame {bad[0]} is {scores[bad[0]]}; every frame needs a finite score")
    return scores


def _npy_scores(path: Path) -> Scores:
    values = arrays.read_npy(path)
    flat = values.reshape(-1) if values.ndim and values.size == max(values.shape) else values
    if flat.ndim != 1 or flat.dtype.kind not in "biuf":
        raise DataError(f"{path}: scores have shape {values.shape} and type {values.dtype}; expected one number per frame")
    return flat.astype(np.float64)


def _csv_column(path: Path) -> Scores:
    rows = [(k, row) for k, row in enumerate(csv.reader(arrays.read_text(path).splitlines()), 1) if any(c.strip() for c in row)]
    if not rows:
        return np.zeros(0, dtype=np.float64)
    header = [cell.strip().lower() for cell in rows[0][1]]
    if "score" in header:
        column, rows = header.index("score"), rows[1:]
    elif len(header) == 1:
        column, rows = 0, rows if _is_number(header[0]) else rows[1:]
    else:
        raise DataError(f"{path}: no column named score among {', '.join(header)}")
    scores = np.empty(len(rows), dtype=np.float64)
    for i, (line, row) in enumerate(rows):
        if column >= len(row) or not _is_number(row[column]):
            raise DataError(f"{path}: line {line} has no number in the column of the scores: {','.join(row)!r}")
        scores[i] = float(row[column])
    return scores


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
