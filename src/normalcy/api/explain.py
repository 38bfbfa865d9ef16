"""explain(): why an event was raised, and what normal video showed there: for a page or a program."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.api.load import load_model, with_taught
from normalcy.api.teach import lesson_of_event
from normalcy.detection.classes import class_name
from normalcy.errors import DataError, NormalcyError, OutputError
from normalcy.events.record import SURE, EventRecord, normal_minutes
from normalcy.files import write_json
from normalcy.nn.stored import CONFIG
from normalcy.objects.album import most_like
from normalcy.objects.both_levels import FRAME, OBJECTS, PREFIX, BothModel
from normalcy.objects.seen_model import SeenModel
from normalcy.report.overlay import blend
from normalcy.report.pictures import data_uri, thumbnail
from normalcy.report.why import Fired, Why, WhyPicture
from normalcy.results.events_json import read_events
from normalcy.results.layout import EVENTS, MAPS, RECORD, SCORES
from normalcy.results.layout import OBJECTS as OBJECTS_FILE
from normalcy.results.objects_csv import read_objects
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.exemplars import Exemplar, Exemplars
from normalcy.scoring.lesson_files import stamp
from normalcy.scoring.model import Model
from normalcy.scoring.scene import SAME, signature
from normalcy.scoring.scorer import score_all
from normalcy.scoring.threshold import Threshold
from normalcy.types import Box, FrameScore, ObjectScore
from normalcy.video.reader import VideoReader, probe
from normalcy.video.source import VideoRef, as_ref

SHOWN = 6
"""Normal pictures beside an event."""
NAMED = 4
"""Readouts and objects that are named at most."""
MAP_TOP = 3.0
"""Value of a map at which it is brightest; 1 is as high as nearly any place of normal video gets."""
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Peak:
    """The moment of an event at which its score is highest."""

    score: float
    readouts: Mapping[str, float]
    time_s: float
    region: Box | None
    """0 to 1 over the picture."""
    image: Image | None = None
    map: NDArray[np.float32] | None = None
    objects: Sequence[ObjectScore] = field(default_factory=tuple)
    """Those of the moment, boxes 0 to 1."""


class Explainer:
    """Explains events of one model. Loads its pictures once."""

    def __init__(self, model_dir: str | Path, device: str = "auto", but: str = "") -> None:
        """but: an event that taught the model; it is explained as if it had not. Raises ModelError."""
        as_trained = load_model(model_dir, device, "torch", taught=False)
        self.model: Model = with_taught(as_trained, Path(model_dir), but)
        self.exemplars = Exemplars.load(model_dir)

    def video(
        self, video: str | Path, start_s: float | None = None, end_s: float | None = None, peak_s: float | None = None
    ) -> Why:
        """An event of a video or clip, which is scored for it: where it is highest between start_s and end_s.

        Raises SourceError, VideoError as scoring does; DataError where nothing lies between.
        """
        ref = as_ref(video)
        scores = _scores(self.model, ref)
        within = [
            s for s in scores if (start_s is None or s.time_s >= start_s - 1e-6) and (end_s is None or s.time_s <= end_s + 1e-6)
        ]
        if not within:
            raise DataError(f"{video}: has no frame between {start_s} and {end_s} s")
        top = min(within, key=lambda s: abs(s.time_s - peak_s)) if peak_s is not None else max(within, key=lambda s: s.score)
        return self.peak(_peak_of(self.model, ref, top))

    def scored(self, folder: str | Path, number: int) -> Why:
        """An event of a scored video: its number in ``events.json``, from 1. The video is looked at if it is still there.

        Raises DataError where the folder holds no such event.
        """
        return self.peak(peak_of_scored(Path(folder), number))

    def peak(self, p: Peak) -> Why:
        """From what is known of its highest moment."""
        own = _scene_of(self.model, p.image)
        said = sorted((o for o in p.objects if o.why), key=lambda o: -o.score)
        told = said[0] if said else None
        words, pictures = self._normal(p, told, own)
        region = told.box if told is not None else p.region
        headline = told.why if told is not None else self._headline(p)
        return Why(
            headline=headline[:1].upper() + headline[1:] + ".",
            rarity=rare(self.model.threshold, p.score),
            fired=self._fired(p),
            objects=[o.why for o in said[1:NAMED]],
            picture=None if p.image is None else data_uri(thumbnail(p.image, _pixels(region, p.image), 480)),
            map=None if p.image is None or p.map is None else data_uri(_over(p.image, p.map)),
            close=None if p.image is None or region is None else data_uri(_cut(p.image, region)),
            normal_words=words,
            normal=pictures,
            note=self._note(p),
        )

    def _headline(self, p: Peak) -> str:
        named = {n: v for n, v in p.readouts.items() if n not in (FRAME, OBJECTS)}
        if not named:
            return "unlike the normal video"
        return self.model.words.get(max(named, key=lambda n: named[n]), "unlike the normal video")

    def _fired(self, p: Peak) -> list[Fired]:
        cues = {PREFIX + n for n in self.model.objects.names} if isinstance(self.model, BothModel) else set()
        rows = sorted(((n, v) for n, v in p.readouts.items() if n not in (FRAME, OBJECTS)), key=lambda r: -r[1])
        rows = [r for r in rows if r[1] > 0.5][:NAMED]
        top = max((v for _, v in rows), default=1.0)
        words = self.model.words
        return [Fired(("object: " if n in cues else "") + n.removeprefix(PREFIX), words.get(n, n), v, v / top) for n, v in rows]

    def _note(self, p: Peak) -> str:
        notes = []
        if not len(self.exemplars):
            notes.append("The model keeps no pictures of normal video (train.exemplars was 0, or it is of an older version).")
        if p.image is None:
            notes.append("The video is no longer at hand.")
        return " ".join(notes)

    def _normal(self, p: Peak, told: ObjectScore | None, scene: int) -> tuple[str, list[WhyPicture]]:
        """(what the pictures are, the pictures)."""
        found = self._like(told, scene) if told is not None else []
        if found:
            words = "The normal objects most like it, by what speaks loudest of those cues that compare:"
            return words, [WhyPicture(_uri(e), _caption(e)) for e in found]
        moments = self.exemplars.of("moment", scene)
        if p.region is None or not moments:
            return "", []
        lively = np.array([_within(e, p.region) for e in moments])
        order = np.argsort(-lively, kind="stable")[:SHOWN]
        words = "The same place in normal video, when most went on there:"
        return words, [WhyPicture(data_uri(_cut(_decoded(moments[i]), p.region)), _caption(moments[i])) for i in order.tolist()]

    def _like(self, told: ObjectScore, scene: int) -> list[Exemplar]:
        seen = self.model.objects if isinstance(self.model, BothModel) else self.model
        if not isinstance(seen, SeenModel) or told.like is None:
            return []
        own = seen.scenes[scene][1] if seen.scenes else seen
        row = own.album.row_of(told.like.video, told.like.frame, told.like.box)
        if row is None:
            return []
        return most_like(own.normal, own.album, row, dict(told.parts), self.exemplars.of("object", scene), SHOWN)


def explain(
    model_dir: str | Path,
    video: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    device: str = "auto",
) -> Why:
    """Why a stretch of video is unusual to a model, and the normal moments that are most like it.

    Args:
        model_dir: the model folder.
        video: a video, or the clip of an event.
        start_s: begin of the stretch; None: of the video.
        end_s: its end.
        device: auto, cpu or cuda.

    Raises:
        ModelError, SourceError, VideoError: as the names say. DataError: no frame lies in the stretch.
    """
    return Explainer(model_dir, device).video(video, start_s, end_s)


def explain_event(out: str | Path, record: EventRecord, model_dir: str | Path, device: str = "auto") -> Why:
    """Why a watched camera raised an event. What was found is kept beside its clip, as long as the model stays the same.

    The first time the clip is scored, which takes some seconds. out: the folder of the watch. Without its clip only what the
    record says is told. Raises ModelError, VideoError.
    """
    kept = kept_why(out, record, model_dir)
    if kept is not None:
        return kept
    explainer = Explainer(model_dir, device, but=record.id)
    clip = None if record.clip is None else Path(out) / record.clip
    if clip is None or not clip.is_file():
        readouts = {} if record.readout is None else {record.readout: float(np.sinh(record.peak or 0.0))}
        return explainer.peak(Peak(record.peak or 0.0, readouts, 0.0, record.region))
    why = explainer.video(clip)
    with suppress(OutputError):  # found again the next time
        write_json(_beside(clip), {"model": key_of(Path(model_dir), record.id), "why": why.to_dict()})
    return why


def kept_why(out: str | Path, record: EventRecord, model_dir: str | Path) -> Why | None:
    """What explain_event() found before and would find again; None where it has to look. Takes no time."""
    if record.clip is None:
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        values = json.loads(_beside(Path(out) / record.clip).read_text(encoding="utf-8"))
        if values["model"] == key_of(Path(model_dir), record.id):
            return Why.from_dict(values["why"])
    return None


def _beside(clip: Path) -> Path:
    return clip.with_suffix(".why.json")


def key_of(model_dir: Path, but: str = "") -> str:
    """Changes whenever the model or what it was taught does, other than by an event. Raises OSError where there is no model."""
    head = (model_dir / CONFIG).read_bytes()
    own = lesson_of_event(model_dir, but) if but else None
    known = [row for row in stamp(model_dir) if row[0] != own]
    return hashlib.sha256(head + repr(known).encode()).hexdigest()


def peak_of_scored(folder: Path, number: int) -> Peak:
    """The highest moment of an event of a scored video, from its files and, if it is still there, the video.

    Raises DataError where there is no such event.
    """
    try:
        event = read_events(folder / EVENTS)[number - 1]
        source = json.loads((folder / RECORD).read_text(encoding="utf-8"))["source"]
        width, height = int(source["width"]), int(source["height"])
    except (OSError, KeyError, TypeError, ValueError, IndexError) as e:
        raise DataError(f"{folder}: holds no event {number} of this version: {e}") from e
    scores = read_scores(folder / SCORES)
    readouts = {n: float(v[event.peak_frame]) for n, v in scores.readouts.items()}
    objects: list[ObjectScore] = []
    if (folder / OBJECTS_FILE).is_file():
        objects = [_unit(o, width, height) for frame, o in read_objects(folder / OBJECTS_FILE) if frame == event.peak_frame]
    maps = np.load(folder / MAPS, mmap_mode="r") if (folder / MAPS).is_file() else None
    own = None if maps is None else np.asarray(maps[event.peak_frame], dtype=np.float32)
    image = None
    with suppress(NormalcyError):
        image = _frame(as_ref(source["path"]), event.peak_frame)
    region = None if event.region is None else _box(event.region, width, height)
    return Peak(event.peak, readouts, event.peak_s, region, image, own, objects)


def rare(threshold: Threshold | None, score: float) -> str:
    """How rare such a score is in normal video, in words, and what that rests on; empty without a threshold."""
    if threshold is None:
        return ""
    share = min(normal_minutes(threshold, score), SURE / 100.0)
    minutes = 1.0 / (1.0 - share)
    if minutes < 1.5:
        return "Normal video reaches so high a score in almost every minute."
    least = "at most " if share >= SURE / 100.0 else "about "
    rests = f"by a tail fitted to {_span(threshold.normal_hours * 60.0)} of normal video"
    return f"In normal video so high a score comes in {least}one minute of {_span(minutes)}, {rests}."


def _span(minutes: float) -> str:
    for unit, length in (("days", 1440.0), ("hours", 60.0)):
        if minutes >= 2 * length:
            return f"{minutes / length:.0f} {unit}"
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{minutes:.1f} minutes"


def _scores(model: Model, ref: VideoRef) -> list[FrameScore]:
    scorer = model.scorer(probe(ref, config=model.cfg.video), maps=True, ref=ref)
    with VideoReader(ref, scorer.size, config=model.cfg.video) as reader:
        return score_all(scorer, reader)


def _peak_of(model: Model, ref: VideoRef, s: FrameScore) -> Peak:
    from normalcy.scoring.localise import peak_region

    image = _frame(ref, s.frame)
    info = probe(ref, config=model.cfg.video)
    objects = [_unit(o, info.width, info.height) for o in s.objects]
    region = None if s.map is None else peak_region(s.map, (1, 1))
    if objects:
        region = max(objects, key=lambda o: o.score).box
    return Peak(s.score, s.readouts, s.time_s, region, image, s.map, objects)


def _frame(ref: VideoRef, number: int) -> Image | None:
    with VideoReader(ref) as reader:
        return next((f.image for f in reader if f.index == number), None)


def _unit(o: ObjectScore, width: int, height: int) -> ObjectScore:
    from dataclasses import replace

    return replace(o, box=_box(o.box, width, height))


def _box(box: Box, width: float, height: float) -> Box:
    x1, y1, x2, y2 = box
    return x1 / width, y1 / height, x2 / width, y2 / height


def _pixels(box: Box | None, image: Image) -> Box | None:
    return None if box is None else _box(box, 1 / image.shape[1], 1 / image.shape[0])


def _scene_of(model: Model, image: Image | None) -> int:
    if image is None or not model.scenes:
        return 0
    likeness = np.stack([background for background, _ in model.scenes]) @ signature(image[None])
    return int(likeness.argmax()) if likeness.max() >= SAME else 0


def _over(image: Image, score_map: NDArray[np.float32]) -> Image:
    small = thumbnail(image, None, 480)
    return blend(small, score_map, 0.5, MAP_TOP)


def _cut(image: Image, box: Box) -> Image:
    """A region with some room around it, square, at most 160 pixels."""
    h, w = image.shape[:2]
    x1, y1, x2, y2 = _box(box, 1 / w, 1 / h)
    side = min(max((x2 - x1) * 1.3, (y2 - y1) * 1.3, w / 10, 24.0), float(min(w, h)))
    left = int(np.clip((x1 + x2 - side) / 2, 0, w - side))
    top = int(np.clip((y1 + y2 - side) / 2, 0, h - side))
    part = np.ascontiguousarray(image[top : top + int(side), left : left + int(side)])
    return np.asarray(cv2.resize(part, (160, 160), interpolation=cv2.INTER_AREA if side > 160 else cv2.INTER_CUBIC), np.uint8)


def _within(e: Exemplar, region: Box) -> float:
    """How much goes on in a region of a moment."""
    if e.lively is None:
        return 0.0
    h, w = e.lively.shape
    x1, y1, x2, y2 = region
    part = e.lively[
        int(y1 * h) : max(int(np.ceil(y2 * h)), int(y1 * h) + 1), int(x1 * w) : max(int(np.ceil(x2 * w)), int(x1 * w) + 1)
    ]
    return float(part.max()) if part.size else 0.0


def _decoded(e: Exemplar) -> Image:
    image = cv2.imdecode(np.frombuffer(e.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1])


def _uri(e: Exemplar) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(e.jpeg).decode("ascii")


def _caption(e: Exemplar) -> str:
    kind = class_name(e.label) if e.kind == "object" else ""
    minutes, seconds = divmod(e.time_s, 60)
    return f"{kind + ', ' if kind else ''}{e.video} {int(minutes)}:{seconds:04.1f}"
