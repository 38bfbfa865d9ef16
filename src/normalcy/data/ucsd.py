"""UCSD Ped1 and Ped2: frame folders, ``_gt`` mask folders beside them, labels in a MATLAB script.

``UCSDpedX/Train/TrainNNN/*.tif``, ``UCSDpedX/Test/TestNNN/*.tif``, ``UCSDpedX/Test/TestNNN_gt/*.bmp`` (some clips) and
``UCSDpedX/Test/UCSDpedX.m``, whose k-th line ``TestVideoFile{end+1}.gt_frame = [a:b, c:d];`` gives the abnormal frames of
clip k, 1-based and inclusive.
"""

from __future__ import annotations

import re
from pathlib import Path

from normalcy.data import arrays, layout
from normalcy.data.base import Dataset, Labels, Masks, TestVideo, TrainVideo, find_gaps, frame_count, once
from normalcy.errors import DataError
from normalcy.video.source import PICTURE_SUFFIXES, VideoRef, natural_key

_GT = re.compile(r"TestVideoFile\s*\{([^}]*)\}\s*\.\s*gt_frame\s*=\s*\[([^\]]*)\]")


def read_ped1(root: Path, labels: str | None = None) -> Dataset:
    """UCSD Ped1. Masks exist for part of the test clips. Raises DataError; see :func:`_read`."""
    return _read(root, 1)


def read_ped2(root: Path, labels: str | None = None) -> Dataset:
    """UCSD Ped2. Raises DataError; see :func:`_read`."""
    return _read(root, 2)


def _read(root: Path, which: int) -> Dataset:
    """``root`` is the unpacked archive (UCSD_Anomaly_Dataset.v1p2), its parent, or the UCSDpedX folder itself.

    Raises:
        DataError: no such folder, or a label file that cannot be parsed.
    """
    layout.check_root(root)
    name = f"UCSDped{which}"
    base = root if (root / "Test").is_dir() else layout.first_dir(root, name, f"UCSD_Anomaly_Dataset.v1p2/{name}")
    script = next((p for p in (base / "Test" / f"{name}.m", base / f"{name}.m") if p.is_file()), base / "Test" / f"{name}.m")
    ranges = parse_gt(script) if script.is_file() else {}
    train = tuple(TrainVideo(p.name, VideoRef(p.name, p, "frames")) for p in _clips(base / "Train"))
    clips = {p.name: p for p in _clips(base / "Test")}
    names = sorted(clips.keys() | {f"Test{k:03d}" for k in ranges}, key=natural_key)
    test = tuple(_test_video(n, clips.get(n, base / "Test" / n), ranges, script) for n in names)
    at = (f"{name}/Train/TrainNNN", f"{name}/Test/TestNNN", f"{name}/Test/{name}.m", f"{name}/Test/TestNNN_gt")
    gaps = find_gaps(train, test, *at)
    return Dataset(f"ped{which}", root, train, test, f"{name}.m", (), gaps)


def _clips(folder: Path) -> list[Path]:
    return [
        p for p in layout.entries(folder) if p.is_dir() and not p.name.endswith("_gt") and layout.files(p, {".tif", ".tiff"})
    ]


def _test_video(name: str, folder: Path, ranges: dict[int, list[tuple[int, int]]], script: Path) -> TestVideo:
    mine = ranges.get(layout.number_in(name) or 0)
    ref = VideoRef(name, folder, "frames")
    mask_files = layout.files(folder.with_name(f"{name}_gt"), PICTURE_SUFFIXES)
    reach = max((end for _, end in mine or ()), default=0)

    def labels() -> Labels:
        if mine is None:
            raise DataError(f"{script}: no frame labels for {name}")
        frames = frame_count(ref) if folder.is_dir() else len(mask_files)
        if not frames:
            raise DataError(f"{folder}: no frames, so the labels of {name} in {script.name} have no length")
        if reach > frames:
            raise DataError(f"{script}: {name} is abnormal up to frame {reach}, but {folder} has {frames} frames")
        return arrays.from_ranges(mine, frames)

    def masks() -> Masks:
        return arrays.read_mask_images(mask_files)

    return TestVideo(
        name,
        ref,
        once(labels),
        masks=masks if mask_files else None,
        labelled=mine is not None,
        needs_footage=not mask_files,
        reaches=reach,
    )


def parse_gt(script: Path) -> dict[int, list[tuple[int, int]]]:
    """Abnormal ranges per clip number from ``UCSDpedX.m``, as half-open 0-based (start, end).

    Raises:
        DataError: no ``gt_frame`` line, or a range that is not ``a:b`` or ``a`` with 1 <= a <= b.
    """
    text = "\n".join(line.split("%", 1)[0] for line in arrays.read_text(script).splitlines())
    found: dict[int, list[tuple[int, int]]] = {}
    for index, body in _GT.findall(text):
        clip = int(index) if index.strip().isdigit() else len(found) + 1
        found[clip] = [_range(token, script) for token in re.split(r"[,;\s]+", re.sub(r"\s*:\s*", ":", body)) if token]
    if not found:
        raise DataError(f"{script}: no line like TestVideoFile{{end+1}}.gt_frame = [a:b];")
    return found


def _range(token: str, script: Path) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?::(\d+))?", token)
    start, end = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= start <= end:
        raise DataError(f"{script}: {token!r} is not a 1-based range of frames a:b")
    return start - 1, end
