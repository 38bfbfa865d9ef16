"""Cameras from their address to the events: through real servers, killed and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import normalcy
from fakes import moving_square_video, write_video
from normalcy.api import camera as camera_module
from normalcy.api.watch import watch
from normalcy.cli import main
from normalcy.errors import ConfigError, NormalcyError, OutputError, UsageError
from normalcy.events.record import EventRecord
from normalcy.events.sinks.jsonl import read_events
from normalcy.events.store import Store
from normalcy.types import FrameScore
from normalcy.video.live import Patience
from normalcy.video.reader import VideoReader
from peers import free_port, receiver, rtsp_server, wait_for
from road import FPS, H, W, odd_frames

EAGER = ("alarm.budget_per_hour=3600", "alarm.min_s=0", "scoring.sigma_s=0.1")
QUICK = Patience(open_s=5.0, read_s=1.0, retry_s=0.05, retry_most_s=0.2)


def states(events: list[EventRecord], kind: str = "anomaly") -> list[str]:
    return [e.type for e in events if e.kind == kind and e.type != "update"]


@contextmanager
def watching(sources: list[str], out: Path, **how: Any) -> Iterator[list[tuple[FrameScore, float]]]:
    """A watch in a thread, and the scores that come; it is stopped when the block ends."""
    scores: list[tuple[FrameScore, float]] = []
    stop, failed = threading.Event(), []

    def run() -> None:
        try:
            watch(sources, out, stop=stop, scored=lambda _, s, wall: scores.append((s, wall)), patience=QUICK, **how)
        except BaseException as e:
            failed.append(e)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield scores
    finally:
        stop.set()
        thread.join()
        assert not failed, failed


def test_a_file_watched_is_scored_as_score_scores_it_and_its_events_are_written(
    model_dir: Path, odd: Path, tmp_path: Path
) -> None:
    scores: list[FrameScore] = []
    result = watch([str(odd)], tmp_path / "w", model=model_dir, sets=EAGER, fast=True, scored=lambda _, s, __: scores.append(s))
    expected = normalcy.score(odd, model_dir, tmp_path / "s", sets=EAGER)
    table = np.loadtxt(tmp_path / "s" / "odd" / "scores.csv", delimiter=",", skiprows=1)
    assert [s.frame for s in scores] == list(range(60))
    np.testing.assert_allclose([s.score for s in scores], table[:, 2], atol=1e-5)
    (c,) = result.cameras
    assert (c.frames, c.scored, c.skipped, c.state) == (60, 60, 0, "ended")

    events = read_events(tmp_path / "w" / "events.jsonl")
    ends = [e for e in events if e.type == "end"]
    assert len(ends) == len(expected.videos[0].events) > 0
    for e, known in zip(ends, expected.videos[0].events, strict=True):
        assert e.peak == pytest.approx(known.peak, abs=1e-5) and e.readout == known.readout
        assert e.end_time is not None and e.end_time - e.start_time == pytest.approx(known.end_s - known.start_s, abs=0.02)
        assert e.region is not None and known.region is not None
        np.testing.assert_allclose(np.array(e.region) * [W, H, W, H], known.region, atol=0.01)
        assert e.rarity is not None and "normal minutes" in e.rarity
        assert e.snapshot is not None and e.clip is not None
        picture = cv2.imread(str(tmp_path / "w" / e.snapshot))[..., ::-1]
        shown = list(VideoReader(odd))[known.peak_frame].image
        inner = picture.astype(int) - shown  # but for the frame around the region it is the picture at the peak
        assert np.median(np.abs(inner)) < 12
        clip = list(VideoReader(tmp_path / "w" / e.clip))
        assert np.array_equal(clip[known.peak_frame].image, shown)  # all of this short video is within the lead
    with_store = Store(tmp_path / "w")
    assert [e.record for e in reversed(with_store.events())] == ends
    with_store.close()


def test_events_are_listed_marked_and_judged_by_command(
    model_dir: Path, odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch([str(odd)], tmp_path, model=model_dir, sets=EAGER, fast=True)

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as e:
            main(["events", str(tmp_path), *words])
        assert e.value.code == 0
        return capsys.readouterr().out

    (first, *_) = json.loads(run("--json"))["events"]
    said = json.loads(run("--mark", first["id"], "--verdict", first["id"], "unsure", "--json"))["events"][0]
    assert (said["marked"], said["verdict"], said["id"]) == (True, "unsure", first["id"])
    assert "unsure, kept" in run()
    with pytest.raises(SystemExit) as e:
        main(["events", str(tmp_path), "--verdict", first["id"], "perhaps"])
    assert e.value.code == 2


@pytest.mark.slow
def test_the_scores_of_an_rtsp_stream_are_those_of_its_file(model_dir: Path, tmp_path: Path) -> None:
    """Live equals file, through a real server."""
    frames = np.concatenate([moving_square_video(60, H, W, seed=1), odd_frames(seed=1), moving_square_video(80, H, W, seed=3)])
    film = write_video(tmp_path / "film.mp4", frames, FPS, options={"g": "25", "bf": "0"})
    normalcy.score(film, model_dir, tmp_path / "s", sets=EAGER)
    table = np.loadtxt(tmp_path / "s" / "film" / "scores.csv", delimiter=",", skiprows=1)
    port = free_port()
    with rtsp_server(port, film):
        url = f"rtsp://127.0.0.1:{port}/cam"
        with watching([url], tmp_path / "w", model=model_dir, sets=EAGER) as scores:
            wait_for(lambda: len(scores) >= 150, 60)
    # The last window of a stretch is where it ends, so the end alone may differ from that of the whole file.
    np.testing.assert_allclose([s.score for s, _ in scores[:130]], table[:130, 2], atol=1e-5)
    walls = np.array([wall for _, wall in scores[:130]])
    assert (np.diff(walls) >= 0).all() and walls[-1] - walls[0] == pytest.approx(129 / FPS, abs=1.5)


@pytest.mark.slow
def test_a_camera_that_is_lost_and_comes_back_is_two_events(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "LOST_S", 0.3)
    film = write_video(tmp_path / "film.mp4", moving_square_video(500, H, W), FPS, options={"g": "25", "bf": "0"})
    port, told = free_port(), []
    url = f"rtsp://127.0.0.1:{port}/cam"
    events = tmp_path / "w" / "events.jsonl"
    with watching([url], tmp_path / "w", model=model_dir, tell=told.append) as scores:
        wait_for(lambda: states(read_events(events), "lost") == ["new"])
        with rtsp_server(port, film) as server:
            wait_for(lambda: len(scores) > 25)
            assert states(read_events(events), "lost") == ["new", "end"]
            server.send_signal(signal.SIGSTOP)
            wait_for(lambda: states(read_events(events), "lost") == ["new", "end", "new"])
        n = len(scores)
        with rtsp_server(port, film):
            wait_for(lambda: len(scores) > n + 25)
    assert states(read_events(events), "lost") == ["new", "end"] * 2
    assert states(read_events(events), "back") == ["new", "end"] * 2
    index = [s.frame for s, _ in scores]
    assert index == sorted(set(index))


@pytest.mark.slow
def test_health_is_apart_from_anomalies_and_a_blind_camera_raises_none(model_dir: Path, tmp_path: Path) -> None:
    seen = moving_square_video(150, H, W, seed=1)
    rng = np.random.default_rng(0)
    noisy = np.clip(seen.astype(int) + rng.integers(-2, 3, seen.shape), 0, 255).astype(np.uint8)
    dark = np.repeat(noisy[:100] // 40, 1, axis=0)
    odd = np.clip(odd_frames(100, 0, 100).astype(int) // 40, 0, 255).astype(np.uint8)
    film = write_video(tmp_path / "film.mp4", np.concatenate([noisy, dark, odd, noisy]), FPS)
    (tmp_path / "c.yaml").write_text(
        f"cameras: [{{name: gate, source: '{film}', health: {{learn_s: 2, lasting_s: 1}}, clip: null}}]\n"
    )
    watch([], tmp_path / "w", model=model_dir, config=tmp_path / "c.yaml", sets=EAGER, fast=True)
    events = read_events(tmp_path / "w" / "events.jsonl")
    assert states(events, "dark") == ["new", "end"] and "light" in {e.kind for e in events}
    (began,), (ended,) = (
        [e for e in events if e.kind == "dark" and e.type == "new"],
        [e for e in events if e.kind == "dark" and e.type == "end"],
    )
    assert ended.end_time is not None and ended.end_time - began.start_time > 5
    assert not [e for e in events if e.kind == "anomaly" and began.start_time < e.start_time < ended.end_time]
    assert not [e for e in events if e.clip]


@pytest.mark.slow
def test_masks_zones_schedule_and_cooldown(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    def events(name: str, camera: str) -> list[EventRecord]:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"cameras: [{{name: gate, source: '{odd}', {camera}}}]\n")
        watch([], tmp_path / name, model=model_dir, config=path, sets=EAGER, fast=True)
        return [e for e in read_events(tmp_path / name / "events.jsonl") if e.kind == "anomaly"]

    whole = "[[0, 0], [1, 0], [1, 1], [0, 1]]"
    assert {e.zones for e in events("zones", f"zones: [{{name: all, points: {whole}}}]")} == {("all",)}
    assert events("masked", f"masks: [{{points: {whole}}}]") == []
    assert events("never", "schedule: [{days: [mon], begin: '00:00', end: '00:00'}]") == []
    news = [e for e in events("cool", "cooldown_s: 3600") if e.type == "new"]
    reasons = [e.readout for e in news]
    assert [e.severity for e in news] == ["alert" if r not in reasons[:i] else "detection" for i, r in enumerate(reasons)]


def test_every_event_goes_to_every_sink(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    with receiver() as r:
        (tmp_path / "c.yaml").write_text(
            f"cameras: [{{name: gate, source: '{odd}', model: '{model_dir}'}}]\n"
            f"sinks:\n  hook: {{kind: webhook, url: '{r.url}'}}\n  down: {{kind: webhook, url: 'http://127.0.0.1:1/x'}}\n"
        )
        told: list[str] = []
        watch([], tmp_path / "w", config=tmp_path / "c.yaml", sets=EAGER, fast=True, tell=told.append)
        events = read_events(tmp_path / "w" / "events.jsonl")
        assert [json.loads(body)["id"] for _, body in r.got] == [e.id for e in events]
    assert len(list((tmp_path / "w" / "spool" / "down").glob("*.json"))) == len(events) > 0
    assert sum(line.startswith("down: ") for line in told) == 1


def test_metrics_are_served_while_it_runs(model_dir: Path, tmp_path: Path) -> None:
    import urllib.request

    film = write_video(tmp_path / "film.mp4", moving_square_video(400, H, W), FPS)
    told: list[str] = []
    with watching([str(film)], tmp_path / "w", model=model_dir, metrics="0", tell=told.append) as scores:
        wait_for(lambda: len(scores) > 10)
        port = next(m for m in (re.search(r"127\.0\.0\.1:(\d+)/metrics", line) for line in told) if m).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert re.search(r'normalcy_camera_frames_total\{camera="cam1"\} [1-9]', text)


def started(out: Path, model: Path, *words: str, **environ: str) -> subprocess.Popen[str]:
    """normalcy watch as a process of its own."""
    command = [sys.executable, "-m", "normalcy", "watch", *words, "--model", str(model), "--out", str(out)]
    for s in EAGER:
        command += ["--set", s]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environ},
    )


@pytest.fixture(scope="module")
def long_odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of video that is odd from its second second on."""
    folder = tmp_path_factory.mktemp("long")
    return write_video(folder / "odd.mp4", odd_frames(750, 50, 750), FPS, options={"g": "25", "bf": "0"})


