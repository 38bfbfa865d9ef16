"""write_report(): a folder of results as one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from normalcy.api.explain import Explainer
from normalcy.api.learned import learned
from normalcy.errors import DataError, NormalcyError
from normalcy.evaluation.page import page
from normalcy.files import UNFINISHED
from normalcy.objects.both_levels import FRAME, OBJECTS, PREFIX, WORDS
from normalcy.objects.cues.base import cue_of
from normalcy.parts import CUES
from normalcy.report.page import EventPicture, ReportData, VideoReport, write_page
from normalcy.results.events_json import read_events
from normalcy.results.layout import EVENTS, RECORD
from normalcy.results.run_json import scored_video
from normalcy.results.scored import ScoredVideo
from normalcy.scoring.readouts import READOUTS
from normalcy.types import Progress
from normalcy.video.reader import VideoReader
from normalcy.video.source import as_ref

NAME = "report.html"
EXPLAINED = 24
"""Events that are explained with pictures, the strongest; they are most of the file's size."""
PICTURED = 60
"""Events that are shown with a picture, where no model is given."""


def write_report(
    scores: str | Path,
    *,
    model: str | Path | None = None,
    out: str | Path | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write what scoring left in a folder as one HTML file that needs nothing else: no network, no scripts, no other file.

    Args:
        scores: the folder that score wrote, or that of a single video in it.
        model: the model folder that scored them; with it each of the strongest events is explained beside the normal moments
            that are most like it, and the page says what the model learned.
        out: the file; None: ``report.html`` in the folder.
        title: of the page.
        progress: called with (stage, done, total, figures).

    Returns:
        The file.

    Raises:
        DataError: nothing in the folder is a finished result. ModelError: no such model. OutputError: it cannot be written.
    """
    folder = Path(scores)
    found = finished(folder)
    if not found:
        raise DataError(f"{folder}: holds no finished result; normalcy score VIDEOS --model MODEL --out {folder} makes some")
    explainer = None if model is None else Explainer(model)
    words = words_of_all() if explainer is None else {**words_of_all(), **explainer.model.words}
    runs = [json.loads((v.folder / RECORD).read_text(encoding="utf-8")) for v in found]
    thresholds = {r["threshold"] for r in runs}
    notes = []
    if len({r["model"] for r in runs}) > 1:
        notes.append(
            "These videos were scored by different models, or before and after one was taught: scores cannot be compared."
        )
    threshold = next(iter(thresholds)) if len(thresholds) == 1 else None
    data = page(title or f"Normalcy: {folder.resolve().name}", found, threshold, words, details=_details(runs[0]), notes=notes)
    data = illustrated(data, [v.folder for v in found], explainer, progress)
    if model is not None:
        data = replace(data, learned=learned(model))
    target = folder / NAME if out is None else Path(out)
    write_page(target, data)
    return target


def finished(folder: Path) -> list[ScoredVideo]:
    """The finished results in a folder, or the folder itself where it is one, by name."""
    out = []
    for own in [folder, *sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith(UNFINISHED))]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads((own / RECORD).read_text(encoding="utf-8"))
            if values["finished"] is True:
                out.append(scored_video(own, values, read_events(own / EVENTS), skipped=True))
    return out


def illustrated(
    data: ReportData, folders: Sequence[Path], explainer: Explainer | None, progress: Progress | None = None
) -> ReportData:
    """The same with pictures of the strongest events. folders: of each video its result."""
    most = PICTURED if explainer is None else EXPLAINED
    ranked = sorted(
        ((e.event.peak, i, k) for i, v in enumerate(data.videos) for k, e in enumerate(v.events)), key=lambda r: -r[0]
    )
    chosen = {(i, k) for _, i, k in ranked[:most]}
    videos, done = [], 0
    for i, v in enumerate(data.videos):
        wanted = [k for k in range(len(v.events)) if (i, k) in chosen]
        events = list(v.events)
        if explainer is not None:
            for k in wanted:
                events[k] = replace(events[k], about=explainer.scored(folders[i], k + 1))
                done += 1
                if progress is not None:
                    progress("explain events", done, len(chosen), {})
        elif wanted:
            events = _pictured(v, folders[i], wanted)
        videos.append(replace(v, events=events))
    more = len(ranked) - len(chosen)
    note = [f"Of {len(ranked)} events the strongest {len(chosen)} are shown with pictures."] if more > 0 else []
    return replace(data, videos=videos, notes=[*data.notes, *note])


def _pictured(v: VideoReport, folder: Path, wanted: Sequence[int]) -> list[EventPicture]:
    """Events with the frame at their peak, as far as the video is still there."""
    events = list(v.events)
    frames = {events[k].event.peak_frame: k for k in wanted}
    with suppress(NormalcyError, OSError, ValueError, KeyError, TypeError):
        source = json.loads((folder / RECORD).read_text(encoding="utf-8"))["source"]["path"]
        with VideoReader(as_ref(source)) as reader:
            for f in reader:
                if f.index in frames:
                    k = frames[f.index]
                    events[k] = replace(events[k], image=f.image)
                if f.index >= max(frames):
                    break
    return events


def words_of_all() -> Mapping[str, str]:
    """What a high value says, of every readout there is."""
    cues = {n: cue_of(n).words for n in CUES}
    words = {n: r.words for n, r in READOUTS.items()}
    return _Known(
        {**words, **cues, **{PREFIX + n: t for n, t in cues.items()}, **WORDS, FRAME: WORDS[FRAME], OBJECTS: WORDS[OBJECTS]}
    )


class _Known(dict[str, str]):
    """Of a readout of another version its name is told."""

    def __missing__(self, name: str) -> str:
        return name


def _details(run: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """How the results were made."""
    timings, versions = run["timings"], run["versions"]
    made = [
        ("protocol", str(run["protocol"])),
        ("model", str(run["model"])[:24] or "never in a folder"),
        ("device", str(run["device"])),
        ("frames per second", str(timings["frames_per_s"])),
    ]
    return [("Scoring", made), ("Versions", [(k, str(v)) for k, v in versions.items()])]
