from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from prometheus_client.parser import text_string_to_metric_families
from standardwebhooks import Webhook as Verifier

from normalcy.errors import ConfigError, OutputError
from normalcy.events.endpoint import Endpoint
from normalcy.events.outbox import Outbox, SinkError
from normalcy.events.sinks.mqtt import Broker, Mqtt
from normalcy.events.sinks.notify import Notify
from normalcy.events.sinks.webhook import Webhook
from normalcy.events.state import CameraState, WatchState
from peers import free_port, mosquitto, needs, receiver, record, wait_for

SECRET = "whsec_" + base64.b64encode(b"a key of the receiver's own!").decode()


def test_a_webhook_is_signed_so_that_the_standard_library_of_the_scheme_accepts_it() -> None:
    with receiver() as r:
        Webhook(r.url, SECRET).send(record())
    ((headers, body),) = r.got
    assert Verifier(SECRET).verify(body, headers) == json.loads(json.dumps(record().to_dict()))
    assert headers["webhook-id"] == record().message
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(body.replace(b"gate", b"door"), headers)


def test_without_a_secret_there_is_no_signature() -> None:
    with receiver() as r:
        Webhook(r.url).send(record())
    assert "webhook-signature" not in r.got[0][0] and r.got[0][0]["webhook-id"] == record().message


def test_a_webhook_comes_again_with_the_same_name_until_it_is_taken(tmp_path: Path) -> None:
    told: list[str] = []
    with receiver() as r:
        r.status = 503
        box = Outbox(Webhook(r.url + "?token=hidden", SECRET), tmp_path / "s", told.append, 0.01, 0.05)
        box.put(record())
        wait_for(lambda: len(r.got) >= 3)
        r.status = 200
        wait_for(lambda: box.spooled == 0)
        box.close()
    assert {headers["webhook-id"] for headers, _ in r.got} == {record().message}
    assert "answered 503" in told[0] and "hidden" not in " ".join(told)


def test_a_redirect_and_a_dead_address_are_failures() -> None:
    with receiver() as r:
        r.status = 302
        with pytest.raises(SinkError, match="answered 302"):
            Webhook(r.url).send(record())
    with pytest.raises(SinkError, match="refused"):
        Webhook(r.url).send(record())


@pytest.mark.parametrize(("url", "secret"), [("ftp://host/x", None), ("http://host", "whsec_?"), ("http://host", "")])
def test_impossible_webhooks_are_named_at_once(url: str, secret: str | None) -> None:
    with pytest.raises(ConfigError, match="webhook"):
        Webhook(url, secret)


def test_a_notification_goes_to_a_service_once_per_alert(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 picture \xff\xd9")
    with receiver() as r:
        n = Notify([f"json://127.0.0.1:{r.port}/x"], tmp_path)
        n.send(record(snapshot="a.jpg"))
        n.send(record(type="update", change=1))
        n.send(record(type="end", change=2, end_time=105.0))
        n.send(record(severity="detection"))
    ((_, body),) = r.got
    message = json.loads(body)
    assert (message["title"], message["message"]) == ("gate: anomaly", record().text)
    assert base64.b64decode(message["attachments"][0]["base64"]) == b"\xff\xd8 picture \xff\xd9"
    with pytest.raises(SinkError, match="did not take"):
        n.send(record())


def test_an_unknown_service_is_named_without_its_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="address 1") as e:
        Notify(["nosuch://token@host"], tmp_path)
    assert "token" not in str(e.value)