@pytest.mark.slow
def test_sigterm_ends_and_writes_open_events(model_dir: Path, long_odd: Path, tmp_path: Path) -> None:
    process = started(tmp_path / "w", model_dir, str(long_odd))
    events = tmp_path / "w" / "events.jsonl"
    wait_for(lambda: states(read_events(events)), 60)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = read_events(events)
    assert found[-1].type == "end" and "frames scored" in out
    assert states(found).count("new") == states(found).count("end")
    assert found[-1].clip is not None and len(list(VideoReader(tmp_path / "w" / found[-1].clip))) > 25


@pytest.mark.slow
def test_what_was_an_event_before_a_kill_is_one_after(model_dir: Path, long_odd: Path, odd: Path, tmp_path: Path) -> None:
    with receiver() as r:
        (tmp_path / "c.yaml").write_text(f"sinks: {{hook: {{kind: webhook, url: '{r.url}'}}}}\n")
        r.status = 500
        process = started(tmp_path / "w", model_dir, str(long_odd), "--config", str(tmp_path / "c.yaml"))
        events = tmp_path / "w" / "events.jsonl"
        wait_for(lambda: [e for e in read_events(events) if e.type == "new"] and r.got, 60)
        process.kill()
        process.communicate()
        before = read_events(events)
        assert before[-1].type != "end"
        r.got.clear()
        r.status = 200
        again = started(tmp_path / "w", model_dir, str(odd), "--fast", "--config", str(tmp_path / "c.yaml"))
        _, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
        found = read_events(events)
        assert len({e.message for e in found}) == len(found)  # none twice
        after = [e for e in found if e.id == before[-1].id]
        assert after[-1].type == "end" and after[-1].end_time == pytest.approx(before[-1].time)
        assert states(found).count("new") == states(found).count("end")
        assert [json.loads(body)["id"] for _, body in r.got][: len(before)] == [e.id for e in before]


