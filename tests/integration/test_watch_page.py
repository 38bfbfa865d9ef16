"""What a watch leaves for the page: scores beside each clip, cameras, their state; a budget that is set while it runs."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import cv2
import pytest

from fakes import moving_square_video, write_video
from normalcy.api.live import Board, look, read_cards, write_budget
from normalcy.api.watch import watch
from normalcy.events.samples import read_samples, samples_beside
from normalcy.events.sinks.jsonl import read_events
from normalcy.events.state import CameraState, WatchState
from normalcy.video.reader import VideoReader
from peers import wait_for
from road import FPS, H, W

EAGER = ("alarm.budget_per_hour=3600", "alarm.min_s=0", "scoring.sigma_s=0.1")


def test_scores_are_kept_beside_each_clip(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    watch([str(odd)], tmp_path, model=model_dir, sets=EAGER, fast=True)
    ends = [e for e in read_events(tmp_path / "events.jsonl") if e.type == "end"]
    for e in ends:
        kept = read_samples(tmp_path / samples_beside(e.camera, e.id))
        assert kept is not None and e.peak is not None and e.clip is not None
        assert max(kept.scores) >= e.peak - 1e-4 and kept.threshold == e.threshold
        seconds = len(list(VideoReader(tmp_path / e.clip))) / FPS
        assert 0 <= e.start_time - kept.begin <= seconds  # the event lies in the clip
        assert kept.times[0] - kept.begin < 0.2 and kept.times[-1] - kept.begin <= seconds + 0.1
    assert ends
    (card,) = read_cards(tmp_path)
    assert card.name == "cam1" and Path(card.model) == model_dir.resolve() and card.threshold is not None
    state = look(tmp_path)
    assert state is not None and state["cameras"][0]["state"] == "ended" and len(state["cameras"][0]["history"]) >= 1


def test_pictures_are_taken_while_someone_looks_and_a_budget_is_taken_at_once(model_dir: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", moving_square_video(1500, H, W), FPS)
    out, stop, told = tmp_path / "out", threading.Event(), []
    run = threading.Thread(target=lambda: watch([str(film)], out, model=model_dir, stop=stop, tell=told.append))
    run.start()
    try:
        wait_for(lambda: (look(out) or {}).get("fresh"))

        def looked() -> bool:
            look(out)
            return (out / "live" / "cam1.jpg").exists()

        wait_for(looked)
        assert cv2.imread(str(out / "live" / "cam1.jpg")).shape == (H, W, 3)
        before = (look(out) or {})["cameras"][0]["threshold"]
        write_budget(out, "cam1", 2000.0)
        wait_for(lambda: (look(out) or {})["cameras"][0]["threshold"] < before)
        write_budget(out, "cam1", None)
        wait_for(lambda: (look(out) or {})["cameras"][0]["threshold"] == before)
    finally:
        stop.set()
        run.join()


def test_nothing_is_written_when_nobody_looks(tmp_path: Path) -> None:
    board = Board(tmp_path)
    now = time.time()

    def state(t: float) -> WatchState:
        return WatchState(t, (CameraState("gate", "rtsp://host", "on", time=t, score=1.0),))

    board.show(state(now))
    path = tmp_path / "live" / "state.json"
    first = path.read_bytes()
    board.show(state(now + 1), {"gate": b"jpeg"})
    assert path.read_bytes() == first
    look(tmp_path)
    board.show(state(now + 2), {"gate": b"jpeg"})
    assert (tmp_path / "live" / "gate.jpg").exists()
    assert len(json.loads(path.read_text())["cameras"][0]["history"]) == 3


@pytest.mark.parametrize("content", [b"", b"[]", b'{"cameras": 3}', b"\xff"])
def test_a_damaged_state_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "state.json").write_bytes(content)
    assert look(tmp_path) is None