class Listener:
    """A client of the broker that keeps what it hears."""

    def __init__(self, port: int, **login: str) -> None:
        self.got: dict[str, list[tuple[str, bool]]] = {}
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(**login)
        self.client.on_message = self._hear
        self.client.on_connect = lambda c, *_: c.subscribe("#")
        self.ready = False
        self.client.on_subscribe = lambda *_: setattr(self, "ready", True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for(lambda: self.ready)

    def _hear(self, client: Any, userdata: Any, m: Any) -> None:
        self.got.setdefault(m.topic, []).append((m.payload.decode("utf-8", "replace"), m.retain))

    def last(self, topic: str) -> str | None:
        return self.got[topic][-1][0] if topic in self.got else None

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def connected(broker: Broker, media: Path, enable: Any = None) -> Iterator[Mqtt]:
    sink = Mqtt(broker, ["gate"], media, enable or (lambda *_: None))
    try:
        wait_for(sink._client.is_connected)
        yield sink
    finally:
        sink.close()


def test_mqtt_speaks_as_frigate_and_home_assistant_expect(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "a.jpg").write_bytes(b"JPEG")
    switched: list[tuple[str, bool]] = []
    with mosquitto(tmp_path, port):
        hears = Listener(port)
        with connected(Broker("127.0.0.1", port), tmp_path, lambda *a: switched.append(a)) as sink:
            wait_for(lambda: hears.last("normalcy/available") == "online")
            config = json.loads(wait_for(lambda: hears.last("homeassistant/device/normalcy_gate/config")))
            assert set(config) >= {"dev", "o", "cmps"}
            assert all({"p", "unique_id"} <= set(c) for c in config["cmps"].values())
            assert config["cmps"]["anomaly"]["p"] == "binary_sensor" and config["cmps"]["enabled"]["p"] == "switch"

            sink.send(record())
            sink.send(record(type="end", change=1, end_time=109.0, peak=4.0, snapshot="a.jpg"))
            wait_for(lambda: len(hears.got.get("normalcy/events", [])) == 2 and hears.last("normalcy/gate/snapshot"))
            new, end = (json.loads(text) for text, _ in hears.got["normalcy/events"])
            assert (new["type"], end["type"]) == ("new", "end")
            assert end["before"]["end_time"] is None and end["after"]["end_time"] == 109.0
            assert end["after"]["camera"] == "gate" and end["before"]["data"]["peak"] == 3.5
            assert end["after"]["thumb_path"] == "a.jpg"

            state = CameraState("gate", "rtsp://host/s", "on", score=1.234, anomaly=True, problems=("dark",))
            sink.report(WatchState(1000.0, (state,)))
            wait_for(lambda: hears.last("normalcy/stats"))
            assert hears.last("normalcy/gate/score") == "1.23" and hears.last("normalcy/gate/anomaly") == "ON"
            assert json.loads(hears.last("normalcy/gate/problems") or "") == ["dark"]

            hears.client.publish("normalcy/gate/enabled/set", "OFF", qos=1)
            hears.client.publish("normalcy/other/enabled/set", "OFF", qos=1)
            hears.client.publish("normalcy/gate/enabled/set", "ON", qos=1)
            wait_for(lambda: len(switched) == 2)
            assert switched == [("gate", False), ("gate", True)]

            n = len(hears.got["homeassistant/device/normalcy_gate/config"])
            hears.client.publish("homeassistant/status", "online", qos=1)
            wait_for(lambda: len(hears.got["homeassistant/device/normalcy_gate/config"]) > n)
        wait_for(lambda: hears.last("normalcy/available") == "offline")
        hears.close()
        late = Listener(port)  # what is retained is there for one who comes later; events are not
        wait_for(lambda: "normalcy/gate/state" in late.got and "normalcy/available" in late.got)
        assert "normalcy/events" not in late.got and late.last("normalcy/gate/enabled/state") == "ON"
        late.close()


def test_the_last_will_says_offline_when_the_watcher_is_gone(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        hears = Listener(port)
        sink = Mqtt(Broker("127.0.0.1", port), ["gate"], tmp_path, lambda *_: None)
        wait_for(lambda: hears.last("normalcy/available") == "online")
        sink._client.socket().shutdown(2)  # as a kill leaves it; it then connects again by itself
        wait_for(lambda: [t for t, _ in hears.got["normalcy/available"]][:3] == ["online", "offline", "online"])
        sink.close()
        hears.close()


def test_a_broker_that_is_cut_off_gets_every_event_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        sink = Mqtt(Broker("127.0.0.1", port), ["gate"], tmp_path, lambda *_: None)
        box = Outbox(sink, tmp_path / "s", lambda _: None, 0.05, 0.2)
        box.put(record())
        wait_for(lambda: box.spooled == 0)
    for i in (1, 2):
        box.put(record(change=i, type="update"))
    assert box.spooled == 2
    with mosquitto(tmp_path, port):
        hears = Listener(port)
        wait_for(lambda: len(hears.got.get("normalcy/events", [])) >= 2)
        wait_for(lambda: box.spooled == 0)
        seen = [json.loads(t)["after"]["data"]["change"] for t, _ in hears.got["normalcy/events"]]
        assert [c for c in seen if c] == [1, 2]
        hears.close()
        box.close()


def test_mqtt_over_tls_with_a_password(tmp_path: Path) -> None:
    openssl, port, plain = needs("openssl"), free_port(), free_port()
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(tmp_path / "key.pem"),
        "-out",
        str(tmp_path / "cert.pem"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run([needs("mosquitto_passwd"), "-b", "-c", str(tmp_path / "users"), "watcher", "p@ss word"], check=True)
    settings = [f"password_file {tmp_path / 'users'}", f"listener {plain} 127.0.0.1"]
    tls = [f"certfile {tmp_path / 'cert.pem'}", f"keyfile {tmp_path / 'key.pem'}"]
    with mosquitto(tmp_path, port, *tls, *settings):
        hears = Listener(plain, username="watcher", password="p@ss word")
        broker = Broker("127.0.0.1", port, "watcher", "p@ss word", tls=True, ca=tmp_path / "cert.pem")
        assert "p@ss" not in repr(broker)
        with connected(broker, tmp_path) as sink:
            sink.send(record())
            wait_for(lambda: hears.last("normalcy/events"))
        wrong = Mqtt(Broker("127.0.0.1", port, "watcher", "wrong", True, tmp_path / "cert.pem"), [], tmp_path, lambda *_: None)
        with pytest.raises(SinkError, match="no connection") as e:
            wrong.send(record())
        assert "wrong" not in str(e.value)
        wrong.close()
        hears.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read().decode()


def test_metrics_are_read_by_prometheus_own_parser_and_health_follows_the_cameras() -> None:
    cameras = [
        CameraState("gate", "x", "on", fps=25.0, score=1.5, threshold=2.0, frames=100, skipped=3, events={"velocity": 2}),
        CameraState("door", "y", "on", last_frame=7.0, reconnects=4),
    ]
    endpoint = Endpoint(lambda: WatchState(1.0, tuple(cameras), {"mqtt": 5}), port=0)
    status, text = get(endpoint.port, "/metrics")
    samples = {(s.name, *sorted(s.labels.values())): s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert status == 200
    assert samples["normalcy_camera_fps", "gate"] == 25.0
    assert samples["normalcy_camera_skipped_frames_total", "gate"] == 3
    assert samples["normalcy_events_total", "gate", "velocity"] == 2
    assert samples["normalcy_camera_last_frame_timestamp_seconds", "door"] == 7.0
    assert samples["normalcy_camera_reconnects_total", "door"] == 4
    assert samples["normalcy_sink_spooled", "mqtt"] == 5
    assert ("normalcy_camera_score", "door") not in samples
    assert get(endpoint.port, "/health")[0] == 200
    cameras[1] = CameraState("door", "y", "lost")
    status, text = get(endpoint.port, "/health")
    assert status == 503 and json.loads(text)["cameras"][1]["state"] == "lost"
    assert get(endpoint.port, "/etc/passwd")[0] == 404
    with pytest.raises(OutputError, match="cannot serve metrics"):
        Endpoint(lambda: WatchState(1.0), port=endpoint.port)
    endpoint.close()
