"""How much faster are two workers of one core each than one? The same files, the same machine, one run.

    python benchmarks/cluster.py [--videos 8] [--seconds 60] [--size 640x360]

Makes recordings of its own, trains a few steps of the preset ``cpu`` at frame level on one (what the network learned does not
matter here), and scores all of them through Ray with one worker, which has one core for everything, and with two on two. Both
are run twice, in turn, and the better time of each counts. It holds the start of the workers (PyTorch, the model); that of Ray
itself is stated apart. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

FPS = 25


def make(path: Path, size: tuple[int, int], seconds: int, seed: int) -> None:
    """A recording of textured blocks that walk over a textured ground."""
    import av

    w, h = size
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(40, 140, (h // 16, w // 16, 3), dtype=np.uint8), size)
    blocks = [
        (rng.integers(0, w), rng.integers(0, h - 80), rng.integers(1, 5), rng.integers(0, 255, (80, 40, 3), dtype=np.uint8))
        for _ in range(6)
    ]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "50"}
        for t in range(seconds * FPS):
            image = ground.copy()
            for x, y, speed, look in blocks:
                xs = (x + speed * t + np.arange(40)) % w
                image[y : y + 80, xs] = look
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))


def score(model: Path, videos: Path, out: Path, workers: int) -> tuple[float, float]:
    """(seconds of scoring, seconds of Ray's start and of the first recording) with so many workers."""
    import normalcy
    from normalcy.runners import ray_engine

    started, entered = time.perf_counter(), 0.0
    enter = ray_engine.RayRunner.__enter__

    def timed(self: ray_engine.RayRunner) -> ray_engine.RayRunner:
        nonlocal entered
        result = enter(self)
        entered = time.perf_counter()
        return result

    ray_engine.RayRunner.__enter__ = timed  # type: ignore[method-assign]
    try:
        normalcy.score(videos, model, out, device="cpu", engine="ray", workers=workers, part_s=0)
    finally:
        ray_engine.RayRunner.__enter__ = enter  # type: ignore[method-assign]
    return time.perf_counter() - entered, entered - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--size", default="640x360")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    os.environ.setdefault("RAY_worker_niceness", "0")
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        os.environ["NORMALCY_CACHE_DIR"] = str(base / "cache")
        (base / "videos").mkdir()
        make(base / "normal.mp4", (width, height), 20, 99)
        for i in range(given.videos):
            make(base / "videos" / f"{i:02d}.mp4", (width, height), given.seconds, i)
        import normalcy

        normalcy.train(base / "normal.mp4", base / "model", preset="cpu", sets=["train.steps=20", "level=frame"], device="cpu")
        took = {}
        load = os.getloadavg()[0]
        for workers in (1, 2, 1, 2):  # twice, in turn: the better of each counts
            os.sched_setaffinity(0, cores[:workers])  # one worker has one core, for its decoder, too
            seconds, start = score(base / "model", base / "videos", base / f"out{workers}{len(took)}{time.time_ns()}", workers)
            took.setdefault(workers, []).append({"scoring_s": round(seconds, 2), "start_s": round(start, 2)})
        one, two = (min(r["scoring_s"] for r in took[w]) for w in (1, 2))
    frames = given.videos * given.seconds * FPS
    print(
        json.dumps(
            {
                "frames": frames,
                "size": given.size,
                "runs": took,
                "frames_per_s": {"1": round(frames / one, 1), "2": round(frames / two, 1)},
                "ratio": round(one / two, 2),
                "load_before": load,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
