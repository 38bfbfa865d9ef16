from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import moving_square_video, numbered_frames, read_number, write_size_change, write_video
from normalcy.errors import ConfigError, SourceError
from normalcy.video.address import from_environment, hidden
from normalcy.video.connection import target_of
from normalcy.video.live import Ended, Feed, Item, Lost, Opened, Patience, Shown
from normalcy.video.reader import VideoReader
from peers import free_port, mjpeg_server, rtsp_server, served, wait_for

QUICK = Patience(open_s=5.0, read_s=1.0, retry_s=0.05, retry_most_s=0.2)


def same(w: int, h: int) -> tuple[int, int]:
    return w, h


class Collected:
    """Everything that a feed brings, until told to stop."""

    def __init__(self, source: str, **how: Any) -> None:
        self.items: list[Item] = []
        self.feed = Feed(target_of(source), "gate", how.pop("size_of", same), **how)

    def __enter__(self) -> Collected:
        self.feed.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.stop(5.0)

    def until(self, done: Callable[[Collected], Any]) -> None:
        def look() -> Any:
            self.items += self.feed.take()
            return done(self)

        wait_for(look)

    def of(self, kind: type) -> list[Any]:
        return [i for i in self.items if isinstance(i, kind)]

    def pictures(self) -> list[Shown]:
        return self.of(Shown)


def test_a_file_is_read_as_the_reader_reads_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", moving_square_video(40, 96, 128))
    with Collected(str(path), fast=True, size_of=lambda w, h: (64, 48)) as c:
        c.until(lambda c: c.of(Ended))
    expected = list(VideoReader(path, (64, 48)))
    assert c.of(Opened)[0].info.fps == 25.0 and c.of(Ended)[0].reason is None
    assert [s.frame.time_s for s in c.pictures()] == [f.time_s for f in expected]
    assert all(np.array_equal(s.frame.image, f.image) for s, f in zip(c.pictures(), expected, strict=True))
    walls = [s.wall for s in c.pictures()]
    assert np.allclose(np.diff(walls), 0.04, atol=0.005)


def test_a_file_at_its_own_speed_drops_what_nobody_takes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(60), fps=100)
    feed = Feed(target_of(str(path)), "gate", same, patience=Patience(queue_s=0.1))
    feed.start()
    wait_for(lambda: feed.counters.frames == 60 and not feed._thread.is_alive())
    shown = [i for i in feed.take() if isinstance(i, Shown)]
    assert len(shown) + feed.counters.dropped == 60 and feed.counters.dropped >= 45
    assert [read_number(s.frame.image) for s in shown] == [s.frame.index for s in shown] == list(range(60 - len(shown), 60))


def test_a_file_read_fast_waits_for_its_reader(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(60))
    with Collected(str(path), fast=True, patience=Patience(queue_s=0.2)) as c:
        wait_for(lambda: c.feed.counters.frames >= 5)
        time.sleep(0.1)
        assert c.feed.counters.frames <= 7
        c.until(lambda c: c.of(Ended))
    assert len(c.pictures()) == 60 and c.feed.counters.dropped == 0


def test_another_size_in_the_middle_is_opened_anew(tmp_path: Path) -> None:
    path = write_size_change(tmp_path / "a.ts")
    with Collected(str(path), fast=True) as c:
        c.until(lambda c: c.of(Ended))
    assert [(o.info.width, o.info.height) for o in c.of(Opened)] == [(64, 48), (96, 64)]
    times = [s.frame.time_s for s in c.pictures()]
    assert len(times) == 20 and all(b > a for a, b in pairwise(times))


@pytest.mark.slow
def test_mjpeg_over_http_has_the_times_at_which_pictures_came() -> None:
    images = list(numbered_frames(80))
    with mjpeg_server(images) as url, Collected(url, patience=QUICK) as c:
        c.until(lambda c: len(c.pictures()) >= 100 and c.of(Lost))
    assert [read_number(s.frame.image) for s in c.pictures()[:80]] == list(range(80))
    rate = c.of(Opened)[0].info.fps
    steps = np.diff([s.frame.time_s for s in c.pictures()[:80]])
    assert (steps > 0).all() and rate == pytest.approx(1.0 / float(np.mean(steps)), rel=0.5)
    assert c.feed.counters.connections >= 2


