"""From a network to graphs, with PyTorch: any number of frames, any picture size, any batch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.config import Config
from normalcy.errors import UsageError
from normalcy.exported.graph import GraphFile
from normalcy.files import scratch
from normalcy.nn.build import Network
from normalcy.nn.encoder import Encoder
from normalcy.nn.fold_batchnorm import folded
from normalcy.nn.inputs import DIFFERENCE_GAIN, GREY
from normalcy.nn.light import LightEncoder

OPSET = 17
"""Of ONNX graphs: read by onnxruntime since 1.12."""
EXAMPLE = (2, 4, 64, 96)
"""B, T, H, W that a network is traced with."""
SAMPLES = 32
"""Batches that int8 is fitted on."""


def graph_names(cfg: Config, encoder: Encoder) -> tuple[str, ...]:
    """Which graphs a model with these settings needs: ``clips`` or ``pair``, or none."""
    if not {"density", "frame_density"} & set(cfg.scoring.readouts):
        return ()
    return ("pair",) if cfg.scoring.density_of == "pair" and isinstance(encoder, LightEncoder) else ("clips",)


def convert(
    network: Network, cfg: Config, kind: str, precision: str, samples: Callable[[str], Iterable[NDArray[np.uint8]]]
) -> dict[str, GraphFile]:
    """Graphs of a network by name.

    kind: ``onnx`` or ``openvino``. precision: fp32, bf16 (computed so, stored as fp32) or int8. samples: of a graph's name,
    batches of clips (B, T, H, W, 3) of normal video that int8 is fitted on.
    Raises UsageError where a package is missing or the kind has no such precision.
    """
    if precision == "bf16" and kind == "onnx":
        raise UsageError("onnxruntime computes no bf16 on a CPU: export with --format openvino, or with precision fp32 or int8")
    for package in ("onnx",) if kind == "onnx" else ("openvino",):
        _need(package)
    if precision == "int8":
        _need("nncf")
    out = {}
    for name in graph_names(cfg, network.encoder):
        module = module_of(name, network, kind)
        example = torch.zeros(*(_pair_example() if name == "pair" else EXAMPLE), 3, dtype=torch.uint8)
        with torch.inference_mode(), _quiet():
            made: Any = _to_onnx(module, example, name) if kind == "onnx" else _to_openvino(module, example, name)
        if precision == "int8":
            made = _int8(made, list(samples(name)), kind)
        out[name] = _stored(made, name, kind, precision)
    return out


def module_of(name: str, network: Network, kind: str) -> nn.Module:
    """Uint8 clips (B, T, H, W, 3) -> features (B, D, t, h, w), the input step included."""
    encoder = folded(network.encoder).cpu()
    if name == "pair":
        assert isinstance(encoder, LightEncoder)
        return PairEncoder(encoder, network.channels, kind).eval()
    return ClipEncoder(encoder, network.channels, kind).eval()


class Luma(nn.Module):
    """Luma in [0, 1] of pictures (B, T, H, W, 3) in [0, 255], in the form that a kind of graph is run fastest in."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.product = kind == "openvino"  # onnxruntime takes three times as long for the product with a vector
        self.weight = nn.Parameter(torch.tensor(GREY) / 255.0, requires_grad=False)

    def forward(self, x_BTHWC: Tensor) -> Tensor:
        if self.product:
            return x_BTHWC @ self.weight
        b, t, h, w, c = x_BTHWC.shape
        x_NCHW = x_BTHWC.reshape(b * t, h, w, c).permute(0, 3, 1, 2)
        return F.conv2d(x_NCHW, self.weight.view(1, 3, 1, 1)).reshape(b, t, h, w)


class ClipEncoder(nn.Module):
    """The encoder with its input step, as normalcy.nn.inputs has it."""

    def __init__(self, encoder: Encoder, channels: str, kind: str) -> None:
        super().__init__()
        self.encoder, self.channels, self.luma = encoder, channels, Luma(kind)

    def forward(self, x_BTHWC: Tensor) -> Tensor:
        x = x_BTHWC.float()
        p_BTHWC = self.luma(x).unsqueeze(-1) if self.channels == "grey_diff" else x * (1.0 / 255.0)
        p_BCTHW = p_BTHWC.permute(0, 4, 1, 2, 3)
        if self.channels != "rgb":
            before = torch.cat([p_BCTHW[:, :, :1], p_BCTHW[:, :, :-1]], dim=2)
            p_BCTHW = torch.cat([p_BCTHW, (p_BCTHW - before) * DIFFERENCE_GAIN], dim=1)
        features: Tensor = self.encoder(p_BCTHW)
        return features


