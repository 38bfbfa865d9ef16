"""Drawing of the score map and the score onto a picture. Pure functions on arrays; normal places stay untouched."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.types import FrameScore

Image = NDArray[np.uint8]

HEAT_STOPS = ((255, 224, 92), (255, 160, 30), (240, 70, 30), (196, 10, 70))
"""RGB from just above the threshold to scale_max."""
MAX_ALPHA = 0.5
ALARM = (240, 80, 30)
CALM = (96, 178, 255)


def _table() -> NDArray[np.float32]:
    x = np.linspace(0, len(HEAT_STOPS) - 1, 256)
    return np.stack([np.interp(x, range(len(HEAT_STOPS)), c) for c in zip(*HEAT_STOPS, strict=True)], axis=1).astype(np.float32)


HEAT = _table()
"""(256, 3) float32 RGB."""


def blend(image: Image, score_map: NDArray[np.float32], threshold: float, scale_max: float) -> Image:
    """A copy of image with heat over the places whose score is above the threshold, each region outlined.

    image: (H, W, 3) uint8 RGB. score_map: (h, w) calibrated units, covers the whole picture. Colour and opacity grow
    from the threshold (clear) to scale_max. Every pixel at or below the threshold (or NaN) comes back bit for bit.
    """
    out = image.copy()
    height, width = image.shape[:2]
    span = max(scale_max - threshold, 1e-6)
    values = _finite(np.asarray(score_map, dtype=np.float32), threshold, span)
    if not (values > threshold).any():  # linear resizing never rises above the largest value
        return out
    large = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    above = large > threshold
    rows, cols = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if not len(rows):
        return out
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    inside = above[box]
    level = np.clip((large[box] - threshold) / span, 0, 1)
    alpha = (MAX_ALPHA * np.sqrt(level))[..., None]
    colour = HEAT[(level * 255).astype(np.uint8)]
    mixed = out[box] * (1 - alpha) + colour * alpha
    edge = _inner_edge(inside, thickness=max(1, round(min(height, width) / 240)))
    mixed[edge] = colour[edge]
    out[box][inside] = mixed[inside].round().astype(np.uint8)
    return out


def _finite(values: NDArray[np.float32], threshold: float, span: float) -> NDArray[np.float32]:
    """NaN and -inf become as low as the lowest place (they would eat their neighbours when resized), +inf the top."""
    finite = values[np.isfinite(values)]
    low = min(threshold - span, float(finite.min())) if finite.size else threshold - span
    return np.nan_to_num(values, nan=low, neginf=low, posinf=threshold + span)


def _inner_edge(inside: NDArray[np.bool_], thickness: int) -> NDArray[np.bool_]:
    """The rim of the regions, drawn inwards so that it never covers a normal pixel."""
    padded = np.pad(inside, thickness).astype(np.uint8)
    kernel = np.ones((2 * thickness + 1,) * 2, np.uint8)
    core = cv2.erode(padded, kernel)[thickness:-thickness, thickness:-thickness]
    return np.asarray(inside & (core == 0))


@dataclass(frozen=True, slots=True)
class Scale:
    """What the drawing compares scores with, in calibrated units."""

    threshold: float
    top: float
    """Score at which the heat is full and the bar is at its end."""


def draw_frame(image: Image, score: FrameScore, scale: Scale, event: int | None = None) -> Image:
    """A copy of image as the overlay video shows it: heat where score.map is given, score bar, time, and event mark.

    image: (H, W, 3) uint8 RGB of any size from about 32 pixels on. event: number of the running event, None outside one.
    """
    out = image.copy() if score.map is None else blend(image, score.map, scale.threshold, scale.top)
    return _status(out, score, scale, event)


def _status(out: Image, score: FrameScore, scale: Scale, event: int | None) -> Image:
    """Bar along the lower edge with a tick at the threshold, time and score above it, frame and number during an event."""
    height, width = out.shape[:2]
    side = min(height, width)
    unit = max(1, round(side / 180))
    font = max(0.34, side / 560)
    legible = width >= 120  # below that letters cover the picture and still cannot be read
    if event is not None:
        cv2.rectangle(out, (0, 0), (width - 1, height - 1), ALARM, unit + unit // 2)
        if legible:
            _label(out, f"EVENT {event}", (0, 0), font, unit, ALARM)
    bar = 3 * unit
    if legible:
        _label(out, f"{_time(score.time_s)}  score {score.score:.1f}", (0, height - bar), font, unit, None)
    reach = scale.top if scale.top > 0 else 1.0
    share = float(np.clip(np.nan_to_num(score.score) / reach, 0, 1))
    out[-bar:] = 40
    out[-bar:, : round(share * width)] = ALARM if score.score > scale.threshold else CALM
    tick = min(width - unit, round(float(np.clip(scale.threshold / reach, 0, 1)) * width))
    out[-bar - unit :, tick : tick + unit] = 255
    return out


def _label(out: Image, text: str, corner: tuple[int, int], font: float, unit: int, fill: tuple[int, int, int] | None) -> None:
    """White text on fill (None: the darkened picture). corner: left and upper edge, or lower edge where it is not 0."""
    weight = max(1, round(font * 1.6))
    (w, h), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, font, weight)
    x, tall = corner[0], h + below + 2 * unit
    y = corner[1] - tall if corner[1] else 0
    back = out[max(0, y) : y + tall, x : x + w + 6 * unit]
    back[:] = back // 3 if fill is None else np.array(fill, np.uint8)
    cv2.putText(out, text, (x + 3 * unit, y + h + unit), cv2.FONT_HERSHEY_SIMPLEX, font, (255, 255, 255), weight, cv2.LINE_AA)


def _time(seconds: float) -> str:
    minutes, secs = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{secs:04.1f}" if hours else f"{minutes}:{secs:04.1f}"
