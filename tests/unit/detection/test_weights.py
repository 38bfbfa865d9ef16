"""Downloads, against a server on this machine: checked, kept once, and nothing half done is left."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from normalcy.detection import weights
from normalcy.detection.weights import PUBLISHED, Published, download, find_weights
from normalcy.errors import OutputError, WeightsError

CONTENT = bytes(range(256)) * 1000


class Server(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 1000 if self.path.startswith("/cut") else None])

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def named(monkeypatch: pytest.MonkeyPatch, url: str, digest: str = hashlib.sha256(CONTENT).hexdigest()) -> None:
    monkeypatch.setitem(PUBLISHED, "made", Published(url, digest, "none"))


def test_fetched_once_and_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    monkeypatch.setenv(weights.ENV_ROOT, str(tmp_path / "weights"))
    named(monkeypatch, f"{url}/a/made.onnx")
    told: list[tuple[int, int | None]] = []
    path = find_weights("made", lambda done, total: told.append((done, total)))
    assert path == tmp_path / "weights" / "made.onnx" and path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) > 1
    assert find_weights("made") == path and Server.asked == ["/a/made.onnx"]
    path.write_bytes(b"damaged")
    assert find_weights("made").read_bytes() == CONTENT and len(Server.asked) == 2
    assert [p.name for p in path.parent.iterdir()] == ["made.onnx"]


def test_another_file_than_published_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    named(monkeypatch, f"{url}/made.onnx", "0" * 64)
    with pytest.raises(
        WeightsError, match=r"made\.onnx: what it sent has sha256 [0-9a-f]{64}, expected 0{64}; nothing was kept"
    ):
        download("made", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "words"), [("gone", "cannot be downloaded: .*404|Not Found"), ("cut", "ended after 1000 of 256000 bytes")]
)
def test_failures_say_why_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, place: str, words: str
) -> None:
    named(monkeypatch, f"{url}/{place}/made.onnx")
    with pytest.raises(WeightsError, match=words):
        download("made", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named(monkeypatch, "http://127.0.0.1:9/made.onnx")
    with pytest.raises(WeightsError, match=r"cannot be downloaded: .*by hand and give its path as objects\.weights"):
        download("made", tmp_path)


def test_a_place_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    named(monkeypatch, f"{url}/made.onnx")
    with pytest.raises(OutputError, match=weights.ENV_ROOT):
        download("made", tmp_path / "file")


def test_what_is_published_is_well_formed() -> None:
    for name, what in PUBLISHED.items():
        assert what.url.startswith("https://") and what.url.endswith(f"{name}.onnx")
        assert len(what.sha256) == 64 and int(what.sha256, 16)