class PairEncoder(nn.Module):
    """A light encoder for clips of two frames: the same function, with time unrolled into channels.

    Of two frames with their borders repeated, three steps of a kernel in time see one frame twice: both steps of a layer's
    output are one convolution over space of both steps of its input, with two thirds of the products, and convolutions over
    space are what runtimes are fastest at. The differences to the frame before become part of the first layer.
    """

    def __init__(self, encoder: LightEncoder, channels: str, kind: str) -> None:
        super().__init__()
        self.channels, self.luma = channels, Luma(kind)
        layers = []
        for i, layer in enumerate(encoder.layers):
            conv: Any = layer.conv
            weight_ODkHW = conv.weight.detach()
            unrolled = unroll_differences(weight_ODkHW, channels) if i == 0 else unroll(weight_ODkHW)
            new = nn.Conv2d(unrolled.shape[1], unrolled.shape[0], conv.kernel_size[1:], conv.stride[1:], conv.padding[1:])
            new.weight.data = unrolled.contiguous()
            assert new.bias is not None
            new.bias.data = conv.bias.detach().repeat(2)
            layers += [new, nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.dim = encoder.channels

    def forward(self, x_B2HWC: Tensor) -> Tensor:
        x = x_B2HWC.float()
        if self.channels == "grey_diff":
            p_BCHW = self.luma(x)
        else:
            p_BCHW = (x * (1.0 / 255.0)).permute(0, 1, 4, 2, 3).flatten(1, 2)
        y: Tensor = self.layers(p_BCHW)
        return torch.stack([y[:, : self.dim], y[:, self.dim :]], dim=2)


def unroll(w_OCkHW: Tensor) -> Tensor:
    """A kernel of three steps in time for two frames with their borders repeated: (2 O, 2 C, H, W), time outermost."""
    first, middle, last = w_OCkHW.unbind(dim=2)
    return torch.cat([torch.cat([first + middle, last], dim=1), torch.cat([first, middle + last], dim=1)], dim=0)


def unroll_differences(w_OCkHW: Tensor, channels: str) -> Tensor:
    """unroll() of the first layer, over pixels alone: its differences, 0 and G (p1 - p0), are made of the pixels."""
    both = unroll(w_OCkHW)
    if channels == "rgb":
        return both
    c = w_OCkHW.shape[1] // 2
    p0, _, p1, d1 = torch.split(both, c, dim=1)
    return torch.cat([p0 - DIFFERENCE_GAIN * d1, p1 + DIFFERENCE_GAIN * d1], dim=1)


def _pair_example() -> tuple[int, int, int, int]:
    b, _, h, w = EXAMPLE
    return b, 2, h, w


def _to_onnx(module: nn.Module, example: Tensor, name: str) -> Any:
    import onnx

    data = io.BytesIO()
    free = {0: "batch", 2: "height", 3: "width"} | ({} if name == "pair" else {1: "frames"})
    places = {0: "batch", 3: "rows", 4: "columns"} | ({} if name == "pair" else {2: "steps"})
    torch.onnx.export(
        module,
        (example,),
        data,  # type: ignore[arg-type]
        dynamo=False,  # the newer exporter needs onnxscript, and fixes sizes that I3D's padding asks for
        opset_version=OPSET,
        input_names=["clips"],
        output_names=["features"],
        dynamic_axes={"clips": free, "features": places},
    )
    return onnx.load_from_string(data.getvalue())


def _to_openvino(module: nn.Module, example: Tensor, name: str) -> Any:
    import openvino

    frames = 2 if name == "pair" else -1
    model = openvino.convert_model(module, example_input=example, input=[-1, frames, -1, -1, 3])
    model.inputs[0].tensor.set_names({"clips"})
    return model


def _int8(made: Any, samples: list[NDArray[np.uint8]], kind: str) -> Any:
    """Weights and activations in 8 bits, their ranges fitted on clips of normal video."""
    import nncf

    def given(clips: NDArray[np.uint8]) -> Any:
        return {"clips": clips} if kind == "onnx" else clips

    with _quiet():
        return nncf.quantize(
            made, nncf.Dataset(samples, given), preset=nncf.QuantizationPreset.MIXED, subset_size=max(1, len(samples))
        )


def _stored(made: Any, name: str, kind: str, precision: str) -> GraphFile:
    if kind == "onnx":
        return GraphFile(f"{name}.onnx", made.SerializeToString(), precision=precision)
    import openvino

    with scratch() as folder:
        path = folder / f"{name}.xml"
        openvino.save_model(made, path, compress_to_fp16=False)
        return GraphFile(path.name, path.read_bytes(), path.with_suffix(".bin").read_bytes(), precision)


def _need(package: str) -> None:
    from normalcy.exported.graph import installed

    if not installed(package):
        raise UsageError(f"{package} is not installed, which this export needs: pip install 'normalcy[export]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters say to their developers."""
    import logging

    names = ("nncf", "torch.onnx", "openvino")
    before = {n: logging.getLogger(n).level for n in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in names:
            logging.getLogger(n).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for n, level in before.items():
                logging.getLogger(n).setLevel(level)
