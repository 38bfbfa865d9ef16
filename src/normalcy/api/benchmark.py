"""A whole benchmark in one go: score every test video, judge the scores, write table, JSON, CSV and page.

Videos that are finished under the same settings are not scored again, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from normalcy.api.score import load, score
from normalcy.data import catalogue
from normalcy.data.base import Dataset, TestVideo, abbreviate
from normalcy.errors import DataError
from normalcy.evaluation.baseline_cache import raw_motion
from normalcy.evaluation.baselines import BY_ROW, INTERPOLATION_BY_ROW, Scores, post_processed
from normalcy.evaluation.evaluate import protocol_of
from normalcy.evaluation.judge import Case, Judgement, cases, judge
from normalcy.evaluation.page import page
from normalcy.files import write_files
from normalcy.metrics.table import to_csv, to_text
from normalcy.report.page import write_page
from normalcy.results.run_json import protocol as long_protocol
from normalcy.scoring.model import Model
from normalcy.scoring.settings import alarm, with_settings
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
    judged: Judgement
    split: Mapping[str, int]
    """Counts: train_videos, test_videos, test_frames, abnormal_frames."""
    protocol: str
    """How the model's frame score came about, in words."""
    threshold: str
    """What the alarm threshold rests on, or why there is none."""
    seconds: float
    """Wall time of decoding and scoring, that of earlier runs included."""
    skipped: int
    """Videos that an earlier run had finished."""
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "dataset": self.dataset,
            "title": self.title,
            "label_source": self.label_source,
            "folder": str(self.folder),
            "split": dict(self.split),
            "protocol": self.protocol,
            "threshold": self.threshold,
            "seconds": self.seconds,
            "skipped": self.skipped,
            **self.judged.to_dict(),
            "notes": [*self.notes, *self.judged.notes],
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

    dataset, root: a name of ``normalcy datasets list`` and the folder of the copy. model: a folder, or a loaded model. labels:
    label set where there are several. partial: go on with an incomplete copy, and say so. config, sets: settings that scoring
    may change. force: score again what is finished. resamples, seed: of the bootstrap intervals over videos.

    Writes ``out/VIDEO/`` as :func:`normalcy.score` does, and results.txt, results.csv, results.json and report.html.

    Raises:
        UsageError, DataError: unknown data set, incomplete copy, labels that do not fit. MetricError: undefined results.
        DataError after all other videos are scored, where one could not be: results without it would not be comparable.
        ModelError, ConfigError, OutputError: as for score().
    """
    data = catalogue.load(dataset, root, labels=labels, require=("test",), partial=partial)
    loaded = model if not isinstance(model, str | Path) else load(model, device)
    return run_benchmark(data, loaded, Path(out), config, sets, force, resamples, seed, progress)


def run_benchmark(
    data: Dataset,
    trained: Model,
    out: Path,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    force: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
    baselines: Path | None = None,
) -> BenchmarkResult:
    """benchmark() of a data set and a model that are loaded. baselines: folder for the motion of each video, if not out's."""
    used = with_settings(trained, config, sets)
    rest = alarm(trained.cfg, used)
    refs = [test_ref(v) for v in data.test]
    places = any(v.masks or v.tracks for v in data.test)
    scored = score(refs, trained, out, maps=places, force=force, config=config, sets=sets, progress=progress)
    if scored.failed:
        names, reasons = abbreviate(scored.failed), "; ".join(scored.failed.values())
        raise DataError(
            f"{len(scored.failed)} of {len(refs)} test videos could not be scored ({names}), and without them no "
            f"result of {data.name} is comparable; the others are finished in {out}. {reasons}"
        )
    by_name = {v.name: v for v in scored.videos}
    found = cases(data.test, by_name)
    protocol = protocol_of({v.name: v.folder for v in scored.videos})
    raw = raw_motion([v.ref for v in data.train if v.present], refs, baselines or out / BASELINES, progress)
    motion = {method: post_processed(scores, protocol) for method, scores in raw.items()}

    def tell(stage: str) -> None:
        if progress is not None:
            progress(f"evaluate {stage}", 0, None, {})

    judged = judge(found, protocol, motion, rest.value is not None, resamples, seed, tell)
    notes = list(data.notes)
    if BY_ROW not in motion:
        notes.append(f"No baselines {BY_ROW} and {INTERPOLATION_BY_ROW}: they need the training videos, and none are there.")
    result = BenchmarkResult(
        dataset=data.name,
        title=catalogue.entry(data.name).title,
        label_source=data.label_source,
        folder=out,
        judged=judged,
        split=split_counts(data, found),
        protocol=long_protocol(used),
        threshold=rest.note,
        seconds=round(sum(v.seconds for v in scored.videos), 3),
        skipped=sum(v.skipped for v in scored.videos),
        notes=tuple(notes),
    )
    _write(result, found, used, motion, rest.value)
    return result


