"""Image encoders on crops: MobileNetV2 made of its weights, any ONNX by path, and what is no encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import nn

from normalcy.config import ObjectsConfig
from normalcy.detection.base import build_detector
from normalcy.detection.boxes import Boxes, joined
from normalcy.detection.cache import boxes_of
from normalcy.detection.choice import concrete
from normalcy.detection.encoder import CropEncoder, EncodingDetector
from normalcy.detection.mobilenet import STAGES, mobilenet_onnx
from normalcy.detection.motion import MotionDetector
from normalcy.errors import WeightsError
from normalcy.types import Frame


class Block(nn.Module):
    def __init__(self, i: int, o: int, stride: int, expansion: int) -> None:
        super().__init__()
        h = i * expansion
        wide = [nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6()] if expansion != 1 else []
        deep = [nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6()]
        self.conv = nn.Sequential(*wide, *deep, nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o))
        self.residual = stride == 1 and i == o

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


def mobilenet() -> nn.Sequential:
    """The published layout, with random weights and statistics."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())]
    i = 32
    for expansion, o, n, stride in STAGES:
        for k in range(n):
            layers.append(Block(i, o, stride if k == 0 else 1, expansion))
            i = o
    net = nn.Sequential(*layers)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_mean, -0.1, 0.1)
            nn.init.uniform_(m.running_var, 0.5, 1.5)
            nn.init.uniform_(m.weight, 0.5, 1.5)
    return net.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "m.safetensors"
    save_file({f"features.{k}": v.contiguous() for k, v in mobilenet().state_dict().items()}, path)
    return path


def onnx_file(path: Path, output: str = "map", channels: int = 3, batch: int | str = "n") -> Path:
    """An encoder whose output is its input; ``vector``: its mean over the picture."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, "h", "w"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    axes = numpy_helper.from_array(np.array([2, 3] if output == "vector" else [0, 1, 2, 3]), "axes")
    node = helper.make_node("Identity", ["x"], ["y"])
    if output != "map":
        node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)
    graph = helper.make_graph([node], "g", [x], [y], [axes] if output != "map" else [])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def test_mobilenet_is_the_published_network(weights: Path) -> None:
    import onnxruntime as ort

    x = np.random.default_rng(0).normal(size=(2, 3, 64, 96)).astype(np.float32)
    with torch.inference_mode():
        wanted = mobilenet()(torch.from_numpy(x)).numpy()
    got = ort.InferenceSession(mobilenet_onnx(weights), providers=["CPUExecutionProvider"]).run(None, {"crops": x})[0]
    assert got.shape == (2, 96, 4, 6)
    np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())


def test_a_pytorch_state_dict_is_the_same(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save({f"features.{k}": v for k, v in mobilenet().state_dict().items()}, path)
    assert mobilenet_onnx(path) == mobilenet_onnx(weights)


def test_quarters_row_by_row_of_unit_length(tmp_path: Path) -> None:
    """A crop that is red above and blue below: the first two quarters are red, the last two blue."""
    encoder = CropEncoder(str(onnx_file(tmp_path / "e.onnx")))
    frame = np.zeros((80, 60, 3), np.uint8)
    frame[:40, :, 0] = 255
    frame[40:, :, 2] = 255
    out = encoder.encode(frame, np.array([[10, 20, 50, 60]], np.float32)).astype(np.float32)
    assert out.shape == (1, 12) and np.linalg.norm(out) == pytest.approx(1, abs=1e-2)
    quarters = out.reshape(4, 3)
    assert (quarters[:2].argmax(axis=1) == 0).all() and (quarters[2:].argmax(axis=1) == 2).all()


def test_vectors_many_boxes_and_boxes_off_the_picture(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    boxes = np.array([[-30, -30, 5, 5], [60, 40, 400, 300], *[[10, 10, 20, 30]] * 298], np.float32)
    for encoder in (
        CropEncoder(str(onnx_file(tmp_path / "v.onnx", "vector"))),
        CropEncoder(str(onnx_file(tmp_path / "f.onnx", batch=4))),
    ):
        out = encoder.encode(frame, boxes)
        assert len(out) == 300 and np.isfinite(out).all() and (out[2] == out[-1]).all()
        assert encoder.encode(frame, boxes[:0]).shape == (0, encoder.width)


@pytest.mark.parametrize("kind", ["channels", "scalar", "text", "names"])
def test_what_is_no_encoder_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.onnx"
    if kind == "channels":
        onnx_file(path, channels=4)
    elif kind == "scalar":
        onnx_file(path, "scalar")
    elif kind == "text":
        path.write_text("no model")
    else:
        path = tmp_path / "bad.safetensors"
        save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=path.name):
        CropEncoder(str(path))


def test_boxes_carry_them_into_the_cache_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = ObjectsConfig(detector="motion", encoder=str(onnx_file(tmp_path / "e.onnx")))
    detector = build_detector(cfg, features=True)
    assert isinstance(detector, EncodingDetector) and isinstance(build_detector(cfg), MotionDetector)
    frames = []
    for i in range(40):
        image = np.full((60, 80, 3), 90, np.uint8)
        image[20:40, i : i + 12] = 220
        frames.append(Frame(i, i / 10, image))
    found = boxes_of(frames, detector)
    whole = joined(*found)
    assert len(whole) and whole.crops_ND is not None and whole.crops_ND.shape == (len(whole), 12)
    assert whole.select(np.array([0])).crops_ND is not None and Boxes.none().crops_ND is None


def test_auto_takes_it_beside_a_detector_only(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = weights.parent / "named"
    folder.mkdir(exist_ok=True)
    (folder / "mobilenet_v2_imagenet_features.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setenv("NORMALCY_WEIGHTS_DIR", str(folder))
    assert concrete(ObjectsConfig(detector="both", weights="x")).encoder == "mobilenet_v2"
    assert concrete(ObjectsConfig(detector="motion")).encoder is None
    assert concrete(ObjectsConfig(detector="both", weights="x", method="tubes")).encoder is None
    assert concrete(ObjectsConfig(detector="both", weights="x", encoder=None)).encoder is None
