"""Result tables: plain text and CSV. A row whose protocol looked at the test data says so in a line of its own."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from normalcy.errors import MetricError
from normalcy.metrics.auc import FrameMetrics
from normalcy.metrics.bootstrap import Bootstrap, Interval
from normalcy.metrics.catalogue import numbers, title
from normalcy.tables import aligned


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One method under one protocol.

    Raises:
        MetricError: a value or a bound is NaN or infinite.
    """

    name: str
    protocol: str
    """How the score was post-processed, such as ``train, gaussian 3``."""
    peeked: str | None
    """What the protocol looked at that a live system cannot know; None if nothing."""
    values: Mapping[str, float | None]
    """Metric name -> value; None where it is undefined."""
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """Metric name -> interval, for those that have one."""

    def __post_init__(self) -> None:
        bounds = [(k, b) for k, i in self.intervals.items() for b in (i.low, i.high)]
        for metric, value in [*self.values.items(), *bounds]:
            if value is not None and not math.isfinite(value):
                raise MetricError(f"result '{self.name}': {metric} is {value}; a table holds finite numbers only")


def frame_row(
    name: str, protocol: str, metrics: FrameMetrics, intervals: Bootstrap | None = None, peeked: str | None = None
) -> ResultRow:
    """A row of the frame-level metrics, with their intervals where given."""
    return ResultRow(name, protocol, peeked, numbers(metrics), intervals.intervals if intervals else {})


def to_text(rows: Sequence[ResultRow]) -> str:
    """Aligned plain-text table; undefined values are ``-``."""
    return "\n".join([aligned(_grid(rows), rule=True), *_warnings(rows)]) + "\n"


def to_csv(rows: Sequence[ResultRow]) -> str:
    """CSV in full precision with columns ``name, protocol, peeked`` and ``metric, metric_low, metric_high`` for each metric."""
    columns = metric_names(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "protocol", "peeked", *(c + end for c in columns for end in ("", "_low", "_high"))])
    for row in rows:
        cells: list[float | str | None] = [row.name, row.protocol, row.peeked]
        for c in columns:
            bounds = row.intervals.get(c, Interval(None, None))
            cells += [row.values.get(c), bounds.low, bounds.high]
        writer.writerow(cells)
    return out.getvalue()


def metric_names(rows: Sequence[ResultRow]) -> list[str]:
    """Every metric of any row, in the order of first appearance."""
    return list(dict.fromkeys(metric for row in rows for metric in row.values))


def cell(row: ResultRow, metric: str) -> str:
    """One value to 3 decimals with its interval in brackets; ``-`` where undefined."""
    value, bounds = row.values.get(metric), row.intervals.get(metric)
    if value is None:
        return "-"
    if bounds is None or bounds.low is None or bounds.high is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{bounds.low:.3f}, {bounds.high:.3f}]"


def _grid(rows: Sequence[ResultRow]) -> list[list[str]]:
    columns = metric_names(rows)
    head = ["method", "protocol", *map(title, columns)]
    return [head, *([row.name, row.protocol, *(cell(row, c) for c in columns)] for row in rows)]


def _warnings(rows: Sequence[ResultRow]) -> list[str]:
    return [f"peeked: {row.name} ({row.protocol}): {row.peeked}" for row in rows if row.peeked is not None]
