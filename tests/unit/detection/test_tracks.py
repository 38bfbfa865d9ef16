"""Association on hand-made cases: crossing, gaps, appearing and vanishing, fast small things, a crowd."""

from __future__ import annotations

import time

import numpy as np

from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import Tracker, filled, track
from objects_help import boxes


def at(x: float, y: float, w: float = 10, h: float = 30) -> tuple[float, float, float, float]:
    return (x, y, x + w, y + h)


def test_one_walker_is_one_track() -> None:
    ids, tracks = track([boxes(at(10 + 2 * t, 20)) for t in range(20)])
    assert [i.tolist() for i in ids] == [[1]] * 20
    assert len(tracks) == 1 and tracks[0].frames == list(range(20))


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    """They overlap nearly in full at frame 15: only their speed tells them apart."""
    frames = [boxes(at(10 + 3 * t, 20), at(100 - 3 * t, 22)) for t in range(30)]
    shuffled = [b.select(np.array([1, 0])) if t % 2 else b for t, b in enumerate(frames)]
    ids, tracks = track(shuffled)
    straight = [i[::-1].tolist() if t % 2 else i.tolist() for t, i in enumerate(ids)]
    assert straight == [[1, 2]] * 30 and len(tracks) == 2


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    walk = [boxes(at(10 + 2 * t, 20)) for t in range(40)]
    for gap, numbers in ((4, {1}), (12, {1, 2})):
        seen = [Boxes.none() if 10 <= t < 10 + gap else b for t, b in enumerate(walk)]
        ids, tracks = track(seen, fps=10.0)
        assert {int(i[0]) for i in ids if len(i)} == numbers
        assert tracks[0].frames[:12] == [*range(10), *([] if len(numbers) > 1 else [14, 15])]


def test_appearing_vanishing_and_empty_frames() -> None:
    script = [Boxes.none(), boxes(at(0, 0)), boxes(at(1, 0), at(50, 50)), boxes(at(51, 50)), Boxes.none()]
    ids, tracks = track(script)
    assert [i.tolist() for i in ids] == [[], [1], [1, 2], [2], []]
    assert [t.frames for t in tracks] == [[1, 2], [2, 3]]
    assert track([]) == ([], [])


def test_a_small_thrown_thing_that_never_overlaps_itself() -> None:
    """6 pixels wide, 8 pixels a frame: no two boxes overlap, and the first step is not known in advance."""
    ids, _ = track([boxes(at(10 + 8 * t, 40 - 5 * t + 0.5 * t * t, 6, 6)) for t in range(12)])
    assert [i.tolist() for i in ids] == [[1]] * 12


def test_far_boxes_are_never_joined() -> None:
    ids, _ = track([boxes(at(10, 10)), boxes(at(200, 10)), boxes(at(10, 200))])
    assert [i.tolist() for i in ids] == [[1], [2], [3]]


def test_ids_are_unique_within_a_frame_and_never_come_back() -> None:
    rng = np.random.default_rng(0)
    script = [boxes(*(at(*rng.uniform(0, 60, 2)) for _ in range(rng.integers(0, 9)))) for _ in range(60)]
    ids, tracks = track(script, fps=5.0)
    for i in ids:
        assert len(set(i.tolist())) == len(i)
    assert [t.id for t in tracks] == list(range(1, len(tracks) + 1))
    for t in tracks:
        assert t.frames == sorted(set(t.frames)) and len(t.frames) == len(t.xyxy)
        assert max(np.diff(t.frames), default=0) <= 3, "at 5 frames per second a track ends after two or three without a box"


def test_without_keeping_the_numbers_are_the_same_and_nothing_grows() -> None:
    rng = np.random.default_rng(1)
    script = [boxes(*(at(*rng.uniform(0, 90, 2)) for _ in range(rng.integers(0, 6)))) for _ in range(50)]
    kept, light = Tracker(5.0), Tracker(5.0, keep=False)
    for b in script:
        assert kept.push(b).tolist() == light.push(b).tolist()
    assert len(kept.tracks) > 20 and light.tracks == []
    assert all(len(m.track.frames) == len(m.track.xyxy) == 1 for m in light._alive)


def test_a_crowd_of_a_hundred_walkers() -> None:
    rng = np.random.default_rng(0)
    place = np.stack([np.arange(100) % 10 * 40.0, np.arange(100) // 10 * 45.0], axis=1) + rng.uniform(-4, 4, (100, 2))
    speed = rng.uniform(-2.5, 2.5, (100, 2))
    tracker, right = Tracker(), 0
    started = time.process_time()
    for t in range(30):
        order = rng.permutation(100)
        jitter = rng.normal(0, 0.5, (100, 2))
        ids = tracker.push(boxes(*(at(x, y, 14, 34) for x, y in (place + speed * t + jitter)[order])))
        if t == 0:
            first = np.zeros(100, np.int64)
            first[order] = ids
        right += int((ids == first[order]).sum())
    assert right / 3000 > 0.97
    assert time.process_time() - started < 20


def test_frames_between_samples_have_boxes_along_their_tracks() -> None:
    """One walks on, one is there once, one is missed once: every 4th of 12 frames was looked at."""
    walker = [(10 + 8 * k, 10, 20 + 8 * k, 40) for k in range(3)]
    once, missed = (200, 10, 210, 40), [(100, 10, 110, 40), (100, 10, 110, 40)]
    samples = [boxes(walker[0], missed[0], label=(0, 2)), boxes(once, walker[1]), boxes(walker[2], missed[1], label=(0, 2))]
    ids = [np.array([1, 2]), np.array([3, 1]), np.array([1, 2])]
    found, own = filled(samples, ids, 4, 12)
    assert [i.tolist() for i in own] == [[1, 2]] * 3 + [[1, 2, 3]] * 4 + [[1, 2]] * 4 + [[]]
    assert [b.xyxy_N4[0, 0] for b in found[:11]] == [10, 12, 14, 16, 18, 20, 22, 24, 26, 26, 26]
    assert [b.xyxy_N4[1].tolist() for b in found[:11]] == [list(missed[0])] * 11
    assert [b.label_N[0] for b in found[:11]] == [0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0], "the class of the nearer sighting"


def test_with_every_frame_looked_at_nothing_is_filled() -> None:
    samples, ids = [boxes((0, 0, 1, 1)), Boxes.none()], [np.array([1]), np.zeros(0, np.int64)]
    found, own = filled(samples, ids, 1, 2)
    assert found == samples and own == ids
