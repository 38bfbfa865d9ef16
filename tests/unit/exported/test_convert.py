"""Graphs give the features that the network gives, for any number of frames, any picture size and any batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from made_models import tiny_config, tiny_network
from normalcy.errors import UsageError
from normalcy.exported.convert import convert, graph_names, module_of
from normalcy.exported.graph import RUNTIMES, open_graph
from normalcy.nn.build import Network
from normalcy.nn.i3d import I3D
from normalcy.nn.inputs import to_input

pytest.importorskip("onnx", reason="needs the extra export")
KINDS = ("onnx", "openvino")


def network_of(*sets: str) -> Network:
    network = tiny_network(tiny_config(*sets))
    with torch.no_grad():  # running statistics and biases that are not 0 and 1
        for m in network.encoder.modules():
            if isinstance(m, torch.nn.BatchNorm3d):
                m.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
                m.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
                m.bias.uniform_(-0.2, 0.2)
    return network.eval()


def clips(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def features(network: Network, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        out: np.ndarray = network.encoder(to_input(torch.from_numpy(x), network.channels)).numpy()
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", ["rgb", "grey_diff", "rgb_diff"])
def test_time_unrolled_into_channels_is_the_same_function(channels: str, kind: str) -> None:
    network = network_of(f"input.channels={channels}")
    for height, width in ((48, 64), (33, 41)):
        x = clips(3, 2, height, width)
        with torch.inference_mode():
            got = module_of("pair", network, kind)(torch.from_numpy(x)).numpy()
        assert got == pytest.approx(features(network, x), abs=2e-6) and got.std() > 0.01


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", ["pair", "clip"])
def test_graphs_take_any_batch_size_and_length(of: str, kind: str, runtime: str) -> None:
    pytest.importorskip(runtime, reason="needs the extra runtime")
    if kind == "openvino":
        pytest.importorskip("openvino", reason="needs the extra export")
        if runtime == "onnxruntime":
            pytest.skip("onnxruntime reads ONNX alone")
    cfg = tiny_config(f"scoring.density_of={of}")
    network = network_of(f"scoring.density_of={of}")
    (name, file), *more = convert(network, cfg, kind, "fp32", lambda name: []).items()
    assert not more and name == ("pair" if of == "pair" else "clips") == graph_names(cfg, network.encoder)[0]
    graph = open_graph(file, runtime, 1)
    shapes = (
        [(1, 2, 48, 64), (3, 2, 40, 72), (8, 2, 48, 64)] if of == "pair" else [(1, 4, 48, 64), (3, 1, 40, 72), (2, 7, 33, 48)]
    )
    for i, shape in enumerate(shapes):
        x = clips(*shape, seed=i)
        assert graph(x) == pytest.approx(features(network, x), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_padding_of_i3d_follows_the_picture(kind: str) -> None:
    runtime = pytest.importorskip("openvino", reason="needs the extra export").__name__
    torch.manual_seed(0)
    cfg = tiny_config("encoder.name=i3d", "encoder.endpoint=Mixed_3b", "scoring.density_of=clip", "input.channels=rgb")
    network = tiny_network(cfg)
    assert isinstance(network.encoder, I3D)
    graph = open_graph(convert(network, cfg, kind, "fp32", lambda name: [])["clips"], runtime, 1)
    for shape in ((1, 12, 64, 64), (2, 11, 64, 96), (1, 2, 72, 56)):
        x = clips(*shape)
        want = features(network, x)
        assert graph(x) == pytest.approx(want, abs=1e-4 * float(np.abs(want).max() + 1))


def test_what_a_kind_cannot_is_said() -> None:
    cfg = tiny_config()
    with pytest.raises(UsageError, match="onnxruntime computes no bf16"):
        convert(tiny_network(cfg), cfg, "onnx", "bf16", lambda name: [])
