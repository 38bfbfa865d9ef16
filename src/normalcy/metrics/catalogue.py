"""Every metric of a result: its name, its words, what it needs, and where it is taken from. One row each.

Tables, CSV columns and pages follow from this. Several metrics share one computation (a ROC over all frames, a walk over all
true regions), so a row names the computation whose result it is a number of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from normalcy.metrics.auc import FrameMetrics
from normalcy.metrics.events import EventMetrics
from normalcy.metrics.pixel import PixelMetrics
from normalcy.metrics.region import RegionMetrics


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a result."""

    name: str
    """In files and in Python."""
    title: str
    """Heading of its column."""
    words: str
    """What it says, for people: the end of a sentence."""
    needs: str
    """Which truth and which output it takes, for people."""
    source: type
    """The result that it is a number of."""
    of: Callable[[Any], float | None]
    """From such a result to the number; None where it is undefined."""
    better: Literal["higher", "lower"] = "higher"
    chance: float | None = None
    """What a constant score gets; None where that depends on the video."""


def _delay(m: EventMetrics) -> float | None:
    return float(np.median(m.delays_s)) if m.delays_s else None


LABELS, ALARMS = "labels", "labels, and events with their times"
REGIONS = "masks or tracks, and scored boxes"
METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric(
            "micro_auc",
            "micro AUC",
            "how often an abnormal frame scores above a normal one, of any video",
            LABELS,
            FrameMetrics,
            lambda m: m.micro_auc,
            chance=0.5,
        ),
        Metric(
            "macro_auc_padded",
            "macro AUC (padded)",
            "the mean AUC of the videos, each with one perfect pair of frames added",
            LABELS,
            FrameMetrics,
            lambda m: m.macro_auc_padded,
        ),
        Metric(
            "macro_auc_defined",
            "macro AUC (defined)",
            "the mean AUC of the videos that hold both classes",
            LABELS,
            FrameMetrics,
            lambda m: m.macro_auc_defined,
            chance=0.5,
        ),
        Metric(
            "eer",
            "EER",
            "the false positive rate where it equals the miss rate",
            LABELS,
            FrameMetrics,
            lambda m: m.eer,
            better="lower",
            chance=0.5,
        ),
        Metric(
            "average_precision",
            "AP",
            "the mean precision over what is found; chance is the share of abnormal frames",
            LABELS,
            FrameMetrics,
            lambda m: m.average_precision,
        ),
        Metric(
            "false_alarms_per_hour",
            "false alarms/h",
            "how many events an hour touch no abnormal frame",
            ALARMS,
            EventMetrics,
            lambda m: m.false_alarms_per_hour,
            better="lower",
        ),
        Metric(
            "median_delay_s",
            "delay (s)",
            "the median time from the start of an anomaly to its first event",
            ALARMS,
            EventMetrics,
            _delay,
            better="lower",
        ),
        Metric(
            "pixel_auc",
            "pixel AUC",
            "how often an abnormal pixel scores above a normal one",
            "masks, and score maps",
            PixelMetrics,
            lambda m: m.pixel_auc,
            chance=0.5,
        ),
        Metric(
            "rbdc",
            "RBDC",
            "the share of true regions that are detected, over false regions per frame up to 1",
            REGIONS,
            RegionMetrics,
            lambda m: m.rbdc,
        ),
        Metric(
            "tbdc",
            "TBDC",
            "the share of true tracks that are detected, over false regions per frame up to 1",
            REGIONS,
            RegionMetrics,
            lambda m: m.tbdc,
        ),
    )
}
"""Every metric by name, in the order of the columns."""


def title(name: str) -> str:
    """The heading of a metric's column; its own name for one that is not in the catalogue."""
    return METRICS[name].title if name in METRICS else name


def numbers(*results: object) -> dict[str, float | None]:
    """Metric name -> value of all that these results hold, in the catalogue's order. None is passed over."""
    by = {type(r): r for r in results}
    return {m.name: m.of(by[m.source]) for m in METRICS.values() if m.source in by}
