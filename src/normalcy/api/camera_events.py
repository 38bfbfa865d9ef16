"""What one camera says: events with their times on the clock, their severity, picture and clip."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.api.cameras import CameraSpec
from normalcy.api.hub import Hub, Prepare
from normalcy.api.regions import inside, jpeg
from normalcy.api.trace import Trace
from normalcy.errors import OutputError
from normalcy.events.detector import Change
from normalcy.events.record import EventRecord, Kind, new_id, rarity
from normalcy.files import write_bytes
from normalcy.scoring.settings import Alarm
from normalcy.types import Box, Event
from normalcy.video.health import HealthChange
from normalcy.video.ring import Ring

WALLS = 5000
"""Frames whose wall time is remembered after they were scored."""


class CameraEvents:
    """Turns what happens to a camera into records for the hub. Regions of anomalies are 0 to 1."""

    def __init__(self, spec: CameraSpec, words: Mapping[str, str], alarm: Alarm, out: Path, ring: Ring) -> None:
        """words: of each readout, the end of a sentence. alarm: what the threshold is worth. ring: of the camera's packets."""
        self._spec, self._words, self._alarm, self._out, self._ring = spec, words, alarm, out, ring
        self.hub: Hub | None = None
        self.troubles: dict[str, EventRecord] = {}
        """Kind -> health event that goes on."""
        self.count: Counter[str] = Counter()
        """Reason -> events so far."""
        self._scored: deque[tuple[int, float]] = deque(maxlen=WALLS)
        self._trace = Trace(spec, out, ring)
        self._event: EventRecord | None = None
        self._pictured: tuple[str, float] | None = None  # event and peak that the snapshot shows
        self._alerted: dict[str, float] = {}  # reason -> when its last alert ended

    @property
    def anomaly(self) -> bool:
        """Whether one goes on."""
        return self._event is not None

    def rests_on(self, alarm: Alarm) -> None:
        """What the threshold is worth from now on."""
        self._alarm = alarm

    def scored(self, index: int, wall: float, score: float) -> None:
        """A frame was scored that came then."""
        self._scored.append((index, wall))
        if self.hub is not None:
            self._trace.scored(wall, score, self.hub)

    def finish(self) -> None:
        """No score follows."""
        if self.hub is not None:
            self._trace.finish(self.hub)

    def _emit(self, record: EventRecord, prepare: Prepare | None = None) -> None:
        assert self.hub is not None  # the camera has started
        self.hub.emit(record, prepare)

    def change(self, change: Change) -> None:
        """An anomaly opened, changed or closed."""
        e = change.event
        if change.state == "opened" or self._event is None:
            if change.state == "closed":
                return
            start = self._wall(e.start_frame)
            cool = start - self._alerted.get(e.readout, -np.inf) >= self._spec.cooldown_s
            record = self._record("anomaly", start, "alert" if cool else "detection")
            self.count[e.readout] += 1
        else:
            record = replace(self._event, change=self._event.change + 1, type="update")
        end = self._wall(e.end_frame) if change.state == "closed" else None
        peak_wall = record.peak_time if record.peak == e.peak and record.peak_time is not None else self._wall(e.peak_frame)
        why = self._words.get(e.readout, e.readout)
        rare = None if self._alarm.threshold is None else rarity(self._alarm.threshold, e.peak)
        record = replace(
            record,
            type="end" if end is not None else record.type,
            time=time.time(),
            end_time=end,
            peak=e.peak,
            peak_time=peak_wall,
            threshold=self._alarm.value,
            region=e.region,
            zones=self._zones(e.region),
            readout=e.readout,
            rarity=rare,
            text=f"{self._spec.name}: {why}" + ("" if rare is None else f" ({rare})"),
        )
        self._event = None if end is not None else record
        if end is not None and record.severity == "alert":
            self._alerted[e.readout] = end
        self._emit(record, lambda r: self._with_media(r, e, change.state))
        if change.state == "closed":
            self._trace.follow(record, e.start_s)

    def _with_media(self, r: EventRecord, e: Event, state: str) -> EventRecord:
        """Snapshot and clip. Runs in the hub's thread."""
        folder = f"media/{self._spec.name}"
        clip, snapshot = f"{folder}/{r.id}.mp4", f"{folder}/{r.id}.jpg"
        options = self._spec.clip
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
                write_bytes(self._out / snapshot, jpeg(picture, r.region))
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
        return tuple(z.name for z in self._spec.zones if inside(at, z.points))

    def health(self, change: HealthChange, wall: float) -> None:
        """Something of the camera's health began, ended, or just happened."""
        if change.on is None:
            self.moment(change.kind, wall, change.text)
        elif change.on:
            self.trouble_begins(change.kind, wall, change.text)
        else:
            self.trouble_ends(change.kind, wall, f"no longer {change.kind}")

    def _record(self, kind: Kind, start: float, severity: Any = "alert") -> EventRecord:
        return EventRecord(new_id(start), self._spec.name, 0, "new", kind, severity, time.time(), start)

    def trouble_begins(self, kind: Kind, wall: float, text: str) -> None:
        """Something is wrong with the camera from now on."""
        cool = wall - self._alerted.get(kind, -np.inf) >= self._spec.cooldown_s
        record = replace(self._record(kind, wall, "alert" if cool else "detection"), text=f"{self._spec.name}: {text}")
        self.troubles[kind] = record
        self.count[kind] += 1
        self._emit(record)

    def trouble_ends(self, kind: str, wall: float, text: str) -> None:
        """It is no longer."""
        r = self.troubles.pop(kind)
        end = max(wall, r.start_time)
        if r.severity == "alert":
            self._alerted[kind] = end
        text = f"{self._spec.name}: {text}"
        self._emit(replace(r, change=r.change + 1, type="end", end_time=end, time=time.time(), text=text))

    def moment(self, kind: Kind, wall: float, text: str) -> None:
        """Something that just happens: it begins and ends at once."""
        r = replace(self._record(kind, wall, "detection"), text=f"{self._spec.name}: {text}", end_time=wall)
        self.count[kind] += 1
        self._emit(r)
        self._emit(replace(r, change=1, type="end"))
