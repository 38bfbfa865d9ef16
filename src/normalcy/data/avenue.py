"""CUHK Avenue: videos as .avi, pixel masks in MATLAB cell arrays, and three label sets in circulation.

``training_videos/NN.avi``, ``testing_videos/NN.avi`` and ``ground_truth_demo/testing_label_mask/N_label.mat`` (variable
``volLabel``, one (H, W) cell per frame; N is not zero-padded). The label sets, of 15324 test frames:

- ``masks`` (default): a frame is abnormal if its official pixel mask is not empty, 3712 frames;
- ``hasan``: the intervals of Hasan et al. (CVPR 2016), 3867 frames, from ``avenue.mat`` (variable ``gt``: one 2 x K cell per
  video, 1-based inclusive) or from ``labels_hasan/N.npy``;
- ``files``: any other labels, from ``labels/N.npy``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.data import arrays, layout
from normalcy.data.base import Dataset, Labels, Masks, TestVideo, TrainVideo, find_gaps, frame_count, once
from normalcy.data.matlab import read_cells
from normalcy.errors import DataError, UsageError
from normalcy.video.source import VideoRef, natural_key

LABEL_SOURCES = ("masks", "hasan", "files")


def read(root: Path, labels: str | None = None) -> Dataset:
    """``root`` is the folder with ``training_videos``, or its parent; ``ground_truth_demo`` lies in either.

    Raises:
        UsageError: ``labels`` is none of :data:`LABEL_SOURCES`.
        DataError: no such folder, or two videos of one name.
    """
    source = labels or LABEL_SOURCES[0]
    if source not in LABEL_SOURCES:
        raise UsageError(f"unknown label set {source!r} of avenue; choose one of {', '.join(LABEL_SOURCES)}")
    layout.check_root(root)
    base = next((root / d for d in (".", "Avenue Dataset", "Avenue_Dataset") if (root / d / "testing_videos").is_dir()), root)
    at = "ground_truth_demo/testing_label_mask"
    mask_dir = next((p for p in (root / at, base / at, root / "testing_label_mask") if p.is_dir()), root / at)
    mask_files = _numbered(layout.files(mask_dir, {".mat"}))
    train = tuple(TrainVideo(r.name, r) for r in layout.videos(base / "training_videos"))
    refs = {r.name: r for r in layout.videos(base / "testing_videos")}
    known = {layout.number_in(n) for n in refs}
    label_set = _label_set(source, root, base, mask_files)
    names = sorted(set(refs) | {f"{k:02d}" for k in label_set.numbers if k not in known}, key=natural_key)
    expected = (refs.get(n, VideoRef(n, base / "testing_videos" / f"{n}.avi", "file")) for n in names)
    test = tuple(_test_video(r, mask_files, label_set) for r in expected)
    labels_at = {"masks": f"{at}/N_label.mat", "hasan": "avenue.mat or labels_hasan/N.npy", "files": "labels/N.npy"}[source]
    gaps = find_gaps(train, test, "training_videos/NN.avi", "testing_videos/NN.avi", labels_at, f"{at}/N_label.mat")
    return Dataset("avenue", root, train, test, source, (), gaps)


def _numbered(paths: list[Path]) -> dict[int, Path]:
    """Files by the number in their name, which is zero-padded in one folder and not in the other."""
    return {k: p for p in paths if (k := layout.number_in(p.stem)) is not None}


@dataclass(frozen=True, slots=True)
class _LabelSet:
    """One of the three label sets as found on disk."""

    numbers: set[int]
    """The videos that it covers."""
    read: Callable[[VideoRef, int], Labels]
    intervals: bool = False
    """Whether it gives ranges, which have no length of their own."""


def _label_set(source: str, root: Path, base: Path, mask_files: dict[int, Path]) -> _LabelSet:
    if source == "masks":
        return _LabelSet(set(mask_files), lambda _, k: mask_labels(mask_files[k]))
    below = {"hasan": "labels_hasan", "files": "labels"}[source]
    folder = next((p for p in (root / below, base / below) if p.is_dir()), None)
    if folder is not None:
        found = _numbered(layout.files(folder, {".npy"}))
        return _LabelSet(set(found), lambda _, k: arrays.as_labels(arrays.read_npy(found[k]), found[k]))
    path = next((p for p in (root / "avenue.mat", base / "avenue.mat") if p.is_file()), None)
    if source == "hasan" and path is not None:
        ranges = {k: _intervals(c, path, k) for k, c in enumerate(read_cells(path, "gt"), 1)}
        return _LabelSet(set(ranges), lambda ref, k: _from_intervals(ranges[k], path, ref, mask_files.get(k)), intervals=True)
    return _LabelSet(set(), lambda _, k: np.zeros(0, dtype=np.uint8))


def _test_video(ref: VideoRef, mask_files: dict[int, Path], label_set: _LabelSet) -> TestVideo:
    number = layout.number_in(ref.name)
    labelled, masked = number in label_set.numbers, number in mask_files

    def labels() -> Labels:
        if number is None or not labelled:
            raise DataError(f"{ref.path}: the chosen label set has no labels for this video")
        return label_set.read(ref, number)

    def masks() -> Masks:
        return read_masks(mask_files[number or 0])

    return TestVideo(
        ref.name,
        ref,
        once(labels),
        masks=masks if masked else None,
        labelled=labelled,
        needs_footage=label_set.intervals and not masked,
    )


def read_masks(path: Path) -> Masks:
    """(N, H, W) bool from the ``volLabel`` cells of one file. Raises DataError if they are not N masks of one size."""
    layers = _layers(path)
    masks = np.empty((len(layers), *layers[0].shape), dtype=np.bool_)
    for mask, layer in zip(masks, layers, strict=True):  # one by one: a clip is some 300 MB
        mask[...] = layer != 0
    return masks


def mask_labels(path: Path) -> Labels:
    """(N,) uint8: 1 where the mask of that frame has any pixel set. Raises DataError as :func:`read_masks`."""
    return np.array([layer.any() for layer in _layers(path)], dtype=np.uint8)


def _layers(path: Path) -> list[NDArray[Any]]:
    layers = read_cells(path, "volLabel")
    if not layers or any(a.shape != layers[0].shape or a.ndim != 2 or a.dtype.kind not in "biuf" for a in layers):
        raise DataError(f"{path}: the cells of volLabel are not all masks of one size")
    return layers


def _intervals(cell: NDArray[Any], path: Path, number: int) -> list[tuple[int, int]]:
    pairs = cell.reshape(2, -1) if cell.size % 2 == 0 and cell.shape[0] in (1, 2) else None
    if pairs is None or cell.dtype.kind not in "iuf" or (pairs[0] > pairs[1]).any() or (pairs[0] < 1).any():
        raise DataError(f"{path}: cell {number} of gt is not 2 x K with 1-based inclusive ranges of frames")
    return [(int(start) - 1, int(end)) for start, end in pairs.T]


def _from_intervals(ranges: list[tuple[int, int]], path: Path, ref: VideoRef, mask_file: Path | None) -> Labels:
    if ref.path.exists():
        frames = frame_count(ref)
    elif mask_file is not None:
        frames = len(read_cells(mask_file, "volLabel"))
    else:
        raise DataError(f"{path}: intervals have no length of their own, and {ref.path} is not there")
    return arrays.from_ranges(ranges, frames)
