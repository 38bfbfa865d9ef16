"""Content-free baselines, and the chance level of padded macro on the real label files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from normalcy.errors import DataError
from normalcy.metrics.auc import frame_metrics, padded_chance
from normalcy.metrics.baselines import constant_scores, position_scores, random_scores
from normalcy.metrics.boxes import tracks_from_masks
from normalcy.metrics.bysize import auc_by_size
from normalcy.metrics.grid import mask_share
from normalcy.metrics.region import region_metrics

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def real(folder: str):  # type: ignore[no-untyped-def]
    files = sorted((SHARED / folder).glob("*.npy"))
    if not files:
        pytest.skip(f"shared data {folder} is not at hand")
    return {f.stem: np.load(f) for f in files}


def test_values() -> None:
    assert constant_scores({"a": 3})["a"].tolist() == [0, 0, 0]
    assert position_scores({"a": 5, "b": 1})["a"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert position_scores({"b": 1})["b"].tolist() == [0]
    r = random_scores({"a": 1000})["a"]
    assert r.min() >= 0 and r.max() < 1 and len(np.unique(r)) == 1000
    assert r.mean() == pytest.approx(0.5, abs=0.05)


def test_random_depends_on_seed_and_name_but_not_on_the_other_videos() -> None:
    one, more = random_scores({"a": 10}, 3), random_scores({"z": 4, "a": 10, "b": 10}, 3)
    np.testing.assert_array_equal(one["a"], more["a"])
    assert (more["a"] != more["b"]).all()
    assert (one["a"] != random_scores({"a": 10}, 4)["a"]).all()


def test_draws_of_one_seed_are_no_draws_of_the_next() -> None:
    seen = {random_scores({"a": 1}, seed, draw)["a"][0] for seed in range(3) for draw in range(5)}
    assert len(seen) == 15


@pytest.mark.parametrize("make", [random_scores, constant_scores, position_scores])
def test_a_video_without_frames_is_an_error(make: Callable[[dict[str, int]], object]) -> None:
    with pytest.raises(DataError, match="'a' has 0 frames"):
        make({"a": 0})


def test_position_earns_what_the_data_set_gives_away() -> None:
    labels = {"a": [0, 0, 1, 1], "b": [0, 0, 0, 1]}
    assert frame_metrics(position_scores({"a": 4, "b": 4}), labels).macro_auc_defined == 1.0


@pytest.mark.parametrize(
    ("folder", "videos", "frames", "abnormal", "one_class", "measured"),
    [
        ("ped2/testing/labels", 12, 2010, 1648, ("08", "09", "10", "11"), 0.679),
        ("avenue/all_test_labels", 21, 15324, 3712, ("08", "18"), 0.547),
        ("avenue/all_test_labels_mnad", 21, 15324, 3867, (), None),
        ("shanghaitech/testing/labels", 107, 40791, 17326, ("04_0011",), 0.514),
        ("ped1_dev/testing/labels", 9, 1800, 1122, (), None),
    ],
)
def test_real_labels_published_counts_and_what_random_earns_under_padding(  # type: ignore[no-untyped-def]
    folder, videos, frames, abnormal, one_class, measured
) -> None:
    labels = real(folder)
    lengths = {n: len(y) for n, y in labels.items()}
    m = frame_metrics(constant_scores(lengths), labels)
    assert (m.videos, m.frames, m.abnormal_frames, m.left_out) == (videos, frames, abnormal, one_class)
    assert m.micro_auc == m.macro_auc_defined == m.eer == 0.5
    draws = [frame_metrics(random_scores(lengths, seed), labels) for seed in range(12)]
    padded = np.array([d.macro_auc_padded for d in draws])
    spread = padded.std(ddof=1)
    assert padded.mean() == pytest.approx(padded_chance(labels), abs=4 * spread / np.sqrt(len(draws)))
    assert np.mean([d.micro_auc for d in draws]) == pytest.approx(0.5, abs=0.02)
    # "defined" stays at one half where "padded" does not
    assert np.mean([d.macro_auc_defined for d in draws]) == pytest.approx(0.5, abs=0.03)
    if measured is not None:
        # the design notes quote one draw: it must lie within what one draw moves
        assert abs(measured - padded_chance(labels)) < 2 * spread


def test_real_chance_levels_of_padded_macro() -> None:
    assert padded_chance(real("ped2/testing/labels")) == pytest.approx(0.685, abs=5e-4)
    assert padded_chance(real("avenue/all_test_labels")) == pytest.approx(0.554, abs=5e-4)
    assert padded_chance(real("shanghaitech/testing/labels")) == pytest.approx(0.514, abs=6e-4)


def test_real_label_sets_of_avenue_differ_where_the_notes_say() -> None:
    masks, hasan = real("avenue/all_test_labels"), real("avenue/all_test_labels_mnad")
    assert sum(int((masks[n] != hasan[n]).sum()) for n in masks) == 441


def test_real_masks_of_ped2_give_small_bins_and_sound_tracks() -> None:
    labels = real("ped2/testing/labels")
    files = sorted((SHARED / "ped2/testing/masks").glob("*.npz"))[:3]
    if not files:
        pytest.skip("shared data ped2 masks are not at hand")
    masks = {}
    for f in files:
        with np.load(f) as archive:
            masks[f.stem] = archive["masks"]
    lengths = {n: len(y) for n, y in labels.items()}
    result = auc_by_size(constant_scores(lengths), labels, {n: mask_share(m) for n, m in masks.items()}, resamples=10)
    with_masks = sum(int(labels[n].sum()) for n in masks)
    assert sum(b.frames for b in result.bins) == with_masks
    assert result.left_out == 1648 - with_masks
    assert result.masked_normal == 0
    assert {b.auc for b in result.bins if b.frames} == {0.5}
    assert result.bins[3].frames == 0 and result.bins[3].auc is None
    tracks = {n: tracks_from_masks(m) for n, m in masks.items()}
    truth = region_metrics(
        {n: np.column_stack([t[:, 1:], np.ones(len(t))]) for n, t in tracks.items()},
        tracks,
        {n: len(m) for n, m in masks.items()},
    )
    assert (truth.rbdc, truth.tbdc) == (1.0, 1.0)
    assert truth.tracks < truth.regions / 10
