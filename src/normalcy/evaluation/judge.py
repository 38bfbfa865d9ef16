"""Scored videos of a data set against its truth: every metric that the truth allows, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.data.base import TestVideo
from normalcy.data.files import difference
from normalcy.errors import DataError, MetricError
from normalcy.evaluation.baselines import Protocol, Scores, content_free_rows, fixed_scores
from normalcy.evaluation.evaluate import Lazy, map_loader
from normalcy.metrics.auc import frame_metrics
from normalcy.metrics.bootstrap import bootstrap
from normalcy.metrics.boxes import tracks_from_masks
from normalcy.metrics.bysize import SizeMetrics, auc_by_size, region_scores
from normalcy.metrics.events import EventMetrics, event_metrics
from normalcy.metrics.grid import mask_share
from normalcy.metrics.pixel import PixelMetrics, pixel_metrics
from normalcy.metrics.region import RegionMetrics, region_metrics
from normalcy.metrics.table import ResultRow, frame_row
from normalcy.results.layout import MAPS, OBJECTS
from normalcy.results.objects_csv import detections
from normalcy.results.scored import ScoredVideo
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.localise import regions
from normalcy.types import VideoScores
from normalcy.video.reader import probe

FUSED = "fused"
BOX_LEVEL = 0.5
"""Map value above which connected places become a box for RBDC and TBDC: half of what nearly every normal place stays under.
Fixed for all data sets; low, so that the curve has false positives to spend."""
REGION = "fused, where the anomaly is"


@dataclass(frozen=True, slots=True)
class Case:
    """One scored test video with its truth."""

    video: TestVideo
    scored: ScoredVideo
    scores: VideoScores
    labels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that was measured."""

    rows: tuple[ResultRow, ...]
    """The fused score, each readout, then the baselines. Pixel, region and alarm figures stand in the first row."""
    sizes: Mapping[str, SizeMetrics] = field(default_factory=dict)
    """Row name -> AUC by size of the anomaly; empty without masks. None for random, which is 0.5 at any size on average."""
    pixel: PixelMetrics | None = None
    region: RegionMetrics | None = None
    alarms: EventMetrics | None = None
    per_video: Mapping[str, float | None] = field(default_factory=dict)
    """AUC of the fused score in each video; None for one-class videos."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rows": [asdict(r) for r in self.rows],
            "sizes": {name: s.to_dict() for name, s in self.sizes.items()},
            "pixel": self.pixel.to_dict() if self.pixel else None,
            "region": self.region.to_dict() if self.region else None,
            "alarms": self.alarms.to_dict() if self.alarms else None,
            "per_video": dict(self.per_video),
            "notes": list(self.notes),
        }


def cases(test: Sequence[TestVideo], scored: Mapping[str, ScoredVideo]) -> list[Case]:
    """Join scores and labels. Raises DataError naming both sides where a video's lengths differ."""
    out = []
    for v in test:
        scores, labels = read_scores(scored[v.name].folder / "scores.csv", v.name), v.labels()
        n, m = len(scores.score), len(labels)
        if n != m:
            raise DataError(
                f"{v.ref.path} has {n} frames, the labels of {v.name} have {m} ({difference(m, n, 'label')}); "
                "normalcy datasets check says more"
            )
        out.append(Case(v, scored[v.name], scores, labels))
    return out


def judge(
    found: Sequence[Case],
    protocol: Protocol,
    motion: Mapping[str, Scores],
    alarmed: bool,
    resamples: int,
    seed: int,
    tell: Callable[[str], None] = lambda stage: None,
) -> Judgement:
    """Measure everything.

    protocol: of the model's scores. motion: baseline -> video -> scores, already post-processed alike; the baselines that never
    look at the picture are made here. alarmed: whether the model has a calibrated threshold under these settings. tell: hears
    what is being measured.
    Raises DataError, MetricError where frame-level results are undefined; what else is undefined becomes a note.
    """
    truth = {c.video.name: c.labels for c in found}
    ours = _ours(found)
    rows, metrics = [], None
    for name, scores in {**ours, **motion}.items():
        tell(f"frame level: {name}")
        m = frame_metrics(scores, truth)
        metrics = metrics or m
        intervals = bootstrap(scores, truth, resamples=resamples, seed=seed)
        rows.append(frame_row(name, protocol.words, m, intervals, protocol.peeked))
    assert metrics is not None
    tell("frame level: baselines that never look at the picture")
    rows += content_free_rows(truth, protocol, seed, resamples)
    result = Judgement(tuple(rows), per_video=metrics.per_video)
    result = _with_alarms(result, found, alarmed)
    if any(c.video.masks or c.video.tracks for c in found):
        tell("pixel and region level")
        fixed = fixed_scores({n: len(y) for n, y in truth.items()}, protocol)
        result = _with_places(result, found, {**ours, **motion, **fixed}, truth, resamples, seed)
    else:
        result = _note(result, "No pixel or region results and no AUC by size: the data set has no masks or tracks at hand.")
    return result


def _ours(found: Sequence[Case]) -> dict[str, Scores]:
    """The fused score and, where it is more than one, each readout by itself."""
    readouts = list(found[0].scores.readouts)
    ours: dict[str, Scores] = {FUSED: {c.video.name: c.scores.score for c in found}}
    if len(readouts) > 1:
        ours |= {f"readout {r}": {c.video.name: c.scores.readouts[r] for c in found} for r in readouts}
    return ours


