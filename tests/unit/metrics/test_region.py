"""RBDC and TBDC against a brute-force loop over thresholds, and against cases worked out by hand."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalcy.errors import DataError, MetricError, UsageError
from normalcy.metrics.boxes import boxes_from_masks, tracks_from_masks
from normalcy.metrics.region import area_to_one, box_iou, region_metrics


def slow_iou(a, b) -> Fraction:  # type: ignore[no-untyped-def]
    """Count grid cells: boxes here have whole corners."""
    cells_a = {(x, y) for x in range(int(a[0]), int(a[2])) for y in range(int(a[1]), int(a[3]))}
    cells_b = {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))}
    return Fraction(len(cells_a & cells_b), len(cells_a | cells_b))


def slow_curves(detections, tracks, frames, iou, share):  # type: ignore[no-untyped-def]
    """The definition word by word, once per threshold, in exact fractions."""
    thresholds = sorted({row[5] for rows in detections.values() for row in rows}, reverse=True)
    xs, regions, hits = [Fraction(0)], [Fraction(0)], [Fraction(0)]
    for t in thresholds:
        false = detected_regions = all_regions = detected_tracks = all_tracks = 0
        for name in frames:
            kept = [row for row in detections[name] if row[5] >= t]
            per_track: dict[float, list[bool]] = {}
            for track, frame, *box in tracks[name]:
                met = any(row[0] == frame and slow_iou(row[1:5], box) >= iou for row in kept)
                per_track.setdefault(track, []).append(met)
            for frame, *box, _ in kept:
                false += all(slow_iou(box, row[2:]) < iou for row in tracks[name] if row[1] == frame)
            for met in per_track.values():
                all_tracks += 1
                detected_tracks += Fraction(sum(met), len(met)) >= share
                all_regions += len(met)
                detected_regions += sum(met)
        xs.append(Fraction(false, sum(frames.values())))
        regions.append(Fraction(detected_regions, all_regions))
        hits.append(Fraction(detected_tracks, all_tracks))
    return xs, regions, hits


def slow_area(xs, ys) -> Fraction:  # type: ignore[no-untyped-def]
    """Segment by segment, cut at 1, flat after the end."""
    area = Fraction(0)
    for (x0, y0), (x1, y1) in zip(zip(xs, ys, strict=True), zip(xs[1:], ys[1:], strict=True), strict=False):
        if x1 == x0 or x0 >= 1:
            continue
        end = min(x1, Fraction(1))
        y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area + max(Fraction(1) - xs[-1], Fraction(0)) * ys[-1]


@st.composite
def scenes(draw):  # type: ignore[no-untyped-def]
    corner, side = st.integers(0, 6), st.integers(1, 5)

    def box():  # type: ignore[no-untyped-def]
        x, y = draw(corner), draw(corner)
        return [x, y, x + draw(side), y + draw(side)]

    frames = {f"v{i}": draw(st.integers(1, 4)) for i in range(draw(st.integers(1, 3)))}
    score = st.sampled_from([-1.0, 0.0, 0.5, 0.5 + 1e-12, 2.0])
    detections, tracks = {}, {}
    for name, n in frames.items():
        detections[name] = [[draw(st.integers(0, n - 1)), *box(), draw(score)] for _ in range(draw(st.integers(0, 6)))]
        tracks[name] = [[draw(st.integers(0, 2)), draw(st.integers(0, n - 1)), *box()] for _ in range(draw(st.integers(0, 5)))]
    if not any(tracks.values()):
        tracks["v0"] = [[0, 0, *box()]]
    share = draw(st.sampled_from([Fraction(1, 10), Fraction(1, 3), Fraction(1, 2), Fraction(1)]))
    return detections, tracks, frames, draw(st.sampled_from([Fraction(1, 10), Fraction(1, 2), Fraction(1)])), share


@given(scenes())
@settings(max_examples=200, deadline=None)
def test_curves_and_areas_equal_the_brute_force_loop(scene) -> None:  # type: ignore[no-untyped-def]
    detections, tracks, frames, iou, share = scene
    result = region_metrics(detections, tracks, frames, iou=float(iou), track_share=float(share))
    xs, regions, hits = slow_curves(detections, tracks, frames, iou, share)
    np.testing.assert_allclose(result.false_positives, [float(x) for x in xs], atol=1e-12)
    np.testing.assert_allclose(result.region_rate, [float(y) for y in regions], atol=1e-12)
    np.testing.assert_allclose(result.track_rate, [float(y) for y in hits], atol=1e-12)
    assert result.rbdc == pytest.approx(float(slow_area(xs, regions)), abs=1e-12)
    assert result.tbdc == pytest.approx(float(slow_area(xs, hits)), abs=1e-12)
    assert (result.regions, result.detections) == (sum(map(len, tracks.values())), sum(map(len, detections.values())))
    assert result.tracks == sum(len({row[0] for row in rows}) for rows in tracks.values())


BOX = [10, 10, 20, 20]
OFF = [50, 50, 60, 60]


def test_truth_as_detections_is_perfect_and_nothing_is_nothing() -> None:
    tracks = {"a": [[0, 0, *BOX], [0, 1, *BOX]], "b": []}
    frames = {"a": 3, "b": 2}
    best = region_metrics({"a": [[0, *BOX, 1.0], [1, *BOX, 0.5]], "b": []}, tracks, frames)
    assert (best.rbdc, best.tbdc, best.frames) == (1.0, 1.0, 5)
    none = region_metrics({"a": [], "b": []}, tracks, frames)
    assert (none.rbdc, none.tbdc, none.detections) == (0.0, 0.0, 0)


def test_by_hand_false_ones_first() -> None:
    """Two frames. False positive at score 3, half the regions at 2, a false one at 1: points (0,0) (.5,0) (.5,.5) (1,.5)."""
    tracks = {"a": [[7, 0, *BOX], [7, 1, *BOX]]}
    result = region_metrics({"a": [[0, *OFF, 3.0], [0, *BOX, 2.0], [1, *OFF, 1.0]]}, tracks, {"a": 2})
    np.testing.assert_allclose(result.false_positives, [0, 0.5, 0.5, 1.0])
    np.testing.assert_allclose(result.region_rate, [0, 0, 0.5, 0.5])
    assert result.rbdc == pytest.approx(0.25)
    assert result.tbdc == pytest.approx(0.5)


def test_one_detection_may_meet_two_regions_and_two_may_meet_one() -> None:
    tracks = {"a": [[0, 0, 0, 0, 10, 10], [1, 0, 10, 0, 20, 10]]}
    assert region_metrics({"a": [[0, 0, 0, 20, 10, 1.0]]}, tracks, {"a": 1}).rbdc == 1.0
    doubled = region_metrics({"a": [[0, 0, 0, 10, 10, 1.0], [0, 1, 0, 10, 10, 0.5]]}, tracks, {"a": 1})
    assert doubled.false_positives.max() == 0
    assert doubled.rbdc == 0.5


def test_overlap_of_exactly_one_tenth_counts_and_less_does_not() -> None:
    tracks = {"a": [[0, 0, 0, 0, 10, 10]]}
    assert region_metrics({"a": [[0, 0, 0, 10, 1, 1.0]]}, tracks, {"a": 1}).rbdc == 1.0
    less = region_metrics({"a": [[0, 0, 0, 10, 0.99, 1.0]]}, tracks, {"a": 1})
    assert (less.rbdc, less.false_positives.max()) == (0.0, 1.0)


def test_the_right_box_in_the_wrong_frame_or_video_is_false() -> None:
    tracks = {"a": [[0, 0, *BOX]], "b": []}
    result = region_metrics({"a": [[1, *BOX, 1.0]], "b": [[0, *BOX, 1.0]]}, tracks, {"a": 2, "b": 2})
    assert (result.rbdc, result.tbdc, result.false_positives.max()) == (0.0, 0.0, 0.5)


@pytest.mark.parametrize(("length", "needed"), [(1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3), (30, 3), (70, 7)])
def test_a_track_needs_a_tenth_of_its_regions_without_rounding_errors(length: int, needed: int) -> None:
    tracks = {"a": [[0, f, *BOX] for f in range(length)]}
    for hits in (needed - 1, needed):
        detections = {"a": [[f, *BOX, 1.0] for f in range(hits)]}
        assert region_metrics(detections, tracks, {"a": length}).tbdc == (1.0 if hits == needed else 0.0)


def test_track_ids_belong_to_their_video() -> None:
    tracks = {"a": [[0, 0, *BOX]], "b": [[0, 0, *BOX]]}
    result = region_metrics({"a": [[0, *BOX, 1.0]], "b": []}, tracks, {"a": 1, "b": 1})
    assert (result.tracks, result.tbdc) == (2, 0.5)


def test_the_area_is_cut_at_one_and_extended_flat() -> None:
    assert area_to_one(np.array([0.0]), np.array([0.25])) == 0.25
    assert area_to_one(np.array([0.0, 0.5]), np.array([0.0, 1.0])) == pytest.approx(0.75)
    assert area_to_one(np.array([0.0, 2.0]), np.array([0.0, 1.0])) == pytest.approx(0.25)
    assert area_to_one(np.array([0.0, 1.0, 1.0, 3.0]), np.array([0.0, 0.5, 0.9, 1.0])) == pytest.approx(0.25)
    # everything found, but at 20 false regions per frame: worth next to nothing
    assert area_to_one(np.array([0.0, 20.0]), np.array([0.0, 1.0])) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("detections", "tracks", "error", "words"),
    [
        ({"a": [[0, *BOX, np.nan]]}, {"a": [[0, 0, *BOX]]}, MetricError, ["detections of video 'a'", "row 0"]),
        ({"a": []}, {"a": []}, MetricError, ["no true region"]),
        ({"a": [[0, *BOX, 1.0]]}, {"a": [[0, 0, 10, 10, np.inf, 20]]}, MetricError, ["tracks of video 'a'", "row 0"]),
        ({"a": [[0, *BOX]]}, {"a": [[0, 0, *BOX]]}, DataError, ["frame, x1, y1, x2, y2, score", "(1, 5)"]),
        ({"a": [[2, *BOX, 1.0]]}, {"a": [[0, 0, *BOX]]}, DataError, ["frame 2", "0 to 1"]),
        ({"a": [[-1, *BOX, 1.0]]}, {"a": [[0, 0, *BOX]]}, DataError, ["frame -1"]),
        ({"a": [[0.5, *BOX, 1.0]]}, {"a": [[0, 0, *BOX]]}, DataError, ["frame 0.5"]),
        ({"a": []}, {"a": [[0, 0, 10, 10, 10, 20]]}, DataError, ["tracks of video 'a'", "without area"]),
        ({"b": []}, {"a": [[0, 0, *BOX]]}, DataError, ["only in detections: 'b'", "only in tracks: 'a'"]),
    ],
)
def test_wrong_input_is_an_error(detections, tracks, error, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as caught:
        region_metrics(detections, tracks, {"a": 2})
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("setting", [{"iou": 0.0}, {"iou": 1.5}, {"track_share": 0.0}, {"track_share": float("nan")}])
def test_settings_out_of_range_are_refused(setting) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="region metrics"):
        region_metrics({"a": []}, {"a": [[0, 0, *BOX]]}, {"a": 1}, **setting)


def test_iou_by_hand() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 4]], dtype=float)
    b = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [1, 0, 2, 1], [1, 1, 2, 3]], dtype=float)
    np.testing.assert_allclose(box_iou(a, b), [1, 1 / 7, 0, 2 / 16])


def test_to_dict_survives_json() -> None:
    result = region_metrics({"a": [[0, *BOX, 1.0]]}, {"a": [[0, 0, *BOX]]}, {"a": 1})
    back = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert back == {
        "rbdc": 1.0, "tbdc": 1.0, "regions": 1, "tracks": 1, "detections": 1, "frames": 1, "iou": 0.1, "track_share": 0.1,
    }  # fmt: skip


def blank(frames: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.zeros((frames, 20, 30), dtype=bool)


def test_components_become_boxes_even_a_single_pixel_and_corners_connect() -> None:
    m = blank(3)
    m[0, 2:5, 3:8] = True
    m[0, 10, 10] = True
    m[2, 4, 4] = m[2, 5, 5] = True
    assert boxes_from_masks(m).tolist() == [[0, 3, 2, 8, 5], [0, 10, 10, 11, 11], [2, 4, 4, 6, 6]]


def test_no_mask_pixel_gives_no_rows() -> None:
    assert boxes_from_masks(blank(2)).shape == (0, 5)
    assert tracks_from_masks(blank(2)).shape == (0, 6)
    with pytest.raises(DataError, match="masks"):
        tracks_from_masks(np.zeros((2, 2)))


def test_two_objects_keep_their_tracks_whatever_their_order() -> None:
    m = blank(6)
    for f in range(6):
        m[f, 2 + f : 6 + f, 2:6] = True  # from top to bottom, left
        m[f, 14 - 2 * f : 18 - 2 * f, 20:26] = True  # from bottom to top, right
    tracks = tracks_from_masks(m)
    left = tracks[tracks[:, 2] == 2]
    right = tracks[tracks[:, 2] == 20]
    assert len(left) == len(right) == 6
    assert len(set(left[:, 0])) == len(set(right[:, 0])) == 1
    assert left[0, 0] != right[0, 0]


def test_an_object_that_comes_back_after_a_gap_is_a_new_track() -> None:
    m = blank(5)
    m[[0, 1, 3, 4], 5:8, 5:8] = True
    assert tracks_from_masks(m)[:, :2].tolist() == [[0, 0], [0, 1], [1, 3], [1, 4]]


def test_the_larger_part_of_a_split_keeps_the_track_and_a_meeting_ends_one() -> None:
    m = blank(3)
    m[0, 5:8, 2:20] = True
    m[1, 5:8, 2:6] = m[1, 5:8, 8:20] = True
    m[2, 5:8, 2:20] = True
    tracks = tracks_from_masks(m)
    small, large = tracks[tracks[:, 4] == 6][0], tracks[tracks[:, 2] == 8][0]
    assert (large[0], small[0]) == (0, 1)
    assert tracks[-1][0] == 0


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.6))
@settings(max_examples=60, deadline=None)
def test_boxes_cover_the_mask_and_tracks_are_sound(seed: int, density: float) -> None:
    m = np.random.default_rng(seed).random((4, 7, 9)) < density
    tracks = tracks_from_masks(m)
    np.testing.assert_array_equal(tracks[:, 1:], boxes_from_masks(m))
    painted = np.zeros_like(m)
    for _, f, x1, y1, x2, y2 in tracks.astype(int):
        part = m[f, y1:y2, x1:x2]
        # a box is tight: mask pixels on each of its four sides
        assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()
        painted[f, y1:y2, x1:x2] = True
    assert not (m & ~painted).any()
    # one region per frame and track, no hole in a track, ids from 0 without gaps
    assert len({(t, f) for t, f in tracks[:, :2].tolist()}) == len(tracks)
    ids = sorted(set(tracks[:, 0]))
    assert ids == list(range(len(ids)))
    for i in ids:
        assert (np.diff(tracks[tracks[:, 0] == i, 1]) == 1).all()
