"""A whole benchmark in one go: score every test video, evaluate the scores, write table, JSON, CSV and page.

Videos that are finished under the same settings are not scored again, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from normalcy.api.score import load, score
from normalcy.data import catalogue
from normalcy.data.base import Dataset, TestVideo, abbreviate
from normalcy.errors import DataError
from normalcy.evaluation.baseline_cache import raw_motion
from normalcy.evaluation.evaluate import Evaluation, evaluate_videos
from normalcy.evaluation.motion import BY_ROW, INTERPOLATION_BY_ROW
from normalcy.evaluation.page import page
from normalcy.evaluation.protocol import Protocol, Scores, post_processed, protocol_of
from normalcy.evaluation.videos import ScoredTestVideo, join
from normalcy.files import write_files
from normalcy.metrics.table import to_csv, to_text
from normalcy.report.page import ReportData, write_page
from normalcy.results.run_json import protocol as protocol_words
from normalcy.results.scored import ScoredVideo
from normalcy.scoring.model import Model
from normalcy.scoring.settings import Alarm, alarm, with_settings
from normalcy.tables import aligned
from normalcy.types import Progress
from normalcy.versions import versions
from normalcy.video.source import VideoRef

RESULTS, TABLE, PAGE, TEXT = "results.json", "results.csv", "report.html", "results.txt"
BASELINES = "baselines"
"""Folder below the output that keeps the motion of each video."""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One model on one data set."""

    dataset: str
    title: str
    label_source: str
    folder: Path
    evaluation: Evaluation
    split: Mapping[str, int]
    """Counts: train_videos, test_videos, test_frames, abnormal_frames."""
    protocol: str
    """How the model's frame score came about, in words."""
    alarm: Alarm
    """What the alarm threshold rests on, or why there is none."""
    scored: Sequence[ScoredVideo] = ()
    videos: Sequence[ScoredTestVideo] = ()
    """The same videos beside their truth."""
    post_processing: Protocol = field(default_factory=Protocol)
    """What the scores and the baselines went through."""
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    """Baselines that look at the picture: name -> video -> (N,) scores."""
    notes: Sequence[str] = ()

    @property
    def seconds(self) -> float:
        """Wall time of decoding and scoring, that of earlier runs included."""
        return round(sum(v.seconds for v in self.scored), 3)

    @property
    def skipped(self) -> int:
        """Videos that an earlier run had finished."""
        return sum(v.skipped for v in self.scored)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as results.json has them."""
        e = self.evaluation
        return {
            "dataset": self.dataset,
            "title": self.title,
            "label_source": self.label_source,
            "folder": str(self.folder),
            "split": dict(self.split),
            "protocol": self.protocol,
            "threshold": self.alarm.note,
            "seconds": self.seconds,
            "skipped": self.skipped,
            "rows": [asdict(r) for r in e.rows],
            "sizes": {name: s.to_dict() for name, s in e.sizes.items()},
            "pixel": e.pixel.to_dict() if e.pixel else None,
            "region": e.region.to_dict() if e.region else None,
            "alarms": e.alarms.to_dict() if e.alarms else None,
            "per_video": dict(e.per_video),
            "notes": [*self.notes, *e.notes],
        }


def benchmark(
    dataset: str,
    root: str | Path,
    model: str | Path | Model,
    out: str | Path,
    *,
    labels: str | None = None,
    partial: bool = False,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    force: bool = False,
    device: str = "auto",
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> BenchmarkResult:
    """Score and evaluate the test videos of a benchmark, beside baselines that go through the same post-processing.

    Writes ``out/VIDEO/`` as :func:`normalcy.score` does, and results.txt, results.csv, results.json and report.html.

    Args:
        dataset: a name of ``normalcy datasets list``.
        root: folder of the copy.
        model: a model folder, or a loaded model.
        out: folder for everything.
        labels: label set, where there are several.
        partial: go on with an incomplete copy, and say so.
        config, sets: settings that scoring may change.
        force: score again what is finished.
        device: auto, cpu or cuda, for a model folder.
        resamples, seed: of the bootstrap intervals over videos.
        progress: hears what is done.

    Raises:
        UsageError, DataError: unknown data set, incomplete copy, labels that do not fit. MetricError: undefined results.
        DataError after all other videos are scored, where one could not be: results without it would not be comparable.
        ModelError, ConfigError, OutputError: as for score().
    """
    data = catalogue.load(dataset, root, labels=labels, require=("test",), partial=partial)
    trained = load(model, device) if isinstance(model, str | Path) else model
    result = run_benchmark(
        data,
        trained,
        Path(out),
        config=config,
        sets=sets,
        force=force,
        resamples=resamples,
        seed=seed,
        progress=progress,
    )
    _write(result, with_settings(trained, config, sets))
    return result


def run_benchmark(
    data: Dataset,
    trained: Model,
    out: Path,
    *,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    force: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    baselines: Path | None = None,
    progress: Progress | None = None,
) -> BenchmarkResult:
    """Score and evaluate as :func:`benchmark` does, without writing the files of results.

    Args:
        data: a data set with its test part.
        trained: a model.
        out: gets a folder per video.
        config, sets: settings that scoring may change.
        force: score again what is finished.
        resamples, seed: of the bootstrap intervals over videos.
        baselines: folder that keeps the motion of each video, if not one in ``out``.
        progress: hears what is done.
    """
    sets = ["video.damage=refuse", *sets]  # labels are of every frame; what the user says counts more
    model = with_settings(trained, config, sets)
    threshold = alarm(trained.cfg, model)
    refs = [test_ref(v) for v in data.test]
    located = any(v.masks or v.tracks for v in data.test)
    scored = score(refs, trained, out, maps=located, force=force, config=config, sets=sets, progress=progress)
    if scored.failed:
        names, reasons = abbreviate(scored.failed), "; ".join(scored.failed.values())
        raise DataError(
            f"{len(scored.failed)} of {len(refs)} test videos could not be scored ({names}), and without them no "
            f"result of {data.name} is comparable; the others are finished in {out}. {reasons}"
        )
    videos = join(data.test, scored.videos, alarmed=threshold.value is not None)
    post = protocol_of({v.name: v.folder for v in scored.videos})
    raw = raw_motion([v.ref for v in data.train if v.present], refs, baselines or out / BASELINES, progress, model.cfg.video)
    motion = {method: post_processed(scores, post) for method, scores in raw.items()}
    evaluation = evaluate_videos(videos, post, motion, resamples=resamples, seed=seed, progress=progress)
    notes = list(data.notes)
    if BY_ROW not in motion:
        notes.append(f"No baselines {BY_ROW} and {INTERPOLATION_BY_ROW}: they need the training videos, and none are there.")
    if threshold.value is None:
        notes.append("No alarms: the model has no threshold under these settings.")
    if not located:
        notes.append("No pixel or region results and no AUC by size: the data set has no masks or tracks at hand.")
    return BenchmarkResult(
        dataset=data.name,
        title=catalogue.entry(data.name).title,
        label_source=data.label_source,
        folder=out,
        evaluation=evaluation,
        split=split_counts(data, videos),
        protocol=protocol_words(model),
        alarm=threshold,
        scored=scored.videos,
        videos=videos,
        post_processing=post,
        baselines=motion,
        notes=notes,
    )


def test_ref(video: TestVideo) -> VideoRef:
    """Where the footage is, under the name that the data set gives it."""
    return replace(video.ref, name=video.name)


def split_counts(data: Dataset, videos: Sequence[ScoredTestVideo]) -> dict[str, int]:
    """What the results rest on."""
    return {
        "train_videos": len(data.train),
        "test_videos": len(videos),
        "test_frames": sum(len(v.labels) for v in videos),
        "abnormal_frames": sum(int(v.labels.sum()) for v in videos),
    }


def table_text(result: BenchmarkResult) -> str:
    """Everything that was measured, for a terminal or a file: plain text."""
    blocks = [head_text(result), to_text(result.evaluation.rows).rstrip(), rest_text(result)]
    return "\n\n".join(blocks).rstrip() + "\n"


def head_text(result: BenchmarkResult) -> str:
    """What the results rest on, in one line."""
    s = result.split
    return (
        f"{result.title}, labels {result.label_source}: {s['test_videos']} videos, {s['test_frames']} frames, "
        f"{s['abnormal_frames']} of them abnormal"
    )


def rest_text(result: BenchmarkResult) -> str:
    """What follows the table of frame-level results: AUC by size, alarms, notes."""
    e = result.evaluation
    blocks = [sizes_text(e)] if e.sizes else []
    blocks += [alarms_text(e, result.alarm.note)] if e.alarms is not None else []
    notes = [f"note: {n}" for n in (*result.notes, *e.notes)]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])])


def sizes_text(e: Evaluation) -> str:
    """AUC by the share of the frame that the anomaly covers, one line per method."""
    bins = next(iter(e.sizes.values())).bins
    head = ["AUC by anomaly size", *(f"{b.name} ({b.frames})" for b in bins)]
    return aligned(
        [head, *([name, *("-" if b.auc is None else f"{b.auc:.3f}" for b in m.bins)] for name, m in e.sizes.items())]
    )


def alarms_text(e: Evaluation, threshold: str) -> str:
    """What a person on duty would see, in words."""
    m = e.alarms
    if m is None:
        return "no alarms"
    median = e.rows[0].values["median_delay_s"]
    delay = "" if median is None else f", {median:.1f} s after its start (median)"
    return (
        f"alarms: {m.detected} of {len(m.events)} events found{delay}; {m.false_alarms} false alarms in "
        f"{60 * m.normal_hours:.1f} minutes of normal video ({m.false_alarms_per_hour:.1f} per hour); an alarm was on during "
        f"{100 * m.alarm_share_normal:.0f} % of the normal time. {threshold}"
    )


def _report(result: BenchmarkResult, model: Model) -> ReportData:
    cfg = model.cfg
    facts = [
        ("data set", f"{result.title}, labels {result.label_source}"),
        *((k.replace("_", " "), str(v)) for k, v in result.split.items()),
        ("protocol", result.protocol),
        ("threshold", result.alarm.note),
        *versions().items(),
    ]
    return page(
        f"{result.title}: {cfg.encoder.name} encoder, {cfg.preset} preset",
        result.scored,
        result.alarm.value,
        model.words,
        evaluation=result.evaluation,
        labels={v.name: v.labels for v in result.videos},
        baselines=result.baselines,
        details=[("What this rests on", facts)],
        notes=[*result.notes, *result.evaluation.notes],
    )


def _write(result: BenchmarkResult, model: Model) -> None:
    record = {**result.to_dict(), "versions": versions(), "config": model.cfg.model_dump(mode="json"), "model": model.hash}
    write_files(
        result.folder,
        {
            TEXT: table_text(result).encode(),
            TABLE: to_csv(result.evaluation.rows).encode(),
            RESULTS: (json.dumps(record, indent=2, allow_nan=False) + "\n").encode(),
        },
    )
    write_page(result.folder / PAGE, _report(result, model))
