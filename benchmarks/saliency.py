"""Where does a model look? Figure 4 of the paper, with figures: gradients of the density readout by the pixels.

    python benchmarks/saliency.py MODEL TESTING [--frames 12] [--picture OUT.png]

MODEL: a model folder with the readout density. TESTING: a folder with videos/, labels/ and masks/ (the plain layout).
For windows of abnormal frames with a mask, the value of the readout (the mean of the highest places of its calibrated map)
is followed back to the pixels. Printed, for the gradient and beside it for the plain difference of the two frames: the share
of it that lies on the anomaly, that share over the anomaly's share of the picture (1 = it looks anywhere), and how often the
highest place is on the anomaly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import normalcy
from normalcy.clips.sampling import step_at
from normalcy.errors import DataError, UsageError
from normalcy.nn.inputs import to_pixels
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.statistics import top_mean
from normalcy.video.cache import open_cache
from normalcy.video.reader import probe, working_size
from normalcy.video.source import VideoRef

BLUR = 3.0
"""Pixels over which a map is smoothed before its highest place is looked for, and for the picture."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """One window: its later frame, the mask there, where the gradient is, and how much each pixel changed. All (H, W, ...)."""

    name: str
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    gradient: Floats
    change: Floats


def looks(model: FrameModel, video: Path, masks: Path, count: int) -> Iterator[Look]:
    """At ``count`` abnormal frames of a video, evenly chosen."""
    ref = VideoRef(video.stem, video, "file")
    info = probe(ref)
    frames = open_cache(ref, working_size(info.width, info.height, model.cfg.input)).frames
    with np.load(masks) as stored:
        of_frame = stored["masks"]
    length, step = model.cfg.clip.length, step_at(info.fps, model.cfg)
    late = length // 2  # the later of a window's two middle frames
    possible = [
        i for i in np.flatnonzero(of_frame.any(axis=(1, 2))) if late * step <= i < len(frames) - (length - 1 - late) * step
    ]
    here = model.at(frames)
    at = here.names.index("density")
    for i in [possible[k] for k in np.linspace(0, len(possible) - 1, min(count, len(possible))).astype(int)]:
        index = i + step * (np.arange(length) - late)
        w = here.windows(np.asarray(frames[index]), np.arange(length)[None])
        leaf = to_pixels(w.frames_NHWC, model.cfg.input.channels).requires_grad_()
        w.__dict__["_pixels_NHWC"] = leaf
        with torch.enable_grad():
            maps = here.readouts[at].maps(w)
            z = here.normal.readouts["density"].place.z(maps, model.cfg.scoring.bands, model.cfg.scoring.columns, (False,))
            top_mean(z, model.cfg.scoring.top).sum().backward()
        assert leaf.grad is not None
        pair = np.asarray(frames[index[[late - 1, late]]]).astype(np.float32)
        mask = cv2.resize(of_frame[i].astype(np.uint8), (frames.shape[2], frames.shape[1]), interpolation=cv2.INTER_AREA) > 0
        change = np.abs(pair[1] - pair[0]).mean(axis=-1)
        yield Look(f"{video.stem} {i}", np.asarray(frames[i]), mask, leaf.grad.abs().sum(dim=(0, 3)).numpy(), change)


def on_anomaly(map_HW: Floats, mask: NDArray[np.bool_]) -> tuple[float, float, bool]:
    """(share of the map on the mask, the same over the mask's share of the picture, whether its highest place is there)."""
    share = float(map_HW[mask].sum() / max(float(map_HW.sum()), 1e-12))
    top = np.unravel_index(int(cv2.GaussianBlur(map_HW, (0, 0), BLUR).argmax()), map_HW.shape)
    return share, share / float(mask.mean()), bool(mask[top])


def panel(look: Look) -> NDArray[np.uint8]:
    """The frame with the anomaly outlined, the gradient over it in colours, side by side (RGB)."""
    soft = cv2.GaussianBlur(look.gradient, (0, 0), BLUR)
    heat = cv2.applyColorMap((255 * soft / max(float(soft.max()), 1e-12)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    over = cv2.addWeighted(look.picture, 0.4, cv2.cvtColor(heat, cv2.COLOR_BGR2RGB), 0.8, 0)
    outlines, _ = cv2.findContours(look.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    plain = look.picture.copy()
    for image in (plain, over):
        cv2.drawContours(image, outlines, -1, (0, 255, 255), 1)
    return np.hstack([plain, over])


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("testing", type=Path)
    p.add_argument("--frames", type=int, default=12, help="of each video (default 12)")
    p.add_argument("--picture", type=Path, help="write the first, the middle and the last of each video here")
    a = p.parse_args()
    model = normalcy.load(a.model, "cpu")
    if not isinstance(model, FrameModel) or "density" not in model.names:
        raise UsageError(f"{a.model}: needs a model of level frame with the readout density")
    videos = [(v, a.testing / "masks" / f"{v.stem}.npz") for v in sorted((a.testing / "videos").glob("*.mp4"))]
    seen = [list(looks(model, v, m, a.frames)) for v, m in videos if m.is_file()]
    if not any(seen):
        raise DataError(f"{a.testing}: no video with abnormal frames has a mask")
    print("where the anomaly is, mean over windows     on it   over its area   highest place there")
    every = [look for of_video in seen for look in of_video]
    for name in ("gradient", "change"):
        rows = np.array([on_anomaly(getattr(look, name), look.mask) for look in every])
        words = "gradient of density" if name == "gradient" else "difference of the two frames"
        print(f"{words:40}  {rows[:, 0].mean():7.3f}  {np.median(rows[:, 1]):14.1f}  {rows[:, 2].mean():20.2f}")
    area = np.mean([look.mask.mean() for look in every])
    print(f"{len(every)} windows of {len(seen)} videos; the anomaly covers {area:.2%} of the picture. Second column: median.")
    if a.picture:
        sheet = np.vstack([np.hstack([panel(v[k]) for k in (0, len(v) // 2, len(v) - 1)]) for v in seen if v])
        cv2.imwrite(str(a.picture), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        print(f"wrote {a.picture}")


if __name__ == "__main__":
    main()
