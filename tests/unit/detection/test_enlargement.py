"""How much frames are enlarged: from how high people come out, within bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import write_video
from normalcy.config import ObjectsConfig
from normalcy.detection import enlargement
from normalcy.detection.boxes import Boxes
from normalcy.detection.choice import concrete
from normalcy.detection.enlargement import choose_short_side
from normalcy.video.source import VideoRef, as_ref
from objects_help import boxes
from onnx_made import yolox_model

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"


@pytest.fixture
def video(tmp_path: Path) -> VideoRef:
    write_video(tmp_path / "a.mp4", [np.full((240, 426, 3), 90, np.uint8)] * 160)
    return as_ref(tmp_path / "a.mp4")


class People:
    """A detector that sees people of one height at short sides from 700 on, and cars everywhere."""

    height, count = 20.0, 6

    def __init__(self, cfg: ObjectsConfig) -> None:
        self.side = cfg.short_side or 0

    def push(self, frame: np.ndarray) -> Boxes:
        n = self.count if self.side >= 700 else min(self.count, 1)
        people = [(10 * i, 5, 10 * i + 6, 5 + self.height) for i in range(n)]
        return boxes((0, 100, 200, 180), *people, label=[2] + [0] * n)


@pytest.mark.parametrize(
    ("height", "count", "side"),
    [(20.0, 6, 720), (10.0, 6, 750), (100.0, 6, 480), (20.0, 0, 480)],
    ids=["60 px", "no larger than is allowed", "never below 480", "no people: cars count"],
)
def test_people_come_out_sixty_pixels_high(
    height: float, count: int, side: int, video: VideoRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(People, "height", height)
    monkeypatch.setattr(People, "count", count)
    monkeypatch.setattr(enlargement, "YoloxDetector", People)
    told: list[tuple[int, int]] = []
    chosen = choose_short_side(ObjectsConfig(), [video] * 5, progress=lambda n, of: told.append((n, of)))
    assert abs(chosen - side) <= 3 and told[-1] == (20, 24), "every 46th of 160 frames of each of five videos"


def test_nothing_to_see_changes_nothing(video: VideoRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    monkeypatch.setattr(enlargement, "YoloxDetector", People)
    monkeypatch.setattr(People, "count", 0)
    assert choose_short_side(ObjectsConfig(), [as_ref(tmp_path / "broken.mp4")]) == 480
    monkeypatch.setattr(enlargement, "FEW", 100)
    assert choose_short_side(ObjectsConfig(), [video]) == 480, "some cars are too few to go by"


def test_it_is_chosen_once_and_only_for_a_model_that_was_given_none(video: VideoRef, tmp_path: Path) -> None:
    weights = tmp_path / "made.onnx"
    weights.write_bytes(yolox_model(160, 96, (100, 60, 24, 40), 1))
    cfg = ObjectsConfig(detector="both", weights=str(weights))
    chosen = concrete(cfg, [video])
    assert chosen.short_side == 480 and concrete(cfg).short_side is None
    set_ = cfg.model_copy(update={"short_side": 200})
    assert concrete(set_, [video]) == set_.model_copy(update={"encoder": None})
    motion = ObjectsConfig(detector="motion")
    assert concrete(motion, [video]) == motion.model_copy(update={"encoder": None})


@pytest.mark.slow
@pytest.mark.parametrize(("data", "least", "most"), [("ped1_dev", 480, 560), ("avenue", 480, 480), ("ped2", 480, 560)])
def test_on_real_footage(data: str, least: int, most: int) -> None:
    videos = sorted((SHARED / "data" / data / "training" / "videos").glob("*.mp4"))
    weights = SHARED / "weights" / "yolox_nano_dynamic.onnx"
    if not videos or not weights.is_file():
        pytest.skip("the shared footage or the shared YOLOX weights are not here")
    cfg = concrete(ObjectsConfig(detector="onnx", weights=str(weights)), [as_ref(v) for v in videos])
    assert cfg.short_side is not None and least <= cfg.short_side <= most
