"""Threads change when a score comes, and nothing else; errors come through, and nothing is left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from made_models import fitted_model, square_frames, stream, tiny_config, video_info
from normalcy.errors import VideoError
from normalcy.scoring.pipeline import LEAST, MOST, Ahead, in_threads, room_for
from normalcy.scoring.scorer import score_all
from normalcy.types import Frame, FrameScore


def ours() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("normalcy-")]


class Slow:
    """A scorer that takes its time and fails at one frame."""

    size = (64, 48)

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at, self.seen = fails_at, 0

    def push(self, frame: Frame) -> list[FrameScore]:
        time.sleep(0.001)
        self.seen += 1
        if frame.index == self.fails_at:
            raise VideoError(f"frame {frame.index} is no frame")
        return [FrameScore(frame.index, frame.time_s, 0.5, {})]

    def finish(self) -> list[FrameScore]:
        return [FrameScore(self.seen, 0.0, 1.0, {})]


@pytest.mark.parametrize("batch", [1, 8])
def test_scores_are_the_same_to_the_bit(batch: int) -> None:
    cfg = tiny_config("scoring.readouts=[density,frame_density,velocity,motion]", f"scoring.batch={batch}", "scoring.stride=1")
    model = fitted_model(cfg)
    frames = stream(square_frames(70, seed=2, speed=3.0))
    one = score_all(model.scorer(video_info(), maps=True), frames)
    for _ in range(2):
        with in_threads(model.scorer(video_info(), maps=True)) as scorer, Ahead(iter(frames), 3) as ahead:
            several = score_all(scorer, ahead)
        assert [(s.frame, s.time_s, s.score, s.readouts) for s in several] == [
            (s.frame, s.time_s, s.score, s.readouts) for s in one
        ]
        assert all(np.array_equal(a.map, b.map) for a, b in zip(one, several, strict=True) if a.map is not None)
        assert ours() == []


def test_order_is_kept_and_the_end_comes_last() -> None:
    with in_threads(Slow()) as scorer:
        scores = score_all(scorer, stream(square_frames(40)))
    assert [s.frame for s in scores] == list(range(41)) and scores[-1].score == 1.0


def test_an_error_of_the_scorer_is_raised_where_frames_are_pushed() -> None:
    frames = stream(square_frames(300, speed=0.0))
    with pytest.raises(VideoError, match="frame 5 is no frame"), in_threads(Slow(5)) as scorer:
        score_all(scorer, frames)
    assert ours() == []


def test_an_error_of_the_reader_comes_after_the_frames_before_it() -> None:
    def frames() -> Iterator[int]:
        yield from range(5)
        raise VideoError("broken at 5")

    got = []
    with pytest.raises(VideoError, match="broken at 5"), Ahead(frames(), 2) as ahead:
        for n in ahead:
            got.append(n)
    assert got == list(range(5)) and ours() == []


def test_ctrl_c_ends_all_threads() -> None:
    taken = []

    def endless() -> Iterator[Frame]:
        i = 0
        while True:
            taken.append(i)
            yield Frame(i, i / 25.0, np.zeros((48, 64, 3), np.uint8))
            i += 1

    scorer = Slow()
    with pytest.raises(KeyboardInterrupt), in_threads(scorer) as threaded, Ahead(endless(), 4) as ahead:
        for frame in ahead:
            threaded.push(frame)
            if frame.index == 20:
                raise KeyboardInterrupt
    assert ours() == [] and len(taken) < 20 + 4 + 5  # it did not run away


def test_queues_are_bounded_by_bytes() -> None:
    assert room_for((288, 160)) == MOST and room_for((1920, 1080)) == 10 and room_for((8000, 8000)) == LEAST
