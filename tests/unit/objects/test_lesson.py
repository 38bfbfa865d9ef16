"""What was taught of objects: known again at its place, and nowhere else."""

from __future__ import annotations

import numpy as np

from normalcy.objects.album import Album, most_like, wanted_of
from normalcy.objects.fit import fit
from normalcy.objects.lesson import NAME, TaughtNormal, lesson_of, taught
from normalcy.objects.sightings import HISTOGRAM, PART_SPEED, SPEED, Sightings
from normalcy.parts import CUES
from normalcy.scoring.exemplars import Exemplar
from normalcy.scoring.lesson import Lesson
from seen_made import folds, walkers

NORMAL = fit(folds(), tuple(CUES), 1.0, 0.0).whole
ROWS = len(Sightings.joined(folds()))


def rider(seed: int = 0, times: float = 4.0, label: int = 1) -> Sightings:
    """One that goes four times as fast, looks unlike walkers and is of another kind."""
    s = walkers(tracks=1, video=9, seed=seed)
    motion = s.motion_NK.copy()
    for part in (slice(SPEED, SPEED + 1), HISTOGRAM, PART_SPEED):
        motion[:, part] *= times
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 0.1, s.features_ND.shape) + np.r_[np.zeros(4), np.ones(4)]
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return s.but(motion_NK=motion, features_ND=features.astype(np.float32), label_N=np.full(len(s), label, np.int64))


def lesson(s: Sightings) -> Lesson:
    arrays = {f"{NAME}.{k}": v for k, v in lesson_of(NORMAL, s).items()}
    return Lesson("one", np.zeros(1, np.float32), arrays, {})


def test_the_same_rider_is_normal_where_it_rode_and_not_elsewhere() -> None:
    s = rider()
    before = NORMAL.read(s).z_NC
    assert before.max() > 2
    after = taught(NORMAL, [lesson(s)], ROWS)
    assert isinstance(after, TaughtNormal)
    reading = after.read(s)
    assert reading.z_NC.max() < 0.5
    assert (reading.nearest_NC.max(axis=1) >= ROWS).all()  # it is like what was taught
    box = s.box_N4.copy()
    box[:, [1, 3]] -= 0.35
    away = s.but(box_N4=box)
    np.testing.assert_allclose(after.read(away).z_NC, NORMAL.read(away).z_NC)


def test_normal_walkers_read_as_before_or_lower() -> None:
    after = taught(NORMAL, [lesson(rider())], ROWS)
    s = walkers(video=5)
    assert (after.read(s).z_NC <= NORMAL.read(s).z_NC + 1e-9).all()


def test_another_kind_still_stands_out_at_the_same_place() -> None:
    after = taught(NORMAL, [lesson(rider(label=1))], ROWS)
    names = after.names
    z = after.read(rider(label=7)).z_NC[:, names.index("kind")]
    np.testing.assert_allclose(z, NORMAL.read(rider(label=7)).z_NC[:, names.index("kind")])
    faster = after.read(rider(times=40.0)).z_NC[:, names.index("direction")]
    assert faster.max() > 1  # far from what was taught, as far as the normal ones


def test_lessons_of_other_cues_are_passed_over() -> None:
    short = fit(folds(), ("speed", "place"), 1.0, 0.0).whole
    assert taught(short, [lesson(rider())], ROWS) is short
    assert taught(NORMAL, [], ROWS) is NORMAL


def test_pictures_are_chosen_over_places_and_kinds_and_found_again() -> None:
    s = Sightings.joined(folds())
    album = Album.of(s, ["a", "b", "c"])
    wanted = wanted_of(NORMAL, album, 0, 10)
    assert len(wanted) == 10 and len({(w.video, s.track_N[w.row]) for w in wanted}) == 10
    for w in wanted:
        np.testing.assert_allclose(w.box, s.box_N4[w.row])
        assert album.row_of("abc"[w.video], w.frame, w.box) is not None
    rows = [Exemplar("object", 0, "a", w.frame, 0.0, w.box, w.row, w.label, b"") for w in wanted]
    found = most_like(NORMAL, album, wanted[3].row, {"appearance": 2.0}, rows, 3)
    assert len(found) == 3 and found[0].row == wanted[3].row
    assert most_like(NORMAL, album, 5, {}, [], 3) == []
    assert album.row_of("unknown", 0, (0, 0, 1, 1)) is None