def test_hls_is_read_and_read_again_when_the_list_is_over(tmp_path: Path) -> None:
    import av

    path = write_video(tmp_path / "a.mp4", numbered_frames(75), options={"g": "25", "bf": "0"})
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "live.m3u8"), "w", format="hls", options={"hls_time": "1"}) as out,
    ):
        stream: Any = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            return

    with (
        served(partial(Quiet, directory=str(tmp_path))) as port,
        Collected(f"http://127.0.0.1:{port}/live.m3u8", patience=QUICK) as c,
    ):
        c.until(lambda c: len(c.pictures()) >= 80)
    assert [read_number(s.frame.image) for s in c.pictures()[:75]] == list(range(75))
    assert c.of(Opened)[0].info.fps == 25.0


def test_a_folder_that_grows_is_followed(tmp_path: Path) -> None:
    import cv2

    images = numbered_frames(12)

    def put(i: int, cut: bool = False) -> None:
        data = cv2.imencode(".jpg", images[i])[1].tobytes()
        part = tmp_path / ".part"
        part.write_bytes(data[: len(data) // 2] if cut else data)
        os.utime(part, (1e9 + i / 5, 1e9 + i / 5))
        part.replace(tmp_path / f"f{i}.jpg")

    put(0)  # was there before
    with Collected(str(tmp_path), patience=QUICK) as c:
        wait_for(lambda: c.feed.counters.connections)
        for i in range(1, 11):
            put(i, cut=i == 10)
        time.sleep(0.3)
        put(10)  # a writer that takes its time
        put(11)
        c.until(lambda c: len(c.pictures()) == 11)
    assert c.of(Opened)[0].info.fps == pytest.approx(5.0)
    assert [read_number(s.frame.image) for s in c.pictures()] == list(range(1, 12))


def test_webcams_are_read_through_opencv(tmp_path: Path) -> None:
    from normalcy.video.connection import Target, Webcam

    path = write_video(tmp_path / "a.avi", numbered_frames(5), codec="mjpeg")
    camera = Webcam(Target("webcam", str(path), "0"))  # OpenCV reads a file by the same calls
    got = list(camera.read())
    camera.close()
    assert [read_number(p[0].convert((64, 48))) for _, p in got] == list(range(5))
    assert all(e is not None and e.key for e, _ in got)
    feed = Feed(Target("webcam", "/dev/video99", "/dev/video99"), "desk", same, patience=QUICK)
    feed.start()
    lost = wait_for(lambda: [i for i in feed.take() if isinstance(i, Lost)])
    feed.stop()
    assert "/dev/video99: no camera can be opened there" in lost[0].reason


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", moving_square_video(200, 96, 128), options={"g": "25", "bf": "0"})


@pytest.mark.slow
def test_an_rtsp_stream_gives_the_pictures_of_its_file(film: Path) -> None:
    port = free_port()
    with rtsp_server(port, film), Collected(f"rtsp://127.0.0.1:{port}/cam", patience=QUICK) as c:
        c.until(lambda c: len(c.pictures()) >= 60)
    for s, f in zip(c.pictures()[:60], VideoReader(film), strict=False):
        assert np.array_equal(s.frame.image, f.image)
    assert np.allclose(np.diff([s.frame.time_s for s in c.pictures()]), 0.04, atol=1e-3)
    assert abs(c.pictures()[0].wall - time.time()) < 60 and c.of(Opened)[0].info.fps == 25.0


@pytest.mark.slow
def test_a_server_that_dies_freezes_or_refuses_is_connected_again(film: Path) -> None:
    port = free_port()
    with Collected(f"rtsp://127.0.0.1:{port}/cam", patience=QUICK) as c:
        c.until(lambda c: c.of(Lost))  # nobody there
        assert "refused" in c.of(Lost)[0].reason
        for end in ("kill", "freeze"):
            with rtsp_server(port, film) as server:
                n = len(c.pictures())
                c.until(lambda c, n=n: len(c.pictures()) > n + 30)  # type: ignore[misc]
                lost = len(c.of(Lost))
                if end == "freeze":
                    server.send_signal(signal.SIGSTOP)
                    c.until(lambda c, n=lost: len(c.of(Lost)) > n)  # type: ignore[misc]
                    server.send_signal(signal.SIGCONT)
            c.until(lambda c, n=lost: len(c.of(Lost)) > n)  # type: ignore[misc]
        with rtsp_server(port, film):
            n = len(c.pictures())
            c.until(lambda c: len(c.pictures()) > n + 30)
    times = np.array([s.frame.time_s for s in c.pictures()])
    assert (np.diff(times) > 0).all() and len(c.of(Opened)) >= 3
    assert [s.frame.index for s in c.pictures()] == list(range(len(times)))


@pytest.mark.slow
def test_a_login_from_the_environment_opens_the_stream_and_is_never_shown(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    address = f"rtsp://${{CAM_USER}}:${{CAM_PASSWORD}}@127.0.0.1:{port}/cam?key=${{CAM_PASSWORD}}"
    monkeypatch.setenv("CAM_USER", "watcher")
    monkeypatch.setenv("CAM_PASSWORD", "s3cret/@:pw")
    with rtsp_server(port, film, "watcher", "s3cret/@:pw"):
        with Collected(address.partition("?")[0], patience=QUICK) as c:
            c.until(lambda c: c.pictures())
        monkeypatch.setenv("CAM_PASSWORD", "wrong-pw")
        with Collected(address, patience=QUICK) as wrong:
            wrong.until(lambda c: len(c.of(Lost)) >= 2)
    shown = repr([*c.of(Opened), *wrong.items, target_of(address)])
    assert "s3cret" not in shown and "wrong-pw" not in shown and "watcher" not in shown
    assert "Unauthorized" in wrong.of(Lost)[0].reason or "401" in wrong.of(Lost)[0].reason


def test_addresses() -> None:
    environ = {"PW": "a/b@c"}
    assert from_environment("rtsp://u:${PW}@h/x", environ) == "rtsp://u:a%2Fb%40c@h/x"
    assert from_environment("whsec_${PW}", environ) == "whsec_a/b@c"
    with pytest.raises(ConfigError, match="no variable NO_SUCH") as e:
        from_environment("rtsp://u:pass@h/${NO_SUCH}", environ)
    assert "pass" not in str(e.value)
    assert hidden("rtsp://u:p@h:554/x?token=1") == "rtsp://h:554/x?..."
    assert hidden("cannot open rtsp://u:p@h/x: refused") == "cannot open rtsp://h/x: refused"


@pytest.mark.parametrize(
    ("source", "message"), [("ftp://u:pw@host/x", "cannot watch ftp"), ("no-such-file.mp4", "no such file or folder")]
)
def test_what_is_no_source_is_said_at_once(source: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as e:
        target_of(source)
    assert "pw" not in str(e.value)


def test_stop_ends_the_thread_wherever_it_waits(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered_frames(50))
    full = Feed(target_of(str(path)), "a", same, patience=Patience(queue_s=0.1), fast=True)
    retrying = Feed(target_of(f"rtsp://127.0.0.1:{free_port()}/x"), "b", same, patience=Patience(retry_s=60.0))
    for feed in (full, retrying):
        feed.start()
    wait_for(lambda: full.counters.frames >= 2 and any(isinstance(i, Lost) for i in retrying.take()))
    for feed in (full, retrying):
        feed.stop(10.0)
        assert not feed._thread.is_alive()
