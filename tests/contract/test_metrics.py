"""What every metric keeps: run over the whole catalogue, so a new one is held to it by its row there."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from normalcy.metrics.auc import FrameMetrics, frame_metrics
from normalcy.metrics.bootstrap import METRICS as BOOTSTRAPPED
from normalcy.metrics.catalogue import METRICS, Metric, numbers, title
from normalcy.metrics.events import event_metrics
from normalcy.metrics.pixel import pixel_metrics
from normalcy.metrics.region import region_metrics
from normalcy.metrics.table import ResultRow, to_csv, to_text

metrics = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
LABELS = {"a": np.repeat([0, 1, 0, 1], 10), "b": np.repeat([0, 1], 20)}
TIMES = {n: np.arange(len(y)) / 10 for n, y in LABELS.items()}
BOX = (8.0, 8.0, 24.0, 24.0)


def masks() -> dict[str, np.ndarray]:
    """A square that is abnormal in every abnormal frame."""
    square = np.zeros((32, 32), bool)
    square[8:24, 8:24] = True
    return {n: y[:, None, None].astype(bool) & square for n, y in LABELS.items()}


@cache
def measured(quality: str) -> dict[str, float | None]:
    """Every metric of a method that is perfect, one that says the same everywhere, or one that is wrong throughout."""
    sure = {n: {"perfect": y.astype(float), "constant": y * 0.0, "wrong": 1.0 - y}[quality] for n, y in LABELS.items()}
    on = {n: (s > 0.5) & (np.arange(len(s)) % 10 >= (0 if quality == "perfect" else 9)) for n, s in sure.items()}
    if quality != "perfect":  # late, and in normal frames
        on = {n: on[n] | (np.arange(len(y)) % 10 == 8) for n, y in LABELS.items()}
    tracks = {n: np.array([(0, i, *BOX) for i in np.flatnonzero(y)], float) for n, y in LABELS.items()}
    place = BOX if quality == "perfect" else (0.0, 0.0, 4.0, 4.0)
    found = {n: np.array([(i, *place, 1.0) for i in range(len(y)) if y[i] or quality != "perfect"]) for n, y in LABELS.items()}
    maps = {n: {"perfect": m.astype(float), "constant": m * 0.0, "wrong": 1.0 - m}[quality] for n, m in masks().items()}
    return numbers(
        frame_metrics(sure, LABELS),
        event_metrics(on, LABELS, TIMES),
        pixel_metrics({n: m.astype(np.float32) for n, m in maps.items()}, masks()),
        region_metrics(found, tracks, {n: len(y) for n, y in LABELS.items()}),
    )


@metrics
def test_it_says_what_it_is(metric: Metric) -> None:
    assert metric.name.isidentifier() and metric.title and title(metric.name) == metric.title
    assert len(metric.words.split()) >= 4 and not metric.words.endswith(".")
    assert metric.needs


def test_no_two_are_alike() -> None:
    for said in ("name", "title", "words"):
        assert len({getattr(m, said) for m in METRICS.values()}) == len(METRICS), said
    assert all(name == m.name for name, m in METRICS.items())


@metrics
def test_a_method_that_is_right_gets_a_better_value_than_one_that_is_wrong(metric: Metric) -> None:
    right, wrong = measured("perfect")[metric.name], measured("wrong")[metric.name]
    assert right is not None and wrong is not None and np.isfinite([right, wrong]).all()
    assert right > wrong if metric.better == "higher" else right < wrong


@metrics
def test_a_constant_score_gets_the_chance_that_it_states(metric: Metric) -> None:
    if metric.chance is None:
        pytest.skip("chance depends on the video")
    assert measured("constant")[metric.name] == pytest.approx(metric.chance)


@metrics
def test_tables_hold_it(metric: Metric) -> None:
    row = ResultRow("m", "p", None, {metric.name: measured("perfect")[metric.name]})
    assert metric.title in to_text([row])
    assert f"{metric.name},{metric.name}_low,{metric.name}_high" in to_csv([row])


def test_only_what_was_measured_is_there() -> None:
    frames = frame_metrics({n: y.astype(float) for n, y in LABELS.items()}, LABELS)
    assert list(numbers(frames, None)) == [m.name for m in METRICS.values() if m.source is FrameMetrics]
    assert numbers(None) == {}
    assert title("of_tomorrow") == "of_tomorrow"


def test_every_metric_of_frames_has_an_interval() -> None:
    assert [m.name for m in METRICS.values() if m.source is FrameMetrics] == list(BOOTSTRAPPED)
