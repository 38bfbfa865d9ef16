"""Watching a whole video: boxes are those of the very pictures that are watched, and a lesson sees what training saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes import write_video
from normalcy.detection.base import build_detector
from normalcy.detection.boxes import Boxes
from normalcy.objects.watch import watch_video
from normalcy.presets import load_config
from normalcy.video.reader import probe
from normalcy.video.source import as_ref


class Pictures:
    """A detector that keeps what it is shown."""

    name = key = "pictures"

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        self.seen.clear()

    def push(self, frame_HWC: np.ndarray) -> Boxes:
        self.seen.append(frame_HWC.copy())
        return Boxes.none()

    def finish(self) -> None:
        return


def combed() -> np.ndarray:
    """A bar that jumps between the two fields of every frame."""
    frames = np.full((20, 48, 64, 3), 60, np.uint8)
    for i, frame in enumerate(frames):
        frame[::2, i : i + 12] = 220
        frame[1::2, i + 16 : i + 28] = 220
    return frames


def test_boxes_are_found_in_the_pictures_that_are_watched(tmp_path: Path) -> None:
    """Both read with the model's settings: with deinterlacing forced the detector sees no combs either."""
    ref = as_ref(write_video(tmp_path / "v.mp4", combed()))
    for how in ("off", "on"):
        cfg = load_config("cpu", None, (f"video.deinterlace={how}", "objects.boxes_fps=5"), {})
        detector = Pictures()
        watched = [frame.image for frame, _ in watch_video(ref, probe(ref, config=cfg.video), cfg, detector)]
        assert len(watched) == len(detector.seen) > 1
        for a, b in zip(watched, detector.seen, strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_so_many_th_frame_with_its_objects(tmp_path: Path) -> None:
    frames = np.full((50, 60, 80, 3), 60, np.uint8)
    for i, frame in enumerate(frames):
        frame[20:40, i : i + 14] = 220
    ref = as_ref(write_video(tmp_path / "v.mp4", frames))
    cfg = load_config("cpu", None, ("objects.detector=motion", "objects.boxes_fps=5"), {})
    met = list(watch_video(ref, probe(ref), cfg, build_detector(cfg.objects, features=True), video=3))
    assert [f.index for f, _ in met] == list(range(0, 50, 5))
    seen = [s for _, s in met if len(s)]
    assert seen and all((s.video_N == 3).all() for s in seen) and all((s.time_N >= 0).all() for s in seen)
