"""One watched camera: pictures in, scores, health and events out. Runs in the thread that steps it."""

from __future__ import annotations

import io
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.api.cameras import CameraSpec, Polygon
from normalcy.api.hub import Hub
from normalcy.clips.sampling import span, step_at
from normalcy.errors import NormalcyError, OutputError
from normalcy.events.detector import Change, EventDetector
from normalcy.events.record import EventRecord, Kind, new_id, rarity
from normalcy.events.state import CameraState
from normalcy.files import sweep, write_bytes
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.settings import Alarm
from normalcy.types import Box, Event, FrameScore, VideoInfo
from normalcy.video.connection import target_of
from normalcy.video.health import Health, HealthChange, HealthSettings
from normalcy.video.live import Ended, Feed, Lost, Opened, Patience, Shown
from normalcy.video.reader import working_size
from normalcy.video.ring import Ring

GAP_S = 1.0
"""No clip and no smoothing reaches over a longer gap between two pictures."""
LOST_S = 5.0
"""A connection that is back sooner is no event."""
WALLS = 5000
"""Frames whose wall time is remembered after they were scored."""
BEHIND_S = 20.0
"""Seconds that packets are kept beyond a clip's own lead: scores come later than pictures."""
UNIT = (1, 1)
"""Regions are 0 to 1, so that a change of the stream's size does not move them."""


