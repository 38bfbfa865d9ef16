"""UBnormal (virtual scenes) for one-class use: training on the normal training videos, testing on all 211 test videos.

``SceneN/VIDEO.mp4``; for abnormal videos ``SceneN/VIDEO_annotations/VIDEO_FFFF_gt.png`` (pixel value = object id, 0 none) and
``VIDEO_tracks.txt`` there, lines ``object_id,first_frame,last_frame`` of its abnormal stretches, 0-based and inclusive. The
splits are the authors' ``{normal,abnormal}_{training,validation,test}_video_names.txt`` from their repository (folder
``scripts``), anywhere in the first folders of the root. Labels, masks and tracks all follow from the abnormal stretches.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from normalcy.data import arrays, layout
from normalcy.data.base import (
    ONE_SCENE,
    Dataset,
    Gap,
    Labels,
    Masks,
    TestVideo,
    Tracks,
    TrainVideo,
    find_gaps,
    frame_count,
    once,
)
from normalcy.errors import DataError
from normalcy.video.reader import probe
from normalcy.video.source import VideoRef, natural_key

SPLITS = ("normal_training_video_names.txt", "normal_test_video_names.txt", "abnormal_test_video_names.txt")
Stretch = tuple[int, int, int]
"""Object id, first frame, last frame (0-based, inclusive)."""


def read(root: Path, labels: str | None = None) -> Dataset:
    """``root`` holds the folders SceneN, directly or one folder down.

    Raises:
        DataError: no such folder, or a tracks file that cannot be understood.
    """
    layout.check_root(root)
    holders = (root, *(p for p in layout.entries(root) if p.is_dir()))
    base = next((p for p in holders if any(re.fullmatch(r"Scene\d+", q.name) for q in layout.entries(p))), root)
    splits = layout.find_files(root, SPLITS, depth=2)
    names = {n: arrays.read_text(splits[n]).split() if n in splits else [] for n in SPLITS}
    train = tuple(TrainVideo(n, _ref(base, n), scene_of(n)) for n in sorted(set(names[SPLITS[0]]), key=natural_key))
    abnormal = set(names[SPLITS[2]])
    tested = sorted(set(names[SPLITS[1]]) | abnormal, key=natural_key)
    tracks = {n: p for n in abnormal if (p := annotation_dir(base, n) / f"{n}_tracks.txt").is_file()}
    test = tuple(_test_video(base, n, n in abnormal, tracks.get(n)) for n in tested)
    at = ("SceneN/VIDEO.mp4", "SceneN/VIDEO.mp4", "VIDEO_annotations/VIDEO_tracks.txt", "VIDEO_annotations/VIDEO_FFFF_gt.png")
    gaps = find_gaps(train, test, *at)
    no_split = [
        Gap("train" if n == SPLITS[0] else "test", f"split file {n} (authors' repository)") for n in SPLITS if not names[n]
    ]
    notes = ("one-class use: abnormal training videos and the validation videos are left out",)
    return Dataset("ubnormal", root, train, test, "tracks", notes, (*gaps, *no_split))


def scene_of(name: str) -> str:
    """``(ab)normal_scene_N_scenario_M`` is of scene N."""
    match = re.match(r"(?:ab)?normal_scene_(\d+)_", name)
    return match[1] if match else ONE_SCENE


def annotation_dir(base: Path, name: str) -> Path:
    """The annotation folder of a video."""
    return base / f"Scene{scene_of(name)}" / f"{name}_annotations"


def read_stretches(path: Path) -> list[Stretch]:
    """Abnormal stretches of one video. Raises DataError if a line is not ``object_id,first_frame,last_frame``."""
    table = arrays.read_table(path, 3).astype(np.int64)
    if not len(table) or (table[:, 0] < 1).any() or (table[:, 1] < 0).any() or (table[:, 2] < table[:, 1]).any():
        raise DataError(f"{path}: expected lines object_id,first_frame,last_frame with object_id >= 1 and first <= last")
    return [(int(a), int(b), int(c)) for a, b, c in table]


def _ref(base: Path, name: str) -> VideoRef:
    return VideoRef(name, base / f"Scene{scene_of(name)}" / f"{name}.mp4", "file")


def _test_video(base: Path, name: str, abnormal: bool, track_file: Path | None) -> TestVideo:
    ref, folder = _ref(base, name), annotation_dir(base, name)
    stretches = read_stretches(track_file) if track_file else []

    def labels() -> Labels:
        if abnormal and not stretches:
            raise DataError(f"{folder / f'{name}_tracks.txt'}: no such file, so {name} has no labels")
        return arrays.from_ranges([(first, last + 1) for _, first, last in stretches], frame_count(ref))

    def masks() -> Masks:
        if not stretches:
            info = probe(ref)
            return np.zeros((frame_count(ref), info.height, info.width), dtype=np.bool_)
        return object_masks(folder, name, stretches, frame_count(ref))

    def tracks() -> Tracks:
        return object_tracks(folder, name, stretches)

    has_maps = not abnormal or (bool(stretches) and _map(folder, name, stretches[0][1]).is_file())
    reach = max((last + 1 for _, _, last in stretches), default=0)
    return TestVideo(
        name,
        ref,
        once(labels),
        scene_of(name),
        masks=masks if has_maps else None,
        tracks=tracks if has_maps else None,
        labelled=not abnormal or bool(stretches),
        needs_footage=True,
        reaches=reach,
    )


def _map(folder: Path, name: str, frame: int) -> Path:
    return folder / f"{name}_{frame:04d}_gt.png"


def object_masks(folder: Path, name: str, stretches: list[Stretch], frames: int) -> Masks:
    """(frames, H, W) bool: pixels of the objects that are abnormal in that frame. Raises DataError if a map is missing."""
    masks: Masks | None = None
    for frame in range(min(frames, max(last for _, _, last in stretches) + 1)):
        active = [k for k, first, last in stretches if first <= frame <= last]
        if active:
            ids = arrays.read_grey(_map(folder, name, frame))
            masks = np.zeros((frames, *ids.shape), dtype=np.bool_) if masks is None else masks
            masks[frame] = np.isin(ids, active)
    if masks is None:
        raise DataError(f"{folder}: every abnormal stretch of {name} begins after its {frames} frames")
    return masks


def object_tracks(folder: Path, name: str, stretches: list[Stretch]) -> Tracks:
    """(K, 6): the box of each object in each frame of its stretch; a track is one stretch. Hidden objects give no row."""
    rows: list[tuple[int, ...]] = []
    for track, (identity, first, last) in enumerate(stretches):
        for frame in range(first, last + 1):
            ys, xs = np.nonzero(arrays.read_grey(_map(folder, name, frame)) == identity)
            if len(xs):
                rows.append((track, frame, int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1))
    return np.asarray(rows, dtype=np.float64).reshape(-1, 6)
