"""Scores that are known against truth: what each figure must be, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_results import write_products
from normalcy.data.base import TestVideo
from normalcy.errors import DataError
from normalcy.evaluation.baselines import content_free_rows
from normalcy.evaluation.evaluate import FUSED, REGION, Evaluation, evaluate, evaluate_videos
from normalcy.evaluation.page import page
from normalcy.evaluation.protocol import PEEKED, Protocol
from normalcy.evaluation.videos import ScoredTestVideo, join
from normalcy.report.page import render_page
from normalcy.results.maps_npy import MapsNpy
from normalcy.results.scored import ScoredVideo
from normalcy.results.scores_csv import ScoresCsv
from normalcy.types import Event, FrameScore
from normalcy.video.source import VideoRef

N, H, W, FPS = 40, 32, 48, 10.0
GRID = (4, 6)
PLAIN = Protocol("train, unsmoothed")


def event(start: int, end: int) -> Event:
    return Event(start, end, start, start / FPS, end / FPS, start / FPS, 1.0, None, "density")


def video(
    folder: Path,
    name: str,
    score: np.ndarray,
    labels: np.ndarray,
    readouts: dict[str, np.ndarray] | None = None,
    events: tuple[Event, ...] = (),
    masks: np.ndarray | None = None,
    maps: np.ndarray | None = None,
    tracks: np.ndarray | None = None,
) -> tuple[TestVideo, ScoredVideo]:
    """A scored video as score() leaves it, with its truth."""
    readouts = readouts or {"density": score}
    per_frame = ({n: float(v[i]) for n, v in readouts.items()} for i in range(len(score)))
    kept = [None] * len(score) if maps is None else list(maps.astype(np.float32))
    frames = [FrameScore(i, i / FPS, float(s), r, m) for i, (s, r, m) in enumerate(zip(score, per_frame, kept, strict=True))]
    write_products(folder / name, frames, [ScoresCsv] if maps is None else [ScoresCsv, MapsNpy])
    truth = TestVideo(
        name,
        VideoRef(name, folder / f"{name}.mp4", "file"),
        labels=lambda: labels,
        masks=None if masks is None else (lambda: masks),
        tracks=None if tracks is None else (lambda: tracks),
    )
    return truth, ScoredVideo(name, folder / name, len(score), 1.0, 40.0, False, events, float(score.max()))


def joined(*videos: tuple[TestVideo, ScoredVideo], alarmed: bool = True) -> list[ScoredTestVideo]:
    return join([t for t, _ in videos], [s for _, s in videos], alarmed)


def labels(start: int, stop: int) -> np.ndarray:
    y = np.zeros(N, np.uint8)
    y[start:stop] = 1
    return y


def run(videos: list[ScoredTestVideo], **more: Any) -> Evaluation:
    return evaluate_videos(videos, **{"protocol": PLAIN, "baselines": {}, "resamples": 20, **more})


def anomaly(start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(labels, masks, maps): an anomaly of 8 x 8 pixels, which is one cell of the map, and a map that is high just there."""
    y = labels(start, stop)
    masks = np.zeros((N, H, W), bool)
    masks[start:stop, 8:16, 16:24] = True
    maps = np.full((N, *GRID), 0.1)
    maps[start:stop, 1, 2] = 2.0
    return y, masks, maps


