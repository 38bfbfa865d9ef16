"""Scoring: what is written, what is skipped, and that one path serves files and streams."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

import normalcy
from fakes import moving_square_video, write_frames, write_size_change, write_video
from normalcy.errors import VideoError
from normalcy.events.detector import closed
from normalcy.results.scored import ScoreResult
from normalcy.results.scores_csv import read_scores
from normalcy.types import VideoScores
from normalcy.video.reader import VideoReader, probe
from road import FPS, odd_frames, odd_video, tree


def score(source: object, model: object, out: Path, **more: object) -> ScoreResult:
    return normalcy.score(source, model, out, device="cpu", **more)  # type: ignore[arg-type]


def one(source: object, model: object, out: Path, **more: object) -> VideoScores:
    (video,) = score(source, model, out, **more).videos
    return read_scores(video.folder / "scores.csv")


def test_every_frame_has_a_score(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    s = one(odd, model_dir, tmp_path)
    assert len(s.score) == 60
    assert s.time_s == pytest.approx(np.arange(60) / FPS, abs=1e-4)
    model = normalcy.load(model_dir, "cpu")
    assert list(s.readouts) == model.names
    assert np.isfinite(s.score).all()
    above = np.maximum(list(s.readouts.values()), 0.0)
    voices = [above[np.array(model.voices) == voice].mean(axis=0) for voice in sorted(set(model.voices))]
    assert s.score == pytest.approx(np.mean(voices, axis=0), abs=1e-4)


def test_the_anomaly_stands_out(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    """Motion is one of the readouts, so even an untrained encoder shows a flickering square of a quarter of the picture."""
    s = one(odd, model_dir, tmp_path, sets=["scoring.smoothing=none", "scoring.stride=1"])
    assert s.readouts["motion"][32:43].min() > s.readouts["motion"][:26].max()


TOUCHY = ("alarm.budget_per_hour=3600", "scoring.smoothing=none", "alarm.min_s=0", "alarm.merge_s=0", "alarm.release=1")


def test_events_file(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (video,) = score(odd, model_dir, tmp_path, sets=TOUCHY).videos
    found = json.loads((video.folder / "events.json").read_text())
    assert found["threshold"] > 0 and "minutes of normal video" in found["note"] and "standard deviations" in found["units"]
    assert len(found["events"]) == len(video.events) >= 1
    e = max(found["events"], key=lambda e: e["peak"])
    assert e["start_frame"] <= e["peak_frame"] <= e["end_frame"]
    # Where 20 steps of training see the peak is left to chance; the readout without a network has to find the square.
    assert 28 <= int(read_scores(video.folder / "scores.csv").readouts["motion"].argmax()) <= 47
    assert e["start_s"] == pytest.approx(e["start_frame"] / FPS, abs=1e-4)
    assert e["peak"] > found["threshold"]
    assert e["readout"] in normalcy.load(model_dir, "cpu").names
    x1, y1, x2, y2 = e["region"]
    assert 0 <= x1 < x2 <= 96 and 0 <= y1 < y2 <= 64
    assert video.peak == pytest.approx(max(read_scores(video.folder / "scores.csv").score), abs=1e-4)


def test_run_file(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (video,) = score(odd, model_dir, tmp_path, sets=["scoring.sigma_s=0.1"]).videos
    run = json.loads((video.folder / "run.json").read_text())
    assert run["finished"] is True
    assert run["config"]["scoring"]["sigma_s"] == 0.1
    assert set(run["versions"]) == {"python", "normalcy", "torch", "numpy", "av", "opencv-python-headless"}
    assert run["model"] == normalcy.load(model_dir, "cpu").hash
    assert "centred Gaussian" in run["protocol"] and "0.1 s" in run["protocol"]
    assert run["source"]["path"] == str(odd.resolve()) and run["source"]["bytes"] == odd.stat().st_size
    assert run["timings"]["frames_per_s"] > 0 and run["timings"]["decode_s"] > 0
    assert (run["device"], run["precision"], run["seed"], run["frames"]) == ("cpu", "fp32", 0, 60)
    assert any("scoring.sigma_s" in w for w in run["warnings"])
    assert list(video.warnings) == run["warnings"]


def test_maps_and_overlay(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (video,) = score(odd, model_dir, tmp_path, maps=True, overlay=True).videos
    maps = np.load(video.folder / "maps.npy", allow_pickle=False)
    assert maps.shape == (60, 8, 12) and np.isfinite(maps).all()
    info = probe(video.folder / "overlay.mp4")
    assert (info.width, info.height) == (96, 64)
    with av.open(str(video.folder / "overlay.mp4")) as c:
        assert c.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in c.decode(video=0)) == 60
    assert (video.folder / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_an_event_has_a_place_in_the_overlay(
    odd: Path, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from normalcy.results import overlay_mp4

    drawn = overlay_mp4.blend
    seen: list[tuple[float, float]] = []

    def blend(image: np.ndarray, score_map: np.ndarray, threshold: float, top: float) -> np.ndarray:
        seen.append((threshold, float(score_map.max())))
        return drawn(image, score_map, threshold, top)

    monkeypatch.setattr(overlay_mp4, "blend", blend)
    (video,) = score(odd, model_dir, tmp_path, overlay=True, sets=TOUCHY).videos
    inside = {i for e in video.events for i in range(e.start_frame, e.end_frame + 1)}
    assert inside and len(inside) < len(seen) == 60
    assert all(least == 1.0 for i, (least, _) in enumerate(seen) if i not in inside)
    assert all(least == pytest.approx(min(1.0, top / 2)) for i, (least, top) in enumerate(seen) if i in inside)


def test_overlay_alone_leaves_no_maps(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (video,) = score(odd, model_dir, tmp_path, overlay=True).videos
    names = {p.name for p in video.folder.iterdir()}
    assert names == {"scores.csv", "events.json", "timeline.png", "run.json", "overlay.mp4"}


@pytest.mark.parametrize(
    "sets", [(), TOUCHY, ("scoring.smoothing=ema",), ("scoring.normalise=per_video",), ("scoring.batch=1",)]
)
def test_frames_pushed_one_by_one_score_as_the_file(odd: Path, model_dir: Path, tmp_path: Path, sets: tuple[str, ...]) -> None:
    (video,) = score(odd, model_dir, tmp_path, sets=sets).videos
    file, info = read_scores(video.folder / "scores.csv"), probe(odd)
    stream = normalcy.open_stream(normalcy.load(model_dir, "cpu"), info.width, info.height, info.fps, sets=sets)
    updates = [*map(stream.push, VideoReader(odd)), stream.finish()]
    pushed = [s for u in updates for s in u.scores]
    events = list(closed(c for u in updates for c in u.changes))
    assert [(e.start_frame, e.peak_frame, e.region) for e in events] == [
        (e.start_frame, e.peak_frame, e.region) for e in video.events
    ]
    assert [s.frame for s in pushed] == list(range(60))
    assert [s.score for s in pushed] == pytest.approx(file.score, abs=1e-3)
    for name, values in file.readouts.items():
        assert [s.readouts[name] for s in pushed] == pytest.approx(values, abs=1e-3)


def test_batch_size_does_not_change_scores(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    a = one(odd, model_dir, tmp_path / "a", sets=["scoring.batch=1"])
    b = one(odd, model_dir, tmp_path / "b", sets=["scoring.batch=64"])
    assert a.score == pytest.approx(b.score, abs=1e-3)


def test_scoring_twice_gives_the_same_bytes(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        score(odd, model_dir, tmp_path / name)
    for file in ("scores.csv", "events.json", "timeline.png"):
        assert (tmp_path / "a" / "odd" / file).read_bytes() == (tmp_path / "b" / "odd" / file).read_bytes()


def test_the_past_does_not_depend_on_the_future(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    """Causal smoothing, calibration from training: the first half scores as it does without the second."""
    half = write_video(tmp_path / "half.mp4", odd_frames()[:41], FPS, lossless=True)
    whole = write_video(tmp_path / "whole.mp4", odd_frames(), FPS, lossless=True)
    sets = ["scoring.smoothing=ema", "scoring.stride=1"]
    a, b = one(half, model_dir, tmp_path / "o", sets=sets), one(whole, model_dir, tmp_path / "o", sets=sets)
    assert a.score[:38] == pytest.approx(b.score[:38], abs=1e-3)


def test_per_video_is_the_papers_min_max_and_has_no_events(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    (video,) = score(odd, model_dir, tmp_path, sets=["scoring.normalise=per_video"], overlay=True).videos
    s = read_scores(video.folder / "scores.csv")
    for values in s.readouts.values():
        assert (values.min(), values.max()) == pytest.approx((0.0, 1.0), abs=1e-6)
    found = json.loads((video.folder / "events.json").read_text())
    assert (found["events"], found["threshold"]) == ([], None)
    assert "per-video" in found["note"]
    assert "seen first" in json.loads((video.folder / "run.json").read_text())["protocol"]


@pytest.mark.parametrize("frames", [4, 5, 6])
def test_shortest_videos(model_dir: Path, tmp_path: Path, frames: int) -> None:
    """As long as one clip, and one or two frames longer: every frame has a score."""
    v = write_video(tmp_path / "v.mp4", moving_square_video(frames, 64, 96), FPS)
    assert len(one(v, model_dir, tmp_path / "out").score) == frames


@pytest.mark.parametrize("frames", [1, 3])
def test_shorter_than_a_clip_by_the_named_policy(model_dir: Path, tmp_path: Path, frames: int) -> None:
    v = write_video(tmp_path / "v.mp4", moving_square_video(frames, 64, 96), FPS)
    s = one(v, model_dir, tmp_path / "out", sets=["clip.short=repeat"], overlay=True)
    assert len(s.score) == frames and np.isfinite(s.score).all()


@pytest.mark.parametrize("size", [(48, 64), (128, 64), (63, 97), (300, 40)])
def test_any_size_and_frame_folders(model_dir: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    folder = write_frames(tmp_path / "clip", moving_square_video(12, *size))
    (video,) = score(folder, model_dir, tmp_path / "out", maps=True, overlay=True).videos
    assert (video.name, video.frames) == ("clip", 12)
    assert any("25 frames/s were assumed" in w for w in video.warnings)


def test_a_clip_at_the_end_is_looked_at(model_dir: Path, tmp_path: Path) -> None:
    """Windows hop by two frames; the last one must still end with the video, or a late anomaly would be missed."""
    for n in (59, 60):
        frames = moving_square_video(n, 64, 96)
        never = write_video(tmp_path / f"never-{n}.mp4", frames, FPS, lossless=True)
        frames[-1] = 255
        late = write_video(tmp_path / f"late-{n}.mp4", frames, FPS, lossless=True)
        a, b = (one(v, model_dir, tmp_path / "out", sets=["scoring.smoothing=none"]) for v in (late, never))
        assert a.readouts["motion"][-1] > b.readouts["motion"][-1] + 0.5
        assert a.readouts["motion"][: n - 6] == pytest.approx(b.readouts["motion"][: n - 6], abs=1e-3)


def test_warnings_about_time(model_dir: Path, tmp_path: Path) -> None:
    frames = moving_square_video(30, 64, 96)
    frames[10:13] = frames[10]
    slow = write_video(tmp_path / "slow.mp4", frames, 5, lossless=True)
    (video,) = score(slow, model_dir, tmp_path / "out").videos
    text = "\n".join(video.warnings)
    assert "clips of 25 frames/s" in text and "5 (video of 5)" in text and "moves more" in text
    assert "2 of 30 frames repeat" in text
    times = [i / 25 + (0.4 if i >= 15 else 0.0) for i in range(30)]
    gap = write_video(tmp_path / "gap.mp4", moving_square_video(30, 64, 96), 25, times=times)
    (video,) = score(gap, model_dir, tmp_path / "out").videos
    assert any("1 of 29 time steps" in w for w in video.warnings)
    times_s = read_scores(video.folder / "scores.csv").time_s
    assert times_s[15] - times_s[14] == pytest.approx(0.44, abs=1e-3)


def test_a_loaded_model_and_a_folder_score_alike(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    model = normalcy.load(model_dir, "cpu")
    a = one(odd, model, tmp_path / "a", sets=["scoring.sigma_s=0"])
    b = one(odd, model_dir, tmp_path / "b", sets=["scoring.sigma_s=0"])
    assert np.array_equal(a.score, b.score)
    assert model.cfg.scoring.sigma_s == 0.7  # what was set for one run stays with that run


# -- what a second run does ------------------------------------------------------------------------------------------------


@pytest.fixture
def scored(odd: Path, model_dir: Path, tmp_path: Path) -> Path:
    shutil.copy(odd, tmp_path / "odd.mp4")
    score(tmp_path / "odd.mp4", model_dir, tmp_path / "out")
    return tmp_path


def skipped(root: Path, model_dir: Path, **more: object) -> bool:
    (video,) = score(root / "odd.mp4", model_dir, root / "out", **more).videos
    return video.skipped


def test_a_finished_video_is_skipped_and_reported_in_full(scored: Path, model_dir: Path) -> None:
    before = tree(scored / "out")
    (video,) = score(scored / "odd.mp4", model_dir, scored / "out").videos
    assert video.skipped
    assert tree(scored / "out") == before
    again = score(scored / "odd.mp4", model_dir, scored / "out", force=True).videos[0]
    assert not again.skipped
    assert (video.frames, video.peak, list(video.events)) == (again.frames, again.peak, list(again.events))
    assert tree(scored / "out") != before


def test_skip_needs_the_same_settings(scored: Path, model_dir: Path) -> None:
    assert not skipped(scored, model_dir, sets=["scoring.stride=1"])
    assert skipped(scored, model_dir, sets=["scoring.stride=1", "scoring.batch=3"])
    assert not skipped(scored, model_dir)


def test_skip_needs_the_same_video(scored: Path, model_dir: Path) -> None:
    (scored / "odd.mp4").touch()
    assert skipped(scored, model_dir)  # touched, and still the same bytes
    odd_video(scored / "odd.mp4", seed=5)
    assert not skipped(scored, model_dir)


def test_skip_needs_the_same_model(scored: Path, model_dir: Path) -> None:
    other = scored / "other"
    shutil.copytree(model_dir, other)
    head = json.loads((other / "config.json").read_text())
    head["extra"]["note"] = "another training"
    (other / "config.json").write_text(json.dumps(head))
    assert not skipped(scored, other)


def test_skip_needs_the_products_asked_for(scored: Path, model_dir: Path) -> None:
    assert not skipped(scored, model_dir, overlay=True)
    assert not skipped(scored, model_dir, maps=True)
    assert (scored / "out" / "odd" / "overlay.mp4").exists()  # of the same scores, so it may stay
    assert skipped(scored, model_dir, maps=True, overlay=True)
    (scored / "out" / "odd" / "timeline.png").unlink()
    assert not skipped(scored, model_dir)


def test_products_of_other_scores_do_not_stay(scored: Path, model_dir: Path) -> None:
    score(scored / "odd.mp4", model_dir, scored / "out", overlay=True)
    score(scored / "odd.mp4", model_dir, scored / "out", sets=["scoring.stride=1"])
    assert not (scored / "out" / "odd" / "overlay.mp4").exists()


@pytest.mark.parametrize("damage", ["", "{", '{"finished": true}', "[]"])
def test_a_damaged_record_means_score_again(scored: Path, model_dir: Path, damage: str) -> None:
    (scored / "out" / "odd" / "run.json").write_text(damage)
    assert not skipped(scored, model_dir)
    assert skipped(scored, model_dir)


def test_to_dict_is_json(scored: Path, model_dir: Path) -> None:
    plain = json.loads(json.dumps(score(scored, model_dir, scored / "out").to_dict(), allow_nan=False))
    assert plain["videos"][0]["name"] == "odd" and plain["failed"] == {}


def test_progress_reaches_the_end(odd: Path, model_dir: Path, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    score(odd, model_dir, tmp_path, overlay=True, progress=lambda s, d, t, f: seen.__setitem__(s, (d, t)))
    assert seen == {"score odd": (60, 60), "overlay odd": (60, 60)}


# -- recordings as they are ------------------------------------------------------------------------------------------------


def test_damage_is_reported_where_a_user_sees_it(model_dir: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", moving_square_video(60, 64, 96), FPS, options={"g": "1"})
    with av.open(str(path)) as f:
        pos, size = [(p.pos, p.size) for p in f.demux(video=0) if p.size][20]
    data = bytearray(path.read_bytes())
    data[pos : pos + size] = bytes(size)
    path.write_bytes(data)
    (video,) = score(path, model_dir, tmp_path / "out").videos
    run = json.loads((video.folder / "run.json").read_text())
    assert video.frames == 59 and run["damage"]["lost"] == 1 and run["damage"]["first_lost_s"] == pytest.approx(20 / FPS)
    assert any("1 of 60 coded pictures could not be decoded" in w for w in run["warnings"])
    with pytest.raises(VideoError, match="stopped at frame 20"):
        score(path, model_dir, tmp_path / "strict", sets=["video.damage=refuse"])


@pytest.mark.parametrize("sets", [(), ("scoring.normalise=per_video",)])
def test_no_clip_and_no_smoothing_reaches_over_a_gap(model_dir: Path, tmp_path: Path, sets: tuple[str, ...]) -> None:
    """Each side scores as a video of its own."""
    frames = moving_square_video(60, 64, 96)
    frames[30:] = frames[30:][:, :, ::-1]
    times = [i / FPS + (3.0 if i >= 30 else 0.0) for i in range(60)]
    both = write_video(tmp_path / "both.mp4", frames, FPS, lossless=True, times=times)
    s = one(both, model_dir, tmp_path / "out", sets=sets)
    assert len(s.score) == 60 and s.time_s[30] - s.time_s[29] == pytest.approx(3.04, abs=1e-3)
    if not sets:
        parts = [
            one(write_video(tmp_path / f"{i}.mp4", part, FPS, lossless=True), model_dir, tmp_path / "out")
            for i, part in enumerate((frames[:30], frames[30:]))
        ]
        assert s.score == pytest.approx(np.concatenate([p.score for p in parts]), abs=1e-3)


def test_a_change_of_size_is_one_video_with_all_scores(model_dir: Path, tmp_path: Path) -> None:
    path = write_size_change(tmp_path / "sizes.ts", n=30)
    (video,) = score(path, model_dir, tmp_path / "out", overlay=True, maps=True).videos
    assert video.frames == 60 and any("picture size changes" in w for w in video.warnings)
    assert len(np.load(video.folder / "maps.npy")) == 60
