"""Real peers that tests start and stop: an HTTP receiver, Mosquitto, PostgreSQL. Where one is absent the test is skipped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """The condition's first true value. Fails the test where none comes; the limit only ends a test that hangs."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("what the test waits for did not come")


@dataclass
class Receiver:
    """An HTTP server that keeps what is posted to it."""

    port: int = 0
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    r = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            r.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(r.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    r.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield r
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def needs(name: str) -> str:
    """The path of a program, or the test is skipped."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed (.ci/run installs it where it can)")
    return path


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server of S3's protocol with an empty bucket ``archive``, and the environment to reach it by.

    moto's server is taken from the path, or from NORMALCY_TEST_MOTO: its dependencies contradict ours, so it has an environment
    of its own (.ci/run makes one).
    """
    program = os.environ.get("NORMALCY_TEST_MOTO") or needs("moto_server")
    port = free_port()
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "ENDPOINT_URL": address}.items():
            patch.setenv(f"AWS_{name}", value)
        for name, value in {"REGION": "us-east-1", "DEFAULT_REGION": "us-east-1", "ALLOW_HTTP": "true"}.items():
            patch.setenv(f"AWS_{name}", value)
        try:
            wait_for(lambda: _listening(port), 60.0)
            request = urllib.request.Request(f"{address}/archive", method="PUT")
            urllib.request.urlopen(request).close()
            yield address
        finally:
            server.terminate()
            server.wait(20)


def _listening(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def mosquitto(folder: Path, port: int, *settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A broker on 127.0.0.1:port; settings: further lines of its configuration."""
    program = needs("mosquitto")
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "")
    config = folder / "mosquitto.conf"
    anonymous = [] if any(s.startswith("password_file") for s in settings) else ["allow_anonymous true"]
    config.write_text("\n".join([f"listener {port} 127.0.0.1", f"user {user}", *anonymous, *settings]) + "\n")
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listening(port))
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(psycopg: Any, port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="normalcy", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of a fresh PostgreSQL database, as SQLAlchemy has it."""
    psycopg = pytest.importorskip("psycopg", exc_type=ImportError)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if shutil.which("initdb") is None else []
    initdb = found[-1] if found else Path(needs("initdb"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    data, port = folder / "data", free_port()
    folder.chmod(0o777)
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    options = ["-A", "trust", "-U", "normalcy", "--no-sync", "-E", "UTF8"]
    made = subprocess.run([*as_user, str(initdb), "-D", str(data), *options], cwd="/", capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"PostgreSQL cannot be set up here: {made.stderr.strip().splitlines()[-1:]}")
    server = subprocess.Popen(
        [*as_user, str(initdb.with_name("postgres")), "-D", str(data), "-p", str(port), "-k", "", "-h", "127.0.0.1"],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(psycopg, port))
        yield f"postgresql+psycopg://normalcy@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()


def record(**given: Any) -> Any:
    """An event of a camera, new by default."""
    from normalcy.events.record import EventRecord

    values: dict[str, Any] = {
        "id": "100.000000-abc123",
        "camera": "gate",
        "change": 0,
        "type": "new",
        "kind": "anomaly",
        "severity": "alert",
        "time": 101.0,
        "start_time": 100.0,
        "peak": 3.5,
        "peak_time": 100.5,
        "threshold": 2.0,
        "region": (0.25, 0.5, 0.5, 0.75),
        "zones": ("door",),
        "readout": "velocity",
        "rarity": "higher than 99.97 % of normal minutes",
        "text": "gate: something moves as nothing usually does there",
    }
    return EventRecord(**{**values, **given})


SYSTEM_PYTHON = "/usr/bin/python3"


@contextmanager
def rtsp_server(port: int, path: Path, *login: str) -> Iterator[subprocess.Popen[str]]:
    """A GStreamer RTSP server of an H.264 mp4, at rtsp://127.0.0.1:PORT/cam. login: user and password that it asks for."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True).returncode:
        pytest.skip("GStreamer's RTSP server for Python is not installed (.ci/run installs it where it can)")
    script = Path(__file__).parents[1] / "benchmarks" / "rtsp_server.py"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script), str(port), str(path), *login],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def mjpeg_server(images: list[np.ndarray], fps: float = 50.0) -> Iterator[str]:
    """The address of an HTTP server that sends these (H, W, 3) RGB pictures as multipart JPEG, then closes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                for image in images:
                    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data.tobytes() + b"\r\n")
                    time.sleep(1.0 / fps)
            except OSError:  # the reader has gone
                return

        def log_message(self, format: str, *args: Any) -> None:
            return

    with served(Handler) as port:
        yield f"http://127.0.0.1:{port}/video.mjpg"


@contextmanager
def served(handler: Any) -> Iterator[int]:
    """The port of an HTTP server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
