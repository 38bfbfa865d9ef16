"""Downloads, against a server on this machine: checked, kept once, and nothing half done is left."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from normalcy.detection import weights
from normalcy.detection.download import Published, download
from normalcy.detection.weights import KNOWN, Weights, find_weights, locate
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


def published(url: str, digest: str = hashlib.sha256(CONTENT).hexdigest()) -> Published:
    return Published(url, digest)


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """The weights folders of an imagined user, by what they are."""
    at = {name: tmp_path / name for name in ("env", "cache", "data")}
    monkeypatch.setenv(weights.ENV_ROOT, str(at["env"]))
    monkeypatch.setattr(weights.platformdirs, "user_cache_dir", lambda _: str(at["cache"]))
    monkeypatch.setattr(weights.platformdirs, "user_data_dir", lambda _: str(at["data"]))
    return {"env": at["env"], "cache": at["cache"] / "weights", "data": at["data"] / "weights"}


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_what_is_nowhere_is_fetched_once(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path], url: str) -> None:
    monkeypatch.setitem(KNOWN, "made", Weights("test", ("made.onnx",), "", published(f"{url}/a/made.onnx")))
    told: list[tuple[int, int | None]] = []
    assert locate("made") is None and Server.asked == [], "looking fetches nothing"
    path = find_weights("made", lambda done, total: told.append((done, total)))
    assert path == folders["env"] / "made.onnx" and path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) > 1
    assert find_weights("made") == locate("made") == path and Server.asked == ["/a/made.onnx"]
    assert [p.name for p in path.parent.iterdir()] == ["made.onnx"]


def test_the_first_folder_and_the_first_name_win(folders: dict[str, Path]) -> None:
    first, second = KNOWN["yolox_nano"].files[:2]
    for path in (folders["data"] / first, folders["cache"] / second, folders["cache"] / first, folders["env"] / second):
        put(path)
        assert find_weights("yolox_nano") == path == locate("yolox_nano")
    assert find_weights(first) == folders["cache"] / first, "a file's name is looked for in the same folders"


def test_a_package_that_brings_them(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN, "made", Weights("test", ("a.onnx",), "", package=("pytest", "pytest/__init__.py")))
    assert locate("made") == Path(pytest.__file__)
    put(folders["data"] / "a.onnx")
    assert locate("made") == folders["data"] / "a.onnx"
    monkeypatch.setitem(KNOWN, "made", Weights("test", ("b.onnx",), "pip install it", package=("no-such-package", "x")))
    with pytest.raises(WeightsError, match=r"made: no b\.onnx in .*env or .*cache.* or .*data.*; get it with: pip install it"):
        find_weights("made")


def test_a_path_that_is_not_there(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no\.onnx: no such file; give the path .* one of the names yolox_nano"):
        find_weights(str(tmp_path / "no.onnx"))


def test_another_file_than_published_is_not_kept(tmp_path: Path, url: str) -> None:
    with pytest.raises(
        WeightsError, match=r"made\.onnx: what it sent has sha256 [0-9a-f]{64}, expected 0{64}; nothing was kept"
    ):
        download(published(f"{url}/made.onnx", "0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "words"), [("gone", "cannot be downloaded: .*404|Not Found"), ("cut", "ended after 1000 of 256000 bytes")]
)
def test_failures_say_why_and_leave_nothing(tmp_path: Path, url: str, place: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        download(published(f"{url}/{place}/made.onnx"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be downloaded: .*by hand and give its path as objects\.weights"):
        download(published("http://127.0.0.1:9/made.onnx"), tmp_path)


def test_a_place_that_cannot_be_written(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=weights.ENV_ROOT):
        download(published(f"{url}/made.onnx"), tmp_path / "file")


def test_what_is_published_is_well_formed() -> None:
    for known in KNOWN.values():
        what = known.published
        assert known.files and known.get and known.what and (what or known.package), "there is a way to get it"
        if what is not None:
            assert what.url.startswith("https://") and what.url.rsplit("/", 1)[-1] in known.files, "it is found again"
            assert len(what.sha256) == 64 and int(what.sha256, 16)
