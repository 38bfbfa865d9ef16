"""Small pictures for the page: event thumbnails, and frame / truth / score map columns as in the paper's Figure 3."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.types import Box

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

TRUTH = (30, 214, 150)
ALARM = (240, 80, 30)
MAP_STOPS = ((13, 17, 38), (74, 22, 92), (176, 42, 86), (240, 96, 44), (255, 190, 70), (255, 250, 200))
"""RGB of a score map from 0 to its scale: dark is normal."""
AT_THRESHOLD = 0.55
"""Where in the stops the threshold lies."""


def data_uri(image: Image, quality: int = 82) -> str:
    """(H, W, 3) uint8 RGB as a JPEG ``data:`` address."""
    ok, buffer = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"cannot encode a picture of shape {image.shape}")
    return "data:image/jpeg;base64," + base64.b64encode(buffer.tobytes()).decode("ascii")


def fit(image: Image, width: int) -> Image:
    """Resized to width, aspect kept; small pictures are enlarged smoothly."""
    h, w = image.shape[:2]
    height = max(1, round(h * width / w))
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if w > width else cv2.INTER_CUBIC), np.uint8
    )


def thumbnail(image: Image, region: Box | None, width: int = 400) -> Image:
    """The whole picture with a box around region (pixels of this image)."""
    out = fit(image, width)
    if region is not None:
        k = width / image.shape[1]
        x1, y1, x2, y2 = (round(v * k) for v in region)
        cv2.rectangle(out, (x1 - 3, y1 - 3), (x2 + 2, y2 + 2), (0, 0, 0), 4, cv2.LINE_AA)
        cv2.rectangle(out, (x1 - 3, y1 - 3), (x2 + 2, y2 + 2), ALARM, 2, cv2.LINE_AA)
    return out


def close_up(image: Image, region: Box, width: int = 400, margin: float = 0.4) -> Image | None:
    """The region with margin (share of its size) around it, cut to the shape of the picture so that both align.

    None where the region is so large that a cut would show little more than the picture does.
    """
    h, w = image.shape[:2]
    x1, y1, x2, y2 = region
    wide = max((x2 - x1) * (1 + 2 * margin), (y2 - y1) * (1 + 2 * margin) * w / h, w / 12, 16)
    if wide > 0.65 * w:
        return None
    tall = wide * h / w
    left = float(np.clip((x1 + x2 - wide) / 2, 0, w - wide))
    top = float(np.clip((y1 + y2 - tall) / 2, 0, h - tall))
    cut = image[int(top) : max(int(top) + 1, round(top + tall)), int(left) : max(int(left) + 1, round(left + wide))]
    out = cv2.resize(np.ascontiguousarray(cut), (width, max(1, round(h * width / w))), interpolation=cv2.INTER_CUBIC)
    return np.asarray(out, np.uint8)


def map_picture(score_map: NDArray[np.float32], threshold: float | None, scale_max: float) -> Image:
    """(h, w) calibrated units as (h, w, 3) colours: dark at 0, orange at the threshold, brightest at scale_max.

    Without a threshold the colours run evenly from 0 to scale_max.
    """
    if threshold is not None and 0 < threshold < scale_max:
        share = np.interp(np.nan_to_num(score_map), (0, threshold, scale_max), (0, AT_THRESHOLD, 1))
    else:
        share = np.clip(np.nan_to_num(score_map) / max(scale_max, 1e-6), 0, 1)
    return _MAP[(share * 255).astype(np.uint8)]


def panels(
    image: Image,
    mask: Mask | None,
    score_map: NDArray[np.float32] | None,
    threshold: float | None,
    scale_max: float,
    width: int = 320,
) -> tuple[Image, Image | None, Image | None]:
    """Frame, truth and score map as in Figure 3, at one size; None for what is not given.

    mask: (H, W) bool at any size. score_map: (h, w) calibrated units. The truth is outlined in the map, so that a hit and
    a miss can be told apart; where all is normal a hint of the scene shows through.
    """
    frame = fit(image, width)
    size = (width, frame.shape[0])
    shade = frame.mean(axis=2, keepdims=True)
    shown = heat = truth = None
    if mask is not None:
        truth = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        lit = frame * 0.65 + np.array(TRUTH) * 0.35
        shown = _outline(np.where(truth[..., None] > 0, lit, shade * 0.35).astype(np.uint8), truth)
    if score_map is not None:
        large = cv2.resize(np.nan_to_num(score_map.astype(np.float32)), size, interpolation=cv2.INTER_LINEAR)
        colours = map_picture(large, threshold, scale_max)
        heat = np.clip(colours + shade * 0.18 * (1 - colours.max(axis=2, keepdims=True) / 255.0), 0, 255).astype(np.uint8)
        heat = heat if truth is None else _outline(heat, truth)
    return frame, shown, heat


def _outline(image: Image, mask: NDArray[np.uint8]) -> Image:
    out = image.copy()
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(out, contours, -1, TRUTH, 2, cv2.LINE_AA)
    return out


def _ramp() -> NDArray[np.float32]:
    x = np.linspace(0, len(MAP_STOPS) - 1, 256)
    return np.stack([np.interp(x, range(len(MAP_STOPS)), c) for c in zip(*MAP_STOPS, strict=True)], axis=1).astype(np.float32)


_MAP = _ramp().astype(np.uint8)