def test_perfect_scores_and_maps_are_perfect_everywhere(tmp_path: Path) -> None:
    videos = []
    for name, (a, b) in {"01": (10, 20), "02": (0, 8)}.items():
        y, masks, maps = anomaly(a, b)
        videos.append(video(tmp_path, name, y.astype(float), y, events=(event(a, b - 1),), masks=masks, maps=maps))
    j = run(joined(*videos))
    v = j.rows[0].values
    assert (v["micro_auc"], v["macro_auc_defined"], v["average_precision"], v["eer"]) == (1.0, 1.0, 1.0, 0.0)
    assert (v["pixel_auc"], v["rbdc"], v["tbdc"]) == (1.0, 1.0, 1.0)
    assert (v["false_alarms_per_hour"], v["median_delay_s"]) == (0.0, 0.0)
    assert j.alarms is not None
    assert (j.alarms.detected, len(j.alarms.events)) == (2, 2)
    sizes = {name: {b.name: b.auc for b in m.bins} for name, m in j.sizes.items()}
    covered = 64 / (H * W)
    assert 0.02 <= covered <= 0.08
    assert sizes[FUSED] == {"<0.5 %": None, "0.5-2 %": None, "2-8 %": 1.0, ">8 %": None}
    assert sizes[REGION]["2-8 %"] == 1.0
    assert sizes["constant"]["2-8 %"] == 0.5
    assert list(sizes) == [FUSED, "constant", "position", REGION]
    assert j.per_video == {"01": 1.0, "02": 1.0}


def test_right_frames_for_the_wrong_place_keep_the_frame_figures_alone(tmp_path: Path) -> None:
    y, masks, maps = anomaly(10, 20)
    elsewhere = np.roll(maps, (2, 3), axis=(1, 2))
    j = run(joined(video(tmp_path, "01", y.astype(float), y, masks=masks, maps=elsewhere)))
    v = j.rows[0].values
    assert v["micro_auc"] == 1.0
    assert (v["rbdc"], v["tbdc"]) == (0.0, 0.0)
    assert v["pixel_auc"] is not None
    assert v["pixel_auc"] < 0.5


def test_boxes_are_where_the_map_is_above_half_of_what_normal_stays_under(tmp_path: Path) -> None:
    """A lower level would join what lies apart, a higher one would leave RBDC no false positives to spend."""
    y, masks, maps = anomaly(10, 20)
    maps[0, 0, 0], maps[0, 3, 5] = 0.52, 0.48
    boxes = joined(video(tmp_path, "01", y.astype(float), y, masks=masks, maps=maps))[0].boxes
    assert boxes is not None
    first, *others = boxes((W, H))
    np.testing.assert_allclose(first, [0, 0, 0, 8, 8, 0.52], rtol=1e-3)
    np.testing.assert_allclose(others, [[i, 16, 8, 24, 16, 2.0] for i in range(10, 20)])


def test_false_alarms_and_delay(tmp_path: Path) -> None:
    y = labels(10, 20)
    j = run(joined(video(tmp_path, "01", y.astype(float), y, events=(event(2, 4), event(15, 30)))))
    assert j.alarms is not None
    assert j.alarms.false_alarms == 1
    assert j.rows[0].values["false_alarms_per_hour"] == pytest.approx(3600 / (30 / FPS))
    assert j.rows[0].values["median_delay_s"] == pytest.approx(0.5)


def test_each_readout_and_each_baseline_has_a_row(tmp_path: Path) -> None:
    y = labels(10, 20)
    good, bad = y.astype(float), 1.0 - y
    j = run(
        joined(video(tmp_path, "01", good, y, {"density": good, "continuity": bad})),
        baselines={"motion (global)": {"01": np.linspace(0, 1, N)}},
    )
    free = ["random (mean of 20)", "constant", "position"]
    assert [r.name for r in j.rows] == ["fused", "readout density", "readout continuity", "motion (global)", *free]
    assert j.rows[4:] == content_free_rows({"01": y}, PLAIN, 0, 20)
    assert [r.values["micro_auc"] for r in j.rows][:3] == [1.0, 1.0, 0.0]
    assert all(r.protocol == "train, unsmoothed" and r.peeked is None for r in j.rows)


def test_single_readout_is_the_fused_score(tmp_path: Path) -> None:
    y = labels(10, 20)
    names = [r.name for r in run(joined(video(tmp_path, "01", y.astype(float), y))).rows]
    assert names[0] == "fused" and not any(n.startswith("readout") for n in names)


