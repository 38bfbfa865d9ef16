"""The check of a copy: what it counts, what it finds, and that a sound copy raises no alarm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import layouts
from normalcy.data.check import CheckReport, check
from normalcy.errors import DataError, UsageError

COMPLETE = {
    "folder": layouts.make_folder,
    "ped2": layouts.make_ucsd,
    "avenue": layouts.make_avenue,
    "shanghaitech": layouts.make_shanghaitech,
    "ucf_crime": layouts.make_ucf_crime,
    "nwpu": layouts.make_nwpu,
    "ubnormal": layouts.make_ubnormal,
    "umn": layouts.make_umn,
}


def texts(report: CheckReport, level: str) -> str:
    return "\n".join(f.text for f in report.findings if f.level == level)


def found(report: CheckReport) -> dict[str, int]:
    return {c.what: c.found for c in report.counts}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_sound_copy_has_no_error_and_true_counts(name: str, tmp_path: Path) -> None:
    truth = COMPLETE[name](tmp_path)
    report = check(name, tmp_path)
    assert report.ok, texts(report, "error")
    assert set(report.scenes) == truth.scenes
    counts = found(report)
    assert counts["training videos"] == len(truth.train)
    assert counts["test videos"] == counts["labelled test videos"] == len(truth.labels)
    assert counts["test frames"] == counts["test labels"] == sum(map(len, truth.labels.values()))
    assert counts["abnormal test frames"] == sum(int(y.sum()) for y in truth.labels.values())
    assert counts["test videos with pixel masks"] == len(truth.masks)
    warned = any(f.level == "warning" for f in report.findings)
    assert report.lines()[-1] == f"result: {'usable, with the warnings above' if warned else 'complete and consistent'}"
    assert set(report.all_normal) == {n for n, y in truth.labels.items() if not y.any()}
    assert set(report.all_abnormal) == {n for n, y in truth.labels.items() if y.all()}


def test_the_report_in_both_forms(tmp_path: Path) -> None:
    layouts.make_avenue(tmp_path)
    report = check("avenue", tmp_path)
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True
    text = "\n".join(report.lines())
    for part in (
        "labels: masks",
        "(official 16, differs)",
        "non-commercial",
        "cse.cuhk.edu.hk",
        "no normal frame",
        "10",
        "ICCV 2013",
    ):
        assert part in text
    assert report.lines()[-1] == "result: usable, with the warnings above"


def test_official_counts_that_differ_are_warnings(tmp_path: Path) -> None:
    layouts.make_ucsd(tmp_path, 2)
    assert "test videos: 3, official 12 (-9)" in texts(check("ped2", tmp_path), "warning")


@pytest.mark.parametrize(("length", "words"), [(23, "one label too few"), (25, "one label too many"), (20, "4 labels too few")])
def test_label_length_against_true_frame_count(length: int, words: str, tmp_path: Path) -> None:
    layouts.make_shanghaitech(tmp_path)
    np.save(tmp_path / "testing" / "test_frame_mask" / "01_0015.npy", np.arange(length) % 2)
    shutil.rmtree(tmp_path / "testing" / "test_pixel_mask")
    report = check("shanghaitech", tmp_path)
    assert not report.ok
    errors = texts(report, "error")
    assert f"01_0015: {length} labels" in errors and "24 frames" in errors and words in errors
    assert ("off by one" in errors) == (abs(length - 24) == 1)
    assert report.lines()[-1] == "result: not usable as it is"


def test_ranges_that_reach_past_the_end_are_found(tmp_path: Path) -> None:
    truth = layouts.make_ubnormal(tmp_path)
    path = tmp_path / "Scene1" / "abnormal_scene_1_scenario_2_annotations" / "abnormal_scene_1_scenario_2_tracks.txt"
    path.write_text("3,8,24\n")
    report = check("ubnormal", truth.root, masks=False)
    assert "annotated up to frame 25, the video has 24 (off by one: one frame too many)" in texts(report, "warning")


def test_listed_frame_count_against_the_decoder(tmp_path: Path) -> None:
    layouts.make_ucf_crime(tmp_path, variant=True)
    path = tmp_path / "test_anomalyv2.txt"
    path.write_text(path.read_text().replace("|24|", "|25|"))
    warnings = texts(check("ucf_crime", tmp_path), "warning")
    assert "Abuse028_x264: listed with 25 frames, the video has 24 (off by one: one frame too many)" in warnings


def test_masks_against_labels_count_and_size(tmp_path: Path) -> None:
    truth = layouts.make_folder(tmp_path)
    path = tmp_path / "testing" / "masks" / "01.npz"
    flipped = truth.masks["01"].copy()
    flipped[0, 0, 0] = True
    np.savez(path, masks=flipped[:, ::2])
    report = check("folder", tmp_path)
    assert "01: masks and frame labels disagree in 1 of 24 frames" in texts(report, "warning")
    assert "01: masks are 48x16, the video is 48x32" in texts(report, "warning")
    np.savez(path, masks=truth.masks["01"][:-1])
    assert "01: 23 masks for 24 labels (off by one: one mask too few)" in texts(check("folder", tmp_path), "error")
    assert check("folder", tmp_path, masks=False).ok


def test_tracks_past_the_end(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    (tmp_path / "testing" / "tracks").mkdir()
    (tmp_path / "testing" / "tracks" / "01.txt").write_text("0,24,1,1,5,5\n")
    assert "01: a track reaches frame 24 (0-based) of 24" in texts(check("folder", tmp_path), "error")


def test_a_broken_video_is_an_error_with_its_name_and_the_rest_is_checked(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    (tmp_path / "training" / "videos" / "01.mp4").write_bytes(b"not a video")
    report = check("folder", tmp_path)
    assert "01.mp4" in texts(report, "error")
    assert found(report)["test frames"] == 48


def test_missing_parts_are_errors_but_masks_are_not(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    shutil.rmtree(tmp_path / "testing" / "masks")
    (tmp_path / "testing" / "videos" / "02.mp4").unlink()
    report = check("folder", tmp_path)
    assert "footage of 1 of 2 test videos: 02" in texts(report, "error")
    assert "pixel masks" in texts(report, "note")
    assert found(report)["labelled test videos"] == 2


def test_official_ucf_list_without_footage_reports_the_gap_once(tmp_path: Path) -> None:
    layouts.make_ucf_crime(tmp_path)
    for path in list(tmp_path.rglob("*.mp4")):
        path.unlink()
    errors = [f for f in check("ucf_crime", tmp_path).findings if f.level == "error"]
    assert len(errors) == 2


@pytest.mark.parametrize(("total", "kind"), [(3712, "pixel masks"), (3867, "Hasan"), (3820, "off-by-one copy")])
def test_avenue_label_set_is_recognised_by_its_count(total: int, kind: str, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    np.save(tmp_path / "labels" / "1.npy", np.arange(15324) < total)
    report = check("avenue", tmp_path, labels="files")
    assert kind in texts(report, "note")
    assert not report.ok


def test_progress_hears_of_every_video(tmp_path: Path) -> None:
    layouts.make_folder(tmp_path)
    heard: list[tuple[int, int | None]] = []
    check("folder", tmp_path, lambda stage, done, total, figures: heard.append((done, total)))
    assert heard == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_unknown_name_and_absent_root(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean ped2"):
        check("pedd2", tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        check("ped2", tmp_path / "absent")
