"""Where the time of the object level goes, per frame and against the number of objects, as ratios within one run.

    python benchmarks/objects.py [VIDEO] [--weights PATH.onnx] [--counts 1 10 30 100] [--frames 60] [--repeats 3] [--json]

Detectors run over the frames as they are. What works on boxes (tracks, crops, flow) gets as many boxes as each column says, of
people's size, at random places that drift: the number of objects is then the only thing that differs. The things compared
take turns, medians are compared, and the motion detector is the unit. Without VIDEO a simulated clip is used.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.base import Detector, build_detector
from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import track
from normalcy.objects.flow import measure
from normalcy.objects.tubes import cut, cut_tracked
from normalcy.video.reader import VideoReader
from normalcy.video.writer import VideoWriter
from normalcy.virtual.generate import Scenario

LENGTH = 5
UNIT = "detector motion"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--weights", help="also time the detector onnx with this model")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 30, 100])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        frames, fps = read(args.video or simulated(Path(folder)), args.frames)
    cv2.setNumThreads(1)
    result = run(frames, fps, args.counts, args.repeats, args.weights)
    print(json.dumps(result, indent=2) if args.json else table(result))


def simulated(folder: Path) -> Path:
    """A made-up street."""
    scenario = Scenario((640, 360), 25.0, 0)
    with VideoWriter(folder / "clip.mp4", scenario.size, scenario.fps) as writer:
        for image in scenario.normal_clip(0, 100):
            writer.write(image)
    return folder / "clip.mp4"


def read(video: Path, count: int) -> tuple[list[NDArray[np.uint8]], float]:
    with VideoReader(video) as reader:
        return [f.image for f in itertools.islice(reader, count)], reader.info.fps


def drifting(n: int, frames: int, size: tuple[int, int], seed: int = 0) -> list[Boxes]:
    """n boxes of people's size that drift over the picture."""
    rng = np.random.default_rng(seed)
    w, h = size
    height = rng.uniform(0.08, 0.35, n) * h
    side = np.stack([0.4 * height, height], axis=1)
    place, speed = rng.uniform(0, 1, (n, 2)) * ([w, h] - side), rng.normal(0, 0.004 * h, (n, 2))
    out = []
    for t in range(frames):
        low = place + speed * t
        xyxy = np.concatenate([low, low + side], axis=1).astype(np.float32)
        out.append(Boxes(xyxy, np.ones(n, np.float32), np.full(n, -1, np.int64)).within(w, h))
    return out


def run(
    frames: list[NDArray[np.uint8]], fps: float, counts: Sequence[int], repeats: int, weights: str | None
) -> dict[str, Any]:
    """{"size", "frames", "ms": {what: {count: CPU milliseconds per frame}}}; detectors under count 0."""
    h, w = frames[0].shape[:2]
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]
    stack = np.stack(frames)
    cfg = ObjectsConfig()
    works: dict[tuple[str, int], Callable[[], object]] = {(UNIT, 0): lambda: detect(build_detector(cfg), frames, fps)}
    if weights is not None:
        model = build_detector(ObjectsConfig(detector="onnx", weights=weights, threads=1))
        works["detector onnx", 0] = lambda: detect(model, frames, fps)
    starts = range(len(frames) - LENGTH)
    for n in counts:
        found = drifting(n, len(frames), (w, h))
        along = drifting(n, LENGTH, (10 * w, 10 * h))  # not one of them leaves: every object has a box in every frame
        followed = np.stack([b.xyxy_N4 for b in along], axis=1) / 10
        works["tracks", n] = lambda b=found: track(b, fps)
        works[f"crops of {LENGTH} frames", n] = lambda b=found: [
            cut(stack[t : t + LENGTH], b[t].xyxy_N4, cfg.side, cfg.margin) for t in starts
        ]
        works[f"crops of {LENGTH} frames, tracked", n] = lambda b=followed: [
            cut_tracked(stack[t : t + LENGTH], b, cfg.side, cfg.margin) for t in starts
        ]
        works["flow", n] = lambda b=found: [measure(grey[t], grey[t + 1], b[t], 0.1) for t in starts]
    taken: dict[tuple[str, int], list[float]] = {k: [] for k in works}
    for turn in range(repeats + 1):
        for k, work in works.items():
            started = time.process_time()
            work()
            if turn:
                taken[k].append(time.process_time() - started)
    ms: dict[str, dict[int, float]] = {}
    for (what, n), seconds in taken.items():
        of = len(frames) if n == 0 or what == "tracks" else len(starts)
        ms.setdefault(what, {})[n] = 1e3 * statistics.median(seconds) / of
    return {"size": [w, h], "frames": len(frames), "ms": ms}


def detect(detector: Detector, frames: list[NDArray[np.uint8]], fps: float) -> None:
    detector.reset("", fps)
    for f in frames:
        detector.push(f)


def table(result: dict[str, Any]) -> str:
    ms: dict[str, dict[int, float]] = result["ms"]
    counts = sorted({n for row in ms.values() for n in row if n})
    unit = ms[UNIT][0]
    w, h = result["size"]
    lines = [
        f"{w}x{h}, {result['frames']} frames; CPU time per frame, and as a share of the motion detector's {unit:.2f} ms",
        "",
    ]
    lines.append(f"{'':<28}" + "".join(f"{n:>6} objects" for n in counts))
    for what, row in ms.items():
        if 0 in row:
            lines.append(f"{what:<28}{row[0]:>8.2f} ms  x{row[0] / unit:.2f}")
        else:
            lines.append(f"{what:<28}" + "".join(f"{row[n]:>8.2f} x{row[n] / unit:<4.2f}" for n in counts))
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