class Camera:
    """Steps through what its feed brings. Nothing here blocks but scoring itself."""

    def __init__(
        self,
        spec: CameraSpec,
        model: Model,
        alarm: Alarm,
        out: Path,
        tell: Callable[[str], None],
        fast: bool,
        news: Flag,
        patience: Patience = Patience(),
    ) -> None:
        """What is watched.

        Args:
            spec: the camera.
            model: with its settings for scoring.
            alarm: what its threshold is worth under them.
            out: the output folder.
            tell: takes lines for the person who runs this.
            fast: read a file as fast as it goes.
            news: is set when there is something to step through.
            patience: time limits of the connection.
        """
        self.spec, self._model, self._alarm, self._out, self._tell = spec, model, alarm, out, tell
        self.hub: Hub | None = None
        self._tell_score: Callable[[str, FrameScore, float], None] | None = None
        self._target = target_of(spec.source)
        privacy = [m.points for m in spec.masks if m.kind == "privacy"]
        before = 0.0 if spec.clip is None else spec.clip.before_s
        self._ring = Ring(before + BEHIND_S, paint=(lambda image: painted(image, privacy)) if privacy else None)
        self._feed = Feed(self._target, spec.name, self._size, self._ring, patience, fast, news)
        self._learned = out / "cameras" / f"{spec.name}.npz"
        h = spec.health
        settings = HealthSettings(
            learn_s=h.learn_s, lasting_s=h.lasting_s, frozen_s=h.frozen_s, hold_s=h.hold_s, small_shift=h.small_shift
        )
        self._health = Health(settings, _backgrounds(self._learned, model.hash))
        self._health_saved = 0
        self._info: VideoInfo | None = None
        self._scorer: Scorer | None = None
        self._first = 0  # index of the scorer's frame 0
        self._next = 0
        self._last_s: float | None = None
        self._walls: deque[tuple[int, float, float]] = deque()  # (index, time, wall) of frames not yet scored
        self._scored: deque[tuple[int, float]] = deque(maxlen=WALLS)
        self._detector = self._new_detector()
        self._event: EventRecord | None = None
        self._pictured: tuple[str, float] | None = None  # event and peak that the snapshot shows
        self._troubles: dict[str, EventRecord] = {}
        self._alerted: dict[str, float] = {}
        self._lost_since: tuple[float, str] | None = None
        self._score: float | None = None
        self._count = 0
        self._rate = 0.0
        self._rated = (time.monotonic(), 0)
        self._events: Counter[str] = Counter()
        self._complaint = ""
        self.enabled = True
        self.ended = False
        self.failed: str | None = None

    def start(self, hub: Hub, scored: Callable[[str, FrameScore, float], None] | None = None) -> None:
        """Begin to read; events go to the hub, and every score with its wall time to ``scored``."""
        self.hub, self._tell_score = hub, scored
        sweep(self._out / "media" / self.spec.name)
        self._feed.start()

    def step(self) -> bool:
        """Work through what came; returns whether anything did."""
        items = self._feed.take(32)
        for item in items:
            try:
                self._item(item)
            except Exception as e:  # whatever goes wrong with a picture, the camera goes on: the next stretch begins afresh
                self._scorer = None
                words = f"{self.spec.name}: {e if isinstance(e, NormalcyError) else repr(e)}"
                if words != self._complaint:
                    self._tell(words)
                self._complaint = words
        self._late()
        return bool(items)

    def stop(self) -> None:
        """Read no more, score what is there, and end every event."""
        self._feed.stop()
        self.step()
        self._flush()
        for kind in list(self._troubles):
            self._trouble_ends(kind, time.time(), "the watcher was stopped")
        self._save_backgrounds()

    def close(self) -> None:
        """After the last event has its files: end clips that still wait for pictures."""
        self._ring.begin(None)

    def state(self) -> CameraState:
        """What can be said of it now."""
        c, now = self._feed.counters, time.monotonic()
        if now - self._rated[0] >= 2.0:
            self._rate = (self._count - self._rated[1]) / (now - self._rated[0])
            self._rated = now, self._count
        problems = (*self._health.problems, *(["lost"] if self._lost_since else []))
        if self.ended:
            state = "ended"
        elif self._lost_since is not None or self._info is None:
            state = "lost" if self._lost_since is not None else "connecting"
        elif not self._wanted(time.time()):
            state = "paused"
        else:
            state = "held" if self._health.problems else "on"
        return CameraState(
            name=self.spec.name,
            source=self._target.shown,
            state=state,
            time=time.time(),
            fps=round(self._rate, 2),
            score=self._score,
            threshold=self._alarm.value,
            frames=c.frames,
            scored=self._count,
            skipped=c.dropped,
            damaged=c.damaged,
            reconnects=max(0, c.connections - 1),
            last_frame=c.last_wall,
            anomaly=self._event is not None,
            problems=problems,
            enabled=self.enabled,
            events=dict(self._events),
        )

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Objects are looked for in the whole picture; frames are scored at the network's size."""
        return working_size(width, height, self._model.cfg.input) if self._model.cfg.level == "frame" else (width, height)

    def _new_detector(self) -> EventDetector | None:
        return None if self._alarm.value is None else EventDetector(self._alarm.value, self._model.cfg.alarm, UNIT)

    def _item(self, item: object) -> None:
        if isinstance(item, Shown):
            self._picture(item)
        elif isinstance(item, Opened):
            self._opened(item)
        elif isinstance(item, Lost):
            self._flush()
            self._health.restart()
            if self._lost_since is None:
                self._lost_since = item.wall, item.reason
                self._tell(f"{item.reason}; connecting again")
        elif isinstance(item, Ended):
            self._flush()
            self.ended, self.failed = True, item.reason

    def _opened(self, item: Opened) -> None:
        self._flush()
        self._info = item.info
        self._scorer = None
        if self._lost_since is not None:
            self._tell(f"{self.spec.name}: connected to {self._target.shown}")
        self._lost_since = None
        if "lost" in self._troubles:
            self._trouble_ends("lost", item.wall, "the camera is back")
            self._moment("back", item.wall, "the camera is back")

    def _late(self) -> None:
        """What follows from time going by."""
        if self._lost_since is not None and time.time() - self._lost_since[0] > LOST_S and "lost" not in self._troubles:
            self._trouble_begins("lost", self._lost_since[0], f"the camera is lost: {self._lost_since[1]}")

    def _picture(self, item: Shown) -> None:
        f = item.frame
        for change in self._health.push(f.image, f.time_s):
            self._health_change(change, item.wall)
        if self._health.learned != self._health_saved:
            self._save_backgrounds()
        gap = self._last_s is not None and f.time_s - self._last_s > GAP_S
        if self._scorer is not None and (f.index != self._next or gap):
            self._end_scorer()
        if self._scorer is None:
            assert self._info is not None  # a feed opens before it shows
            self._scorer, self._first = self._model.scorer(self._info, maps=True), f.index
        self._next, self._last_s = f.index + 1, f.time_s
        self._walls.append((f.index, f.time_s, item.wall))
        self._take(self._scorer.push(replace(f, index=f.index - self._first)))

    def _end_scorer(self) -> None:
        """Scores of the frames that are still under way; a stretch shorter than a clip has none."""
        scorer, self._scorer = self._scorer, None
        if scorer is not None:
            with suppress(NormalcyError):
                self._take(scorer.finish())
        self._walls.clear()

    def _flush(self) -> None:
        """The end of a stretch of video: no event reaches over it."""
        self._end_scorer()
        if self._detector is not None:
            for change in self._detector.finish():
                self._change(change)
        self._detector = self._new_detector()

    def _take(self, scores: list[FrameScore]) -> None:
        for s in scores:
            index = s.frame + self._first
            while self._walls and self._walls[0][0] < index:
                self._walls.popleft()
            wall = self._walls[0][2] if self._walls else time.time()
            self._scored.append((index, wall))
            self._score = s.score
            self._count += 1
            if self._tell_score is not None:
                self._tell_score(self.spec.name, replace(s, frame=index), wall)
            if self._detector is None:
                continue
            assert self._info is not None  # nothing is scored before
            s = replace(s, frame=index, objects=tuple(replace(o, box=self._relative(o.box)) for o in s.objects))
            if not self._counts(s, wall):
                s = replace(s, score=float("-inf"))
            for change in self._detector.push(s):
                self._change(change)

    def _relative(self, box: Box) -> Box:
        assert self._info is not None
        x1, y1, x2, y2 = box
        return x1 / self._info.width, y1 / self._info.height, x2 / self._info.width, y2 / self._info.height

    def _counts(self, s: FrameScore, wall: float) -> bool:
        """Whether this score may raise an alarm."""
        if self._health.problems or not self._wanted(wall):
            return False
        assert self._info is not None
        cfg = self._model.cfg
        clip_s = span(cfg.clip.length, step_at(self._info.fps, cfg)) / self._info.fps
        reach = clip_s + (3.0 * cfg.scoring.sigma_s if cfg.scoring.smoothing != "none" else 0.0)
        if self._health.hold_from_s - reach <= s.time_s <= self._health.hold_until_s + reach:
            return False
        if self.spec.masks:
            at = _place(s)
            return at is None or not any(inside(at, m.points) for m in self.spec.masks)
        return True

    def _wanted(self, wall: float) -> bool:
        if not self.enabled:
            return False
        hours, now = self.spec.schedule, datetime.fromtimestamp(wall)
        return not hours or any(h.holds(now) for h in hours)

    def _change(self, change: Change) -> None:
        e = change.event
        if change.state == "opened" or self._event is None:
            if change.state == "closed":
                return
            start = self._wall(e.start_frame)
            cool = start - self._alerted.get(e.readout, -np.inf) >= self.spec.cooldown_s
            record = self._record("anomaly", start, "alert" if cool else "detection")
            self._events[e.readout] += 1
        else:
            record = replace(self._event, change=self._event.change + 1, type="update")
        end = self._wall(e.end_frame) if change.state == "closed" else None
        peak_wall = record.peak_time if record.peak == e.peak and record.peak_time is not None else self._wall(e.peak_frame)
        why = self._model.words.get(e.readout, e.readout)
        rare = None if self._alarm.threshold is None else rarity(self._alarm.threshold, e.peak)
        record = replace(
            record,
            type="end" if end is not None else record.type,
            time=time.time() if end is None else max(end, record.time),
            end_time=end,
            peak=e.peak,
            peak_time=peak_wall,
            threshold=self._alarm.value,
            region=e.region,
            zones=self._zones(e.region),
            readout=e.readout,
            rarity=rare,
            text=f"{self.spec.name}: {why}" + ("" if rare is None else f" ({rare})"),
        )
        self._event = None if end is not None else record
        if end is not None and record.severity == "alert":
            self._alerted[e.readout] = end
        assert self.hub is not None  # started
        self.hub.emit(record, lambda r: self._with_media(r, e, change.state))

    def _with_media(self, r: EventRecord, e: Event, state: str) -> EventRecord:
        """Snapshot and clip. Runs in the hub's thread."""
        folder = f"media/{self.spec.name}"
        clip, snapshot = f"{folder}/{r.id}.mp4", f"{folder}/{r.id}.jpg"
        options = self.spec.clip
        if options is not None:
            if state == "opened":
                with suppress(OutputError):
                    until = e.start_s + options.most_s
                    self._ring.start_clip(r.id, self._out / clip, e.start_s - options.before_s, until)
            if state == "closed":
                self._ring.end_clip(r.id, min(e.end_s + options.after_s, e.start_s + options.most_s))
            there = self._ring.writes(r.id) or (self._out / clip).exists()
            r = replace(r, clip=clip if there else None)
        if self._pictured != (r.id, e.peak):
            picture = self._ring.picture(e.peak_s)
            if picture is not None:
                (self._out / folder).mkdir(parents=True, exist_ok=True)
                write_bytes(self._out / snapshot, _jpeg(picture, r.region))
                self._pictured = r.id, e.peak
        return replace(r, snapshot=snapshot if self._pictured == (r.id, e.peak) else None)

    def _wall(self, index: int) -> float:
        """When this frame came."""
        for i, wall in reversed(self._scored):
            if i <= index:
                return wall
        return self._scored[0][1] if self._scored else time.time()

    def _zones(self, region: Box | None) -> tuple[str, ...]:
        if region is None:
            return ()
        at = (region[0] + region[2]) / 2, region[3]
        return tuple(z.name for z in self.spec.zones if inside(at, z.points))

    def _health_change(self, change: HealthChange, wall: float) -> None:
        if change.on is None:
            self._moment(change.kind, wall, change.text)
        elif change.on:
            self._trouble_begins(change.kind, wall, change.text)
        else:
            self._trouble_ends(change.kind, wall, f"no longer {change.kind}")

    def _record(self, kind: Kind, start: float, severity: Any = "alert") -> EventRecord:
        return EventRecord(new_id(start), self.spec.name, 0, "new", kind, severity, time.time(), start)

    def _trouble_begins(self, kind: Kind, wall: float, text: str) -> None:
        cool = wall - self._alerted.get(kind, -np.inf) >= self.spec.cooldown_s
        record = replace(self._record(kind, wall, "alert" if cool else "detection"), text=f"{self.spec.name}: {text}")
        self._troubles[kind] = record
        self._events[kind] += 1
        self._emit_trouble(record)

    def _trouble_ends(self, kind: str, wall: float, text: str) -> None:
        r = self._troubles.pop(kind)
        end = max(wall, r.start_time)
        if r.severity == "alert":
            self._alerted[kind] = end
        text = f"{self.spec.name}: {text}"
        self._emit_trouble(replace(r, change=r.change + 1, type="end", end_time=end, time=time.time(), text=text))

    def _moment(self, kind: Kind, wall: float, text: str) -> None:
        """Something that just happens: it begins and ends at once."""
        r = replace(self._record(kind, wall, "detection"), text=f"{self.spec.name}: {text}", end_time=wall)
        self._events[kind] += 1
        self._emit_trouble(r)
        self._emit_trouble(replace(r, change=1, type="end"))

    def _emit_trouble(self, record: EventRecord) -> None:
        assert self.hub is not None  # started
        self.hub.emit(record)

    def _save_backgrounds(self) -> None:
        self._health_saved = self._health.learned
        if not self._health.backgrounds:
            return
        data = io.BytesIO()
        arrays: dict[str, Any] = {f"background{i}": b for i, b in enumerate(self._health.backgrounds)}
        np.savez_compressed(data, model=np.array(self._model.hash), **arrays)
        with suppress(OSError, OutputError):  # learned again after the next start
            self._learned.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self._learned, data.getvalue())


