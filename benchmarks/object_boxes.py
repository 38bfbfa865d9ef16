"""Which anomalies have a box: recall against pixel masks, by size, for each way of looking for boxes.

    python benchmarks/object_boxes.py SET [SET ...] [--weights PATH] [--fps 5] [--iou 0.2] [--tiles N] [--json]

SET is a folder with training/videos, testing/videos and testing/masks (testing/masks_extra is read too), as in
../shared/data or as benchmarks/streets.py writes it. An anomaly is one connected region of a frame's mask of at least 20
pixels; it has a box when one overlaps it by more than --iou (intersection over union). Frames that are not looked at have the
boxes between those that are. Ways:

    motion             motion alone
    onnx 480           the model at a short side of 480
    onnx chosen        the model at the short side that is chosen from the training videos
    both 480, both     with motion boxes beside the model's; `both` is what the detector `auto` does
    both, tiles        with --tiles: also searched in N x N tiles

No mask has a part in any choice. Columns by height of the anomaly in pixels; `all` is the share of all anomalies, `frames` that
of abnormal frames in which at least one has a box, `boxes` the mean number of boxes in a frame.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from normalcy.config import ObjectsConfig
from normalcy.data.arrays import read_npz
from normalcy.detection.base import build_detector, sample_step
from normalcy.detection.boxes import Boxes, Floats, iou
from normalcy.detection.cache import boxes_of
from normalcy.detection.choice import concrete
from normalcy.detection.tracks import filled, track
from normalcy.video.reader import probe
from normalcy.video.source import as_ref, expand

HEIGHTS = (0, 16, 32, 64, 10_000)
SMALLEST = 20
"""Pixels of a region below which it is a crumb of the mask."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--weights", help="path or name; default: yolox_nano where it is found")
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--iou", type=float, default=0.2)
    parser.add_argument("--tiles", type=int)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    for root in args.sets:
        rows += recall(root, args.weights, args.fps, args.iou, args.tiles)
        print(f"{root.name}: done", file=sys.stderr, flush=True)
    print(json.dumps(rows, indent=2) if args.json else table(rows))


def ways(root: Path, weights: str | None, fps: float, tiles: int | None) -> dict[str, ObjectsConfig]:
    """Settings of each way, by its name."""
    base = ObjectsConfig(boxes_fps=fps, weights=weights, min_score=0.15, nms=0.6)
    chosen = concrete(base.model_copy(update={"detector": "both"}), expand(root / "training" / "videos"))
    plain = chosen.model_copy(update={"short_side": 480})
    out = {
        "motion": base.model_copy(update={"detector": "motion"}),
        "onnx 480": plain.model_copy(update={"detector": "onnx"}),
        f"onnx chosen ({chosen.short_side})": chosen.model_copy(update={"detector": "onnx"}),
        "both 480": plain,
        f"both ({chosen.short_side})": chosen,
    }
    if tiles is not None:
        out[f"both, {tiles}x{tiles} tiles"] = chosen.model_copy(update={"tiles": tiles})
    return out


def recall(root: Path, weights: str | None, fps: float, least: float, tiles: int | None) -> list[dict[str, Any]]:
    """A row for each way."""
    masks = {p.stem: p for folder in ("masks_extra", "masks") for p in sorted((root / "testing" / folder).glob("*.npz"))}
    truth = {name: [regions(m) for m in read_npz(path, "masks")] for name, path in sorted(masks.items())}
    rows = []
    for way, cfg in ways(root, weights, fps, tiles).items():
        detector = build_detector(cfg)
        height: list[float] = []
        hit: list[bool] = []
        frames, count = [], []
        for name, per_frame in truth.items():
            ref = as_ref(root / "testing" / "videos" / f"{name}.mp4")
            rate = probe(ref).fps
            every = sample_step(rate, cfg)
            sampled = boxes_of(ref, detector, every=every)
            found, _ = filled(sampled, track(sampled, rate / every)[0], every, len(per_frame))
            count += [len(b) for b in found]
            for regions_N4, boxes in zip(per_frame, found, strict=True):
                if len(regions_N4):
                    has = overlapped(regions_N4, boxes, least)
                    hit += has.tolist()
                    height += (regions_N4[:, 3] - regions_N4[:, 1]).tolist()
                    frames.append(bool(has.any()))
        rows.append(
            {"set": root.name, "way": way, "boxes": float(np.mean(count)), **shares(np.array(height), np.array(hit), frames)}
        )
    return rows


def regions(mask_HW: NDArray[np.bool_]) -> Floats:
    """(N, 4) boxes around the connected regions of a mask of at least SMALLEST pixels."""
    labels, _ = ndimage.label(mask_HW, structure=np.ones((3, 3)))
    size = np.bincount(labels.ravel())
    found = [
        (x.start, y.start, x.stop, y.stop)
        for k, (y, x) in enumerate(ndimage.find_objects(labels), start=1)
        if size[k] >= SMALLEST
    ]
    return np.array(found, np.float32).reshape(-1, 4)


def overlapped(regions_N4: Floats, boxes: Boxes, least: float) -> NDArray[np.bool_]:
    """(N,) which regions have a box."""
    return np.asarray(iou(regions_N4, boxes.xyxy_N4).max(axis=1, initial=0.0) > least)


def shares(height: NDArray[np.float64], hit: NDArray[np.bool_], frames: Sequence[bool]) -> dict[str, Any]:
    """Recall of all regions, of frames, and by height: [share, number]."""
    by: dict[str, Any] = {"all": [float(hit.mean()), len(hit)], "frames": [float(np.mean(frames)), len(frames)]}
    for low, high in itertools.pairwise(HEIGHTS):
        some = hit[(height >= low) & (height < high)]
        by[f"{low}-{high}" if high < HEIGHTS[-1] else f"{low}-"] = [float(some.mean()) if len(some) else None, len(some)]
    return by


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    columns = [k for k in rows[0] if k not in ("set", "way", "boxes")]
    lines = ["| set | way | " + " | ".join(columns) + " | boxes |", "|" + "---|" * (len(columns) + 3)]
    for r in rows:
        cells = ["" if r[k][0] is None else f"{r[k][0]:.3f} of {r[k][1]}" for k in columns]
        lines.append(f"| {r['set']} | {r['way']} | " + " | ".join(cells) + f" | {r['boxes']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
