"""Places in a picture, 0 to 1 over its width and height: what lies in a polygon, and what is drawn and painted over."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.api.cameras import Polygon
from normalcy.types import Box, FrameScore


def inside(at: tuple[float, float], points: Polygon) -> bool:
    """Whether a point lies in a polygon, its rim included."""
    return cv2.pointPolygonTest(np.array(points, np.float32), (float(at[0]), float(at[1])), False) >= 0


def painted(image: NDArray[np.uint8], polygons: list[Polygon]) -> NDArray[np.uint8]:
    """A copy of image (H, W, 3) with polygons (0 to 1) in black."""
    out = image.copy()
    scale = np.array([image.shape[1], image.shape[0]], np.float32)
    cv2.fillPoly(out, [np.ceil(np.array(p, np.float32) * scale).astype(np.int32) for p in polygons], (0, 0, 0))
    return out


def place(s: FrameScore) -> tuple[float, float] | None:
    """Where the most abnormal thing of a frame is, 0 to 1: where it stands, or the highest place of the map."""
    if s.objects:
        x1, _, x2, y2 = max(s.objects, key=lambda o: o.score).box
        return (x1 + x2) / 2, y2
    if s.map is None:
        return None
    y, x = np.unravel_index(int(s.map.argmax()), s.map.shape)
    return (float(x) + 0.5) / s.map.shape[1], (float(y) + 0.5) / s.map.shape[0]


def jpeg(image: NDArray[np.uint8], region: Box | None) -> bytes:
    """A JPEG with the region (0 to 1) drawn."""
    out = np.ascontiguousarray(image[..., ::-1])
    if region is not None:
        h, w = out.shape[:2]
        x1, y1, x2, y2 = (round(v * s) for v, s in zip(region, (w, h, w, h), strict=True))
        cv2.rectangle(out, (x1, y1), (x2 - 1, y2 - 1), (30, 80, 240), max(2, round(min(h, w) / 240)))
    _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return data.tobytes()