def test_ref(video: TestVideo) -> VideoRef:
    """Where the footage is, under the name that the data set gives it."""
    return replace(video.ref, name=video.name)


def split_counts(data: Dataset, found: Sequence[Case]) -> dict[str, int]:
    """What the results rest on."""
    return {
        "train_videos": len(data.train),
        "test_videos": len(found),
        "test_frames": sum(len(c.labels) for c in found),
        "abnormal_frames": sum(int(c.labels.sum()) for c in found),
    }


def table_text(result: BenchmarkResult) -> str:
    """Everything that was measured, for a terminal or a file: plain text."""
    return "\n\n".join([head_text(result), to_text(result.judged.rows).rstrip(), rest_text(result)]).rstrip() + "\n"


def head_text(result: BenchmarkResult) -> str:
    """What the results rest on, in one line."""
    s = result.split
    return (
        f"{result.title}, labels {result.label_source}: {s['test_videos']} videos, {s['test_frames']} frames, "
        f"{s['abnormal_frames']} of them abnormal"
    )


def rest_text(result: BenchmarkResult) -> str:
    """What follows the table of frame-level results: AUC by size, alarms, notes."""
    j = result.judged
    blocks = [sizes_text(j)] if j.sizes else []
    blocks += [alarms_text(j, result.threshold)] if j.alarms is not None else []
    notes = [f"note: {n}" for n in (*result.notes, *j.notes)]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])])


def sizes_text(j: Judgement) -> str:
    """AUC by the share of the frame that the anomaly covers, one line per method."""
    bins = next(iter(j.sizes.values())).bins
    head = ["AUC by anomaly size", *(f"{b.name} ({b.frames})" for b in bins)]
    lines = [[name, *("-" if b.auc is None else f"{b.auc:.3f}" for b in m.bins)] for name, m in j.sizes.items()]
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (head, *lines))


def alarms_text(j: Judgement, threshold: str) -> str:
    """What a person on duty would see, in words."""
    m = j.alarms
    if m is None:
        return "no alarms"
    delay = f", {sorted(m.delays_s)[len(m.delays_s) // 2]:.1f} s after its start (median)" if m.delays_s else ""
    return (
        f"alarms: {m.detected} of {len(m.events)} events found{delay}; {m.false_alarms} false alarms in "
        f"{60 * m.normal_hours:.1f} minutes of normal video ({m.false_alarms_per_hour:.1f} per hour); an alarm was on during "
        f"{100 * m.alarm_share_normal:.0f} % of the normal time. {threshold}"
    )


def _write(
    result: BenchmarkResult, found: Sequence[Case], used: Model, motion: Mapping[str, Scores], threshold: float | None
) -> None:
    record = {**result.to_dict(), "versions": versions(), "config": used.cfg.model_dump(mode="json"), "model": used.hash}
    write_files(
        result.folder,
        {
            TEXT: table_text(result).encode(),
            TABLE: to_csv(result.judged.rows).encode(),
            RESULTS: (json.dumps(record, indent=2, allow_nan=False) + "\n").encode(),
        },
    )
    title = f"{result.title}: {used.cfg.encoder.name} encoder, {used.cfg.preset} preset"
    facts = [
        ("data set", f"{result.title}, labels {result.label_source}"),
        *((k.replace("_", " "), str(v)) for k, v in result.split.items()),
        ("protocol", result.protocol),
        ("threshold", result.threshold),
        *versions().items(),
    ]
    notes = [*result.notes, *result.judged.notes]
    write_page(result.folder / PAGE, page(title, found, result.judged, motion, used.words, threshold, facts, notes))
