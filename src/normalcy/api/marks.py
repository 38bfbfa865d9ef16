"""What people said of the events of a watch, and what follows from it: lessons, figures, and training anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normalcy.api.teach import Taught, forget, lesson_of_event, teach
from normalcy.errors import DataError, NormalcyError, OutputError, UsageError
from normalcy.events.record import Verdict
from normalcy.events.store import FILE, Store, StoredEvent
from normalcy.nn.stored import read_stored
from normalcy.presets import stored_config
from normalcy.types import Progress
from normalcy.video.source import VideoRef, expand_all

if TYPE_CHECKING:
    from normalcy.training.run import TrainResult

CAMERAS = "cameras"


@dataclass(frozen=True, slots=True)
class Marked:
    """What a mark did."""

    event: StoredEvent
    lesson: Taught | None = None
    """What the camera's model was taught by it."""
    forgotten: str | None = None
    """The lesson of an earlier mark that was taken back."""
    note: str = ""
    """Why nothing was taught, in plain words; empty where something was or nothing was to be."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        lesson = None if self.lesson is None else self.lesson.to_dict()
        return {"event": self.event.to_dict(), "lesson": lesson, "forgotten": self.forgotten, "note": self.note}


def model_of(out: str | Path, camera: str) -> Path | None:
    """The model folder that a camera of a watch was last watched with; None where that is not known."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return Path(json.loads((Path(out) / CAMERAS / f"{camera}.json").read_text(encoding="utf-8"))["model"])
    return None


def mark(
    out: str | Path,
    event: str,
    verdict: Verdict | None,
    *,
    model: str | Path | None = None,
    by: str = "",
    note: str | None = None,
    store: Store | None = None,
    device: str = "auto",
) -> Marked:
    """Say what an event was; "normal" also teaches the camera's model, anything else takes such a lesson back.

    Args:
        out: the folder of the watch.
        event: its id.
        verdict: normal, anomaly or unsure; None takes back what was said.
        model: the model folder; None: the one that the camera was last watched with.
        by: who says so.
        note: words to keep with it; None leaves those that are there.
        store: the event store, where it is open already or not in ``out``.
        device: auto, cpu or cuda.

    Raises:
        DataError: there is no such event. OutputError: the store or the model folder cannot be written.
    """
    out = Path(out)
    own = opened(out) if store is None else store
    try:
        said = own.say([event], verdict=verdict, note=note, clear=verdict is None)[0]
    finally:
        if store is None:
            own.close()
    return learn_from(out, said, model=model, by=by, device=device)


def learn_from(
    out: str | Path, said: StoredEvent, *, model: str | Path | None = None, by: str = "", device: str = "auto"
) -> Marked:
    """What follows for the camera's model from what was said of an event. See mark(), which says it first.

    Raises OutputError where the model folder cannot be written.
    """
    event, verdict = said.record.id, said.verdict
    folder = model_of(out, said.record.camera) if model is None else Path(model)
    if folder is None or not folder.is_dir():
        unknown = "the model of this camera is not known here, so nothing was taught"
        return Marked(said, note=unknown if verdict == "normal" else "")
    earlier = lesson_of_event(folder, event)
    if verdict != "normal":
        if earlier is not None:
            forget(folder, earlier, by=by)
        return Marked(said, forgotten=earlier)
    if earlier is not None:
        return Marked(said, note="it was taught already")
    if said.record.kind != "anomaly":
        return Marked(said, note="only anomalies teach")
    clip = None if said.record.clip is None else Path(out) / said.record.clip
    if clip is None or not clip.is_file():
        return Marked(said, note="the event has no clip, so nothing was taught")
    try:
        lesson = teach(folder, clip, event=event, camera=said.record.camera, by=by, note=said.note, device=device)
    except OutputError:
        raise
    except NormalcyError as e:  # what was said stays said
        return Marked(said, note=f"nothing was taught: {e}")
    return Marked(said, lesson)


def opened(out: Path, url: str | None = None) -> Store:
    """The event store of a watch. Raises UsageError where there is none."""
    if url is None and not (out / FILE).exists():
        raise UsageError(f"{out}: no events here: not a folder that watch wrote")
    return Store(out, url)


def retrain(
    model: str | Path,
    out: str | Path,
    *,
    marks: Sequence[str | Path] = (),
    videos: Sequence[str | Path] = (),
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a model anew, with the same settings, from the video it learned from and the clips of events marked normal.

    Lessons of the old model are not taken over: what taught them is in the training now.

    Args:
        model: the model folder.
        out: the new one; another folder.
        marks: folders of watches.
        videos: more normal video, and the model's own where it lies elsewhere now.
        device: auto, cpu or cuda.
        resume: go on with an interrupted one.
        force: replace a model in ``out``.
        progress: called with (stage, done, total, figures).

    Raises:
        SourceError, VideoError: as train. UsageError: ``out`` is the model itself, or there is nothing new.
        DataError: the model does not say where its video lies, or it is gone.
    """
    from normalcy.api.levels import train_level

    folder, target = Path(model), Path(out)
    if folder.resolve() == target.resolve():
        raise UsageError(f"{out}: is the model itself; a new one needs a folder of its own")
    bundle = read_stored(folder)
    own = [str(v["source"]) for v in bundle.extra.get("trained_on", ()) if "source" in v]
    lost = [p for p in own if not Path(p).exists()]
    if (not own or lost) and not videos:
        gone = (
            f"{lost[0]} and {len(lost) - 1} more are gone"
            if len(lost) > 1
            else f"{lost[0]} is gone"
            if lost
            else "none is named"
        )
        raise DataError(f"{folder}: the video that it learned from is needed: {gone}; name it with --videos")
    clips = [str(p) for m in marks for p in marked_clips(Path(m))]
    if marks and not clips and not videos:
        raise UsageError(
            f"{', '.join(map(str, marks))}: no event with a clip was marked normal, so there is nothing new to learn"
        )
    sources = [*(p for p in own if p not in lost), *map(str, videos), *clips]
    refs: list[VideoRef] = expand_all(list(dict.fromkeys(sources)))
    cfg = stored_config(bundle.config.model_dump(mode="json"), str(folder))
    return train_level(refs, target, cfg, device, resume, force, progress)


def marked_clips(out: Path) -> list[Path]:
    """Clips of the events of a watch that were marked normal, oldest first. Raises UsageError, OutputError."""
    store = opened(out)
    try:
        found = store.events()
    finally:
        store.close()
    clips = [out / e.record.clip for e in found if e.verdict == "normal" and e.record.clip and e.record.kind == "anomaly"]
    return [c for c in reversed(clips) if c.is_file()]


def figures(out: str | Path, store: Store | None = None) -> dict[str, Any]:
    """What the marks of a watch say of its alarms, as plain values: see normalcy.events.marks.

    Raises UsageError where there is no watch, OutputError.
    """
    from normalcy.events.marks import at_budgets, weeks

    own = opened(Path(out)) if store is None else store
    try:
        found = own.events()
    finally:
        if store is None:
            own.close()
    cameras = sorted({e.record.camera for e in found})
    return {
        "weeks": [asdict(w) for w in weeks(found)],
        "budgets": {c: [asdict(b) for b in at_budgets([e for e in found if e.record.camera == c])] for c in cameras},
    }
