"""The real label files of the benchmarks give the published counts. Skipped where they are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.data.catalogue import entry, load
from normalcy.data.check import check
from normalcy.data.files import load_label_folder, load_mask_folder
from normalcy.data.ucf_crime import parse_variant

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the real label files (../shared/data) are not here")


def totals(folder: Path) -> tuple[int, int, int]:
    labels = load_label_folder(folder)
    return len(labels), sum(map(len, labels.values())), sum(int(y.sum()) for y in labels.values())


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("avenue/all_test_labels", (21, 15324, 3712)),
        ("avenue/all_test_labels_mnad", (21, 15324, 3867)),
        ("ped2/testing/labels", (12, 2010, 1648)),
        ("shanghaitech/testing/labels", (107, 40791, 17326)),
        ("ped1_dev/testing/labels", (9, 1800, 1122)),
    ],
)
def test_published_counts(folder: str, expected: tuple[int, int, int]) -> None:
    assert totals(SHARED / folder) == expected


def test_official_counts_of_the_catalogue_are_those_of_the_files() -> None:
    for name, folder, key in [
        ("avenue", "avenue/all_test_labels", "masks"),
        ("avenue", "avenue/all_test_labels_mnad", "hasan"),
        ("ped2", "ped2/testing/labels", "UCSDped2.m"),
        ("shanghaitech", "shanghaitech/testing/labels", "test_frame_mask"),
    ]:
        official = entry(name).official
        assert official.abnormal is not None
        assert (official.test_videos, official.test_frames, official.abnormal[key]) == totals(SHARED / folder)


def test_ped2_masks_agree_with_its_labels() -> None:
    labels, masks = load_label_folder(SHARED / "ped2/testing/labels"), load_mask_folder(SHARED / "ped2/testing/masks")
    assert labels.keys() == masks.keys()
    for name, y in labels.items():
        m = masks[name]()
        assert m.shape[1:] == (240, 360)
        np.testing.assert_array_equal(m.any(axis=(1, 2)), y.astype(bool))


def test_one_class_videos_of_the_label_sets() -> None:
    ped2 = check("folder", SHARED / "ped2", masks=False)
    assert ped2.all_abnormal == ["08", "09", "10", "11"] and not ped2.all_normal
    assert not ped2.ok and any("testing/videos" in f.text for f in ped2.findings)  # the footage is kept apart
    shanghai = check("folder", SHARED / "shanghaitech")
    assert (shanghai.all_normal, shanghai.all_abnormal) == ([], ["04_0011"])
    avenue = load_label_folder(SHARED / "avenue/all_test_labels")
    assert [n for n, y in avenue.items() if y.all()] == ["08", "18"]


def test_labels_alone_load_and_footage_is_named_as_missing() -> None:
    data = load("folder", SHARED / "ped2", require=("labels", "masks"))
    assert len(data.test) == 12 and len(data.train) == 16 and not any(v.present for v in data.test)
    assert {g.part for g in data.gaps} == {"test"}


def test_ucf_crime_lists() -> None:
    root = SHARED / "ucf_crime"
    abnormal, normal = parse_variant(root / "test_anomalyv2.txt"), parse_variant(root / "test_normalv2.txt")
    assert (len(abnormal), len(normal)) == (140, 150)
    assert all(e.ranges for e in abnormal) and not any(e.ranges for e in normal)
    assert sum(len(e.ranges) == 2 for e in abnormal) == 16
    data = load("ucf_crime", root, require=("labels",))
    assert (len(data.train), len(data.test)) == (800, 290)
    labels = [v.labels() for v in data.test]
    assert (sum(map(len, labels)), sum(int(y.sum()) for y in labels)) == (1112032, 84343)


def test_ucf_crime_check_names_the_two_ranges_that_reach_one_frame_too_far() -> None:
    warnings = [f.text for f in check("ucf_crime", SHARED / "ucf_crime").findings if "off by one" in f.text]
    assert warnings == [
        "Explosion033_x264: annotated up to frame 3156 of 3155 (off by one: one frame too many)",
        "Shooting015_x264: annotated up to frame 1715 of 1714 (off by one: one frame too many)",
    ]


@pytest.mark.slow
def test_umn_check_is_clean_and_knows_its_scenes() -> None:
    report = check("umn", SHARED / "umn")
    assert report.ok and report.scenes == ["indoor", "lawn"]


def test_avenue_part_as_a_folder() -> None:
    data = load("folder", SHARED / "avenue")
    assert [v.name for v in data.test] == ["17", "19"]
    assert sum(int(v.labels().sum()) for v in data.test) == 524
    other = load("folder", SHARED / "avenue", labels="all_test_labels_mnad")
    assert other.label_source == "all_test_labels_mnad" and [v.name for v in other.test] == ["17", "19"]
