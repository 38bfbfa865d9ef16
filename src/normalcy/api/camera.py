"""One watched camera: pictures in, scores, health and events out. Runs in the thread that steps it."""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.api.camera_events import CameraEvents
from normalcy.api.cameras import CameraSpec
from normalcy.api.hub import Hub
from normalcy.api.load import TAUGHT
from normalcy.api.regions import inside, jpeg, painted, place
from normalcy.clips.sampling import span, step_at
from normalcy.errors import NormalcyError, OutputError
from normalcy.events.detector import EventDetector
from normalcy.events.state import CameraState
from normalcy.files import sweep, write_bytes
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import Scorer
from normalcy.scoring.settings import Alarm
from normalcy.types import Box, FrameScore, VideoInfo
from normalcy.video.connection import target_of
from normalcy.video.health import Health, HealthSettings
from normalcy.video.live import Ended, Feed, Lost, Opened, Patience, Shown
from normalcy.video.reader import working_size
from normalcy.video.ring import Ring
from normalcy.video.still import Still

GAP_S = 1.0
"""No clip and no smoothing reaches over a longer gap between two pictures."""
LOST_S = 5.0
"""A connection that is back sooner is no event."""
BEHIND_S = 20.0
"""Seconds that packets are kept beyond a clip's own lead: scores come later than pictures."""
TAUGHT_S = 5.0
"""Seconds between two looks at whether the model was taught something."""
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
        taught: Callable[[], tuple[Model, Alarm] | None] = lambda: None,
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
            taught: asked now and then between two events; gives a new model and alarm once someone taught the model something.
        """
        self.spec, self._model, self._alarm, self._out, self._tell = spec, model, alarm, out, tell
        self._taught, self._asked = taught, time.monotonic()
        self._tell_score: Callable[[str, FrameScore, float], None] | None = None
        self._target = target_of(spec.source)
        privacy = [m.points for m in spec.masks if m.kind == "privacy"]
        before = 0.0 if spec.clip is None else spec.clip.before_s
        self._privacy = privacy
        self._ring = Ring(before + BEHIND_S, paint=(lambda image: painted(image, privacy)) if privacy else None)
        self._still = Still()
        self._feed = Feed(self._target, spec.name, self._size, self._ring, patience, fast, news, self._still)
        self._learned = out / "cameras" / f"{spec.name}.npz"
        h = spec.health
        settings = HealthSettings(
            learn_s=h.learn_s, lasting_s=h.lasting_s, frozen_s=h.frozen_s, hold_s=h.hold_s, small_shift=h.small_shift
        )
        self._health = Health(settings, _backgrounds(self._learned, _as_trained(model)))
        self._health_saved = 0
        self._info: VideoInfo | None = None
        self._scorer: Scorer | None = None
        self._first = 0  # index of the scorer's frame 0
        self._next = 0
        self._last_s: float | None = None
        self._walls: deque[tuple[int, float, float]] = deque()  # (index, time, wall) of frames not yet scored
        self._detector = self._new_detector()
        self._say = CameraEvents(spec, model.words, alarm, out, self._ring)
        self._lost_since: tuple[float, str] | None = None
        self._score: float | None = None
        self._count = 0
        self._rate = 0.0
        self._rated = (time.monotonic(), 0)
        self._complaint = ""
        self._budget: float | None = None  # to be taken at the next step
        self._budget_set: float | None = None
        self.configured_per_hour = model.cfg.alarm.budget_per_hour
        self.enabled = True
        self.ended = False
        self.failed: str | None = None

    def start(self, hub: Hub, scored: Callable[[str, FrameScore, float], None] | None = None) -> None:
        """Begin to read; events go to the hub, and every score with its wall time to ``scored``."""
        self._say.hub, self._tell_score = hub, scored
        sweep(self._out / "media" / self.spec.name)
        self._feed.start()

    def step(self) -> bool:
        """Work through what came; returns whether anything did."""
        self._move()
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
        self._learn()
        return bool(items)

    def still(self) -> bytes | None:
        """A JPEG of the newest picture, painted like all that leaves here; None where there is no new one. It says that someone
        looks."""
        self._still.ask()
        image = self._still.newest()
        return None if image is None else jpeg(painted(image, self._privacy) if self._privacy else image, None)

    def rebudget(self, per_hour: float) -> None:
        """Set the false alarms that it may raise, from the next step on. From any thread."""
        self._budget = self._budget_set = per_hour

    def _move(self) -> None:
        if self._budget is None or self._alarm.threshold is None:
            return
        threshold, self._budget = self._alarm.threshold.for_budget(self._budget), None
        self._alarm = replace(self._alarm, threshold=threshold, note=threshold.sentence())
        self._say.rests_on(self._alarm)
        if self._detector is not None:
            self._detector.move(threshold.value)
        self._tell(f"{self.spec.name}: {self._alarm.note}")

    def stop(self) -> None:
        """Read no more, score what is there, and end every event."""
        self._feed.stop()
        self.step()
        self._flush()
        for kind in list(self._say.troubles):
            self._say.trouble_ends(kind, time.time(), "the watcher was stopped")
        self._say.finish()
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
            anomaly=self._say.anomaly,
            problems=problems,
            enabled=self.enabled,
            events=dict(self._say.count),
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
        self._health.restart()
        self._info = item.info
        self._scorer = None
        if self._lost_since is not None:
            self._tell(f"{self.spec.name}: connected to {self._target.shown}")
        self._lost_since = None
        if "lost" in self._say.troubles:
            self._say.trouble_ends("lost", item.wall, "the camera is back")
            self._say.moment("back", item.wall, "the camera is back")

    def _late(self) -> None:
        """What follows from time going by."""
        if self._lost_since is not None and time.time() - self._lost_since[0] > LOST_S and "lost" not in self._say.troubles:
            self._say.trouble_begins("lost", self._lost_since[0], f"the camera is lost: {self._lost_since[1]}")

    def _learn(self) -> None:
        """Take what someone taught the model since, between two events."""
        if time.monotonic() - self._asked < TAUGHT_S or self._say.anomaly or (self._detector and self._detector.busy):
            return
        self._asked = time.monotonic()
        try:
            new = self._taught()
        except NormalcyError as e:  # the model goes on as it was
            self._tell(f"{self.spec.name}: {e}")
            return
        if new is None:
            return
        self._flush()
        self._model, self._alarm = new
        self._budget = self._budget_set
        self._say.rests_on(self._alarm)
        self._detector = self._new_detector()
        self._tell(f"{self.spec.name}: goes on with what it was taught ({len(self._model.lessons)} lessons)")

    def _picture(self, item: Shown) -> None:
        f = item.frame
        for change in self._health.push(f.image, f.time_s):
            self._say.health(change, item.wall)
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
                self._say.change(change)
        self._detector = self._new_detector()

    def _take(self, scores: list[FrameScore]) -> None:
        for s in scores:
            index = s.frame + self._first
            while self._walls and self._walls[0][0] < index:
                self._walls.popleft()
            wall = self._walls[0][2] if self._walls else time.time()
            self._say.scored(index, wall, s.score)
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
                self._say.change(change)

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
            at = place(s)
            return at is None or not any(inside(at, m.points) for m in self.spec.masks)
        return True

    def _wanted(self, wall: float) -> bool:
        if not self.enabled:
            return False
        hours, now = self.spec.schedule, datetime.fromtimestamp(wall)
        return not hours or any(h.holds(now) for h in hours)

    def _save_backgrounds(self) -> None:
        self._health_saved = self._health.learned
        if not self._health.backgrounds:
            return
        data = io.BytesIO()
        arrays: dict[str, Any] = {f"background{i}": b for i, b in enumerate(self._health.backgrounds)}
        np.savez_compressed(data, model=np.array(_as_trained(self._model)), **arrays)
        with suppress(OSError, OutputError):  # learned again after the next start
            self._learned.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self._learned, data.getvalue())


def _as_trained(model: Model) -> str:
    """Hash of a model without what it was taught since."""
    return model.hash.partition(TAUGHT)[0]


def _backgrounds(path: Path, model: str) -> list[NDArray[np.float32]]:
    """What an earlier run learned of this camera under this model; a camera that was trained again is learned again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["model"]) != model:
                return []
            return [np.asarray(stored[k], dtype=np.float32) for k in sorted(stored.files) if k.startswith("background")]
    except (OSError, ValueError, KeyError, EOFError):
        return []