@pytest.mark.slow
def test_a_password_is_nowhere(model_dir: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", odd_frames(150, 50, 100), FPS, options={"g": "25", "bf": "0"})
    port = free_port()
    words = (f"rtsp://watcher:${{CAM_PASSWORD}}@127.0.0.1:{port}/cam", "--jsonl", "--metrics", "0")
    with rtsp_server(port, film, "watcher", "s3cret-word"):
        process = started(tmp_path / "w", model_dir, *words, CAM_PASSWORD="s3cret-word")
        wait_for(lambda: read_events(tmp_path / "w" / "events.jsonl"), 60)
    wait_for(lambda: process.stderr is not None and "connecting again" in process.stderr.readline())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    written = b"".join(p.read_bytes() for p in (tmp_path / "w").rglob("*") if p.is_file())
    assert "s3cret-word" not in out + err and b"s3cret-word" not in written
    assert all(json.loads(line)["camera"] == "cam1" for line in out.splitlines())


def test_two_watches_of_one_folder_and_other_mistakes_are_said_at_once(model_dir: Path, odd: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", moving_square_video(400, H, W), FPS)
    with watching([str(film)], tmp_path / "w", model=model_dir) as scores:
        wait_for(lambda: scores)
        with pytest.raises(OutputError, match="another watch writes here"):
            watch([str(odd)], tmp_path / "w", model=model_dir)
    with pytest.raises(UsageError, match="no model"):
        watch([str(odd)], tmp_path / "v")
    with pytest.raises(ConfigError, match="no camera"):
        watch([], tmp_path / "v", model=model_dir)
    with pytest.raises(NormalcyError, match="no such file"):
        watch(["nowhere.mp4"], tmp_path / "v", model=model_dir)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cameras: [{name: a, sorce: x}]", "cameras.0.sorce: unknown key; did you mean 'source'"),
        ("cameras: [{name: 'a b', source: x}]", "cameras.0.name"),
        ("cameras: [{name: a, source: x}, {name: a, source: y}]", "two cameras are called a"),
        ("cameras: [{name: a, source: x, masks: [{points: [[0, 0], [1, 2], [1, 0]]}]}]", "less than or equal to 1"),
        ("cameras: [{name: a, source: x}]\nsinks: {m: {kind: mqtt, hots: h, password: hunter2}}", "unknown key"),
        ("cameras: [{name: a, source: x}]\nsinks: {m: {kind: mqtt, host: h, password: [hunter2]}}", "sinks.m"),
        ("- a list", "expected cameras"),
        ("cameras: [", "line 1"),
    ],
)
def test_a_wrong_configuration_is_named_where_it_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)) as e:
        watch([], tmp_path / "w", config=path)
    assert "hunter2" not in str(e.value) and str(path) in str(e.value)