def test_peeking_is_written_on_every_row(tmp_path: Path) -> None:
    y = labels(10, 20)
    peeked = Protocol("per_video, unsmoothed", PEEKED)
    j = run(
        joined(video(tmp_path, "01", y.astype(float), y), alarmed=False),
        protocol=peeked,
        baselines={"motion (global)": {"01": np.zeros(N)}},
    )
    assert [r.peeked for r in j.rows] == [PEEKED] * 5
    assert j.alarms is None


def test_length_mismatch_names_both_sides(tmp_path: Path) -> None:
    y = labels(10, 20)
    with pytest.raises(DataError, match=r"01\.mp4 has 40 frames, the labels of 01 have 39 .*off by one"):
        joined(video(tmp_path, "01", y.astype(float), y[:-1]))


def test_videos_without_masks_are_counted_in_a_note(tmp_path: Path) -> None:
    y, masks, maps = anomaly(10, 20)
    plain = labels(5, 9)
    j = run(
        joined(
            video(tmp_path, "01", y.astype(float), y, masks=masks, maps=maps),
            video(tmp_path, "02", plain.astype(float), plain, maps=maps),
        )
    )
    assert any(n.startswith("Pixel AUC: over the 1 of 2") for n in j.notes)
    assert any("4 abnormal frames have no mask pixel" in n for n in j.notes)
    assert j.pixel is not None
    assert j.pixel.frames == N


def test_without_any_masks_it_is_said(tmp_path: Path) -> None:
    y = labels(10, 20)
    j = run(joined(video(tmp_path, "01", y.astype(float), y)))
    assert j.pixel is None
    assert j.sizes == {} and j.notes == []


def test_page_holds_everything(tmp_path: Path) -> None:
    y, masks, maps = anomaly(10, 20)
    made = video(tmp_path, "01", y.astype(float), y, events=(event(10, 19),), masks=masks, maps=maps)
    beside = {"motion (by row)": {"01": np.linspace(0, 1, N)}}
    j = run(joined(made), baselines=beside, protocol=Protocol("per_video, unsmoothed", PEEKED))
    details = [("What this rests on", [("data set", "made up")])]
    html = render_page(
        page(
            "A set <b>",
            [made[1]],
            0.5,
            {"density": "looks odd"},
            evaluation=j,
            labels={"01": y},
            baselines=beside,
            details=details,
            notes=["incomplete copy"],
        )
    )
    for text in ("A set &lt;b&gt;", "motion (by row)", "(peeked)", "incomplete copy", "2-8 %", "made up", "true anomaly"):
        assert text in html


def test_page_of_scores_alone_claims_nothing(tmp_path: Path) -> None:
    y = labels(10, 20)
    _, scored = video(tmp_path, "01", y.astype(float), y, events=(event(10, 19),))
    html = render_page(page("Scores", [scored], 0.5, {"density": "looks odd"}))
    assert "1 event" in html and "no labels here" in html
    assert "AUC" not in html and "true anomaly" not in html


def test_any_methods_scores_are_measured_as_a_data_sets_are(tmp_path: Path) -> None:
    """From files, with masks and the maps that scoring left, the frame-level figures and AUC by size are the same."""
    y, masks, maps = anomaly(10, 20)
    made = video(tmp_path / "scores", "01", 0.1 * np.arange(N) % 1.7, y, masks=masks, maps=maps)
    (tmp_path / "scores" / "01" / "run.json").write_text("{}")
    for folder, name, save in (("labels", "01.npy", np.save), ("masks", "01.npz", lambda f, m: np.savez(f, masks=m))):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / name, y if folder == "labels" else masks)
    known = run(joined(made), protocol=Protocol())
    files = evaluate(tmp_path / "scores", tmp_path / "labels", masks=tmp_path / "masks", resamples=20)
    assert files.metrics == known.metrics and files.rows[1:] == known.rows[1:]
    assert files.sizes["scores"] == known.sizes[FUSED] and files.pixel == known.pixel
    assert files.to_dict()["sizes"] == known.sizes[FUSED].to_dict()
    assert files.alarms is None and files.region is None
