"""How fast an object moves for where it is: optical flow in its box, in units of perspective learned from normal video.

A cart at the far end of a path moves fewer pixels than a walker in front. Two units make them comparable: the speed that is
usual on that row of the picture, and the height of a person who stands there. Each gives a value of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from normalcy.detection.boxes import PERSON, Boxes
from normalcy.errors import ModelError, TrainingError
from normalcy.scoring.velocity import flow

FLOW_SIDE = 320
"""Flow is computed on pictures of this short side: small footage is enlarged, or far people would be a patch or less."""
HIGH = 90.0
"""Percentile of the speeds in a box that is the object's: the mean would fall with the share of background in the box."""
KEPT = 20_000
"""Objects of normal video that are kept for fitting, drawn evenly from all."""
ENOUGH = 30
"""Objects from which on a line is fitted; fewer give a constant."""
PAIRS = 1500
"""Objects that the robust line looks at (it compares all pairs)."""
MOVING = 0.02
"""Frame heights per second from which on an object moves."""
LEAST = 0.2
"""The fitted lines are not followed below this share of their median: a line may cross zero, a speed or a height may not."""
NARROWEST = 0.05
"""Spread of normal speeds that is taken to be there at least, as a share of their middle."""
STILL = 0.1
"""Usual speed, and height, where normal video shows nothing that moves: frame heights (per second)."""

Floats = NDArray[np.float64]
Unit = Literal["row", "height"]


@dataclass(frozen=True, slots=True)
class ObjectMotion:
    """What is measured of the N objects of one frame. Lengths are shares of the frame's height."""

    foot_N: Floats
    """Row of the box's lower edge, 0..1."""
    height_N: Floats
    """Height of the box."""
    speed_N: Floats
    """Frame heights per second: the HIGH percentile in the box."""
    person_N: NDArray[np.bool_]
    """Whether the detector called it a person."""


