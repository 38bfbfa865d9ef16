"""What a reader says when part of a data set is missing, damaged or hostile."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import layouts
from normalcy.data import arrays, ubnormal, ucf_crime, ucsd
from normalcy.data.base import Gap
from normalcy.data.catalogue import DATASETS, load
from normalcy.errors import DataError, UsageError


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_names_everything_that_is_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as e:
        load(name, tmp_path)
    text = str(e.value)
    assert str(tmp_path) in text and "training videos" in text and "test videos" in text and "labels" in text


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_root_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent: no such folder"):
        load(name, tmp_path / "absent")


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean avenue"):
        load("avenu", ".")


def test_a_label_set_where_there_is_no_choice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one label set"):
        load("ped2", tmp_path, labels="masks")


def test_missing_test_footage_is_named_and_partial_leaves_it_out(tmp_path: Path) -> None:
    truth = layouts.make_shanghaitech(tmp_path)
    shutil.rmtree(tmp_path / "testing" / "frames" / "01_0015")
    with pytest.raises(DataError, match=r"footage of 1 of 3 test videos: 01_0015 \(testing/frames"):
        load("shanghaitech", truth.root)
    assert len(load("shanghaitech", truth.root, require=("train",)).test) == 3
    data = load("shanghaitech", truth.root, partial=True)
    assert [v.name for v in data.test] == ["01_0014", "02_0128"]
    assert any("2 of 3 listed test videos" in n for n in data.notes)


def test_footage_without_labels_is_never_tested_on(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    (tmp_path / "testing" / "labels" / "02.npy").unlink()
    with pytest.raises(DataError, match=r"labels of 1 of 2 test videos: 02"):
        load("folder", truth.root)
    assert [v.name for v in load("folder", truth.root, partial=True).test] == ["01"]
    with pytest.raises(DataError, match="02"):
        load("folder", truth.root, require=()).test[1].labels()


def test_partial_is_no_excuse_for_nothing(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    shutil.rmtree(tmp_path / "training")
    with pytest.raises(DataError, match=r"training videos \(training/videos\)"):
        load("folder", truth.root, partial=True)


def test_labels_alone_can_be_required(tmp_path: Path) -> None:
    truth = layouts.make_shanghaitech(tmp_path)
    shutil.rmtree(tmp_path / "testing" / "frames")
    shutil.rmtree(tmp_path / "training")
    data = load("shanghaitech", truth.root, require=("labels", "masks"))
    assert not any(v.present for v in data.test)
    assert sum(int(v.labels().sum()) for v in data.test) == sum(int(y.sum()) for y in truth.labels.values())


def test_masks_can_be_required(tmp_path: Path) -> None:
    data = load("nwpu", layouts.make_nwpu(tmp_path).root)
    assert Gap("masks", "pixel masks (NWPU Campus has none)") in data.gaps
    with pytest.raises(DataError, match="pixel masks"):
        data.require(("masks",))


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    path = tmp_path / "testing" / "labels" / "01.npy"
    bomb = np.array([{"a": 1}], dtype=object)
    np.save(path, bomb, allow_pickle=True)
    with pytest.raises(DataError, match=r"01\.npy.*not a plain numpy file"):
        load("folder", truth.root).test[0].labels()
    path.write_bytes(pickle.dumps([0, 1]))
    with pytest.raises(DataError, match=r"01\.npy.*not a plain numpy file"):
        load("folder", truth.root).test[0].labels()


@pytest.mark.parametrize("values", [np.array([0, 1, 2]), np.array([0.0, np.nan]), np.zeros((4, 5)), np.zeros(0), np.array(1)])
def test_labels_other_than_one_bit_a_frame(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"x\.npy"):
        arrays.as_labels(values, Path("x.npy"))


@pytest.mark.parametrize("shape", [(6,), (1, 6), (6, 1)])
@pytest.mark.parametrize("kind", [bool, np.int8, np.float64])
def test_labels_of_one_row_or_column_are_flattened(shape: tuple[int, ...], kind: type) -> None:
    values = np.array([0, 1, 1, 0, 0, 1]).astype(kind).reshape(shape)
    assert arrays.as_labels(values, Path("x.npy")).tolist() == [0, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00"])
def test_damaged_archives(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz"):
        arrays.read_npz(tmp_path / "x.npz", "masks")


def test_an_archive_without_the_key_names_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", other=np.zeros(3))
    with pytest.raises(DataError, match="no array named 'masks'; it holds other"):
        arrays.read_npz(tmp_path / "x.npz", "masks")


def test_mask_images_of_two_sizes_or_broken(tmp_path: Path) -> None:
    layouts.write_frames(tmp_path, np.zeros((2, 8, 8), np.uint8), ".bmp")
    layouts.write_frames(tmp_path, np.zeros((1, 8, 9), np.uint8), ".bmp", first=2)
    with pytest.raises(DataError, match=r"002\.bmp: mask is \(8, 9\)"):
        arrays.read_mask_images(sorted(tmp_path.iterdir()))
    (tmp_path / "001.bmp").write_bytes(b"")
    with pytest.raises(DataError, match=r"001\.bmp: not a readable image"):
        arrays.read_mask_images(sorted(tmp_path.iterdir()))


def test_ucsd_script_forms(tmp_path: Path) -> None:
    script = tmp_path / "UCSDped1.m"
    script.write_text(
        "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [60:152];\n% TestVideoFile{end+1}.gt_frame = [1:9];\n"
        "TestVideoFile{end+1}.gt_frame = [5:90, 140 : 200];\nTestVideoFile{3}.gt_frame = [7];\n"
        "TestVideoFile{end+1}.gt_frame=[ 1:2 9:11 ];"
    )
    assert ucsd.parse_gt(script) == {1: [(59, 152)], 2: [(4, 90), (139, 200)], 3: [(6, 7)], 4: [(0, 2), (8, 11)]}


@pytest.mark.parametrize("body", ["0:5", "9:3", "a:b", "1:2:3", "-1"])
def test_ucsd_ranges_that_are_none(body: str, tmp_path: Path) -> None:
    (tmp_path / "x.m").write_text(f"TestVideoFile{{end+1}}.gt_frame = [{body}];")
    with pytest.raises(DataError, match=r"x\.m.*is not a 1-based range"):
        ucsd.parse_gt(tmp_path / "x.m")


def test_ucsd_script_without_ranges(tmp_path: Path) -> None:
    (tmp_path / "x.m").write_text("TestVideoFile = {};")
    with pytest.raises(DataError, match=r"x\.m: no line like"):
        ucsd.parse_gt(tmp_path / "x.m")


def test_ucsd_range_past_the_end_is_an_error(tmp_path: Path) -> None:
    truth = layouts.make_ucsd(tmp_path, 2)
    (truth.root / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped2" / "Test" / "Test003" / "024.tif").unlink()
    with pytest.raises(DataError, match=r"UCSDped2\.m: Test003 is abnormal up to frame 24, but .*Test003 has 23 frames"):
        load("ped2", truth.root).test[2].labels()


@pytest.mark.parametrize("line", ["A.mp4 Abuse 5", "A.mp4 Abuse 9 3 -1 -1", "A.mp4 Abuse x y -1 -1"])
def test_ucf_official_lines_that_make_no_sense(line: str, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text(f"B.mp4 Normal -1 -1 -1 -1\n{line}\n")
    with pytest.raises(DataError, match=r"l\.txt: line 2"):
        ucf_crime.parse_official(tmp_path / "l.txt")


@pytest.mark.parametrize("line", ["A.mp4|x|[1, 2]", "A.mp4 12", "A.mp4|12|[1]", "A.mp4|12|[5, 2]"])
def test_ucf_variant_lines_that_make_no_sense(line: str, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text(f"{line}\n")
    with pytest.raises(DataError, match=r"l\.txt: line 1"):
        ucf_crime.parse_variant(tmp_path / "l.txt")


def test_ucf_list_with_a_video_twice(tmp_path: Path) -> None:
    (tmp_path / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(
        "A.mp4 Abuse 1 2 -1 -1\nA.mp4 Abuse 1 2 -1 -1\n"
    )
    with pytest.raises(DataError, match="listed twice: A"):
        load("ucf_crime", tmp_path)


@pytest.mark.parametrize("text", ["", "3,5\n", "3,9,5\n", "0,1,2\n", "3,a,5\n", "3,1,nan\n"])
def test_ubnormal_tracks_that_make_no_sense(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(DataError, match=r"t\.txt"):
        ubnormal.read_stretches(tmp_path / "t.txt")


def test_two_videos_of_one_name(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    layouts.write_frames(tmp_path / "testing" / "videos" / "01", layouts.footage(3)[0])
    with pytest.raises(DataError, match="two videos of the same name"):
        load("folder", truth.root)


def test_avenue_mask_files_damaged_or_missing(tmp_path: Path) -> None:
    truth = layouts.make_avenue(tmp_path)
    (tmp_path / "ground_truth_demo" / "testing_label_mask" / "2_label.mat").write_bytes(b"garbage" * 100)
    with pytest.raises(DataError, match=r"2_label\.mat: not a readable MATLAB file"):
        load("avenue", truth.root).test[1].labels()
    shutil.rmtree(tmp_path / "ground_truth_demo")
    with pytest.raises(DataError, match=r"labels of 3 of 3 test videos: 01, 02, 10 \(ground_truth_demo"):
        load("avenue", truth.root)


def test_scenes_file_with_a_hole(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path, scenes=True)
    (tmp_path / "scenes.csv").write_text("name,scene\n01,\n")
    with pytest.raises(DataError, match=r"scenes\.csv"):
        load("folder", truth.root)


def test_the_plain_layout_under_another_name_is_recognised(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    with pytest.raises(DataError, match=r"avenue\. Missing: .* the data set is called folder"):
        load("avenue", tmp_path)


def test_avenue_cells_that_are_no_masks(tmp_path: Path) -> None:
    truth = layouts.make_avenue(tmp_path)
    path = tmp_path / "ground_truth_demo" / "testing_label_mask" / "1_label.mat"
    for broken in ([np.zeros((4, 4)), np.zeros((4, 5))], [np.zeros((4, 4, 2))], []):
        scipy.io.savemat(path, {"volLabel": layouts.cells(broken)})
        with pytest.raises(DataError, match=r"1_label\.mat: the cells of volLabel"):
            load("avenue", truth.root).test[0].labels()
    scipy.io.savemat(path, {"volLabel": np.zeros((3, 3))})
    with pytest.raises(DataError, match="is not a cell array"):
        load("avenue", truth.root).test[0].labels()
    scipy.io.savemat(path, {"other": np.zeros((3, 3))})
    with pytest.raises(DataError, match="no variable 'volLabel'"):
        load("avenue", truth.root).test[0].labels()


def test_avenue_version_73_damaged(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    truth = layouts.make_avenue(tmp_path, v73=True)
    path = tmp_path / "ground_truth_demo" / "testing_label_mask" / "1_label.mat"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"1_label\.mat: not a readable MATLAB 7\.3 file"):
        load("avenue", truth.root).test[0].labels()
    layouts.write_mat73(path, "other", [np.zeros((2, 2))])
    with pytest.raises(DataError, match="no variable 'volLabel'"):
        load("avenue", truth.root).test[0].labels()


@pytest.mark.parametrize("gt", [np.array([[5], [3]]), np.array([[0], [3]]), np.array([[1, 2, 3]])])
def test_avenue_intervals_that_make_no_sense(gt: np.ndarray, tmp_path: Path) -> None:
    truth = layouts.make_avenue(tmp_path)
    scipy.io.savemat(tmp_path / "avenue.mat", {"gt": layouts.cells([gt])})
    with pytest.raises(DataError, match=r"avenue\.mat: cell 1 of gt"):
        load("avenue", truth.root, labels="hasan")
