"""UCF-Crime for one-class use: training on the normal videos alone, testing on 140 abnormal and 150 normal videos.

Videos lie in any folder below the root and are found by their file name. Which are for what is said by lists, anywhere in
the first folders of the root:

- ``Temporal_Anomaly_Annotation_for_Testing_Videos.txt``: ``name class s1 e1 s2 e2``, -1 for none;
- or ``test_anomalyv2.txt`` (``class/name|frames|[s1, e1, ...]``) with ``test_normalv2.txt`` (``class/name frames -1``);
- ``Anomaly_Train.txt`` or ``train_normal.txt``: of the first, only the normal videos are taken. Without a list, the normal
  videos below a folder whose name begins with "training".

Ranges are 1-based, inclusive and cut off at the end of the video, as in the authors' evaluation script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from normalcy.data import arrays, layout
from normalcy.data.base import Dataset, Labels, TestVideo, TrainVideo, find_gaps, frame_count, once
from normalcy.errors import DataError
from normalcy.video.source import VIDEO_SUFFIXES, VideoRef, natural_key

OFFICIAL = "temporal_anomaly_annotation_for_testing_videos.txt"
VARIANT = ("test_anomalyv2.txt", "test_normalv2.txt")
TRAIN = ("anomaly_train.txt", "train_normal.txt")
_VIDEO_SCENE = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a test list."""

    name: str
    ranges: tuple[tuple[int, int], ...]
    """Abnormal frames as half-open 0-based (start, end); empty for a normal video."""
    frames: int | None = None
    """Frame count where the list states it."""


def read(root: Path, labels: str | None = None) -> Dataset:
    """List UCF-Crime below ``root``. Most videos have a scene of their own that no file names: the scene is "unknown".

    Raises:
        DataError: no such folder, or a line of a list that cannot be understood.
    """
    layout.check_root(root)
    lists = layout.find_files(root, (OFFICIAL, *VARIANT, *TRAIN))
    on_disk = _videos_below(root)
    test_entries, source = _test_entries(lists)
    tested = {e.name for e in test_entries}
    names = _train_names(lists, on_disk, root)
    overlap = tested & set(names)
    if overlap:
        raise DataError(f"{root}: in the training list and in the test list: {', '.join(sorted(overlap)[:5])}")
    train = tuple(TrainVideo(n, _ref(n, on_disk, root), _VIDEO_SCENE) for n in names)
    test = tuple(_test_video(e, _ref(e.name, on_disk, root)) for e in test_entries)
    below = "NAME.mp4 below the root"
    gaps = find_gaps(train, test, below, below, "Temporal_Anomaly_Annotation_for_Testing_Videos.txt", "UCF-Crime has none")
    notes = ("one-class use: the 810 abnormal training videos are left out",)
    return Dataset("ucf_crime", root, train, test, source, notes, gaps)


def _videos_below(root: Path) -> dict[str, Path]:
    """Video files by stem. "Normal_Videos_event" repeats 50 videos of other folders: the first path stands."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES and not layout.is_junk(path):
            found.setdefault(path.stem, path)
    return found


def _ref(name: str, on_disk: dict[str, Path], root: Path) -> VideoRef:
    return VideoRef(name, on_disk.get(name, root / f"{name}.mp4"), "file")


def _train_names(lists: dict[str, Path], on_disk: dict[str, Path], root: Path) -> list[str]:
    path = next((lists[n] for n in TRAIN if n in lists), None)
    if path is None:
        folders = {n: p.relative_to(root).parent.parts for n, p in on_disk.items() if _is_normal(n)}
        listed: Iterable[str] = (n for n, parts in folders.items() if any(q.lower().startswith("training") for q in parts))
    else:
        listed = (n for line in arrays.read_text(path).splitlines() if _is_normal(n := Path(line.strip()).stem))
    return sorted(set(listed), key=natural_key)  # train_normal.txt repeats 10 of its lines


def _is_normal(name: str) -> bool:
    return name.lower().startswith("normal")


def _test_entries(lists: dict[str, Path]) -> tuple[list[Entry], str]:
    if OFFICIAL in lists:
        entries, source = parse_official(lists[OFFICIAL]), lists[OFFICIAL].name
    else:
        paths = [lists[n] for n in VARIANT if n in lists]
        entries, source = [e for p in paths for e in parse_variant(p)], " + ".join(p.name for p in paths) or "none"
    names = [e.name for e in entries]
    if len(set(names)) != len(names):
        raise DataError(f"{source}: a video is listed twice: {next(n for n in names if names.count(n) > 1)}")
    return sorted(entries, key=lambda e: natural_key(e.name)), source


def parse_official(path: Path) -> list[Entry]:
    """Entries of ``name class s1 e1 s2 e2`` lines. Raises DataError naming the first line that is not of that form."""
    entries = []
    for number, line in enumerate(arrays.read_text(path).splitlines(), 1):
        cells = line.split()
        if cells:
            entries.append(Entry(Path(cells[0]).stem, _ranges(cells[2:], path, number)))
    return entries


def parse_variant(path: Path) -> list[Entry]:
    """Entries of ``class/name|frames|[s1, e1, ...]`` and of ``class/name frames -1`` lines. Raises DataError."""
    entries = []
    for number, line in enumerate(arrays.read_text(path).splitlines(), 1):
        cells = line.split("|") if "|" in line else line.split()
        if not cells:
            continue
        if len(cells) != 3 or not cells[1].strip().isdigit():
            raise DataError(f"{path}: line {number} is not name|frames|[start, end, ...] or name frames -1: {line.strip()!r}")
        ranges = _ranges(re.sub(r"[\[\],]", " ", cells[2]).split(), path, number)
        entries.append(Entry(Path(cells[0]).stem, ranges, int(cells[1])))
    return entries


def _ranges(cells: list[str], path: Path, number: int) -> tuple[tuple[int, int], ...]:
    """Half-open 0-based ranges from start and end numbers; a lone -1 or a pair of them is none."""
    try:
        values = [int(c) for c in cells]
    except ValueError as e:
        raise DataError(f"{path}: line {number}: {cells} are not frame numbers") from e
    values = [v for v in values if v != -1]
    pairs = tuple(zip(values[::2], values[1::2], strict=False))
    if len(values) % 2 or any(not 0 <= start <= end for start, end in pairs):
        raise DataError(f"{path}: line {number}: {cells} are not pairs of start <= end, with -1 for none")
    return tuple((max(start, 1) - 1, end) for start, end in pairs)


def _test_video(entry: Entry, ref: VideoRef) -> TestVideo:
    def labels() -> Labels:
        present = ref.path.exists()
        if not present and entry.frames is None:
            raise DataError(f"{ref.path}: no such video, and the official list does not say how many frames {entry.name} has")
        return arrays.from_ranges(entry.ranges, frame_count(ref) if present else entry.frames or 0)

    reach = max((end for _, end in entry.ranges), default=0)
    return TestVideo(
        entry.name,
        ref,
        once(labels),
        _VIDEO_SCENE,
        listed_frames=entry.frames,
        needs_footage=entry.frames is None,
        reaches=reach,
    )
