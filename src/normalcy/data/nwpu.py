"""NWPU Campus: 43 scenes named in the file names, frame labels of all test videos in one archive.

``videos/Train/D###_##.avi``, ``videos/Test/D###_##.avi`` and ``groundtruth/NWPU_Campus_gt.npz`` (or ``gt.npz``), which holds
one 0/1 array per test video under its name. The scene is the prefix D###. Some test videos are normal throughout.
"""

from __future__ import annotations

from pathlib import Path

from normalcy.data import arrays, layout
from normalcy.data.base import ONE_SCENE, Dataset, Labels, TestVideo, TrainVideo, find_gaps, once
from normalcy.errors import DataError
from normalcy.video.source import VIDEO_SUFFIXES, VideoRef, natural_key

GROUND_TRUTH = ("nwpu_campus_gt.npz", "gt.npz")


def read(root: Path, labels: str | None = None) -> Dataset:
    """``root`` is NWPUCampusDataset or its parent; folder names are accepted in either case.

    Raises:
        DataError: no such folder, a ground-truth file that is no plain archive, or two videos of one name.
    """
    layout.check_root(root)
    base = next((p for p in (root / "NWPUCampusDataset", root / "NWPU_Campus") if p.is_dir()), root)
    sides = {p.name.lower(): p for p in layout.entries(layout.first_dir(base, "videos", "Videos", ".")) if p.is_dir()}
    train = tuple(TrainVideo(r.name, r, scene_of(r.name)) for r in layout.videos(sides.get("train", base / "videos/Train")))
    test_dir = sides.get("test", base / "videos" / "Test")
    refs = {r.name: r for r in layout.videos(test_dir)}
    found = layout.find_files(base, GROUND_TRUTH, depth=2)
    archive = next((found[n] for n in GROUND_TRUTH if n in found), None)
    keys = _keys(archive) if archive else {}
    names = sorted(refs.keys() | keys.keys(), key=natural_key)
    test = tuple(_test_video(refs.get(n, VideoRef(n, test_dir / f"{n}.avi", "file")), archive, keys.get(n)) for n in names)
    at = ("videos/Train/D###_##.avi", "videos/Test/D###_##.avi", "groundtruth/NWPU_Campus_gt.npz", "NWPU Campus has none")
    gaps = find_gaps(train, test, *at)
    return Dataset("nwpu", root, train, test, archive.name if archive else "none", (), gaps)


def scene_of(name: str) -> str:
    """The camera of a video: what is before the underscore."""
    return name.split("_", 1)[0] if "_" in name else ONE_SCENE


def _keys(archive: Path) -> dict[str, str]:
    """Video name -> key in the archive; a key may carry the suffix of the video file."""
    keys = arrays.npz_keys(archive)
    return {(Path(k).stem if Path(k).suffix.lower() in VIDEO_SUFFIXES else k): k for k in keys}


def _test_video(ref: VideoRef, archive: Path | None, key: str | None) -> TestVideo:
    def labels() -> Labels:
        if archive is None or key is None:
            raise DataError(f"{archive or 'NWPU_Campus_gt.npz'}: no frame labels for {ref.name}")
        return arrays.as_labels(arrays.read_npz(archive, key), archive)

    return TestVideo(ref.name, ref, once(labels), scene_of(ref.name), labelled=key is not None)
