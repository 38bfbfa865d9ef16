"""The boxes of one frame, and what is computed on boxes alone. Pixels of the source frame, x2 and y2 exclusive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NO_CLASS = -1
PERSON = 0
"""COCO-80 index."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """All boxes of one frame; none is fine. Raises ValueError where the parts do not fit or a box has no area."""

    xyxy_N4: Floats
    """(N, 4) x1, y1, x2, y2 in pixels of the source frame."""
    score_N: Floats
    """(N,) 0..1, how sure the detector is."""
    label_N: Ints
    """(N,) COCO-80 class, from 80 on one of the model's own, -1 where the detector knows none."""
    probs_NK: Floats | None = None
    """(N, K) class probabilities, None where the detector gives none; a row of zeros where it gives none for one box."""
    features_ND: NDArray[np.float16] | None = None
    """(N, D) float16 of unit length, what the detector's own feature map shows in the box; None and zeros as with probs_NK."""
    crops_ND: NDArray[np.float16] | None = None
    """(N, D) float16 of unit length, what an image encoder makes of the crop of the box; None without one."""

    def __post_init__(self) -> None:
        n = len(self.xyxy_N4)
        parts: list[tuple[str, NDArray[np.generic], tuple[int, ...], type]] = [
            ("xyxy_N4", self.xyxy_N4, (n, 4), np.float32),
            ("score_N", self.score_N, (n,), np.float32),
            ("label_N", self.label_N, (n,), np.int64),
        ]
        if self.probs_NK is not None:
            parts.append(("probs_NK", self.probs_NK, (n, _width(self.probs_NK)), np.float32))
        if self.features_ND is not None:
            parts.append(("features_ND", self.features_ND, (n, _width(self.features_ND)), np.float16))
        if self.crops_ND is not None:
            parts.append(("crops_ND", self.crops_ND, (n, _width(self.crops_ND)), np.float16))
        for name, a, shape, kind in parts:
            if a.shape != shape or a.dtype != kind:
                raise ValueError(f"Boxes.{name} must be {shape} {np.dtype(kind)}, got {a.shape} {a.dtype}")
        if not np.isfinite(self.xyxy_N4).all():
            raise ValueError("a box has a coordinate that is not a finite number")
        if (self.xyxy_N4[:, 2:] <= self.xyxy_N4[:, :2]).any():
            raise ValueError("a box has no area: x2 must lie right of x1 and y2 below y1")
        if not ((self.score_N >= 0) & (self.score_N <= 1)).all():
            raise ValueError("a box has a score outside 0..1")

    def __len__(self) -> int:
        return len(self.xyxy_N4)

    def __repr__(self) -> str:
        return f"Boxes({len(self)})"

    @classmethod
    def none(cls, classes: int | None = None) -> Self:
        """No box. classes: columns of probs_NK, None for none."""
        probs = None if classes is None else np.zeros((0, classes), np.float32)
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), probs)

    @property
    def area_N(self) -> Floats:
        """(N,) square pixels."""
        return area(self.xyxy_N4)

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Boxes:
        """The boxes at a mask or at indices, in that order."""
        probs = None if self.probs_NK is None else self.probs_NK[keep]
        features, crops = (None if rows is None else rows[keep] for rows in (self.features_ND, self.crops_ND))
        return Boxes(self.xyxy_N4[keep], self.score_N[keep], self.label_N[keep], probs, features, crops)

    def scaled(self, sx: float, sy: float) -> Boxes:
        """The same boxes on a picture that is sx times as wide and sy times as high."""
        return replace(self, xyxy_N4=self.xyxy_N4 * np.array([sx, sy, sx, sy], np.float32))

    def within(self, width: float, height: float) -> Boxes:
        """Cut to the picture; boxes of which nothing is left are dropped."""
        xyxy = np.clip(self.xyxy_N4, 0, np.array([width, height, width, height], np.float32))
        keep = np.flatnonzero((xyxy[:, 2:] > xyxy[:, :2]).all(axis=1))
        return replace(self.select(keep), xyxy_N4=xyxy[keep])


def _width(rows: NDArray[np.generic]) -> int:
    return int(rows.shape[1]) if rows.ndim == 2 else 0


def area(xyxy_N4: Floats) -> Floats:
    """(N,) square pixels of boxes."""
    return np.asarray((xyxy_N4[:, 2] - xyxy_N4[:, 0]) * (xyxy_N4[:, 3] - xyxy_N4[:, 1]), dtype=np.float32)


def overlap(a_N4: Floats, b_M4: Floats) -> Floats:
    """(N, M) square pixels that each box of a shares with each of b."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:], b_M4[None, :, 2:])
    side = np.clip(high - low, 0, None)
    return np.asarray(side[..., 0] * side[..., 1], dtype=np.float32)


def iou(a_N4: Floats, b_M4: Floats) -> Floats:
    """(N, M) intersection over union, 0..1."""
    shared = overlap(a_N4, b_M4)
    union = area(a_N4)[:, None] + area(b_M4)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def nms(boxes: Boxes, threshold: float, by_class: bool = False) -> Boxes:
    """Of boxes that overlap by more than threshold (IoU) the one with the highest score; highest score first.

    by_class: only boxes of one class compete.
    """
    order = np.argsort(-boxes.score_N, kind="stable")
    rest = boxes.select(order)
    alive = np.ones(len(rest), np.bool_)
    for i in range(len(rest)):
        if not alive[i]:
            continue
        rivals = np.flatnonzero(alive[i + 1 :]) + i + 1
        beaten = iou(rest.xyxy_N4[i : i + 1], rest.xyxy_N4[rivals])[0] > threshold
        if by_class:
            beaten &= rest.label_N[rivals] == rest.label_N[i]
        alive[rivals[beaten]] = False
    return rest.select(alive)


def joined(first: Boxes, *others: Boxes) -> Boxes:
    """All boxes one after the other. Rows without class probabilities or features become zeros where another part has some."""
    parts = (first, *others)
    return Boxes(
        np.concatenate([p.xyxy_N4 for p in parts]),
        np.concatenate([p.score_N for p in parts]),
        np.concatenate([p.label_N for p in parts]),
        _rows([p.probs_NK for p in parts], parts, "class probabilities"),
        _rows([p.features_ND for p in parts], parts, "features"),
        _rows([p.crops_ND for p in parts], parts, "features of crops"),
    )


def _rows(rows: Sequence[NDArray[Any] | None], parts: Sequence[Boxes], what: str) -> NDArray[Any] | None:
    """One array of what each part knows, with zeros for a part that knows nothing; None where none does."""
    known = [r for r in rows if r is not None]
    widths = {r.shape[1] for r in known}
    if len(widths) > 1:
        raise ValueError(f"{what} of {sorted(widths)} columns cannot be joined")
    if not known:
        return None
    nothing = known[0][:0]
    return np.concatenate(
        [np.zeros_like(nothing, shape=(len(p), nothing.shape[1])) if r is None else r for p, r in zip(parts, rows, strict=True)]
    )