def _backgrounds(path: Path, model: str) -> list[NDArray[np.float32]]:
    """What an earlier run learned of this camera under this model; a camera that was trained again is learned again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["model"]) != model:
                return []
            return [np.asarray(stored[k], dtype=np.float32) for k in sorted(stored.files) if k.startswith("background")]
    except (OSError, ValueError, KeyError, EOFError):
        return []


def inside(at: tuple[float, float], points: Polygon) -> bool:
    """Whether a point lies in a polygon, its rim included."""
    return cv2.pointPolygonTest(np.array(points, np.float32), (float(at[0]), float(at[1])), False) >= 0


def painted(image: NDArray[np.uint8], polygons: list[Polygon]) -> NDArray[np.uint8]:
    """A copy of image (H, W, 3) with polygons (0 to 1) in black."""
    out = image.copy()
    scale = np.array([image.shape[1], image.shape[0]], np.float32)
    cv2.fillPoly(out, [np.ceil(np.array(p, np.float32) * scale).astype(np.int32) for p in polygons], (0, 0, 0))
    return out


def _place(s: FrameScore) -> tuple[float, float] | None:
    """Where the most abnormal thing of a frame is, 0 to 1: where it stands, or the highest place of the map."""
    if s.objects:
        x1, _, x2, y2 = max(s.objects, key=lambda o: o.score).box
        return (x1 + x2) / 2, y2
    if s.map is None:
        return None
    y, x = np.unravel_index(int(s.map.argmax()), s.map.shape)
    return (float(x) + 0.5) / s.map.shape[1], (float(y) + 0.5) / s.map.shape[0]


def _jpeg(image: NDArray[np.uint8], region: Box | None) -> bytes:
    """A JPEG with the region (0 to 1) drawn."""
    out = np.ascontiguousarray(image[..., ::-1])
    if region is not None:
        h, w = out.shape[:2]
        x1, y1, x2, y2 = (round(v * s) for v, s in zip(region, (w, h, w, h), strict=True))
        cv2.rectangle(out, (x1, y1), (x2 - 1, y2 - 1), (30, 80, 240), max(2, round(min(h, w) / 240)))
    _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return data.tobytes()
