"""Events, scores and states by MQTT, in the words that users of Frigate and Home Assistant know."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normalcy.errors import ConfigError, UsageError
from normalcy.events.outbox import SinkError
from normalcy.events.record import EventRecord
from normalcy.events.sinks.home_assistant import STATUS, device_config, device_topic
from normalcy.events.state import CameraState, WatchState

ANSWER_S = 10.0
STATS_S = 60.0
ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
KEPT_OPEN = 10_000
"""Open events whose last state is remembered; far more than there can be."""


@dataclass(frozen=True, slots=True)
class Broker:
    """How the broker is reached."""

    host: str
    port: int = 1883
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: Path | None = None
    """Certificate of the authority that signed the broker's; None: those of the system."""
    client_id: str = "normalcy"
    prefix: str = "normalcy"
    qos: int = 1
    discovery: str | None = "homeassistant"
    """Prefix of Home Assistant's discovery; None: none."""


class Mqtt:
    """Publishes ``PREFIX/events`` and the cameras' states; takes ``PREFIX/CAMERA/enabled/set`` (ON, OFF).

    ``PREFIX/available`` is retained, with ``offline`` as the last will. All that is retained is published again on every
    connection, and discovery also when Home Assistant says that it started.
    """

    def __init__(
        self,
        broker: Broker,
        cameras: Sequence[str],
        media: Path,
        enable: Callable[[str, bool], None],
        name: str = "mqtt",
    ) -> None:
        """cameras: their names. media: the folder that snapshots are relative to. enable: is called with a camera and whether
        it is to raise alarms, when the switch is used.

        Raises UsageError where paho-mqtt is not installed, ConfigError for a certificate that cannot be read.
        """
        try:
            from paho.mqtt import client as paho
        except ImportError as e:
            raise UsageError("MQTT needs paho-mqtt: pip install 'normalcy[watch]'") from e
        self.name, self._broker, self._media, self._enable = name, broker, media, enable
        self._cameras = tuple(cameras)
        self._before: dict[str, dict[str, Any]] = {}
        self._published: dict[str, str] = {}
        """Retained topics of states and what was last published there."""
        self._lock = threading.Lock()
        self._stats = 0.0
        client: Any = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=broker.client_id)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            try:
                client.tls_set(ca_certs=None if broker.ca is None else str(broker.ca))
            except OSError as e:
                raise ConfigError(f"sinks.{name}.ca: {broker.ca}: cannot be read: {e.strerror or e}") from e
        client.will_set(self._topic("available"), OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=60)
        client.on_connect, client.on_message = self._connected, self._message
        self._client = client
        client.connect_async(broker.host, broker.port, keepalive=30)
        client.loop_start()

    def send(self, record: EventRecord) -> None:
        if not self._client.is_connected():
            raise SinkError(f"{self._broker.host}:{self._broker.port}: no connection to the MQTT broker")
        after = envelope(record)
        before = self._before.get(record.id, after)
        self._publish("events", json.dumps({"type": record.type, "before": before, "after": after}), retain=False, wait=True)
        if record.snapshot is not None:
            with suppress(OSError):
                self._publish(f"{record.camera}/snapshot", (self._media / record.snapshot).read_bytes(), retain=True, wait=True)
        self._before[record.id] = after
        if record.type == "end" or len(self._before) > KEPT_OPEN:
            self._before.pop(record.id if record.type == "end" else next(iter(self._before)))

    def report(self, state: WatchState) -> None:
        if not self._client.is_connected():
            return
        for c in state.cameras:
            for topic, value in camera_topics(c).items():
                self._state(topic, value)
        if state.time - self._stats >= STATS_S:
            self._stats = state.time
            self._publish("stats", json.dumps(state.to_dict()), retain=False)

    def close(self) -> None:
        with suppress(Exception):
            self._publish("available", OFFLINE, retain=True, wait=True)
        self._client.disconnect()
        self._client.loop_stop()

    def forget(self, camera: str) -> None:
        """Take a camera's device out of Home Assistant: an empty retained message removes it."""
        if self._broker.discovery is not None:
            topic = device_topic(self._broker.discovery, self._broker.prefix, camera)
            self._client.publish(topic, b"", qos=1, retain=True).wait_for_publish(ANSWER_S)

    def _state(self, topic: str, value: str) -> None:
        with self._lock:
            known = self._published.get(topic) == value
            self._published[topic] = value
        if not known:
            self._publish(topic, value, retain=True)

    def _publish(self, topic: str, payload: str | bytes, retain: bool, wait: bool = False) -> None:
        info = self._client.publish(self._topic(topic), payload, qos=self._broker.qos, retain=retain)
        if not wait:
            return
        try:
            info.wait_for_publish(ANSWER_S)
        except (RuntimeError, ValueError) as e:
            raise SinkError(f"{self._broker.host}:{self._broker.port}: {e}") from e
        if not info.is_published():
            raise SinkError(f"{self._broker.host}:{self._broker.port}: the MQTT broker does not answer")

    def _topic(self, topic: str) -> str:
        return f"{self._broker.prefix}/{topic}"

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            return
        client.subscribe([(self._topic("+/enabled/set"), 1)])
        if self._broker.discovery is not None:
            client.subscribe([(f"{self._broker.discovery}/{STATUS}", 1)])
            self._discover()
        client.publish(self._topic("available"), ONLINE, qos=1, retain=True)
        with self._lock:
            again = dict(self._published)
        for topic, value in again.items():
            client.publish(self._topic(topic), value, qos=1, retain=True)

    def _discover(self) -> None:
        assert self._broker.discovery is not None
        for camera in self._cameras:
            topic = device_topic(self._broker.discovery, self._broker.prefix, camera)
            self._client.publish(topic, json.dumps(device_config(self._broker.prefix, camera)), qos=1, retain=True)

    def _message(self, client: Any, userdata: Any, message: Any) -> None:
        text = message.payload.decode("utf-8", "replace").strip()
        if message.topic == f"{self._broker.discovery}/{STATUS}":
            if text == ONLINE:
                self._discover()
            return
        camera = message.topic.removeprefix(f"{self._broker.prefix}/").removesuffix("/enabled/set")
        if camera in self._cameras and text in (ON, OFF):
            self._enable(camera, text == ON)


def envelope(record: EventRecord) -> dict[str, Any]:
    """An event as ``before`` and ``after`` have it."""
    return {
        "id": record.id,
        "camera": record.camera,
        "label": record.kind,
        "severity": record.severity,
        "start_time": record.start_time,
        "end_time": record.end_time,
        "thumb_path": record.snapshot,
        "has_snapshot": record.snapshot is not None,
        "has_clip": record.clip is not None and record.end_time is not None,
        "zones": list(record.zones),
        "data": record.to_dict(),
    }


def camera_topics(c: CameraState) -> Mapping[str, str]:
    """Topic below the prefix -> its retained value."""
    out = {
        f"{c.name}/state": c.state,
        f"{c.name}/anomaly": ON if c.anomaly else OFF,
        f"{c.name}/enabled/state": ON if c.enabled else OFF,
        f"{c.name}/problems": json.dumps(list(c.problems)),
    }
    if c.score is not None:
        out[f"{c.name}/score"] = f"{c.score:.2f}"
    return out
