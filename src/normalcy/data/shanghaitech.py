"""ShanghaiTech Campus: training as .avi, testing as frame folders, frame and pixel masks as .npy.

``training/videos/SS_VVV.avi``, ``testing/frames/SS_VVVV/NNN.jpg``, ``testing/test_frame_mask/SS_VVVV.npy`` (one 0/1 per
frame) and ``testing/test_pixel_mask/SS_VVVV.npy`` (frames, height, width). The scene is the prefix SS. Training clips that
were already cut into ``training/frames/SS_VVV/NNNNNN.jpg`` are read when there are no videos.
"""

from __future__ import annotations

from pathlib import Path

from normalcy.data import arrays, layout
from normalcy.data.base import ONE_SCENE, Dataset, Labels, Masks, TestVideo, TrainVideo, find_gaps, once
from normalcy.video.source import VideoRef, natural_key


def read(root: Path, labels: str | None = None) -> Dataset:
    """``root`` is the folder with ``training`` and ``testing``, or its parent.

    Raises:
        DataError: no such folder, or two videos of one name.
    """
    layout.check_root(root)
    base = next((root / d for d in (".", "shanghaitech", "ShanghaiTech") if (root / d / "testing").is_dir()), root)
    training, testing = base / "training", base / "testing"
    train_refs = layout.videos(training / "videos") or layout.videos(training / "frames")
    train = tuple(TrainVideo(r.name, r, scene_of(r.name)) for r in train_refs)
    refs = {r.name: r for r in layout.videos(testing / "frames")}
    label_files = {p.stem: p for p in layout.files(testing / "test_frame_mask", {".npy"})}
    names = sorted(refs.keys() | label_files.keys(), key=natural_key)
    test = tuple(_test_video(refs.get(n, VideoRef(n, testing / "frames" / n, "frames")), label_files, testing) for n in names)
    at = ("training/videos/SS_VVV.avi", "testing/frames/SS_VVVV/NNN.jpg")
    gaps = find_gaps(train, test, *at, "testing/test_frame_mask/SS_VVVV.npy", "testing/test_pixel_mask/SS_VVVV.npy")
    return Dataset("shanghaitech", root, train, test, "test_frame_mask", (), gaps)


def scene_of(name: str) -> str:
    """The camera of a clip: what is before the underscore."""
    return name.split("_", 1)[0] if "_" in name else ONE_SCENE


def _test_video(ref: VideoRef, label_files: dict[str, Path], testing: Path) -> TestVideo:
    label_file = label_files.get(ref.name, testing / "test_frame_mask" / f"{ref.name}.npy")
    mask_file = testing / "test_pixel_mask" / f"{ref.name}.npy"

    def labels() -> Labels:
        return arrays.as_labels(arrays.read_npy(label_file), label_file)

    def masks() -> Masks:
        return arrays.as_masks(arrays.read_npy(mask_file), mask_file)

    return TestVideo(
        ref.name,
        ref,
        once(labels),
        scene_of(ref.name),
        masks=masks if mask_file.is_file() else None,
        labelled=ref.name in label_files,
    )
