"""Untrained objects on made-up sightings: each cue sees what it is for, and everything survives a model folder."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.objects.both_levels import louder
from normalcy.objects.cues.base import Facts, cue_of
from normalcy.objects.fit import fit
from normalcy.objects.locality import CUT, Locality
from normalcy.objects.normal import LONGEST, Normal
from normalcy.objects.reasons import reason
from normalcy.objects.selftest import CHANGES, Probe, SelfTest, auc, changes_of
from normalcy.objects.sightings import Sightings
from normalcy.objects.tail import Tail
from normalcy.objects.track_mean import track_means
from normalcy.objects.usual import UsualSpeed
from normalcy.parts import CUES
from seen_made import FEATURES, folds, walkers

NAMES = tuple(CUES)
SEES = {
    "twice as fast": "speed",
    "gliding instead of walking": "gait",
    "stopped": "dwell",
    "turned round": "direction",
    "going across": "direction",
    "upside down": "appearance",
}


@pytest.fixture(scope="module")
def normal() -> Normal:
    return fit(folds(), NAMES, 1.0, empty=0.0).whole


def score(normal: Normal, s: Sightings) -> np.ndarray:
    mean = track_means(normal.read(s).z_NC, s.track_N, s.time_N, 1.0)
    return normal.objects(normal.parts(mean))


@pytest.mark.parametrize(("change", "cue"), SEES.items())
def test_each_cue_tells_the_change_it_is_for(normal: Normal, change: str, cue: str) -> None:
    new = walkers(video=9)
    other = changes_of(new, new)[change]
    i = normal.names.index(cue)
    assert auc(normal.read(new).z_NC[:, i], normal.read(other).z_NC[:, i]) > 0.9
    assert auc(score(normal, new), score(normal, other)) > 0.9


def test_something_where_nothing_is_has_a_high_place(normal: Normal) -> None:
    new = walkers(video=9)
    there = new.but(box_N4=new.box_N4 - [0, 0.45, 0, 0.45])
    i = normal.names.index("place")
    assert auc(normal.read(new).z_NC[:, i], normal.read(there).z_NC[:, i]) > 0.9


def test_a_kind_that_was_never_seen_is_rare(normal: Normal) -> None:
    new = walkers(video=9, tracks=3)
    i = normal.names.index("kind")
    bicycle = new.but(label_N=np.ones(len(new), np.int64))
    assert normal.read(bicycle).z_NC[:, i].min() > normal.read(new).z_NC[:, i].max()


def test_nothing_counts_above_the_cut(normal: Normal) -> None:
    new = walkers(video=9, tracks=2)
    z = normal.read(new.but(motion_NK=new.motion_NK * 1000)).z_NC
    assert z.max() == CUT and z.min() >= 0


def test_weights_are_what_the_self_test_finds_each_cue_worth() -> None:
    fitted = fit(folds(), NAMES, 1.0, empty=0.0)
    power = dict(zip(fitted.probe.changes, fitted.probe.power(), strict=True))
    for i, cue in enumerate(map(cue_of, NAMES)):
        worth = max((power[k][i] for k in cue.tested_by), default=1.0)
        assert fitted.whole.weight_C[i] == pytest.approx(cue.share * max(0.0, 2 * worth - 1) ** 2), cue.name


def test_a_part_is_its_excess_over_the_tail_of_normal_weighed_and_bounded(normal: Normal) -> None:
    mean_NC = np.stack([np.full(len(NAMES), z) for z in (0.0, 1.5, 1e6)])
    part_NC = normal.parts(mean_NC)
    for c, (tail, weight) in enumerate(zip(normal.tail_C, normal.weight_C, strict=True)):
        wanted = weight * min(max((1.5 - tail.start) / tail.scale, 0.0), LONGEST)
        typical = weight * max(-tail.start / tail.scale, 0.0)
        assert part_NC[:, c] == pytest.approx([typical, wanted, weight * LONGEST])
    np.testing.assert_allclose(normal.objects(part_NC), normal.top.out(np.sqrt((part_NC**2).sum(axis=1))))


def test_the_frame_level_counts_less_the_more_order_place_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "worth", lambda self, cues: np.full(len(cues), 0.6))
    fitted = fit(folds(), NAMES, 1.0, empty=0.0)
    assert fitted.whole.frame_share == pytest.approx(0.8)
    assert fit(folds(), ["speed"], 1.0, empty=0.0).whole.frame_share == 1.0
    arrays, scalars = fitted.whole.state()
    assert Normal.from_state(arrays, scalars).frame_share == fitted.whole.frame_share
    assert louder(3.0, 4.0) == 5.0 and louder(3.0, 4.0, 0.0) == 4.0 and louder(-3.0, 4.0) == 4.0


def test_many_objects_lower_the_frame_by_their_logarithm(normal: Normal) -> None:
    one, ten = normal.frame(np.array([3.0])), normal.frame(np.full(10, 3.0))
    assert (one - ten) * normal.scale == pytest.approx(np.log(10))


def test_without_features_appearance_has_no_weight() -> None:
    bare = [f.but(features_ND=np.zeros((len(f), 0), np.float32)) for f in folds()]
    fitted = fit(bare, NAMES, 1.0, empty=0.0)
    assert fitted.whole.weight_C[NAMES.index("appearance")] == 0
    assert np.isfinite(score(fitted.whole, bare[0])).all()


def test_state_gives_the_same_model(normal: Normal) -> None:
    arrays, scalars = normal.state()
    again = Normal.from_state(arrays, scalars)
    new = walkers(video=5, seed=3)
    np.testing.assert_allclose(score(again, new), score(normal, new), rtol=1e-4, atol=1e-4)


def test_ten_objects_in_all_of_training() -> None:
    few = [walkers(tracks=1, steps=5), walkers(tracks=1, steps=5, video=1)]
    fitted = fit(few, NAMES, 1.0, empty=0.5)
    assert np.isfinite(score(fitted.whole, walkers(tracks=60, video=2))).all()


def test_a_frame_of_three_hundred_and_one_of_none(normal: Normal) -> None:
    crowd = walkers(tracks=300, steps=1, video=7)
    o = score(normal, crowd)
    assert o.shape == (300,) and np.isfinite(o).all()
    assert np.isfinite(normal.frame(o))
    assert normal.frame(np.zeros(0)) <= normal.frame(o)


def test_boxes_off_the_picture(normal: Normal) -> None:
    new = walkers(video=9, tracks=1)
    assert np.isfinite(score(normal, new.but(box_N4=new.box_N4 + np.array([0, 0.5, 0, 0.5])))).all()


def test_neighbours_are_one_for_each_track() -> None:
    s = walkers(tracks=5)
    near = Locality.of(s, np.ones((len(s), 1)))
    rows = near.nearest(s.select(np.array([0])))[0]
    assert len(rows) == 5 and len(set(near.track_M[rows].tolist())) == 5


def test_a_value_that_is_not_known_is_ordinary() -> None:
    s = walkers(tracks=5)
    near = Locality.of(s, np.full((len(s), 1), np.nan))
    assert (near.z(np.ones((len(s), 1)), near.nearest(s)) == 0).all()
    near = Locality.of(s, np.arange(len(s), dtype=float)[:, None])
    assert (near.z(np.full((len(s), 1), np.nan), near.nearest(s)) == 0).all()


def test_means_along_tracks_keep_tracks_apart_and_do_not_look_ahead_when_told() -> None:
    track, time = np.array([1, 2, 1, 2]), np.array([0.0, 0.0, 0.2, 0.2])
    value = np.array([[0.0], [10.0], [1.0], [10.0]])
    both = track_means(value, track, time, 1.0)
    assert both[1, 0] == pytest.approx(10) and both[3, 0] == pytest.approx(10) and 0 < both[0, 0] < both[2, 0] < 1
    assert track_means(value, track, time, 1.0, ahead=False)[0, 0] == 0


def test_usual_speed_follows_the_rows() -> None:
    s = walkers(tracks=60)
    far = s.foot_N < 0.7
    motion = s.motion_NK.copy()
    motion[far] /= 2
    usual = UsualSpeed.of(s.but(motion_NK=motion))
    assert usual.at(np.array([0.85]))[0] > 1.4 * usual.at(np.array([0.55]))[0]
    assert UsualSpeed.of(s.but(motion_NK=s.motion_NK * 0)).at(np.array([0.5]))[0] > 0


def test_tail_counts_in_mean_excesses() -> None:
    t = Tail.of(np.random.default_rng(0).exponential(2.0, 100_000))
    assert t.scale == pytest.approx(2.0, rel=0.05)
    assert t.out(np.array([t.start + 3 * t.scale]))[0] == pytest.approx(3)


def test_the_reason_names_what_speaks() -> None:
    cues = [cue_of(n)() for n in ("speed", "gait", "kind")]
    text = reason(1, cues, np.array([3.0, 2.0, 0.1]), np.array([3.0, 1.0, 0.05]), Facts(3.14, 0))
    assert text == "a bicycle: 3.1 times as fast as usual here; glides rather than walks"
    assert reason(0, cues, np.zeros(3), np.zeros(3), Facts(1.0, 0)) == ""
    assert reason(-1, cues, np.array([3.0, 0, 0]), np.ones(3), Facts(2.0, 0)).startswith("something without a name")


def test_the_table_says_what_would_be_noticed() -> None:
    fitted = fit(folds(), NAMES, 1.0, empty=0.0)
    table = fitted.probe.table(fitted.whole, lambda z: z > 3.0)
    assert set(table.changes) == set(CHANGES)
    noticed = dict(zip(table.changes, table.noticed_K, strict=True))
    assert noticed["twice as fast"] > noticed["half as fast"]
    again = SelfTest.from_dict(table.to_dict())
    assert again.lines() == table.lines() and "twice as fast" in "".join(table.lines())
    assert fitted.probe.as_is_NC.shape[1] == len(NAMES) and FEATURES == 8
