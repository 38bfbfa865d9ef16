"""What every data set keeps: each layout, generated with its quirks, read back; run over the whole catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layouts import LAYOUTS, Truth, make_folder
from normalcy.data.catalogue import DATASETS, load
from normalcy.errors import DataError
from normalcy.video.reader import VideoReader, count_frames


@pytest.fixture(params=LAYOUTS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Truth]:
    name, make = LAYOUTS[request.param]
    return name, make(tmp_path / "data")


def test_every_catalogued_reader_has_a_generator() -> None:
    assert {name for name, _ in LAYOUTS.values()} == set(DATASETS), "write its layout in tests/layouts.py"


@pytest.mark.parametrize("name", DATASETS)
def test_it_says_where_it_is_and_under_which_terms(name: str) -> None:
    e = DATASETS[name]
    assert e.name == name and name.islower() and name.isidentifier()
    assert e.title and e.where and e.terms
    assert e.cite or e.where == "your own footage"


@pytest.mark.parametrize("name", DATASETS)
def test_a_plain_layout_is_read_by_those_that_have_it_and_recognised_by_the_others(name: str, tmp_path: Path) -> None:
    truth = make_folder(tmp_path)
    if DATASETS[name].plain:
        assert [v.name for v in load(name, truth.root).train] == truth.train
    else:
        with pytest.raises(DataError, match="the data set is called folder"):
            load(name, truth.root)


def test_reader_finds_exactly_what_was_generated(made: tuple[str, Truth]) -> None:
    name, truth = made
    data = load(name, truth.root)
    assert data.name == name
    assert [v.name for v in data.train] == truth.train
    assert {v.name for v in data.test} == set(truth.labels)
    assert set(data.scenes) == truth.scenes
    for video in data.test:
        labels = video.labels()
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, truth.labels[video.name])
        assert count_frames(video.ref) == len(labels)
        assert video.name == video.ref.name


def test_masks_where_the_layout_has_them(made: tuple[str, Truth]) -> None:
    name, truth = made
    found = {v.name: v.masks() for v in load(name, truth.root).test if v.masks}
    assert set(found) == set(truth.masks)
    for key, masks in found.items():
        assert masks.dtype == np.bool_
        np.testing.assert_array_equal(masks, truth.masks[key])


def test_every_video_can_be_decoded(made: tuple[str, Truth]) -> None:
    name, truth = made
    data = load(name, truth.root)
    for ref in (data.train[0].ref, data.test[0].ref):
        with VideoReader(ref) as reader:
            assert sum(1 for _ in reader) == 24
