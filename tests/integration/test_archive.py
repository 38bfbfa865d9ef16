"""An archive through runners and addresses: the scores of one machine, whatever the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import normalcy
from fakes import blank
from normalcy.api import archive_calls
from normalcy.errors import SourceError, UsageError, VideoError
from normalcy.results.scored import ScoreResult
from normalcy.runners.here import Here
from peers import s3_server
from road import odd_video

SAME = ("scores.csv", "events.json", "maps.npy")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short recordings, a long one, and a file that is none."""
    folder = tmp_path_factory.mktemp("archive")
    for i in range(2):
        odd_video(folder / f"v{i}.mp4", seed=i)
    odd_video(folder / "long.mp4", frames=400, seed=5)
    (folder / "bad.mp4").write_bytes(b"nonsense" * 100)
    return folder


@pytest.fixture(scope="module")
def plain(archive: Path, model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its results on one machine."""
    out = tmp_path_factory.mktemp("plain")
    normalcy.score(archive, model_dir, out, maps=True, device="cpu")
    return out


@pytest.fixture
def as_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """--engine ray runs its calls in this process."""
    monkeypatch.setattr("normalcy.api.score.open_runner", lambda *_: Here())


def parted(source: object, model: Path, out: object, **more: object) -> ScoreResult:
    return normalcy.score(source, model, out, maps=True, device="cpu", engine="ray", part_s=4.0, **more)  # type: ignore[arg-type]


def same(a: Path, b: Path, name: str) -> None:
    for product in SAME:
        assert (a / name / product).read_bytes() == (b / name / product).read_bytes(), (name, product)
    one, two = (json.loads((folder / name / "run.json").read_text()) for folder in (a, b))
    for run in (one, two):
        del run["timings"]
    assert one == two


def test_parts_give_the_files_of_the_whole(
    archive: Path, plain: Path, model_dir: Path, tmp_path: Path, as_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = []
    monkeypatch.setattr("normalcy.api.archive.score_part", lambda *a: spans.append(a[-1]) or archive_calls.score_part(*a))
    heard: list[tuple[str, int, int | None]] = []
    result = parted(archive, model_dir, tmp_path, progress=lambda stage, done, total, _: heard.append((stage, done, total)))
    assert [v.name for v in result.videos] == ["long", "v0", "v1"]
    assert list(result.failed) == ["bad"] and "not a video" in result.failed["bad"]
    assert len(spans) >= 3 and spans[0].first == 0 and spans[-1].stop == 400
    for video in result.videos:
        same(plain, tmp_path, video.name)
    assert [h for h in heard if h[1] == h[2]] == [("score long", 400, 400), ("score v0", 60, 60), ("score v1", 60, 60)]
    again = parted(archive, model_dir, tmp_path)
    assert all(v.skipped for v in again.videos) and list(again.failed) == ["bad"]
    assert all(v.skipped for v in normalcy.score(archive, model_dir, tmp_path, maps=True, device="cpu").videos)


def test_damage_within_pictures_sends_the_recording_through_as_a_whole(
    model_dir: Path, tmp_path: Path, as_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = []
    monkeypatch.setattr(
        "normalcy.api.archive.score_whole", lambda *a: whole.append(a[-1].name) or archive_calls.score_whole(*a)
    )
    path = blank(odd_video(tmp_path / "d.mp4", frames=400), 0.6, 400)
    normalcy.score(path, model_dir, tmp_path / "a", maps=True, device="cpu")
    result = parted(path, model_dir, tmp_path / "b")
    assert whole == ["d"]
    assert any("damaged" in w or "decoded" in w for w in result.videos[0].warnings)
    same(tmp_path / "a", tmp_path / "b", "d")


def test_the_only_recording_raises_its_own_error(model_dir: Path, archive: Path, tmp_path: Path, as_engine: None) -> None:
    with pytest.raises(VideoError, match=r"bad\.mp4: not a video"):
        parted(archive / "bad.mp4", model_dir, tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        parted(archive / "none.mp4", model_dir, tmp_path)


def test_what_an_engine_cannot_do_is_said(model_dir: Path, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown engine 'dask'"):
        normalcy.score(archive, model_dir, tmp_path, engine="dask")
    with pytest.raises(UsageError, match="--engine ray"):
        normalcy.score(archive, model_dir, tmp_path, workers=2)
    with pytest.raises(UsageError, match="at least 1"):
        normalcy.score(archive, model_dir, tmp_path, engine="ray", workers=0)
    with pytest.raises(UsageError, match="folder of the model"):
        normalcy.score("memory://x", normalcy.load(model_dir, "cpu"), tmp_path)


@pytest.fixture
def memory() -> Iterator[str]:
    """An address in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec", reason="the extra 'cluster' is not installed")
    fs = fsspec.filesystem("memory")
    fs.makedirs("/cams", exist_ok=True)
    yield "memory://cams"
    fs.rm("/", recursive=True)


def test_sources_and_results_at_addresses(archive: Path, plain: Path, model_dir: Path, tmp_path: Path, memory: str) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    for path in archive.iterdir():
        fs.put_file(str(path), f"/cams/{path.name}")
    result = normalcy.score(memory, model_dir, "memory://out", maps=True, device="cpu")
    assert [v.name for v in result.videos] == ["bad", "long", "v0", "v1"][1:]
    assert "cams/bad.mp4: not a video" in result.failed["bad"] and "/tmp" not in result.failed["bad"]
    assert result.to_dict()["videos"][0]["folder"] == "memory://out/long"
    for name in ("long", "v0", "v1"):
        for product in SAME:
            assert fs.cat_file(f"/out/{name}/{product}") == (plain / name / product).read_bytes()
    again = normalcy.score(memory, model_dir, "memory://out", maps=True, device="cpu")
    assert all(v.skipped for v in again.videos) and len(again.videos) == 3
    with fs.open("/cams/v1.mp4", "wb") as f:  # another recording under the name
        f.write((archive / "v0.mp4").read_bytes())
    once_more = normalcy.score(memory, model_dir, "memory://out", maps=True, device="cpu")
    assert [v.skipped for v in once_more.videos] == [True, True, False]


def test_addresses_that_lead_nowhere(model_dir: Path, tmp_path: Path, memory: str) -> None:
    with pytest.raises(SourceError, match="memory://cams: nothing there is video"):
        normalcy.score(memory, model_dir, tmp_path, device="cpu")
    with pytest.raises(SourceError, match=r"memory://none.* no such file"):
        normalcy.score("memory://none/a.mp4", model_dir, tmp_path, device="cpu")
    with pytest.raises(UsageError, match="nonsense://x"):
        normalcy.score("nonsense://x", model_dir, tmp_path, device="cpu")


@pytest.mark.slow
def test_s3(archive: Path, plain: Path, model_dir: Path) -> None:
    pytest.importorskip("fsspec", reason="the extra 'cluster' is not installed")
    with s3_server():
        from normalcy import remote

        remote.put(archive, "s3://archive/cams", [p.name for p in archive.iterdir()])
        result = normalcy.score("s3://archive/cams/*.mp4", model_dir, "s3://archive/out", maps=True, device="cpu")
        assert [v.name for v in result.videos] == ["long", "v0", "v1"] and list(result.failed) == ["bad"]
        for name in ("long", "v0", "v1"):
            for product in SAME:
                assert remote.read(f"s3://archive/out/{name}/{product}") == (plain / name / product).read_bytes()
        again = normalcy.score("s3://archive/cams", model_dir, "s3://archive/out", maps=True, device="cpu")
        assert all(v.skipped for v in again.videos)
        with pytest.raises(SourceError, match="s3://archive/none"):
            normalcy.score("s3://archive/none/a.mp4", model_dir, "s3://archive/out", device="cpu")


@contextmanager
def running(archive: Path, model: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The command on a Ray cluster of two workers, which SIGINT reaches also where the tests run in the background."""
    words = ["score", str(archive), "--model", str(model), "--out", str(out), "--maps", "--device", "cpu", *more]
    run = subprocess.Popen(
        [sys.executable, "-m", "normalcy", *words, "--engine", "ray", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_worker_niceness": "0"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def workers_of(pid: int) -> list[int]:
    """Ray's processes below one that run a call now."""
    import psutil

    try:
        below = psutil.Process(pid).children(recursive=True)
        return [p.pid for p in below if "ray::_work" in " ".join(p.cmdline())]
    except psutil.Error:  # one of them has just ended
        return []


def wait_until(condition: object, process: subprocess.Popen[str], timeout_s: float = 300.0) -> object:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        value = condition()  # type: ignore[operator]
        if value:
            return value
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate())


@pytest.mark.slow
def test_ray_with_a_killed_worker(archive: Path, plain: Path, model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    with running(archive, model_dir, tmp_path, "--part-s", "4") as run:
        victim = wait_until(lambda: workers_of(run.pid), run)
        os.kill(victim[0], signal.SIGKILL)  # type: ignore[index]
        _, err = run.communicate(timeout=300)
    assert run.returncode == 4, err
    assert "bad.mp4: not a video" in err and "Traceback" not in err
    assert "score long: 400/400" in err and "score v1: 60/60" in err
    for name in ("long", "v0", "v1"):
        same(plain, tmp_path, name)
    assert not list(tmp_path.rglob(".unfinished-*"))


@pytest.mark.slow
def test_ctrl_c_ends_ray_and_leaves_nothing_behind(archive: Path, model_dir: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    many = tmp_path / "many"
    many.mkdir()
    for i in range(20):
        shutil.copy(archive / "long.mp4", many / f"{i:02d}.mp4")
    out = tmp_path / "out"
    with running(many, model_dir, out) as run:
        wait_until(lambda: list(out.glob("*/run.json")), run)
        below = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=120)
    assert run.returncode == 130, err
    assert "interrupted" in err and "Traceback" not in err
    _, alive = psutil.wait_procs(below, timeout=30)
    assert not alive
    finished = [p.parent for p in out.glob("*/run.json")]
    assert 1 <= len(finished) < 20
    assert all(np.load(f / "maps.npy").shape[0] == 400 for f in finished)
    assert not [p for p in out.rglob(".unfinished-*") if p.parent in finished]
