"""MobileNetV2 (Sandler et al., CVPR 2018) up to its last block at stride 16, as an ONNX model made of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import WeightsError

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1))
"""Of each stage: expansion, channels, blocks, stride of the first. What comes after them knows the classes of ImageNet, and
tells objects of a street less well apart."""
_EPS = 1e-5
_OPSET = 17

Floats = NDArray[np.float32]


def mobilenet_onnx(path: Path) -> bytes:
    """The serialised model: ``crops`` (N, 3, H, W), normalised RGB, to ``map`` (N, 96, H/16, W/16).

    path: weights in safetensors or a PyTorch state dict, with the names features.N.conv.M of the widely used re-implementation.
    Batch normalisation is folded into the convolutions. Raises WeightsError for a file with others.
    """
    weights = _read(path)
    try:
        return _build(weights)
    except KeyError as e:
        raise WeightsError(f"{path}: no MobileNetV2 with names features.N.conv.M: {e} is missing") from e


def _read(path: Path) -> Mapping[str, Floats]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return {k: np.asarray(v) for k, v in load_file(path).items()}
        import torch

        stored = torch.load(path, map_location="cpu", weights_only=True)
        return {k: v.numpy() for k, v in stored.items()}
    except Exception as e:  # each of the two libraries has errors of its own
        raise WeightsError(f"{path}: cannot be read as weights: {' '.join(str(e).split())[:200]}") from e


def _build(weights: Mapping[str, Floats]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = [numpy_helper.from_array(np.float32(v), n) for n, v in (("zero", 0.0), ("six", 6.0))]

    def conv(x: str, name: str, norm: str, stride: int = 1, relu: bool = True) -> str:
        """Convolution, batch normalisation, and a cut at 0 and 6 where asked for."""
        w = weights[f"{name}.weight"]
        scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPS)
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        constants.append(numpy_helper.from_array((w * scale[:, None, None, None]).astype(np.float32), f"{name}.w"))
        constants.append(numpy_helper.from_array(bias.astype(np.float32), f"{name}.b"))
        pad, groups = w.shape[2] // 2, w.shape[0] if w.shape[1] == 1 else 1
        out = f"{name}.out"
        nodes.append(
            helper.make_node("Conv", [x, f"{name}.w", f"{name}.b"], [out], strides=[stride] * 2, pads=[pad] * 4, group=groups)
        )
        if not relu:
            return out
        nodes.append(helper.make_node("Clip", [out, "zero", "six"], [f"{name}.cut"]))
        return f"{name}.cut"

    x = conv("crops", "features.0.0", "features.0.1", stride=2)
    channels, n = 32, 0
    for expansion, out_channels, blocks, first_stride in STAGES:
        for block in range(blocks):
            n += 1
            stride = first_stride if block == 0 else 1
            at, y, k = f"features.{n}.conv", x, 0
            if expansion != 1:
                y, k = conv(y, f"{at}.0", f"{at}.1"), 3
            y = conv(y, f"{at}.{k}", f"{at}.{k + 1}", stride)
            y = conv(y, f"{at}.{k + 3}", f"{at}.{k + 4}", relu=False)
            if stride == 1 and channels == out_channels:
                nodes.append(helper.make_node("Add", [x, y], [f"{at}.sum"]))
                y = f"{at}.sum"
            x, channels = y, out_channels
    nodes.append(helper.make_node("Identity", [x], ["map"]))
    graph = helper.make_graph(
        nodes,
        "mobilenet_v2",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", channels, "i", "j"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    return bytes(model.SerializeToString())
