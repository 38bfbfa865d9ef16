"""Detectors changed in memory: the right map made an output, found without its name; sizes left open."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from normalcy.detection.adapted import adapted
from onnx_made import backbone_model

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("fixed", [True, False])
def test_the_map_is_the_last_one_before_the_network_shrinks_it(tmp_path: Path, fixed: bool) -> None:
    (tmp_path / "m.onnx").write_bytes(backbone_model(("stem", "c2", "c3", "c3b", "c4", "c5"), (2, 2, 2, 1, 2, 2), fixed))
    found = adapted(tmp_path / "m.onnx", feature_map=True, any_size=False)
    assert found is not None and found.feature_map == "c3b"
    assert [o.name for o in onnx.load_from_string(found.model).graph.output] == ["c5", "c3b"]
    without = adapted(tmp_path / "m.onnx", feature_map=False, any_size=False)
    assert without is not None and without.feature_map is None


def test_no_map_no_name(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for data in (backbone_model(("a", "b"), (2, 2), True), backbone_model(("a", "b", "c"), (4, 4, 2), True)):
        path.write_bytes(data)
        found = adapted(path, feature_map=True, any_size=True)
        assert found is not None and found.feature_map is None


def test_a_size_left_open(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(backbone_model(("a", "b"), (2, 2), True))
    for free in (True, False):
        found = adapted(tmp_path / "m.onnx", feature_map=False, any_size=free)
        assert found is not None
        sides = onnx.load_from_string(found.model).graph.input[0].type.tensor_type.shape.dim[2:]
        assert [bool(d.dim_param) for d in sides] == [free] * 2


def test_what_cannot_be_changed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"junk")
    assert adapted(path, True, True) is None
    path.write_bytes(backbone_model(("a",), (2,), True))
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert adapted(path, True, True) is None
