"""Scores against truth: every figure that the truth allows, and the baselines beside them. The one place that measures.

:func:`evaluate` takes any method's scores, :func:`evaluate_videos` test videos that were scored and joined with their truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normalcy.data.files import load_label_folder, load_mask_folder, load_score_folder, match, match_names
from normalcy.errors import DataError, MetricError, UsageError
from normalcy.evaluation.baselines import content_free_rows, fixed_scores
from normalcy.evaluation.protocol import Protocol, Scores, protocol_of
from normalcy.evaluation.videos import Lazy, Loader, ScoredTestVideo, map_loader
from normalcy.metrics.auc import FrameMetrics, frame_metrics
from normalcy.metrics.bootstrap import Bootstrap, bootstrap
from normalcy.metrics.boxes import tracks_from_masks
from normalcy.metrics.bysize import SizeMetrics, auc_by_size, region_scores
from normalcy.metrics.catalogue import numbers
from normalcy.metrics.compare import Comparison, compare
from normalcy.metrics.events import EventMetrics, event_metrics
from normalcy.metrics.grid import mask_share
from normalcy.metrics.inputs import same_names
from normalcy.metrics.pixel import PixelMetrics, pixel_metrics
from normalcy.metrics.region import RegionMetrics, region_metrics
from normalcy.metrics.table import ResultRow, frame_row
from normalcy.results.layout import MAPS, RECORD
from normalcy.types import Progress, VideoScores

FUSED = "fused"
READOUT = "readout "
"""Name of the row of a single readout, before the readout's own."""
REGION = "fused, where the anomaly is"

Arrays = Mapping[str, ArrayLike]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was measured of one method, and of the baselines beside it."""

    rows: Sequence[ResultRow]
    """The method first, then its readouts and the baselines. Pixel, region and alarm figures stand in the first row."""
    metrics: FrameMetrics
    """Of the first row."""
    intervals: Bootstrap
    """Of the first row."""
    sizes: Mapping[str, SizeMetrics] = field(default_factory=dict)
    """Row name -> AUC by size of the anomaly; empty without masks. None for random, which is 0.5 at any size on average."""
    pixel: PixelMetrics | None = None
    region: RegionMetrics | None = None
    alarms: EventMetrics | None = None
    notes: Sequence[str] = ()
    """What could not be measured, and why."""
    versus: Comparison | None = None
    """The method against another one on the same videos, where one was given."""

    @property
    def per_video(self) -> Mapping[str, float | None]:
        """AUC of the first row in each video; None for one-class videos."""
        return self.metrics.per_video

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Of AUC by size, that of the first row."""
        own = self.sizes.get(self.rows[0].name)
        return {
            "metrics": self.metrics.to_dict(),
            "intervals": self.intervals.to_dict(),
            "rows": [asdict(r) for r in self.rows],
            "sizes": own.to_dict() if own else None,
            "pixel": self.pixel.to_dict() if self.pixel else None,
            "notes": list(self.notes),
            "versus": self.versus.to_dict() if self.versus else None,
        }


