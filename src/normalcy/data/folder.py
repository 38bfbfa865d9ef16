"""The plain ``folder`` layout: any footage, and labels where there are some.

::

    training/videos/NAME.mp4 (or a folder of images)      normal footage only
    testing/videos/NAME.mp4  (or a folder of images)
    testing/labels/NAME.npy                               one 0/1 per frame
    testing/masks/NAME.npz                                key "masks": bool (frames, height, width); optional
    testing/tracks/NAME.txt                               track_id,frame,x1,y1,x2,y2; optional
    scenes.csv                                            name,scene with a header line; optional
"""

from __future__ import annotations

import csv
from pathlib import Path

from normalcy.data import arrays, layout
from normalcy.data.base import ONE_SCENE, Dataset, Labels, Masks, TestVideo, Tracks, TrainVideo, find_gaps, once
from normalcy.errors import DataError
from normalcy.video.source import VideoRef, natural_key


def read(root: Path, labels: str | None = None) -> Dataset:
    """List a ``folder`` data set. ``labels`` names another label folder than ``labels``, in ``testing/`` or in the root.

    A test video without labels and labels without footage are both listed; the gaps say which.

    Raises:
        DataError: no such folder, no such label folder, or two videos of one name.
    """
    layout.check_root(root)
    scenes = _scenes(root / "scenes.csv")
    testing = root / "testing"
    label_dir = _label_dir(root, labels)
    train = tuple(TrainVideo(r.name, r, scenes.get(r.name, ONE_SCENE)) for r in layout.videos(root / "training" / "videos"))
    refs = {r.name: r for r in layout.videos(testing / "videos")}
    label_files = {p.stem: p for p in layout.files(label_dir, {".npy"})}
    test = tuple(_test_video(n, refs, label_files, label_dir, testing, scenes) for n in _names(refs, label_files, labels))
    source = str(label_dir.relative_to(root))
    gaps = find_gaps(train, test, "training/videos", "testing/videos", f"{source}/NAME.npy", "testing/masks/NAME.npz")
    return Dataset("folder", root, train, test, source, (), gaps)


def _label_dir(root: Path, labels: str | None) -> Path:
    default = root / "testing" / "labels"
    if labels is None:
        return default
    for candidate in (root / "testing" / labels, root / labels):
        if candidate.is_dir() and candidate.resolve().is_relative_to(root.resolve()):
            return candidate
    raise DataError(f"{root}: no label folder {labels!r}, neither in testing/ nor beside it")


def _names(refs: dict[str, VideoRef], label_files: dict[str, Path], labels: str | None) -> list[str]:
    """Names of the test videos. A chosen label folder may cover more videos than the copy at hand: only those here count."""
    names = set(refs) if labels is not None and refs else set(refs) | set(label_files)
    return sorted(names, key=natural_key)


def _test_video(
    name: str, refs: dict[str, VideoRef], label_files: dict[str, Path], label_dir: Path, testing: Path, scenes: dict[str, str]
) -> TestVideo:
    label_file = label_files.get(name, label_dir / f"{name}.npy")
    mask_file, track_file = testing / "masks" / f"{name}.npz", testing / "tracks" / f"{name}.txt"

    def labels() -> Labels:
        return arrays.as_labels(arrays.read_npy(label_file), label_file)

    def masks() -> Masks:
        return arrays.as_masks(arrays.read_npz(mask_file, "masks"), mask_file)

    def tracks() -> Tracks:
        return arrays.read_tracks(track_file)

    return TestVideo(
        name=name,
        ref=refs.get(name, VideoRef(name, testing / "videos" / f"{name}.mp4", "file")),
        labels=once(labels),
        scene=scenes.get(name, ONE_SCENE),
        masks=masks if mask_file.is_file() else None,
        tracks=tracks if track_file.is_file() else None,
        labelled=name in label_files,
    )


def _scenes(path: Path) -> dict[str, str]:
    """Scene of each named video, training and test alike; empty without the file."""
    if not path.is_file():
        return {}
    rows = list(csv.DictReader(arrays.read_text(path).splitlines()))
    if any(not row.get("name") or not row.get("scene") for row in rows):
        raise DataError(f"{path}: expected the columns name and scene, filled in on every line")
    return {row["name"]: row["scene"] for row in rows}
