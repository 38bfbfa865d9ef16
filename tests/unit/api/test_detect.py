"""detect(): tables that the detector ``file`` reads again, what is skipped, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import normalcy
from fakes import blank, moving_square_video, write_video
from normalcy import cli
from normalcy.errors import DataError, SourceError, UsageError, VideoError, WeightsError
from normalcy.report.boxes import draw_boxes
from normalcy.video.reader import VideoReader


@pytest.fixture(autouse=True)
def by_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights, whatever this machine has."""
    monkeypatch.setenv("NORMALCY_OBJECTS__DETECTOR", "motion")


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, seed in (("01", 0), ("02", 1)):
        write_video(folder / f"{name}.mp4", moving_square_video(24, 96, 128, seed), lossless=True)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as f:
        return list(csv.DictReader(f))


def test_a_table_per_video_that_follows_the_square(videos: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    result = normalcy.detect(
        videos,
        tmp_path / "out",
        sets=["objects.boxes_fps=null"],
        progress=lambda stage, n, of, _: told.append((stage, n, of)),
    )
    assert [v.name for v in result.videos] == ["01", "02"] and not result.failed and result.detector == "motion"
    assert ("detect 01", 24, 24) in told
    for v in result.videos:
        table = rows(v.table)
        assert v.frames == 24 and len(table) == v.boxes > 10
        assert len({r["track"] for r in table}) == v.tracks
        assert v.empty == 24 - len({r["frame"] for r in table})
        longest = max(sum(r["track"] == t for r in table) for t in {r["track"] for r in table})
        assert longest >= 12, "the square is one object for at least half of the time"


def test_frames_between_those_looked_at_have_boxes_too(videos: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", moving_square_video(60, 96, 128, 0), lossless=True)
    for _ in range(2):  # the second time the boxes come from the cache
        (v,) = normalcy.detect(tmp_path / "long.mp4", tmp_path / "out", sets=["objects.boxes_fps=8.3"], force=True).videos
        frames = {int(r["frame"]) for r in rows(v.table)}
        assert v.frames == 60 and any(set(range(k, k + 7)) <= frames for k in range(50)), "every third frame is looked at"


def test_what_it_wrote_is_read_again_to_the_bit(videos: Path, tmp_path: Path) -> None:
    first = normalcy.detect(videos, tmp_path / "out")
    again = normalcy.detect(videos, tmp_path / "again", detector="file", boxes=tmp_path / "out")
    for a, b in zip(first.videos, again.videos, strict=True):
        assert a.table.read_bytes() == b.table.read_bytes()


def test_finished_videos_are_skipped_until_something_changes(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    normalcy.detect(videos, out)
    assert [v.skipped for v in normalcy.detect(videos, out).videos] == [True, True]
    assert [v.skipped for v in normalcy.detect(videos, out, force=True).videos] == [False, False]
    assert [v.skipped for v in normalcy.detect(videos, out, sets=["objects.min_area=5000"]).videos] == [False, False]
    assert rows(out / "01.csv") == []
    (out / "02.csv").unlink()
    assert [v.skipped for v in normalcy.detect(videos, out, sets=["objects.min_area=5000"]).videos] == [True, False]


def test_a_table_of_someone_else_is_not_overwritten(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "02.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"02\.csv: is there already, and not from this command"):
        normalcy.detect(videos, out)
    assert (out / "02.csv").read_text() == "mine" and not (out / "01.csv").exists()
    normalcy.detect(videos, out, force=True)
    assert rows(out / "02.csv")


def test_interrupted_while_it_draws_the_same_call_goes_on(videos: Path, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int | None, figures: object) -> None:
        if (stage, done) == ("overlay 02", 8):
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        normalcy.detect(videos, out, overlay=True, progress=stop)
    finished = ["01.boxes.json", "01.boxes.mp4", "01.csv"]
    assert sorted(p.name for p in out.iterdir()) == finished
    again = normalcy.detect(videos, out, overlay=True)
    assert [v.skipped for v in again.videos] == [True, False]
    assert sorted(p.name for p in out.iterdir()) == [*finished, "02.boxes.json", "02.boxes.mp4", "02.csv"]


def test_killed_while_files_take_their_places_the_same_call_goes_on(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.name == "01.boxes.mp4":
            raise KeyboardInterrupt
        return replace(self, target)

    out = tmp_path / "out"
    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(Path, "replace", killed)
        normalcy.detect(videos, out, overlay=True)
    assert [v.skipped for v in normalcy.detect(videos, out, overlay=True).videos] == [False, False]


def test_an_overlay_of_other_boxes_does_not_stay(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    normalcy.detect(videos, out, overlay=True)
    normalcy.detect(videos, out)
    assert (out / "01.boxes.mp4").exists(), "of the same boxes"
    normalcy.detect(videos, out, sets=["objects.min_area=500"])
    assert not (out / "01.boxes.mp4").exists()
    assert [v.skipped for v in normalcy.detect(videos, out, sets=["objects.min_area=500"], overlay=True).videos] == [False] * 2


def test_the_overlay_shows_the_boxes(videos: Path, tmp_path: Path) -> None:
    (video, _) = normalcy.detect(videos, tmp_path / "out", overlay=True).videos
    assert video.overlay is not None
    last = rows(video.table)[-1]
    with VideoReader(videos / "01.mp4") as plain, VideoReader(video.overlay) as drawn:
        pairs = [(a.image.astype(int), b.image.astype(int)) for a, b in zip(plain, drawn, strict=True)]
    assert len(pairs) == 24
    before, after = pairs[int(last["frame"])]
    x1, y1, y2 = (round(float(last[k])) for k in ("x1", "y1", "y2"))
    edge = np.abs(after - before).max(axis=2)[y1:y2, x1]
    assert edge.mean() > 40
    assert np.abs(pairs[0][1] - pairs[0][0]).mean() < 6, "no box in the first frame"


def test_one_bad_video_of_several_is_named(videos: Path, tmp_path: Path) -> None:
    (videos / "03.mp4").write_bytes(b"no video")
    result = normalcy.detect(videos, tmp_path / "out")
    assert [v.name for v in result.videos] == ["01", "02"] and list(result.failed) == ["03"]
    assert json.loads(json.dumps(result.to_dict(), default=str))["failed"]["03"]
    with pytest.raises(VideoError):
        normalcy.detect(videos / "03.mp4", tmp_path / "other")
    with pytest.raises(SourceError):
        normalcy.detect(tmp_path / "nothing", tmp_path / "other")


def test_wrong_calls(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("normalcy.detection.weights.weights_folders", lambda: [tmp_path])
    with pytest.raises(UsageError, match="detector"):
        normalcy.detect(videos, tmp_path / "out", detector="magic")
    with pytest.raises(WeightsError, match="get it with: normalcy weights yolox_nano"):
        normalcy.detect(videos, tmp_path / "out", detector="onnx")
    (tmp_path / "boxes").mkdir()
    with pytest.raises(DataError, match="no boxes for the video '01'"):
        normalcy.detect(videos, tmp_path / "out", detector="file", boxes=tmp_path / "boxes")


def test_drawing_leaves_the_rest_and_the_input_alone() -> None:
    image = np.full((120, 400, 3), 90, np.uint8)
    out = draw_boxes(image, np.array([[10, 40, 60, 100], [-20, -20, 500, 500]], np.float32), [1, 2], ["1 person", "2"])
    assert (image == 90).all()
    assert (out[41:99, 62:300] == 90).all() and not (out[40:100, 10] == 90).any()
    assert draw_boxes(image, np.zeros((0, 4), np.float32), [], []).tolist() == image.tolist()


def test_damage_is_told_also_of_boxes_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "cache"))
    path = blank(write_video(tmp_path / "d.mp4", moving_square_video(60, 96, 128), options={"g": "20"}), 0.6, 400)
    (first,) = normalcy.detect(path, tmp_path / "out").videos
    assert any("damaged" in w or "decoded" in w for w in first.warnings)
    (kept,) = normalcy.detect(path, tmp_path / "other").videos  # boxes from the cache
    (skipped,) = normalcy.detect(path, tmp_path / "out").videos
    assert skipped.skipped and list(skipped.warnings) == list(first.warnings)
    assert kept.frames == first.frames and set(kept.warnings) <= set(first.warnings) and kept.warnings
    with pytest.raises(SystemExit) as done:
        cli.main(["detect", str(path), "--out", str(tmp_path / "out")])
    assert not done.value.code
    assert "normalcy: warning: d: " in capsys.readouterr().err
