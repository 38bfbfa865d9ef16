"""ONNX models written by hand, byte by byte: the format's few messages that a constant model needs, so that no package is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def _varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, a: np.ndarray) -> bytes:
    kind = {"float32": 1, "int64": 7}[a.dtype.name]
    return b"".join(_int(1, d) for d in a.shape) + _int(2, kind) + _bytes(8, name) + _bytes(9, a.tobytes())


def _node(op: str, inputs: Sequence[str], output: str, **axes: int) -> bytes:
    attributes = b"".join(_bytes(5, _bytes(1, k) + _int(3, v) + _int(20, 2)) for k, v in axes.items())
    return b"".join(_bytes(1, i) for i in inputs) + _bytes(2, output) + _bytes(4, op) + attributes


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, d) if isinstance(d, int) else _bytes(2, d)) for d in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _int(1, 1) + _bytes(2, dims)))


def yolox_model(
    width: int,
    height: int,
    box: tuple[float, float, float, float],
    label: int,
    *,
    fixed: bool = True,
    decoded: bool = False,
    score: float = 0.9,
    extra_rows: int = 0,
    columns: int = 8,
    channels: int = 3,
) -> bytes:
    """A model that finds one object on any picture. box: centre x, centre y, width, height in canvas pixels.

    Its output is a constant over the grids of a width x height canvas with 3 classes; with fixed=False its input takes any size
    and its output is repeated to fill the grids of a 416x416 canvas, so that it passes a trial on one.
    decoded: its boxes come in pixels. The other arguments make it something that is not YOLOX.
    """
    out = _output(width, height, box, label, decoded, score)
    out = np.concatenate([out, np.zeros((extra_rows, out.shape[1]), np.float32)])[:, :columns]
    nodes, tensors = b"", b""
    if fixed:
        tensors = _bytes(5, _tensor("grid", out[None]))
        # the input is used, times nothing, as a model whose input leads nowhere is not one that a runtime has to accept
        tensors += _bytes(5, _tensor("nothing", np.zeros(1, np.float32)))
        nodes += _bytes(1, _node("ReduceMax", ["images"], "brightest", keepdims=0))
        nodes += _bytes(1, _node("Mul", ["brightest", "nothing"], "zero"))
        nodes += _bytes(1, _node("Add", ["grid", "zero"], "output"))
        shape: list[int | str] = [1, channels, height, width]
    else:
        other = _output(416, 416, box, label, decoded, score)
        tensors = _bytes(5, _tensor("grid", np.concatenate([out, other])[None]))
        # rows of the canvas's own size from the front, those for 416x416 from behind, told apart by the height
        tensors += _bytes(5, _tensor("bounds", np.array([[0, len(out)], [len(out), len(out) + len(other)]], np.int64)))
        tensors += _bytes(5, _tensor("height_at", np.array([2], np.int64)))
        tensors += _bytes(5, _tensor("trial", np.array([416], np.int64)))
        tensors += _bytes(5, _tensor("first", np.array([0], np.int64))) + _bytes(5, _tensor("second", np.array([1], np.int64)))
        tensors += _bytes(5, _tensor("axis", np.array([1], np.int64)))
        nodes += _bytes(1, _node("Shape", ["images"], "shape"))
        nodes += _bytes(1, _node("Gather", ["shape", "height_at"], "height"))
        nodes += _bytes(1, _node("Div", ["height", "trial"], "which"))
        nodes += _bytes(1, _node("Gather", ["bounds", "which"], "span", axis=0))
        nodes += _bytes(1, _node("Gather", ["span", "first"], "start2", axis=1))
        nodes += _bytes(1, _node("Gather", ["span", "second"], "end2", axis=1))
        nodes += _bytes(1, _node("Squeeze", ["start2", "first"], "start")) + _bytes(
            1, _node("Squeeze", ["end2", "first"], "end")
        )
        nodes += _bytes(1, _node("Slice", ["grid", "start", "end", "axis"], "output"))
        shape = [1, channels, "h", "w"]
    out_shape: list[int | str] = [1, "n", out.shape[1]]
    graph = nodes + _bytes(2, "made") + tensors + _bytes(11, _value("images", shape)) + _bytes(12, _value("output", out_shape))
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _int(2, 13))


def _output(
    width: int, height: int, box: tuple[float, float, float, float], label: int, decoded: bool, score: float
) -> np.ndarray:
    """(places, 8): everywhere nothing, at the stride-8 place under the box's centre the object."""
    cells = [(s, x, y) for s in (8, 16, 32) for y in range(height // s) for x in range(width // s)]
    out = np.zeros((len(cells), 8), np.float32)
    out[:, 5:] = 0.1
    if decoded:
        out[:, :4] = [((x + 0.5) * s, (y + 0.5) * s, s, s) for s, x, y in cells]
    cx, cy, w, h = box
    row = cells.index((8, int(cx) // 8, int(cy) // 8))
    inner = (cx / 8 - int(cx) // 8, cy / 8 - int(cy) // 8, np.log(w / 8), np.log(h / 8))
    out[row, :4] = box if decoded else inner
    out[row, 4], out[row, 5 + label] = score, 0.8
    return out


def backbone_model(names: Sequence[str], strides: Sequence[int], fixed: bool) -> bytes:
    """A chain of max poolings over one picture of 64x64 or any size: a network's maps and nothing else."""
    nodes, before = b"", "images"
    for name, stride in zip(names, strides, strict=True):
        pooled = _node("MaxPool", [before], name)
        for key in ("kernel_shape", "strides"):
            pooled += _bytes(5, _bytes(1, key) + _int(8, stride) * 2 + _int(20, 7))
        nodes += _bytes(1, pooled)
        before = name
    size: list[int | str] = [64, 64] if fixed else ["h", "w"]
    graph = nodes + _bytes(2, "made") + _bytes(11, _value("images", [1, 3, *size]))
    graph += _bytes(12, _value(names[-1], [1, 3, "y", "x"]))
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _int(2, 13))
