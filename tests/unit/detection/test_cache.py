"""The box cache: once per video content and detector, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video, numbered_frames, write_video
from normalcy.config import ObjectsConfig
from normalcy.detection.base import build_detector, sample_step
from normalcy.detection.boxes import Boxes
from normalcy.detection.cache import FOLDER, boxes_of
from normalcy.errors import DataError, OutputError, VideoError
from normalcy.types import Frame
from normalcy.video.reader import VideoReader
from objects_help import Scripted, boxes

SCRIPT = [Boxes.none(), boxes((1, 2, 3, 4), (5, 6, 7, 8), score=(0.25, 1.0), label=(0, -1)), Boxes.none(), boxes((0, 0, 9, 9))]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    write_video(path, numbered_frames(4))
    return path


def same(a: list[Boxes], b: list[Boxes]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x.xyxy_N4, y.xyxy_N4) and np.array_equal(x.score_N, y.score_N) and np.array_equal(x.label_N, y.label_N)
        for x, y in zip(a, b, strict=True)
    )


def test_a_second_time_nothing_is_detected(video: Path, tmp_path: Path) -> None:
    detector, told = Scripted(SCRIPT), []
    first = boxes_of(video, detector, tmp_path / "cache", progress=lambda done, total: told.append(done))
    assert same(first, SCRIPT) and detector.pushed == 4 and detector.ended and told == [1, 2, 3, 4]
    renamed = Path(shutil.copy(video, tmp_path / "b.mp4"))
    for again in (video, renamed):
        assert same(boxes_of(again, detector, tmp_path / "cache"), SCRIPT)
    assert detector.pushed == 4
    assert len(list((tmp_path / "cache" / FOLDER).iterdir())) == 1


def test_another_detector_or_video_is_another_entry(video: Path, tmp_path: Path) -> None:
    detector = Scripted(SCRIPT)
    boxes_of(video, detector, tmp_path / "cache")
    detector.key = "other settings"
    boxes_of(video, detector, tmp_path / "cache")
    write_video(tmp_path / "c.mp4", numbered_frames(4, first=9))
    boxes_of(tmp_path / "c.mp4", detector, tmp_path / "cache")
    assert detector.pushed == 12


def test_class_probabilities_come_back(video: Path, tmp_path: Path) -> None:
    b = boxes((1, 2, 3, 4))
    known = Boxes(b.xyxy_N4, b.score_N, b.label_N, np.array([[0.2, 0.7]], np.float32))
    detector = Scripted([known, Boxes.none(classes=2), Boxes.none(), known])
    for _ in range(2):
        found = boxes_of(video, detector, tmp_path / "cache")
        assert found[3].probs_NK is not None and found[3].probs_NK.tolist() == [pytest.approx([0.2, 0.7])]
    assert detector.pushed == 4


def test_a_damaged_entry_is_made_anew(video: Path, tmp_path: Path) -> None:
    detector = Scripted(SCRIPT)
    boxes_of(video, detector, tmp_path / "cache")
    (entry,) = (tmp_path / "cache" / FOLDER).iterdir()
    entry.write_bytes(entry.read_bytes()[:-20])
    assert same(boxes_of(video, detector, tmp_path / "cache"), SCRIPT) and detector.pushed == 8
    assert same(boxes_of(video, detector, tmp_path / "cache"), SCRIPT) and detector.pushed == 8


def test_a_failure_leaves_nothing(video: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        boxes_of(video, Scripted(SCRIPT[:2]), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="NORMALCY_CACHE_DIR"):
        boxes_of(video, Scripted(SCRIPT), tmp_path / "file")
    (tmp_path / "broken.mp4").write_bytes(video.read_bytes()[:100])
    with pytest.raises(VideoError):
        boxes_of(tmp_path / "broken.mp4", Scripted(SCRIPT), tmp_path / "cache")


def test_frames_without_a_file_are_not_cached(tmp_path: Path) -> None:
    frames = (Frame(i, i / 25, image) for i, image in enumerate(numbered_frames(4)))
    detector = Scripted(SCRIPT)
    assert same(boxes_of(frames, detector), SCRIPT) and detector.ended


def test_the_detector_file_is_told_the_videos_name(video: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / "a.csv").write_text("frame,x1,y1,x2,y2,score\n3,1,1,9,9,0.5\n")
    detector = build_detector(ObjectsConfig(detector="file", boxes=str(tmp_path / "boxes")))
    assert [len(b) for b in boxes_of(video, detector, tmp_path / "cache")] == [0, 0, 0, 1]
    (tmp_path / "boxes" / "a.csv").write_text("frame,x1,y1,x2,y2,score\n4,1,1,9,9,0.5\n")
    with pytest.raises(DataError, match="boxes up to frame 4"):
        boxes_of(video, detector, tmp_path / "cache")


def test_motion_through_a_file_equals_pushing_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "m.mp4", moving_square_video(20, 64, 96), lossless=True)
    detector = build_detector(ObjectsConfig(detector="motion"))
    whole = boxes_of(tmp_path / "m.mp4", detector, tmp_path / "cache")
    assert sum(map(len, whole)) > 10
    assert same(boxes_of(tmp_path / "m.mp4", detector, tmp_path / "cache"), whole)


def test_sampled_from_a_file_and_pushed_by_hand_are_the_same(tmp_path: Path) -> None:
    images = moving_square_video(23, 64, 96)
    write_video(tmp_path / "m.mp4", images, lossless=True)
    detector = build_detector(ObjectsConfig(detector="motion"))
    told: list[int] = []
    whole = boxes_of(tmp_path / "m.mp4", detector, tmp_path / "cache", every=3, progress=lambda done, total: told.append(done))
    assert len(whole) == 8 and sum(map(len, whole)) > 3 and told[-1] == 23
    detector.reset("m", 25.0, 3)
    with VideoReader(tmp_path / "m.mp4") as reader:
        pushed = [detector.push(f.image) for f in reader if f.index % 3 == 0]
    assert same(pushed, whole)
    assert same(boxes_of(tmp_path / "m.mp4", detector, tmp_path / "cache", every=3), whole)
    assert len(boxes_of(tmp_path / "m.mp4", detector, tmp_path / "cache")) == 23, "all frames are another entry"


def test_boxes_from_a_file_are_those_of_the_frames_looked_at(video: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,x1,y1,x2,y2,score\n" + "".join(f"{k},{k + 1},1,9,9,0.5\n" for k in range(4)))
    detector = build_detector(ObjectsConfig(detector="file", boxes=str(tmp_path)))
    assert [b.xyxy_N4[0, 0] for b in boxes_of(video, detector, tmp_path / "cache", every=3)] == [1, 4]


def test_how_often_a_video_is_looked_at() -> None:
    five, all_frames = ObjectsConfig(boxes_fps=5.0), ObjectsConfig(boxes_fps=None)
    assert [sample_step(fps, five) for fps in (30.0, 25.0, 10.0, 7.0, 5.0, 1.0)] == [6, 5, 2, 1, 1, 1]
    assert sample_step(25.0, all_frames) == 1
