"""Does marking events as normal cost detection? Ten alarms on normal video are taught, and everything is measured again.

    python benchmarks/marks.py DATA_ROOT MODEL_ROOT --sets ped1_dev umn [--marks 10] [--work DIR]

For each set a model lies in MODEL_ROOT/SET, and DATA_ROOT/SET is a folder in the layout `folder`. The strongest moments of
*normal* test video are cut out as clips, as a watched camera leaves them, and each is taught as a false alarm. Then all test
video is scored again. Printed as Markdown: micro AUC before and after, over all frames and over those that no mark was about;
the peak of the marked events before and after; true events found and false alarms at the model's own threshold.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import normalcy
from normalcy.api.score import load
from normalcy.api.teach import teach
from normalcy.config import AlarmConfig
from normalcy.data.files import load_label_folder
from normalcy.events.detector import EventDetector, closed
from normalcy.metrics.auc import CountCurve
from normalcy.metrics.events import EventMetrics, event_metrics
from normalcy.results.scores_csv import read_scores
from normalcy.tables import markdown
from normalcy.types import FrameScore, VideoScores
from normalcy.video.reader import VideoReader
from normalcy.video.source import find_videos
from normalcy.video.writer import VideoWriter

AROUND_S = 5.0
"""Seconds before and after that a clip shows, as those of a watched camera do."""
WIDE_S = 1.0
"""Seconds to each side of a peak that are the event."""
CLEAR_S = 2.0
"""Seconds to the next abnormal frame, at least."""
Labels = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A peak on normal video."""

    video: str
    time_s: float
    score: float


def moments(videos: dict[str, VideoScores], labels: Labels, count: int) -> list[Moment]:
    """The strongest peaks of normal stretches, no two of them near each other."""
    out: list[Moment] = []
    for name, v in videos.items():
        bad = v.time_s[labels[name] > 0]
        free = np.array([not len(bad) or np.abs(bad - t).min() > CLEAR_S for t in v.time_s])
        score = np.where(free, v.score, -np.inf)
        while np.isfinite(score).any():
            k = int(score.argmax())
            out.append(Moment(name, float(v.time_s[k]), float(v.score[k])))
            score[np.abs(v.time_s - v.time_s[k]) < 2 * AROUND_S] = -np.inf
    return sorted(out, key=lambda m: -m.score)[:count]


def cut(source: Path, at_s: float, to: Path) -> tuple[float, float]:
    """Write a clip around a moment; returns begin and end of the event in it."""
    with VideoReader(source) as reader:
        frames = [f for f in reader if abs(f.time_s - at_s) <= AROUND_S]
        with VideoWriter(to, (reader.info.width, reader.info.height), reader.info.fps) as writer:
            for f in frames:
                writer.write(f.image, f.time_s - frames[0].time_s)
    middle = at_s - frames[0].time_s
    return max(0.0, middle - WIDE_S), middle + WIDE_S


def scored(videos: Path, model: Path, out: Path) -> dict[str, VideoScores]:
    """Scores of a set."""
    r = normalcy.score(videos, model, out, device="cpu")
    return {v.name: read_scores(v.folder / "scores.csv", v.name) for v in r.videos}


def auc(videos: dict[str, VideoScores], labels: Labels, without: list[Moment]) -> float:
    """Micro AUC, of all frames but those of these moments."""
    kept = {n: np.ones(len(v.score), np.bool_) for n, v in videos.items()}
    for m in without:
        kept[m.video] &= np.abs(videos[m.video].time_s - m.time_s) > AROUND_S
    score = np.concatenate([v.score[kept[n]] for n, v in videos.items()])
    truth = np.concatenate([labels[n][kept[n]] for n in videos]).astype(np.bool_)
    return float(CountCurve.of(score, truth).auc())


def events(videos: dict[str, VideoScores], labels: Labels, threshold: float, cfg: AlarmConfig) -> EventMetrics:
    """What the program reports at a threshold."""
    frames_of = {}
    for n, v in videos.items():
        detector = EventDetector(threshold, cfg, (1, 1))
        frames = [FrameScore(i, float(t), float(s), {}) for i, (t, s) in enumerate(zip(v.time_s, v.score, strict=True))]
        found = list(closed([c for f in frames for c in detector.push(f)] + detector.finish()))
        frames_of[n] = np.array([(e.start_frame, e.end_frame) for e in found], np.int64).reshape(-1, 2)
    return event_metrics(frames_of, {n: labels[n] for n in videos}, {n: v.time_s for n, v in videos.items()})


def run(data: Path, trained: Path, work: Path, marks: int) -> list[str]:
    """The row of one set."""
    model = work / "model"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(trained, model)
    shutil.rmtree(model / "taught", ignore_errors=True)
    folder, labels = data / "testing" / "videos", dict(load_label_folder(data / "testing" / "labels"))
    paths = {r.name: r.path for r in find_videos(folder)[0]}
    before = scored(folder, model, work / "before")
    chosen = moments(before, labels, marks)
    own = load(model)
    assert own.threshold is not None
    limit = own.threshold.value
    first = events(before, labels, limit, own.cfg.alarm)
    peaks = []
    for i, m in enumerate(chosen):
        start, end = cut(paths[m.video], m.time_s, work / f"{i}.mp4")
        t = teach(model, work / f"{i}.mp4", start_s=start, end_s=end, event=f"{m.video}@{m.time_s:.1f}", device="cpu")
        print(f"  {data.name} {m.video} {m.time_s:.1f} s: {m.score:.2f} clip {t.before:.2f} -> {t.after:.2f}", flush=True)
    after = scored(folder, model, work / "after")
    taught = load(model)
    assert taught.threshold is not None
    second = events(after, labels, taught.threshold.value, own.cfg.alarm)
    for m in chosen:
        near = np.abs(after[m.video].time_s - m.time_s) <= WIDE_S
        peaks.append((m.score, float(after[m.video].score[near].max())))
    high, low = (float(np.median([p[k] for p in peaks])) for k in (0, 1))
    a, b = auc(before, labels, []), auc(after, labels, [])
    c, d = auc(before, labels, chosen), auc(after, labels, chosen)
    return [
        data.name,
        str(len(chosen)),
        f"{100 * a:.1f} → {100 * b:.1f}",
        f"{100 * c:.1f} → {100 * d:.1f}",
        f"{high:.2f} → {low:.2f}",
        f"{limit:.2f} → {taught.threshold.value:.2f}",
        f"{first.detected} → {second.detected} of {len(first.events)}",
        f"{first.false_alarms} → {second.false_alarms}",
    ]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root", type=Path, metavar="DATA_ROOT")
    p.add_argument("models", type=Path, metavar="MODEL_ROOT")
    p.add_argument("--sets", nargs="+", default=["ped1_dev", "umn"], metavar="SET")
    p.add_argument("--marks", type=int, default=10, metavar="N")
    p.add_argument("--work", type=Path, default=Path("runs/marks"), metavar="DIR")
    a = p.parse_args()
    rows = [run(a.root / s, a.models / s, a.work / s, a.marks) for s in a.sets]
    head = [
        "set",
        "marked",
        "micro AUC",
        "of unmarked frames",
        "median peak of the marked",
        "threshold",
        "events found",
        "false",
    ]
    print(markdown([head, *rows]))


if __name__ == "__main__":
    main()
