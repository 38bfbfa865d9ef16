"""Clips and data sets: seeded, exactly labelled, in the common folder layout."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from normalcy.errors import OutputError, UsageError
from normalcy.virtual.generate import KINDS, MIN_VISIBLE, DatasetPaths, Scenario, deal_kinds, write_dataset

SMALL = (128, 96)
_HASH = """
import hashlib
from normalcy.virtual.generate import Scenario
h = hashlib.sha256()
for image, label, mask in Scenario((128, 96), seed=5).anomalous_clip(7, 30, ["fall", "cart"]):
    h.update(image.tobytes()); h.update(bytes([label])); h.update(mask.tobytes())
print(h.hexdigest())
"""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario(SMALL, seed=5)


def test_the_same_seed_gives_the_same_pictures_in_another_process(scenario: Scenario) -> None:
    here = hashlib.sha256()
    for image, label, mask in scenario.anomalous_clip(7, 30, ["fall", "cart"]):
        here.update(image.tobytes())
        here.update(bytes([label]))
        here.update(mask.tobytes())
    there = subprocess.run([sys.executable, "-c", _HASH], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here.hexdigest()


def test_clips_differ_by_seed_over_one_and_the_same_background(scenario: Scenario) -> None:
    one, two = (list(scenario.normal_clip(seed, 40)) for seed in (1, 2))
    assert all(image.shape == (96, 128, 3) and image.dtype == np.uint8 for image in one)
    assert not np.array_equal(one[0], two[0])
    lawn = (slice(50, 95), slice(112, 128))
    still = [np.mean([image[lawn] for image in clip], axis=(0, 3)) for clip in (one, two)]
    assert np.corrcoef(still[0].ravel(), still[1].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("kinds", [["runner"], ["throw"], ["cyclist", "stopped_car"], ["on_grass", "fall", "loiterer"]])
def test_label_mask_and_boxes_say_the_same(scenario: Scenario, kinds: list[str]) -> None:
    labels = []
    for frame in scenario.annotated_clip(3, 120, kinds):
        assert frame.label == int(frame.mask.any()) == int(bool(frame.boxes))
        if frame.label:
            assert frame.mask.sum() >= MIN_VISIBLE
            rows, columns = np.nonzero(frame.mask)
            corners = np.array(list(frame.boxes.values()))
            assert (corners[:, 0].min(), corners[:, 1].min()) == (columns.min(), rows.min())
            assert (corners[:, 2].max(), corners[:, 3].max()) == (columns.max() + 1, rows.max() + 1)
        labels.append(frame.label)
    assert 0.05 < np.mean(labels) < 0.95


def test_normal_clips_are_streamed(scenario: Scenario) -> None:
    assert len(list(islice(scenario.normal_clip(1, 5000), 3))) == 3


def test_bad_requests_name_what_is_wrong(scenario: Scenario) -> None:
    with pytest.raises(UsageError, match=r"jetpack.*runner"):
        scenario.anomalous_clip(0, 10, ["jetpack"])
    with pytest.raises(UsageError, match="at least one frame"):
        next(scenario.normal_clip(0, 0))
    with pytest.raises(UsageError, match="even"):
        Scenario((321, 240))
    with pytest.raises(UsageError, match="fps"):
        Scenario(SMALL, fps=0)


@pytest.mark.parametrize("clips", [4, 6, 11, 20])
def test_all_kinds_are_dealt_one_to_three_to_a_clip(clips: int) -> None:
    for seed in range(5):
        hands = deal_kinds(seed, clips)
        assert len(hands) == clips and all(1 <= len(hand) <= 3 == len({*hand, 1, 2, 3}) - len(hand) for hand in hands)
        assert {kind for hand in hands for kind in hand} == set(KINDS)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetPaths, list[tuple[int, int]]]:
    ticks: list[tuple[int, int]] = []
    root = tmp_path_factory.mktemp("virtual") / "set"
    paths = write_dataset(root, 2, 2, 20, 2, 60, size=SMALL, progress=lambda done, total: ticks.append((done, total)))
    return paths, ticks


def decoded(path: Path) -> int:
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def test_a_data_set_has_the_common_layout_and_exact_lengths(dataset: tuple[DatasetPaths, list[tuple[int, int]]]) -> None:
    paths, ticks = dataset
    assert ticks[-1] == (160, 160) and len(ticks) == 160
    assert sorted(p.relative_to(paths.root).as_posix() for p in paths.root.rglob("*") if p.is_file()) == [
        "scene.json",
        *[f"testing/{folder}/{n}{end}" for folder, end in (("labels", ".npy"), ("masks", ".npz")) for n in ("01", "02")],
        *[f"testing/{folder}/{n}{end}" for folder, end in (("tracks", ".csv"), ("videos", ".mp4")) for n in ("01", "02")],
        *[f"training/videos/{n}.mp4" for n in ("01", "02")],
    ]
    assert [decoded(p) for p in paths.train_videos] == [20, 20]
    for video, label, mask in zip(paths.test_videos, paths.labels, paths.masks, strict=True):
        labels = np.load(label, allow_pickle=False)
        masks = np.load(mask, allow_pickle=False)["masks"]
        assert decoded(video) == len(labels) == 60 and labels.dtype == np.uint8
        assert masks.dtype == np.bool_ and masks.shape == (60, 96, 128)
        assert np.array_equal(masks.any(axis=(1, 2)), labels == 1)


def test_tracks_are_boxes_around_the_masks(dataset: tuple[DatasetPaths, list[tuple[int, int]]]) -> None:
    paths, _ = dataset
    for track, mask in zip(paths.tracks, paths.masks, strict=True):
        masks = np.load(mask, allow_pickle=False)["masks"]
        covered = np.zeros_like(masks)
        with track.open() as lines:
            for row in csv.DictReader(lines):
                k, x1, y1, x2, y2 = (int(row[name]) for name in ("frame", "x1", "y1", "x2", "y2"))
                covered[k, y1:y2, x1:x2] = True
        assert (covered | ~masks).all() and covered.any(axis=(1, 2)).tolist() == masks.any(axis=(1, 2)).tolist()


def test_the_description_names_seed_and_kinds(dataset: tuple[DatasetPaths, list[tuple[int, int]]]) -> None:
    facts = json.loads(dataset[0].scene.read_text())
    assert facts["seed"] == 2 and facts["size"] == [128, 96] and facts["version"] == 1
    assert facts["kinds"] == {"01": deal_kinds(2, 2)[0], "02": deal_kinds(2, 2)[1]}


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        write_dataset(tmp_path / "taken", 0, 1, 1, 1, 2, size=SMALL)
