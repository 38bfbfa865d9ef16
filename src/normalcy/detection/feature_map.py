"""What the detector itself knows of each box: its own feature map, read in the same inference as the boxes.

The map is the one at stride 8 at the end of the backbone's third stage (64 channels in YOLOX-nano): fine enough for people 60
pixels high, and general enough to tell kinds of things apart without any training. A box is described by the mean of the map
over each cell of a 2x2 grid, scaled to unit length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STRIDE = 8
GRID = 2
"""Cells each way that a box is divided into."""
_PROBE = (320, 256)
"""Height and width of the input that strides are worked out for: their ratio tells a map from its transpose."""

Floats = NDArray[np.float32]


class Extended(NamedTuple):
    """A model with its feature map among its outputs."""

    model: bytes
    output: str
    """Name of the feature map's output."""


def with_feature_map(path: Path) -> Extended | None:
    """An ONNX model with its feature map as a further output. None where it has none.

    Found by its place in the network, not by name: the last map at STRIDE before the first at twice that. Needs the package
    onnx; None without it.
    """
    try:
        import onnx
    except ImportError:
        return None
    try:
        model = onnx.load(str(path))
        name = _map_of(model)
    except Exception:  # onnx's errors have no common class; whether the file is a model at all is onnxruntime's to say
        return None
    if name is None:
        return None
    if name not in [o.name for o in model.graph.output]:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return Extended(model.SerializeToString(), name)


def _map_of(model: Any) -> str | None:
    """Name of the tensor at STRIDE that the network first shrinks further."""
    import onnx

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    if len(probe.graph.input) == 0:
        return None
    del probe.graph.value_info[:]
    for out in probe.graph.output:  # stated for another size, perhaps
        out.type.tensor_type.ClearField("shape")
    sides = probe.graph.input[0].type.tensor_type.shape.dim
    if len(sides) != 4:
        return None
    sides[2].dim_value, sides[3].dim_value = _PROBE
    inferred = onnx.shape_inference.infer_shapes(probe).graph
    known = (*inferred.value_info, *inferred.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in known}

    def at(name: str, stride: int) -> bool:
        return shapes.get(name, [])[2:] == [_PROBE[0] // stride, _PROBE[1] // stride]

    for node in inferred.node:
        if any(at(out, 2 * STRIDE) for out in node.output):
            return next((i for i in node.input if at(i, STRIDE)), None)
    return None


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """The map of one picture, ready to be averaged over boxes."""

    sums_HWC: NDArray[np.float64]
    """(h + 1, w + 1, C) sums over all cells above and left of each corner."""
    scale: float
    """Cells of the map per pixel of the picture."""

    @classmethod
    def of(cls, map_CHW: Floats, scale: float) -> FeatureMap:
        """map: as the network gives it. scale: canvas pixels per picture pixel."""
        c, h, w = map_CHW.shape
        sums = np.zeros((h + 1, w + 1, c))
        np.cumsum(map_CHW.transpose(1, 2, 0), axis=0, out=sums[1:, 1:])
        np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
        return cls(sums, scale / STRIDE)

    def describe(self, xyxy_N4: Floats) -> NDArray[np.float16]:
        """(N, 4 C) float16 of unit length, one row per box in pixels of the picture: C numbers of each quarter, row by row.

        Means are over the exact area, parts of cells by their share. A box outside the map, or narrower than a cell, is that of
        the nearest cell.
        """
        h, w = self.sums_HWC.shape[0] - 1, self.sums_HWC.shape[1] - 1
        x_NG = _cuts(xyxy_N4[:, 0] * self.scale, xyxy_N4[:, 2] * self.scale, w)
        y_NG = _cuts(xyxy_N4[:, 1] * self.scale, xyxy_N4[:, 3] * self.scale, h)
        s = self._sum_to(y_NG[:, :, None], x_NG[:, None, :])
        cells = s[:, 1:, 1:] - s[:, :-1, 1:] - s[:, 1:, :-1] + s[:, :-1, :-1]
        flat = cells.reshape(
            len(cells), math.prod(cells.shape[1:])
        )  # every cell has the same area, which the length takes out again
        return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), dtype=np.float16)

    def _sum_to(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over the map above y and left of x, exact between corners too. y and x broadcast; (..., C)."""
        y0, x0 = (np.minimum(v.astype(np.intp), size - 2) for v, size in zip((y, x), self.sums_HWC.shape, strict=False))
        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        s = self.sums_HWC
        above = s[y0, x0] * (1 - fx) + s[y0, x0 + 1] * fx
        below = s[y0 + 1, x0] * (1 - fx) + s[y0 + 1, x0 + 1] * fx
        return np.asarray(above * (1 - fy) + below * fy)


def _cuts(low_N: Floats, high_N: Floats, length: int) -> NDArray[np.float64]:
    """(N, GRID + 1) where a box is cut along one side, within 0..length and at least one cell apart in all."""
    low, high = (np.clip(v.astype(np.float64), 0, length) for v in (low_N, high_N))
    side = np.maximum(high - low, 1.0)
    low = np.clip((low + high - side) / 2, 0, length - side)
    return np.linspace(low, low + side, GRID + 1, axis=1)
