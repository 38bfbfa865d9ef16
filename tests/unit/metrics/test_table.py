"""Result tables in every form."""

from __future__ import annotations

import csv
import io

import pytest

from normalcy.errors import MetricError
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.bootstrap import Interval, bootstrap
from normalcy.metrics.table import ResultRow, cell, frame_row, metric_names, to_csv, to_text

OURS = ResultRow("ours", "train", None, {"micro_auc": 0.92345, "rbdc": 0.5}, {"micro_auc": Interval(0.9, 0.9464)})
PEEK = ResultRow("ours|min-max", "per_video", "the whole test video", {"micro_auc": 0.95, "odd": 1 / 3})
ONE = ResultRow("random", "train", None, {"micro_auc": None}, {"micro_auc": Interval(None, None, "1 video")})
ROWS = [OURS, PEEK, ONE]


def test_text_in_full() -> None:
    assert to_text(ROWS).splitlines() == [
        "method        protocol   micro AUC             RBDC   odd",
        "------------  ---------  --------------------  -----  -----",
        "ours          train      0.923 [0.900, 0.946]  0.500  -",
        "ours|min-max  per_video  0.950                 -      0.333",
        "random        train      -                     -      -",
        "peeked: ours|min-max (per_video): the whole test video",
    ]


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(ROWS))))
    assert list(rows[0])[:6] == ["name", "protocol", "peeked", "micro_auc", "micro_auc_low", "micro_auc_high"]
    assert float(rows[0]["micro_auc"]) == 0.92345
    assert float(rows[0]["micro_auc_high"]) == 0.9464
    assert rows[1]["name"] == "ours|min-max" and float(rows[1]["odd"]) == 1 / 3
    assert rows[2]["micro_auc"] == "" and rows[0]["peeked"] == ""


def test_every_row_that_peeked_has_its_line_and_no_other() -> None:
    assert to_text(ROWS).count("peeked:") == 1
    assert "peeked" not in to_text([OURS, ONE])
    assert to_text([PEEK, PEEK]).count("peeked:") == 2


def test_columns_are_in_order_of_first_appearance() -> None:
    assert metric_names(ROWS) == ["micro_auc", "rbdc", "odd"]
    assert cell(ONE, "nowhere") == "-"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_row_cannot_hold_nan(bad: float) -> None:
    with pytest.raises(MetricError, match="'x': micro_auc is"):
        ResultRow("x", "train", None, {"micro_auc": bad})
    with pytest.raises(MetricError, match="'x': micro_auc is"):
        ResultRow("x", "train", None, {"micro_auc": 0.5}, {"micro_auc": Interval(0.1, bad)})


def test_a_row_from_frame_metrics_names_both_macro_conventions() -> None:
    labels = {"a": [0, 1, 0], "b": [0, 1, 1]}
    scores = {"a": [0.1, 0.9, 0.2], "b": [0.3, 0.1, 0.8]}
    m, b = frame_metrics(scores, labels), bootstrap(scores, labels, resamples=50)
    row = frame_row("ours", "per_video", m, b, peeked="per-video normalisation")
    text = to_text([row])
    assert "macro AUC (padded)" in text and "macro AUC (defined)" in text
    assert f"{m.micro_auc:.3f} [{b.intervals['micro_auc'].low:.3f}, {b.intervals['micro_auc'].high:.3f}]" in text
    assert row.values["average_precision"] == m.average_precision
    assert "peeked: ours (per_video): per-video normalisation" in text
    assert frame_row("ours", "train", m).intervals == {}