def test_several_cameras_are_scored_side_by_side_each_as_if_alone(
    model_dir: Path, odd: Path, normal: Path, tmp_path: Path
) -> None:
    def scores(*sources: Path) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        watch(
            [str(s) for s in sources],
            tmp_path / "_".join(s.stem for s in sources),
            model=model_dir,
            fast=True,
            scored=lambda camera, s, _: found.setdefault(camera, []).append(s.score),
        )
        return found

    other = normal / "00.mp4"
    together = scores(odd, other, odd)
    assert together == {"cam1": scores(odd)["cam1"], "cam2": scores(other)["cam1"], "cam3": together["cam1"]}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size of its own, or the test is skipped."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small disk can be mounted by root alone: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def stored(out: Path) -> list[str]:
    store = Store(out)
    try:
        return sorted(e.record.id for e in store.events())
    finally:
        store.close()


@pytest.mark.slow
def test_a_full_disk_loses_no_event(model_dir: Path, long_odd: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk, receiver() as r:
        (tmp_path / "c.yaml").write_text(f"sinks: {{hook: {{kind: webhook, url: '{r.url}'}}}}\n")
        out, told = disk / "w", []
        with watching(
            [str(long_odd)], out, model=model_dir, config=tmp_path / "c.yaml", sets=EAGER, tell=told.append
        ) as scores:
            wait_for(lambda: scores)
            with pytest.raises(OSError), (disk / "filler").open("wb", buffering=0) as f:
                while True:
                    f.write(bytes(4096))
            wait_for(lambda: r.got, 60)  # those whose sink works have it at once
            n = len(scores)
            wait_for(lambda: len(scores) > n + 10)  # and scoring goes on
            assert any(line.startswith(("jsonl: ", "store: ")) for line in told)
            (disk / "filler").unlink()
            wait_for(lambda: len(read_events(out / "events.jsonl")) >= len(r.got), 60)
            wait_for(lambda: len(stored(out)) >= len({json.loads(body)["id"] for _, body in r.got}), 60)
        posted = [json.loads(body) for _, body in r.got]
        found = read_events(out / "events.jsonl")
        assert [e.message for e in found] == [f"{p['id']}.{p['change']}" for p in posted]
        assert stored(out) == sorted({p["id"] for p in posted})
