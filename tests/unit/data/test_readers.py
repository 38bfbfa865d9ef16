"""What is special about each layout. What all of them keep is in tests/contract."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import layouts
from normalcy.data.base import TrainVideo
from normalcy.data.catalogue import load
from normalcy.errors import DataError, UsageError


def test_training_videos_cannot_hold_labels() -> None:
    assert {f.name for f in dataclasses.fields(TrainVideo)} == {"name", "ref", "scene"}


def test_labels_are_read_once_and_cannot_be_changed(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    video = load("folder", truth.root).test[0]
    labels = video.labels()
    (tmp_path / "testing" / "labels" / "01.npy").unlink()
    assert video.labels() is labels
    with pytest.raises(ValueError, match="read-only"):
        labels[0] = 1


def test_nothing_is_listed_twice_or_out_of_natural_order(tmp_path: Path) -> None:
    truth = layouts.make_avenue(tmp_path)
    assert [v.name for v in load("avenue", truth.root).test] == ["01", "02", "10"]


@pytest.mark.parametrize("depth", ["", "UCSD_Anomaly_Dataset.v1p2", "UCSD_Anomaly_Dataset.v1p2/UCSDped2"])
def test_ucsd_root_may_be_any_of_the_three_levels(tmp_path: Path, depth: str) -> None:
    layouts.make_ucsd(tmp_path, 2)
    assert len(load("ped2", tmp_path / depth).test) == 3


def test_avenue_version_73_gives_the_same_masks(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    old, new = layouts.make_avenue(tmp_path / "v5"), layouts.make_avenue(tmp_path / "v73", v73=True)
    for a, b in zip(load("avenue", old.root).test, load("avenue", new.root).test, strict=True):
        assert a.masks and b.masks
        np.testing.assert_array_equal(a.masks(), b.masks())
        np.testing.assert_array_equal(b.labels(), new.labels[b.name])


def test_avenue_version_73_without_h5py_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    truth = layouts.make_avenue(tmp_path, v73=True)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(DataError, match=r"1_label\.mat.*pip install h5py"):
        load("avenue", truth.root).test[0].labels()


def test_avenue_label_sets(tmp_path: Path) -> None:
    truth = layouts.make_avenue(tmp_path)
    with pytest.raises(DataError, match="footage of 7 of 10 test videos: 03"):
        load("avenue", truth.root, labels="hasan")
    hasan = load("avenue", truth.root, labels="hasan", partial=True)
    assert hasan.label_source == "hasan"
    np.testing.assert_array_equal(hasan.test[0].labels(), layouts.labels_of(24, [(9, 17)]))
    with pytest.raises(DataError, match=r"files|labels/N\.npy"):
        load("avenue", truth.root, labels="files")
    (tmp_path / "labels").mkdir()
    for k in (1, 2, 10):
        np.save(tmp_path / "labels" / f"{k}.npy", np.eye(1, 24, 3, dtype=np.uint8)[0])
    files = load("avenue", truth.root, labels="files")
    assert [int(v.labels().argmax()) for v in files.test] == [3, 3, 3]
    with pytest.raises(UsageError, match="masks, hasan, files"):
        load("avenue", truth.root, labels="pixels")


def test_ubnormal_tracks_box_the_abnormal_object_only(tmp_path: Path) -> None:
    truth = layouts.make_ubnormal(tmp_path)
    for video in load("ubnormal", truth.root).test:
        assert video.tracks is not None
        tracks = video.tracks()
        assert sorted(tracks[:, 1]) == list(np.flatnonzero(truth.labels[video.name]))
        for identity, frame, x1, y1, x2, y2 in tracks.astype(int):
            assert identity in (0, 1)
            assert truth.masks[video.name][frame, y1:y2, x1:x2].mean() > 0.8
            assert truth.masks[video.name][frame].sum() == truth.masks[video.name][frame, y1:y2, x1:x2].sum()


def test_ubnormal_leaves_abnormal_training_videos_out(tmp_path: Path) -> None:
    data = load("ubnormal", layouts.make_ubnormal(tmp_path).root)
    assert all(v.name.startswith("normal_") for v in data.train)
    assert any("left out" in n for n in data.notes)


def test_ucf_crime_never_trains_on_abnormal_or_test_videos(tmp_path: Path) -> None:
    truth = layouts.make_ucf_crime(tmp_path)
    (tmp_path / "Anomaly_Detection_splits" / "Anomaly_Train.txt").unlink()
    assert [v.name for v in load("ucf_crime", truth.root).train] == truth.train
    (tmp_path / "train_normal.txt").write_text("Normal_Videos_event/Normal_Videos_003_x264.mp4\n")
    with pytest.raises(DataError, match="in the training list and in the test list"):
        load("ucf_crime", truth.root)


def test_umn_says_that_the_uncut_film_must_be_cut(tmp_path: Path) -> None:
    truth = layouts.make_umn(tmp_path)
    layouts.write_video(tmp_path / "Crowd-Activity-All.avi", layouts.footage(3)[0])
    assert any("Crowd-Activity-All.avi" in n for n in load("umn", truth.root).notes)


def test_folder_tracks_and_other_label_folder(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    (tmp_path / "testing" / "tracks").mkdir()
    (tmp_path / "testing" / "tracks" / "01.txt").write_text("0,3,1,2,10,12\n0,4,2,2,11,12\n")
    (tmp_path / "all_labels").mkdir()
    for k in range(1, 6):
        np.save(tmp_path / "all_labels" / f"{k:02d}.npy", np.ones(24, dtype=np.uint8))
    data = load("folder", truth.root, labels="all_labels")
    assert data.label_source == "all_labels"
    assert [v.name for v in data.test] == ["01", "02"]
    assert data.test[0].labels().all()
    assert data.test[0].tracks is not None and data.test[0].tracks().shape == (2, 6)
    assert data.test[1].tracks is None
    with pytest.raises(DataError, match="no label folder 'nowhere'"):
        load("folder", truth.root, labels="nowhere")
    with pytest.raises(DataError, match="no label folder"):
        load("folder", truth.root, labels="../..")
