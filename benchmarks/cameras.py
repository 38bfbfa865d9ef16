"""What cameras cost: how many a machine carries, how late events come, and what a server that dies or freezes does.

    python benchmarks/cameras.py MODEL_DIR VIDEO --cameras 8 --seconds 60
    python benchmarks/cameras.py MODEL_DIR VIDEO --cameras 2 --seconds 1200 --rtsp --kill 10 --freeze 10

Each camera is the video, looped to the length wanted and sent at the speed it was filmed: as a file, or with --rtsp through a
GStreamer server on this machine, whose own work is not counted. VIDEO has to be H.264. Of every camera: frames in, scored and
dropped; of the process: CPU share, memory after a minute (or a third of the time) and at the end; delays of scores and events.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from normalcy.api.watch import watch
from normalcy.events.record import EventRecord
from normalcy.types import FrameScore
from normalcy.versions import machine

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
FIRST_PORT = 18554


def looped(video: Path, seconds: float, to: Path) -> Path:
    """The video's packets, again and again, until seconds are full."""
    with av.open(str(video)) as source, av.open(str(to), "w") as out:
        stream = source.streams.video[0]
        copy: Any = out.add_stream_from_template(stream, opaque=True)
        packets = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in source.demux(stream) if p.size]
        base: Fraction = stream.time_base
        step = round(1 / (float(stream.average_rate) * float(base)))
        length = max(p[1] for p in packets) - min(p[1] for p in packets) + step
        for turn in range(int(seconds / float(length * base)) + 1):
            for data, pts, dts, key in packets:
                packet: Any = av.Packet(data)
                packet.time_base, packet.stream, packet.is_keyframe = base, copy, key
                packet.pts, packet.dts = pts + turn * length, dts + turn * length
                out.mux(packet)
    return to


class Servers:
    """One RTSP server for each camera; trouble() kills and freezes them."""

    def __init__(self, film: Path, cameras: int) -> None:
        self._film = film
        self._running = [self._start(i) for i in range(cameras)]
        self.back: list[tuple[int, float, str]] = []
        """(camera, when its server was there again, what had been done to it)."""

    def _start(self, i: int) -> subprocess.Popen[str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        command = [SYSTEM_PYTHON, str(SERVER), str(FIRST_PORT + i), str(self._film)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit("no RTSP server: install python3-gst-1.0 and gir1.2-gst-rtsp-server-1.0")
        return process

    def trouble(self, what: str, away_s: float) -> None:
        i = random.randrange(len(self._running))
        old = self._running[i]
        old.send_signal(signal.SIGKILL if what == "killed" else signal.SIGSTOP)
        time.sleep(away_s)
        if what == "killed":
            old.wait()
            self._running[i] = self._start(i)
        else:
            old.send_signal(signal.SIGCONT)
        self.back.append((i, time.time(), what))

    def close(self) -> None:
        for p in self._running:
            p.kill()
            p.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--fast", action="store_true", help="as fast as it goes: CPU time a camera needs, on a busy machine too"
    )
    parser.add_argument("--rtsp", action="store_true")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--freeze", type=int, default=0)
    parser.add_argument("--away", type=float, default=15.0, help="seconds that a killed or frozen server stays away")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(a, Path(folder))


def run(a: argparse.Namespace, folder: Path) -> None:
    length = a.seconds if a.fast else a.seconds * 1.2 + 30
    film = looped(a.video, length, folder / "film.mp4")
    servers = Servers(film, a.cameras) if a.rtsp else None
    sources = [f"rtsp://127.0.0.1:{FIRST_PORT + i}/cam" if a.rtsp else str(film) for i in range(a.cameras)]
    lag: list[float] = []
    walls: dict[str, list[float]] = {}
    event_lag: list[float] = []
    events: list[EventRecord] = []

    def scored(camera: str, s: FrameScore, wall: float) -> None:
        lag.append(time.time() - wall)
        walls.setdefault(camera, []).append(wall)

    def show(e: EventRecord) -> None:
        events.append(e)
        if e.type == "new" and e.kind == "anomaly":
            event_lag.append(time.time() - e.start_time)

    stop, process = threading.Event(), psutil.Process()
    used: dict[str, float] = {}

    def drive() -> None:
        while not lag:
            if stop.wait(0.1):
                return
        start, cpu = time.monotonic(), sum(process.cpu_times()[:2])
        settle = min(60.0, a.seconds / 3)
        stop.wait(settle)
        used["settle"], used["before"] = settle, process.memory_info().rss
        if a.fast:
            stop.wait()
        troubles = ["killed"] * a.kill + ["frozen"] * a.freeze
        for n, what in enumerate(troubles):
            at = settle + (a.seconds - settle) * (n + 0.5) / len(troubles)
            stop.wait(max(0.0, at - a.away - (time.monotonic() - start)))
            if servers is not None and not stop.is_set():
                servers.trouble(what, a.away)
        stop.wait(max(0.0, a.seconds - (time.monotonic() - start)))
        used["wall"], used["cpu"] = time.monotonic() - start, sum(process.cpu_times()[:2]) - cpu
        used["after"] = process.memory_info().rss
        stop.set()

    driver = threading.Thread(target=drive)
    driver.start()
    try:
        result = watch(
            sources,
            folder / "out",
            model=a.model,
            sets=a.sets,
            fast=a.fast,
            stop=stop,
            scored=scored,
            show=show,
            tell=lambda line: None,
        )
    finally:
        stop.set()
        driver.join()
        if servers is not None:
            servers.close()
    cameras, wall = result.cameras, used["wall"]
    print(f"{a.cameras} cameras, {wall:.0f} s, {machine('cpu')['processor']}, {machine('cpu')['cores']} cores")
    for c in cameras:
        print(f"  {c.name}: {c.frames} in, {c.scored} scored, {c.skipped} dropped, {c.reconnects} reconnects, {dict(c.events)}")
    print(f"CPU: {used['cpu'] / wall:.2f} cores in all, {used['cpu'] / wall / a.cameras:.3f} a camera")
    if a.fast:
        filmed = sum(c.scored for c in cameras) / 25.0
        print(
            f"CPU: {used['cpu'] / filmed:.3f} s a second of video (of 25 frames/s): {filmed / used['cpu']:.1f} cameras a core"
        )
    before, after = used["before"] / 2**20, used["after"] / 2**20
    print(f"memory: {before:.0f} MiB after {used['settle']:.0f} s, {after:.0f} MiB at the end")
    for name, values in (("picture to score", lag), ("begin of an event to its message", event_lag)):
        if values:
            print(f"{name}: median {np.median(values):.2f} s, 95 % within {np.percentile(values, 95):.2f} s ({len(values)})")
    ended = {e.id for e in events if e.type == "end"}
    print(f"events: {len({e.id for e in events})}, of which {len(ended)} ended; {len(events)} changes")
    if servers is not None and servers.back:
        waits: dict[str, list[float]] = {"killed": [], "frozen": []}
        for i, back, what in servers.back:
            waits[what] += [w - back for w in walls[f"cam{i + 1}"] if w > back][:1]
        for what, found in waits.items():
            if found:
                print(
                    f"{what}: {len(found)} times, first scored picture {np.median(found):.1f} s after (most {max(found):.1f} s)"
                )


if __name__ == "__main__":
    main()
