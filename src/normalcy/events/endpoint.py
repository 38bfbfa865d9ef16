"""Metrics for Prometheus and a health check, over HTTP; on this machine alone unless told otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from normalcy.errors import OutputError, UsageError
from normalcy.events.state import CameraState, WatchState


class Endpoint:
    """``/metrics`` in Prometheus' text format; ``/health`` answers 200 while every camera delivers pictures, else 503."""

    def __init__(self, state: Callable[[], WatchState], host: str = "127.0.0.1", port: int = 9105) -> None:
        """port: 0 takes a free one. Raises OutputError where it is taken, UsageError without prometheus-client."""
        try:
            import prometheus_client
            from prometheus_client import CollectorRegistry
        except ImportError as e:
            raise UsageError("metrics need prometheus-client: pip install 'normalcy[watch]'") from e
        registry = CollectorRegistry()
        registry.register(_Cameras(state))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, prometheus_client.generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8")
                elif self.path == "/health":
                    now = state()
                    self._answer(200 if now.well else 503, json.dumps(now.to_dict()).encode(), "application/json")
                else:
                    self._answer(404, b"there are /metrics and /health\n", "text/plain")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except (OSError, OverflowError) as e:
            raise OutputError(f"{host}:{port}: cannot serve metrics here: {getattr(e, 'strerror', None) or e}") from e
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Cameras:
    """Reads the state when it is scraped, so that no figure is kept twice."""

    def __init__(self, state: Callable[[], WatchState]) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._state()
        gauges: dict[str, tuple[str, Callable[[CameraState], float | None]]] = {
            "fps": ("Frames scored per second", lambda c: c.fps),
            "score": ("Newest frame score", lambda c: c.score),
            "threshold": ("Score above which an event begins", lambda c: c.threshold),
            "last_frame_timestamp_seconds": ("When the newest frame came in", lambda c: c.last_frame),
            "up": ("1 while the camera delivers pictures", lambda c: float(c.state != "lost")),
        }
        counters: dict[str, tuple[str, Callable[[CameraState], float | None]]] = {
            "frames": ("Frames that came in", lambda c: c.frames),
            "skipped_frames": ("Frames dropped because scoring did not keep up", lambda c: c.skipped),
            "damaged_packets": ("Packets that could not be decoded", lambda c: c.damaged),
            "reconnects": ("Connections after the first", lambda c: c.reconnects),
        }
        for kind, table in ((GaugeMetricFamily, gauges), (CounterMetricFamily, counters)):
            for name, (words, value) in table.items():
                family = kind(f"normalcy_camera_{name}", words, labels=["camera"])
                for c in now.cameras:
                    figure = value(c)
                    if figure is not None:
                        family.add_metric([c.name], figure)
                yield family
        events = CounterMetricFamily("normalcy_events", "Events by reason", labels=["camera", "reason"])
        for c in now.cameras:
            for reason, n in c.events.items():
                events.add_metric([c.name, reason], n)
        yield events
        spooled = GaugeMetricFamily("normalcy_sink_spooled", "Changes that a sink has still to take", labels=["sink"])
        for sink, n in now.spooled.items():
            spooled.add_metric([sink], n)
        yield spooled
