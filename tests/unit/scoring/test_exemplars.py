"""Pictures that a model keeps: which are chosen, and that they come back from the folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from made_models import fitted_model, tiny_config
from normalcy.errors import ModelError
from normalcy.nn.bundle import load_bundle, save_bundle
from normalcy.scoring.exemplars import FILE, GRID, Exemplar, Exemplars, chosen_moments, chosen_tracks


def made() -> Exemplars:
    ok, data = cv2.imencode(".jpg", np.full((20, 30, 3), 120, np.uint8))
    assert ok
    return Exemplars(
        [
            Exemplar("object", 0, "a", 5, 0.2, (0.1, 0.2, 0.3, 0.4), 17, 0, data.tobytes()),
            Exemplar("moment", 1, "b\n<x>", 9, 0.4, None, -1, -1, data.tobytes() * 2, np.full(GRID, 2.5, np.float32)),
            Exemplar("background", 0, "", -1, 0.0, None, -1, -1, b"x"),
        ]
    )


def save(folder: Path, beside: dict[str, bytes | None]) -> None:
    model = fitted_model(tiny_config())
    arrays, scalars = model.state()
    save_bundle(folder, model.network, model.cfg, {**arrays, **scalars}, "card", beside=beside)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    save(tmp_path, {FILE: made().to_bytes()})
    back = Exemplars.load(tmp_path)
    assert len(back) == 3 and len(back.of("object")) == 1 and back.of("moment", 0) == []
    for a, b in zip(made().items, back.items, strict=True):
        assert (a.kind, a.scene, a.video, a.frame, a.box, a.row, a.jpeg) == (
            b.kind,
            b.scene,
            b.video,
            b.frame,
            b.box,
            b.row,
            b.jpeg,
        )
    np.testing.assert_array_equal(back.items[1].lively, made().items[1].lively)


def test_a_model_without_pictures_has_none_and_training_again_removes_them(tmp_path: Path) -> None:
    save(tmp_path, {FILE: made().to_bytes()})
    first = load_bundle(tmp_path).hash
    save(tmp_path, {FILE: None})
    assert not (tmp_path / FILE).exists() and len(Exemplars.load(tmp_path)) == 0
    assert load_bundle(tmp_path).hash != first


def test_damaged_pictures_are_said(tmp_path: Path) -> None:
    save(tmp_path, {FILE: made().to_bytes()})
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(ModelError, match=FILE):
        Exemplars.load(tmp_path)
    load_bundle(tmp_path)  # a score does not need them
    save(tmp_path / "b", {FILE: b"\x08\0\0\0\0\0\0\0{}      "})
    with pytest.raises(ModelError, match="damaged"):
        Exemplars.load(tmp_path / "b")


def test_moments_cover_every_place() -> None:
    lively = np.zeros((6, 4))
    lively[1, 0], lively[2, 1], lively[3, 2], lively[4, :2] = 5, 4, 3, 1
    assert chosen_moments(lively, 3) == [1, 2, 3]
    assert chosen_moments(lively, 10) == [1, 2, 3]
    assert chosen_moments(np.zeros((3, 4)), 2) == [0]


def test_tracks_are_spread_over_places_and_kinds() -> None:
    place = np.zeros((30, 5))
    place[:3, 0] = [0, 5, 10]
    label = np.zeros(30, np.int64)
    label[20] = 7
    assert {1, 2, 20} < set(chosen_tracks(place, label, 4).tolist())