def evaluate(
    scores: str | Path | Arrays,
    labels: str | Path | Arrays,
    *,
    masks: str | Path | None = None,
    versus: str | Path | Arrays | None = None,
    name: str = "scores",
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate any method's scores against labels, beside baselines that never look at the picture.

    Args:
        scores: a folder that :func:`score` wrote, or of NAME.csv or NAME.npy; or video name -> (N,) scores, higher = more
            abnormal.
        labels: a folder of NAME.npy with one 0 or 1 per frame; or video name -> (N,) labels.
        masks: a folder of NAME.npz (key ``masks``): adds AUC by size of the anomaly and, where the scores have maps, pixel AUC.
        versus: scores of another method on the same videos: adds the difference with its interval, and the videos that it
            comes from.
        name: of the method, in the table.
        resamples: draws of the bootstrap intervals over videos.
        seed: of those draws and of the random baseline.

    Raises:
        DataError: scores and labels do not fit (both files are named). MetricError: frame-level results are undefined.
    """
    given, truth, folders = _load(scores, labels)
    same_names("scores", given, "labels", truth)
    protocol = protocol_of(folders) if len(folders) == len(truth) else Protocol()
    loaders = {} if masks is None else _masks(Path(masks), truth)
    maps = {n: map_loader(f / MAPS) for n, f in folders.items() if (f / MAPS).is_file()}
    videos = [ScoredTestVideo(_untimed(n, s), truth[n], loaders.get(n), maps=maps.get(n)) for n, s in given.items()]
    result = evaluate_videos(videos, protocol, {}, name=name, resamples=resamples, seed=seed)
    return result if versus is None else _against(result, given, versus, labels, protocol, resamples, seed)


def _untimed(name: str, score: NDArray[np.float64]) -> VideoScores:
    return VideoScores(name, np.full(len(score), np.nan), score, {})


def _against(
    result: Evaluation,
    ours: Scores,
    versus: str | Path | Arrays,
    labels: str | Path | Arrays,
    protocol: Protocol,
    resamples: int,
    seed: int,
) -> Evaluation:
    """Add the row of the other method, the paired comparison with it, and what stands in the way of comparing them."""
    other, truth, folders = _load(versus, labels)
    theirs = protocol_of(folders) if len(folders) == len(truth) else Protocol()
    name = f"versus {versus}" if isinstance(versus, str | Path) else "versus"
    metrics, intervals = frame_metrics(other, truth), bootstrap(other, truth, resamples=resamples, seed=seed)
    row = frame_row(name, theirs.words, metrics, intervals, theirs.peeked)
    both = f"{protocol.words}; {theirs.words}"
    notes = [f"The two were post-processed differently ({both}), which alone moves results."]
    return replace(
        result,
        rows=[result.rows[0], row, *result.rows[1:]],
        notes=[*result.notes, *(notes if theirs.words != protocol.words else [])],
        versus=compare(ours, other, truth, resamples=resamples, seed=seed),
    )


def _load(scores: str | Path | Arrays, labels: str | Path | Arrays) -> tuple[Scores, dict[str, Any], dict[str, Path]]:
    """Scores and labels under the names of the labels, and the folder of each video that normalcy scored."""
    if isinstance(scores, Mapping) and isinstance(labels, Mapping):
        return {n: np.atleast_1d(s) for n, s in scores.items()}, {n: np.asarray(y) for n, y in labels.items()}, {}
    if isinstance(scores, Mapping) or isinstance(labels, Mapping):
        raise UsageError("give scores and labels both as folders, or both as arrays by video name")
    at, label_at = Path(scores), Path(labels)
    raw, truth = load_score_folder(at), load_label_folder(label_at)
    partner = match_names(raw, truth, at, label_at)
    given, truth = match(raw, truth, at, label_at)
    return given, truth, {n: at / other for n, other in partner.items() if (at / other / RECORD).is_file()}


def _masks(folder: Path, truth: Mapping[str, object]) -> dict[str, Loader]:
    loaders = load_mask_folder(folder)
    unlabelled = sorted(set(loaders) - set(truth))
    if unlabelled:
        raise DataError(f"{folder}: masks of videos that have no labels: {', '.join(unlabelled[:5])}")
    return dict(loaders)


def evaluate_videos(
    videos: Sequence[ScoredTestVideo],
    protocol: Protocol,
    baselines: Mapping[str, Scores],
    *,
    name: str = FUSED,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure everything that the truth of the videos allows.

    Args:
        videos: scored videos with their truth.
        protocol: how their scores were post-processed.
        baselines: name -> video -> (N,) scores, post-processed by the protocol; they get rows like the method's.
        name: of the method, in the table.
        resamples, seed: of the bootstrap intervals over videos.
        progress: hears which row is measured.

    Raises:
        DataError: masks, maps, tracks or labels do not fit. MetricError: frame-level results are undefined; what else is
        undefined becomes a note.
    """
    truth = {v.name: v.labels for v in videos}
    measured = {**_own(videos, name), **baselines}
    rows, first = [], None
    for i, (method, scores) in enumerate(measured.items()):
        if progress is not None:
            progress("evaluate", i, len(measured), {})
        metrics, intervals = frame_metrics(scores, truth), bootstrap(scores, truth, resamples=resamples, seed=seed)
        first = first or (metrics, intervals)
        rows.append(frame_row(method, protocol.words, metrics, intervals, protocol.peeked))
    assert first is not None
    rows += content_free_rows(truth, protocol, seed, resamples)
    methods = {**measured, **fixed_scores({n: len(y) for n, y in truth.items()}, protocol)}
    notes: list[str] = []
    alarms = _alarms(videos, notes)
    sizes, pixel, region = _place(videos, methods, resamples, seed, notes)
    rows[0] = replace(rows[0], values=numbers(first[0], alarms, pixel, region))
    if progress is not None:
        progress("evaluate", len(measured), len(measured), {})
    return Evaluation(rows, *first, sizes, pixel, region, alarms, notes)


def _own(videos: Sequence[ScoredTestVideo], name: str) -> dict[str, Scores]:
    """The fused score and, where it is more than one, each readout by itself."""
    readouts = list(videos[0].scores.readouts) if videos else []
    own: dict[str, Scores] = {name: {v.name: v.scores.score for v in videos}}
    if len(readouts) > 1:
        own |= {READOUT + r: {v.name: v.scores.readouts[r] for v in videos} for r in readouts}
    return own


def _alarms(videos: Sequence[ScoredTestVideo], notes: list[str]) -> EventMetrics | None:
    if any(v.events is None for v in videos):
        return None
    frames = {v.name: [(e.start_frame, e.end_frame) for e in v.events or ()] for v in videos}
    try:
        return event_metrics(
            {n: np.array(f, dtype=np.int64).reshape(-1, 2) for n, f in frames.items()},
            {v.name: v.labels for v in videos},
            {v.name: v.scores.time_s for v in videos},
        )
    except MetricError as e:
        notes.append(f"No alarm figures: {e}")
        return None


def _place(
    videos: Sequence[ScoredTestVideo], methods: Mapping[str, Scores], resamples: int, seed: int, notes: list[str]
) -> tuple[dict[str, SizeMetrics], PixelMetrics | None, RegionMetrics | None]:
    """Where the anomaly is, and how large. Each video's masks are read twice and never kept."""
    shares: Scores = {}
    inside: Scores = {}
    tracks: Scores = {}
    boxes: Scores = {}
    for v in videos:
        mask = v.masks() if v.masks is not None else None
        if mask is not None:
            shares[v.name] = mask_share(mask)
            if v.maps is not None:
                inside |= region_scores({v.name: v.maps()}, {v.name: mask}, {v.name: v.labels})
        if v.boxes is not None and v.tracks is not None:
            tracks[v.name], boxes[v.name] = v.tracks(), v.boxes(None)
        elif v.boxes is not None and mask is not None:
            tracks[v.name], boxes[v.name] = tracks_from_masks(mask), v.boxes((mask.shape[2], mask.shape[1]))
        del mask
    truth = {v.name: v.labels for v in videos}
    sizes: dict[str, SizeMetrics] = {}
    pixel = region = None
    if shares:
        sizes = _sizes(methods, truth, shares, inside, resamples, seed, notes)
        pixel = _pixel({v.name: v for v in videos if v.masks is not None}, notes)
    if tracks:
        try:
            region = region_metrics(boxes, tracks, {n: len(truth[n]) for n in tracks})
        except MetricError as e:
            notes.append(f"No RBDC and TBDC: {e}")
    for what, have in (("Pixel AUC", len(shares)), ("RBDC and TBDC", len(tracks))):
        if 0 < have < len(videos):
            notes.append(f"{what}: over the {have} of {len(videos)} videos that have truth of this kind.")
    return sizes, pixel, region


def _sizes(
    methods: Mapping[str, Scores],
    truth: Mapping[str, NDArray[np.uint8]],
    shares: Scores,
    inside: Scores,
    resamples: int,
    seed: int,
    notes: list[str],
) -> dict[str, SizeMetrics]:
    """AUC by size of every method, and of the score where the anomaly is."""
    try:
        sizes = {n: auc_by_size(s, truth, shares, resamples=resamples, seed=seed) for n, s in methods.items()}
    except MetricError as e:
        notes.append(f"No AUC by size: {e}")
        return {}
    left_out = next(iter(sizes.values())).left_out
    if left_out:
        notes.append(f"AUC by size: {left_out} abnormal frames have no mask pixel and are in no bin.")
    if inside:
        try:
            sizes[REGION] = auc_by_size(inside, {n: truth[n] for n in inside}, shares, resamples=resamples, seed=seed)
        except MetricError as e:
            notes.append(f"No AUC by size of the region score: {e}")
    return sizes


def _pixel(masked: Mapping[str, ScoredTestVideo], notes: list[str]) -> PixelMetrics | None:
    maps = {n: v.maps for n, v in masked.items() if v.maps is not None}
    if not maps:
        notes.append("No pixel AUC: the scores have no maps (score with --maps).")
        return None
    if len(maps) < len(masked):
        notes.append(f"Pixel AUC: {len(masked) - len(maps)} videos with masks have no maps and are left out.")
    try:
        return pixel_metrics(Lazy(maps), Lazy({n: v.masks for n, v in masked.items() if n in maps and v.masks is not None}))
    except MetricError as e:
        notes.append(f"No pixel AUC: {e}")
        return None
