"""Changes to an ONNX detector in memory, by the package onnx: its feature map as an output, its input of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from normalcy.detection.feature_map import STRIDE

_PROBE = (320, 256)
"""Height and width of the input that strides are worked out for: their ratio tells a map from its transpose."""


class Adapted(NamedTuple):
    """A changed model."""

    model: bytes
    feature_map: str | None
    """Name of the output that the feature map was made; None where it has none, or none was asked for."""


def adapted(path: Path, feature_map: bool, any_size: bool) -> Adapted | None:
    """The model in a file, changed; None where the package onnx is missing or cannot read it.

    feature_map: make the last map at STRIDE before the first at twice that an output. It is found by its place in the
    network, not by name. any_size: height and width of the input are left open; whether the rest of the network agrees shows
    when it runs.
    """
    try:
        import onnx
    except ImportError:
        return None
    try:
        model = onnx.load(str(path))
        name = _map_of(model) if feature_map else None
        if any_size:
            for side, letter in zip(_sides(model), "hw", strict=True):
                side.dim_param = letter
            _forget_shapes(model)
    except Exception:  # onnx's errors have no common class; whether the file is a model at all is onnxruntime's to say
        return None
    if name is not None and name not in [o.name for o in model.graph.output]:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return Adapted(model.SerializeToString(), name)


def _sides(model: Any) -> Any:
    """Height and width of the picture that goes in. Raises StopIteration where none does."""
    weights = {w.name for w in model.graph.initializer}  # older files list them among the inputs
    picture = next(i for i in model.graph.input if i.name not in weights)
    return picture.type.tensor_type.shape.dim[2:4]


def _forget_shapes(model: Any) -> None:
    """Leave out the shapes that are stated for another size of input."""
    del model.graph.value_info[:]
    for out in model.graph.output:
        out.type.tensor_type.ClearField("shape")


def _map_of(model: Any) -> str | None:
    """Name of the tensor at STRIDE that the network first shrinks further."""
    import onnx

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for side, length in zip(_sides(probe), _PROBE, strict=True):
        side.dim_value = length
    _forget_shapes(probe)
    inferred = onnx.shape_inference.infer_shapes(probe).graph
    known = (*inferred.value_info, *inferred.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in known}

    def at(name: str, stride: int) -> bool:
        return shapes.get(name, [])[2:] == [_PROBE[0] // stride, _PROBE[1] // stride]

    for node in inferred.node:
        if any(at(out, 2 * STRIDE) for out in node.output):
            return next((i for i in node.input if at(i, STRIDE)), None)
    return None