def measure(before_HW: NDArray[np.uint8], after_HW: NDArray[np.uint8], boxes: Boxes, seconds: float) -> ObjectMotion:
    """Motion of each box from one grey frame to the next. boxes: in pixels of these frames. seconds: between the two.

    The camera's own motion (median flow outside the boxes) is taken off.
    """
    height, width = before_HW.shape
    by = FLOW_SIDE / min(height, width)
    size = (max(16, round(width * by)), max(16, round(height * by)))
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
    small = [np.asarray(cv2.resize(f, size, interpolation=how), dtype=np.uint8) for f in (before_HW, after_HW)]
    scaled = boxes.scaled(size[0] / width, size[1] / height)
    corners = _pixels(scaled, size)
    speed = np.zeros(len(boxes))
    if len(boxes):
        field = flow(small[0], small[1], (size[1], size[0]), cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        field = field - _jitter(field, corners)
        magnitude = np.hypot(field[..., 0], field[..., 1])
        for i, (x1, y1, x2, y2) in enumerate(corners):
            speed[i] = np.percentile(magnitude[y1:y2, x1:x2], HIGH)
    xyxy = boxes.xyxy_N4.astype(np.float64)
    return ObjectMotion(
        np.clip(xyxy[:, 3] / height, 0, 1),
        (xyxy[:, 3] - xyxy[:, 1]) / height,
        speed / (size[1] * seconds),
        boxes.label_N == PERSON,
    )


def _pixels(boxes: Boxes, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Whole pixels of each box inside the picture, at least one."""
    w, h = size
    out = []
    for x1, y1, x2, y2 in boxes.xyxy_N4.tolist():
        left, top = min(max(int(x1), 0), w - 1), min(max(int(y1), 0), h - 1)
        out.append((left, top, min(max(round(x2), left + 1), w), min(max(round(y2), top + 1), h)))
    return out


def _jitter(field_hw2: NDArray[np.float32], corners: list[tuple[int, int, int, int]]) -> NDArray[np.float32]:
    """(2,) median flow of what no box covers; of everything where the boxes cover nearly all."""
    outside = np.ones(field_hw2.shape[:2], np.bool_)
    for x1, y1, x2, y2 in corners:
        outside[y1:y2, x1:x2] = False
    ground = field_hw2[outside] if outside.mean() > 0.1 else field_hw2.reshape(-1, 2)
    return np.asarray(np.median(ground, axis=0), dtype=np.float32)


class ObjectFlow:
    """Two calibrated values per object, its speed in units of its row and of a person's height there: 0 is the middle of normal
    video, 1 a standard deviation of its faster half. Observe normal video, ``fit``, then ``values``."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._seen = 0
        self._rows: list[Floats] = []
        self._fitted: dict[str, NDArray[np.float32]] | None = None

    def observe(self, motion: ObjectMotion) -> None:
        """Take in the objects of one frame of normal video."""
        table = np.column_stack([motion.foot_N, motion.height_N, motion.speed_N, motion.person_N])
        for row in table:  # reservoir sampling: every object of the whole footage is kept with the same chance
            self._seen += 1
            if len(self._rows) < KEPT:
                self._rows.append(row)
            elif (at := int(self._rng.integers(self._seen))) < KEPT:
                self._rows[at] = row

    def fit(self) -> None:
        """End of normal video. Where it showed no moving object, everything that moves will be far from normal."""
        table = np.array(self._rows, np.float64).reshape(-1, 4)
        foot, height, speed, person = table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0
        moving = speed > MOVING
        tall = person if person.sum() >= ENOUGH else moving
        lines = {"row": self._line(foot[moving], speed[moving]), "height": self._line(foot[tall], height[tall])}
        relative = _relative(speed, foot, lines)
        middle = np.median(relative, axis=0) if len(relative) else np.zeros(2)
        upper = np.quantile(relative, 0.9, axis=0) - middle if len(relative) else np.zeros(2)
        if moving.sum() >= ENOUGH:
            least = NARROWEST * np.median(relative[moving], axis=0)
        else:  # nothing moves: what counts as moving is the yardstick
            least = _relative(np.array([MOVING]), np.array([0.5]), lines)[0]
        self._fitted = {
            "row": lines["row"].astype(np.float32),
            "height": lines["height"].astype(np.float32),
            "middle": middle.astype(np.float32),
            "spread": np.maximum(upper / 1.2816, least).astype(np.float32),
        }
        self._rows = []

    def _line(self, x: Floats, y: Floats) -> Floats:
        """(intercept, slope, least) of a line that outliers do not bend (Theil and Sen)."""
        if not len(x):
            return np.array([STILL, 0.0, STILL])
        middle = float(np.median(y))
        if len(x) < ENOUGH or np.ptp(x) < 1e-3:
            return np.array([middle, 0.0, middle])
        some = self._rng.choice(len(x), PAIRS, replace=False) if len(x) > PAIRS else np.arange(len(x))
        slope, intercept, _, _ = theilslopes(y[some], x[some])
        return np.array([float(intercept), float(slope), LEAST * middle])

    def expected(self, unit: Unit, foot_N: Floats) -> Floats:
        """(N,) usual speed (frame heights per second) or height of a person (frame heights) with the foot on each row, 0..1."""
        return _along(self._get()[unit], foot_N)

    def values(self, motion: ObjectMotion) -> NDArray[np.float32]:
        """(N, 2) calibrated speed, in units of the row and of the height. Raises TrainingError before fit()."""
        fitted = self._get()
        relative = _relative(motion.speed_N, motion.foot_N, fitted)
        return np.asarray((relative - fitted["middle"]) / fitted["spread"], dtype=np.float32)

    def _get(self) -> dict[str, NDArray[np.float32]]:
        if self._fitted is None:
            raise TrainingError("the object motion readout needs normal video first: observe it and fit")
        return self._fitted

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Fitted arrays, for the model folder."""
        return dict(self._get())

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """The reverse of state(). Raises ModelError where an array is missing or of another shape."""
        shapes = {"row": (3,), "height": (3,), "middle": (2,), "spread": (2,)}
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape:
                got = arrays[name].shape if name in arrays else "missing"
                raise ModelError(f"the object motion readout needs an array {name} of shape {shape}, it is {got}")
        self._fitted = {name: np.asarray(arrays[name], np.float32) for name in shapes}


def _along(line: NDArray[Any], foot_N: Floats) -> Floats:
    return np.asarray(np.maximum(line[0] + line[1] * foot_N, line[2]), dtype=np.float64)


def _relative(speed_N: Floats, foot_N: Floats, lines: Mapping[str, NDArray[Any]]) -> Floats:
    """(N, 2) speed in units of the row and of the height."""
    return np.stack([speed_N / _along(lines["row"], foot_N), speed_N / _along(lines["height"], foot_N)], axis=1)
