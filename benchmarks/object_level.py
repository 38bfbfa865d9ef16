"""Where the time of scoring objects goes, and whether it is linear in them.

    python benchmarks/object_level.py [--counts 1 10 30 100] [--frames 40] [--set KEY=VALUE] [--threads 1] [--json]

Random weights, a simulated clip, and so many boxes of people's size in every frame that drift at random. CPU time in ms for
each frame that is looked at: cutting the tubes (once for all tasks), optical flow, each readout on tubes that are cut already
(a pass through the encoder that several need counts for the first that asks), and the whole of a pushed frame.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.nn.build import build_network
from normalcy.objects.flow import measure
from normalcy.objects.model import ObjectModel
from normalcy.objects.statistics import ObjectValues
from normalcy.objects.tubes import cut
from normalcy.presets import load_config
from normalcy.types import Frame, VideoInfo
from normalcy.virtual.generate import Scenario

W, H, FPS = 320, 240, 10.0


def drifting(count: int, frames: int) -> list[Boxes]:
    """count boxes of 20 x 50 pixels in every frame."""
    rng = np.random.default_rng(0)
    low = rng.uniform((0, 0), (W - 20, H - 50), (count, 2))
    out = []
    for _ in range(frames):
        low = np.clip(low + rng.normal(0, 1, low.shape), 0, (W - 20, H - 50))
        xyxy = np.concatenate([low, low + np.array([20, 50])], axis=1).astype(np.float32)
        out.append(Boxes(xyxy, np.ones(count, np.float32), np.zeros(count, np.int64)))
    return out


def random_model(cfg: Config, images: np.ndarray) -> ObjectModel:
    """Untrained, calibrated on a few objects, so that everything runs."""
    torch.manual_seed(0)
    model = ObjectModel(cfg, build_network(cfg).eval())
    t, found = cfg.clip.length, drifting(10, len(images))
    regions = [model.regions(images[i : i + t], found[i + t // 2], 1 / FPS) for i in range(0, len(images) - t, 2)]
    extracts = [model.extract(clips) for clips in model.batches(regions, (W, H))]
    for x in extracts:
        model.observe(x)
    model.fit()
    raw = np.concatenate([model.raw(x) for x in extracts])
    model.calibrate([ObjectValues(raw, [r.boxes for r in regions], (W, H), FPS)])
    return model


def cpu_ms(what: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU milliseconds of a call, after one that is not counted."""
    what()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        what()
        times.append(1e3 * (time.process_time() - started))
    return float(np.median(times))


def measured(model: ObjectModel, images: np.ndarray, count: int) -> dict[str, float]:
    cfg, found = model.cfg, drifting(count, len(images))
    t, o = cfg.clip.length, cfg.objects
    clip, boxes = images[:t], found[t // 2]
    grey = [f[..., 1].copy() for f in clip[:2]]
    out = {
        "cut": cpu_ms(lambda: cut(clip, boxes.xyxy_N4, o.side, o.margin)),
        "optical flow": cpu_ms(lambda: measure(grey[0], grey[1], boxes, 1 / FPS)),
    }
    regions = model.regions(clip, boxes, 1 / FPS)
    before = 0.0
    for i in range(len(model.readouts)):

        def first(n: int = i + 1) -> None:
            with torch.inference_mode():
                clips = model.clips([regions], (W, H))
                for r in model.readouts[:n]:
                    r.raw(r.extract(clips))

        so_far = cpu_ms(first)
        out[f"readout {model.names[i]}"] = max(so_far - before, 0.0)
        before = so_far

    def push() -> None:
        scorer = model.scorer(VideoInfo("drifting", Path("drifting"), W, H, FPS, len(images)), maps=True, boxes=found)
        for i, image in enumerate(images):
            scorer.push(Frame(i, i / FPS, image))
        scorer.finish()

    looked = len(range(0, len(images) - t + 1, o.stride))
    out["whole, for each frame looked at"] = cpu_ms(push, 3) / looked
    return out


def report(result: dict[str, Any]) -> str:
    counts = list(result["cpu_ms"])
    lines = [
        f"{result['threads']} threads; CPU ms for each frame looked at",
        "",
        f"{'objects in a frame':34}" + "".join(f"{c:>9}" for c in counts),
    ]
    for name in result["cpu_ms"][counts[0]]:
        lines.append(f"{name:34}" + "".join(f"{result['cpu_ms'][c][name]:9.2f}" for c in counts))
    whole = [result["cpu_ms"][c]["whole, for each frame looked at"] / int(c) for c in counts]
    lines.append(f"{'whole, for each object':34}" + "".join(f"{v:9.2f}" for v in whole))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 30, 100])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cfg = load_config("cpu", environ={}, sets=["level=object", "objects.method=tubes", *args.sets])
    images = np.stack(list(Scenario((W, H), FPS, 0).normal_clip(0, args.frames)))
    model = random_model(cfg, images)
    result = {"threads": args.threads, "cpu_ms": {str(n): measured(model, images, n) for n in args.counts}}
    print(json.dumps(result) if args.json else report(result))


if __name__ == "__main__":
    main()