def _note(j: Judgement, text: str) -> Judgement:
    return replace(j, notes=(*j.notes, text))


def _first(j: Judgement, values: Mapping[str, float | None]) -> Judgement:
    """Add figures to the row of the fused score."""
    row = replace(j.rows[0], values={**j.rows[0].values, **values})
    return replace(j, rows=(row, *j.rows[1:]))


def _with_alarms(j: Judgement, found: Sequence[Case], alarmed: bool) -> Judgement:
    if not alarmed:
        return _note(j, "No alarms: the model has no threshold under these settings.")
    intervals = {
        c.video.name: np.array([(e.start_frame, e.end_frame) for e in c.scored.events], dtype=np.int64).reshape(-1, 2)
        for c in found
    }
    try:
        m = event_metrics(intervals, {c.video.name: c.labels for c in found}, {c.video.name: c.scores.time_s for c in found})
    except MetricError as e:
        return _note(j, f"No alarm figures: {e}")
    delay = float(np.median(m.delays_s)) if m.delays_s else None
    j = _first(j, {"false_alarms_per_hour": m.false_alarms_per_hour, "median_delay_s": delay})
    return replace(j, alarms=m)


def _with_places(
    j: Judgement,
    found: Sequence[Case],
    methods: Mapping[str, Scores],
    truth: Mapping[str, NDArray[np.uint8]],
    resamples: int,
    seed: int,
) -> Judgement:
    """What masks and tracks add. Each video's masks are read twice and never kept."""
    masked = [c for c in found if c.video.masks is not None]
    shares: Scores = {}
    inside: Scores = {}
    tracks: dict[str, NDArray[np.float64]] = {}
    boxes: dict[str, NDArray[np.float64]] = {}
    for c in found:
        name, mask = c.video.name, None
        if c.video.masks is not None:
            mask = c.video.masks()
            shares[name] = mask_share(mask)
            maps = map_loader(c.scored.folder / MAPS)()
            inside |= region_scores({name: maps}, {name: mask}, {name: c.labels})
        if c.video.tracks is not None:
            tracks[name], boxes[name] = c.video.tracks(), _boxes(c, _source_size(c))
        elif mask is not None:
            tracks[name], boxes[name] = tracks_from_masks(mask), _boxes(c, (mask.shape[2], mask.shape[1]))
        del mask
    if shares:
        j = _with_sizes(j, methods, truth, shares, inside, resamples, seed)
        j = _with_pixels(j, masked)
    j = _with_regions(j, found, boxes, tracks)
    for what, have in (("Pixel AUC", len(masked)), ("RBDC and TBDC", len(tracks))):
        if 0 < have < len(found):
            j = _note(j, f"{what}: over the {have} of {len(found)} videos that have truth of this kind.")
    return j


def _with_sizes(
    j: Judgement,
    methods: Mapping[str, Scores],
    truth: Mapping[str, NDArray[np.uint8]],
    shares: Scores,
    inside: Scores,
    resamples: int,
    seed: int,
) -> Judgement:
    try:
        sizes = {n: auc_by_size(s, truth, shares, resamples=resamples, seed=seed) for n, s in methods.items()}
    except MetricError as e:
        return _note(j, f"No AUC by size: {e}")
    left_out = sizes[FUSED].left_out
    if left_out:
        j = _note(j, f"AUC by size: {left_out} abnormal frames have no mask pixel and are in no bin.")
    try:
        known = {n: truth[n] for n in inside}
        sizes[REGION] = auc_by_size(inside, known, shares, resamples=resamples, seed=seed)
    except MetricError as e:
        j = _note(j, f"No AUC by size of the region score: {e}")
    return replace(j, sizes=sizes)


def _with_pixels(j: Judgement, masked: Sequence[Case]) -> Judgement:
    masks = {c.video.name: c.video.masks for c in masked if c.video.masks is not None}
    try:
        pixel = pixel_metrics(Lazy({c.video.name: map_loader(c.scored.folder / MAPS) for c in masked}), Lazy(masks))
    except MetricError as e:
        return _note(j, f"No pixel AUC: {e}")
    return replace(_first(j, {"pixel_auc": pixel.pixel_auc}), pixel=pixel)


def _with_regions(
    j: Judgement, found: Sequence[Case], boxes: Mapping[str, NDArray[np.float64]], tracks: Mapping[str, NDArray[np.float64]]
) -> Judgement:
    frames = {c.video.name: len(c.labels) for c in found if c.video.name in tracks}
    try:
        region = region_metrics(boxes, tracks, frames)
    except MetricError as e:
        return _note(j, f"No RBDC and TBDC: {e}")
    return replace(_first(j, {"rbdc": region.rbdc, "tbdc": region.tbdc}), region=region)


def _boxes(c: Case, size: tuple[int, int]) -> NDArray[np.float64]:
    """(D, 6) frame, x1, y1, x2, y2, score: the scored objects, at object level; else the regions of every frame's map."""
    if (c.scored.folder / OBJECTS).is_file():
        return detections(c.scored.folder / OBJECTS)
    rows = [
        (i, *box, peak) for i, m in enumerate(map_loader(c.scored.folder / MAPS)()) for box, peak in regions(m, size, BOX_LEVEL)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _source_size(c: Case) -> tuple[int, int]:
    info = probe(c.video.ref)
    return info.width, info.height
