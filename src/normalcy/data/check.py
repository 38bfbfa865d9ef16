"""Is this copy of a benchmark complete, and do its labels fit its videos? The answer before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from normalcy.data.base import Dataset, Labels, TestVideo, abbreviate, frame_count
from normalcy.data.catalogue import Entry, entry
from normalcy.data.files import difference
from normalcy.errors import DataError, SourceError
from normalcy.types import Progress
from normalcy.video.reader import probe
from normalcy.video.source import VideoRef

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the check has to say."""

    level: Level
    """error: results would be wrong or cannot be had; warning: results differ from published ones; note: good to know."""
    text: str


@dataclass(frozen=True, slots=True)
class Count:
    """One counted thing beside its published number."""

    what: str
    found: int
    official: int | None


@dataclass(slots=True)
class CheckReport:
    """What :func:`check` found. ``ok`` is False as soon as one finding is an error."""

    name: str
    title: str
    root: Path
    label_source: str
    where: str
    terms: str
    cite: str
    counts: list[Count] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    all_normal: list[str] = field(default_factory=list)
    """Test videos without an abnormal frame: no AUC of their own."""
    all_abnormal: list[str] = field(default_factory=list)
    """Test videos without a normal frame: no AUC of their own."""
    scenes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing found would make a result wrong."""
        return all(f.level != "error" for f in self.findings)

    def add(self, level: Level, text: str) -> None:
        """Record one finding."""
        self.findings.append(Finding(level, text))

    def to_dict(self) -> dict[str, Any]:
        """The report in plain JSON types."""
        return {
            "name": self.name,
            "title": self.title,
            "root": str(self.root),
            "ok": self.ok,
            "label_source": self.label_source,
            "counts": [{"what": c.what, "found": c.found, "official": c.official} for c in self.counts],
            "scenes": self.scenes,
            "findings": [{"level": f.level, "text": f.text} for f in self.findings],
            "all_normal": self.all_normal,
            "all_abnormal": self.all_abnormal,
            "where": self.where,
            "terms": self.terms,
            "cite": self.cite,
        }

    def lines(self) -> list[str]:
        """The report for a terminal, one line each, plain text."""
        out = [f"{self.title}: {self.root}", f"labels: {self.label_source}"]
        for c in self.counts:
            official = "" if c.official is None else f" (official {c.official}{'' if c.found == c.official else ', differs'})"
            out.append(f"{c.what}: {c.found}{official}")
        if self.all_normal:
            out.append(f"no abnormal frame, so no AUC of their own ({len(self.all_normal)}): {abbreviate(self.all_normal)}")
        if self.all_abnormal:
            out.append(f"no normal frame, so no AUC of their own ({len(self.all_abnormal)}): {abbreviate(self.all_abnormal)}")
        out += [f"{f.level}: {f.text}" for f in self.findings]
        out += [f"obtain: {self.where}", f"terms: {self.terms}"] + ([f"cite: {self.cite}"] if self.cite else [])
        return [*out, f"result: {self._verdict()}"]

    def _verdict(self) -> str:
        if not self.ok:
            return "not usable as it is"
        warned = any(f.level == "warning" for f in self.findings)
        return "usable, with the warnings above" if warned else "complete and consistent"


def check(
    name: str, root: str | Path, progress: Progress | None = None, *, labels: str | None = None, masks: bool = True
) -> CheckReport:
    """Look at a copy of the data set ``name``: what is there, what is missing, and whether labels fit the footage.

    Every frame of every video is counted, which takes long for the large sets: ``progress`` hears of each video.
    ``masks=False`` skips reading the pixel masks and tracks.

    Raises:
        UsageError: unknown name or label set.
        DataError: no such folder, or a list that cannot be read at all. Everything else is a finding.
    """
    known = entry(name)
    data = known.read(Path(root), labels)
    report = CheckReport(name, known.title, Path(root), data.label_source, known.where, known.terms, known.cite)
    report.scenes = list(data.scenes)
    _gaps(data, report)
    frames = _count_all(data, report, progress)
    kept = [r for v in data.test if (r := _test_video(v, frames.get(("test", v.name)), report, masks)) is not None]
    _counts(known, data, frames, kept, report)
    for note in data.notes:
        report.add("note", note)
    return report


def _gaps(data: Dataset, report: CheckReport) -> None:
    for gap in data.gaps:
        report.add("note" if gap.part == "masks" else "error", f"missing: {gap.what}")


def _count_all(data: Dataset, report: CheckReport, progress: Progress | None) -> dict[tuple[str, str], int]:
    """Frames of every video at hand, by (side, name); a video that cannot be read is an error in the report."""
    refs: list[tuple[str, VideoRef]] = [("training", v.ref) for v in data.train if v.present]
    refs += [("test", v.ref) for v in data.test if v.present]
    frames: dict[tuple[str, str], int] = {}
    for done, (side, ref) in enumerate(refs):
        if progress:
            progress("check", done, len(refs), {})
        try:
            frames[side, ref.name] = frame_count(ref)
        except SourceError as e:
            report.add("error", str(e))
    if progress:
        progress("check", len(refs), len(refs), {})
    return frames


def _test_video(video: TestVideo, frames: int | None, report: CheckReport, masks: bool) -> Labels | None:
    """Check one test video against its true frame count; its labels, or None where they cannot be had."""
    if not video.labelled or (video.needs_footage and frames is None):
        return None  # the report has it already: a gap, or a video that cannot be read
    if frames is not None and video.reaches > frames:
        over = difference(video.reaches, frames, "frame")
        report.add("warning", f"{video.name}: annotated up to frame {video.reaches}, the video has {frames} ({over})")
    if frames is not None and video.listed_frames is not None and video.listed_frames != frames:
        over = difference(video.listed_frames, frames, "frame")
        report.add("warning", f"{video.name}: listed with {video.listed_frames} frames, the video has {frames} ({over})")
    elif video.listed_frames is not None and video.reaches > video.listed_frames:
        over = difference(video.reaches, video.listed_frames, "frame")
        report.add("warning", f"{video.name}: annotated up to frame {video.reaches} of {video.listed_frames} ({over})")
    try:
        labels = video.labels()
    except (DataError, SourceError) as e:
        report.add("error", str(e))
        return None
    if frames is not None and len(labels) != frames:
        over = difference(len(labels), frames, "label")
        report.add("error", f"{video.name}: {len(labels)} labels, but {video.ref.path} has {frames} frames ({over})")
    if labels.min() == labels.max():
        (report.all_abnormal if labels[0] else report.all_normal).append(video.name)
    if masks:
        _pixels(video, labels, frames, report)
    return labels


def _pixels(video: TestVideo, labels: Labels, frames: int | None, report: CheckReport) -> None:
    """Masks and tracks against the frame labels, the frame count and the picture size."""
    try:
        found = video.masks() if video.masks else None
        tracks = video.tracks() if video.tracks else None
        if found is not None:
            if len(found) != len(labels):
                over = difference(len(found), len(labels), "mask")
                report.add("error", f"{video.name}: {len(found)} masks for {len(labels)} labels ({over})")
            else:
                marked = found.reshape(len(found), -1).any(axis=1)
                disagree = int(np.count_nonzero(marked != labels.astype(bool)))
                if disagree:
                    report.add(
                        "warning", f"{video.name}: masks and frame labels disagree in {disagree} of {len(labels)} frames"
                    )
            if frames is not None:
                info = probe(video.ref)
                if found.shape[1:] != (info.height, info.width):
                    mask_size, size = f"{found.shape[2]}x{found.shape[1]}", f"{info.width}x{info.height}"
                    report.add("warning", f"{video.name}: masks are {mask_size}, the video is {size} (width x height)")
        if tracks is not None and len(tracks) and int(tracks[:, 1].max()) >= len(labels):
            report.add("error", f"{video.name}: a track reaches frame {int(tracks[:, 1].max())} (0-based) of {len(labels)}")
    except (DataError, SourceError) as e:
        report.add("error", str(e))


def _counts(known: Entry, data: Dataset, frames: dict[tuple[str, str], int], labels: list[Labels], report: CheckReport) -> None:
    official = known.official
    train_frames = _total(n for (side, _), n in frames.items() if side == "training")
    test_frames = _total(n for (side, _), n in frames.items() if side == "test")
    abnormal = _total(int(y.sum()) for y in labels)
    report.counts += [
        Count("training videos", sum(v.present for v in data.train), official.train_videos),
        Count("training frames", train_frames, official.train_frames),
        Count("test videos", sum(v.present for v in data.test), official.test_videos),
        Count("test frames", test_frames, official.test_frames),
        Count("labelled test videos", len(labels), official.test_videos),
        Count("test labels", _total(map(len, labels)), official.test_frames),
        Count("abnormal test frames", abnormal, (official.abnormal or {}).get(data.label_source)),
        Count("test videos with pixel masks", sum(v.masks is not None for v in data.test), None),
        Count("scenes", len(data.scenes), official.scenes),
    ]
    for c in report.counts:
        if c.official is not None and 0 < c.found != c.official:
            report.add("warning", f"{c.what}: {c.found}, official {c.official} ({c.found - c.official:+d})")
    kind = (known.lookalikes or {}).get(abnormal)
    if kind:
        report.add("note", f"{abnormal} abnormal frames: these labels are {kind}")


def _total(numbers: Iterable[int]) -> int:
    return sum(numbers)
