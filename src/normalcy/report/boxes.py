"""Drawing of boxes onto a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

COLOURS = ((255, 179, 0), (0, 168, 255), (240, 70, 110), (60, 200, 110), (190, 120, 255), (255, 240, 80), (0, 220, 220))
"""RGB; an object keeps its colour as long as it keeps its number."""
_DARK = (24, 24, 24)


def draw_boxes(image: Image, xyxy_N4: NDArray[np.float32], id_N: Sequence[int], text_N: Sequence[str]) -> Image:
    """A copy of image, (H, W, 3) uint8 RGB, with each box outlined in the colour of its id and its text above it.

    xyxy: pixels, x2 and y2 exclusive. Texts are left out on pictures too small to read them.
    """
    out = image.copy()
    height, width = out.shape[:2]
    thick = max(1, round(min(height, width) / 360))
    font = max(0.3, min(height, width) / 1100)
    for box, number, text in zip(xyxy_N4, id_N, text_N, strict=True):
        colour = COLOURS[number % len(COLOURS)]
        x1, y1, x2, y2 = (int(v) for v in (*np.floor(box[:2]), *(np.ceil(box[2:]) - 1)))
        cv2.rectangle(out, (x1, y1), (x2, y2), colour, thick)
        if width >= 320 and text:
            (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, font, 1)
            at = (min(max(x1, 0), max(width - w, 0)), y1 - 3 if y1 - 3 - h >= 0 else min(y2 + h + 3, height - 1))
            cv2.rectangle(out, (at[0], at[1] - h - 1), (at[0] + w, at[1] + 2), _DARK, cv2.FILLED)
            cv2.putText(out, text, at, cv2.FONT_HERSHEY_SIMPLEX, font, colour, 1, cv2.LINE_AA)
    return out
