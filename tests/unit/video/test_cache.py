from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fakes import cut, moving_square_video, numbered_frames, read_number, write_frames, write_video
from normalcy.config import VideoConfig
from normalcy.errors import OutputError, SourceError, VideoError
from normalcy.video import cache
from normalcy.video.cache import cache_root, cache_size, cached_videos, clear_cache, fingerprint, open_cache
from normalcy.video.convert import shrink
from normalcy.video.reader import VideoReader
from normalcy.video.source import VideoRef, as_ref


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "v.mp4", moving_square_video(30, 48, 64), times=np.cumsum(np.linspace(0.02, 0.1, 30)))


def forbid_decoding(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "VideoReader", refuse)


@pytest.mark.parametrize("size", [None, (32, 24), (33, 17)])
@pytest.mark.parametrize("kind", ["file", "frames"])
def test_same_pictures_and_times_as_the_reader(tmp_path, root, video, size, kind):
    source = video if kind == "file" else write_frames(tmp_path / "f", moving_square_video(12, 48, 64))
    got = open_cache(source, size, root)
    frames = list(VideoReader(source, size))
    assert isinstance(got.frames, np.memmap) and got.frames.dtype == np.uint8
    assert np.array_equal(got.frames, [f.image for f in frames])
    assert got.time_s.tolist() == [f.time_s for f in frames]
    assert len(got) == got.info.frames == len(frames)
    assert (got.info.width, got.info.height, got.info.name) == (64, 48, source.stem)
    with pytest.raises(ValueError, match="read-only"):
        got.frames[0, 0, 0] = 0


def test_second_call_decodes_nothing(root, video, monkeypatch):
    first = open_cache(video, (32, 24), root)
    forbid_decoding(monkeypatch)
    second = open_cache(VideoRef("other-name", video, "file"), (32, 24), root)
    assert np.array_equal(first.frames, second.frames) and np.array_equal(first.time_s, second.time_s)
    assert (second.key, second.info.fps) == (first.key, first.info.fps)
    assert second.info.name == "other-name"


def test_mean_rate_of_variable_frame_rate_is_measured(root, video):
    got = open_cache(video, (32, 24), root)
    assert got.info.fps == pytest.approx(29 / got.time_s[-1], rel=1e-5)


def test_key_follows_content_and_settings_not_the_name(tmp_path, root, video):
    copy = Path(shutil.copy(video, tmp_path / "copy.mp4"))
    key = open_cache(video, (32, 24), root).key
    assert open_cache(copy, (32, 24), root).key == key
    assert open_cache(video, (24, 32), root).key != key
    assert open_cache(video, None, root).key != key
    changed = write_video(video, numbered_frames(30))
    assert open_cache(changed, (32, 24), root).key != key
    folder = write_frames(tmp_path / "f", numbered_frames(5))
    by_rate = {open_cache(folder, None, root, fps=f).key for f in (10, 25)}
    assert len(by_rate) == 2


def test_fingerprint_sees_any_change(tmp_path):
    folder = write_frames(tmp_path / "f", numbered_frames(4))
    seen = {fingerprint(as_ref(folder))}
    (folder / "1.png").rename(folder / "9.png")
    seen.add(fingerprint(as_ref(folder)))
    (folder / "2.png").write_bytes((folder / "3.png").read_bytes())
    seen.add(fingerprint(as_ref(folder)))
    (folder / "0.png").unlink()
    seen.add(fingerprint(as_ref(folder)))
    (folder / "9.png").rename(folder / "10.png")  # still the last
    seen.add(fingerprint(as_ref(folder)))
    assert len(seen) == 5


def test_fingerprint_of_large_files_reads_little(tmp_path):
    """Above 256 MiB: still different for another head, tail, middle stretch or length; sparse files keep this cheap."""
    path = tmp_path / "big.mp4"
    size = 300 * 2**20
    seen = set()
    sampled = (size - 2**20) * 8 // 17 + 5  # the stretches between are not read, as documented
    for at in (None, 10, size - 10, sampled, size):
        with path.open("wb") as f:
            f.truncate(size)
            if at is not None:
                f.seek(at)
                f.write(b"x")
        seen.add(fingerprint(VideoRef("big", path, "file")))
    assert len(seen) == 5


def test_progress(tmp_path, root, video):
    calls: list[tuple[int, int | None]] = []
    open_cache(video, (32, 24), root, progress=lambda *a: calls.append(a))
    assert calls == [(i + 1, None) for i in range(30)]
    folder = write_frames(tmp_path / "f", numbered_frames(3))
    calls.clear()
    open_cache(folder, None, root, progress=lambda *a: calls.append(a))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("NORMALCY_CACHE_DIR", str(tmp_path / "env"))
    assert cache_root() == tmp_path / "env"
    assert cache_root(tmp_path / "arg") == tmp_path / "arg"
    monkeypatch.delenv("NORMALCY_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root().parts[-2:] == ("normalcy", "frames")


def leftovers(root):
    return [p.name for p in root.iterdir()] if root.exists() else []


def test_a_broken_video_leaves_nothing(tmp_path, root):
    frames = np.random.default_rng(0).integers(0, 256, (40, 64, 96, 3), dtype=np.uint8)
    broken = cut(write_video(tmp_path / "v.flv", frames), 0.6)
    with pytest.raises(VideoError, match="cut off"):
        open_cache(broken, None, root, config=VideoConfig(damage="refuse"))
    assert leftovers(root) == []
    with pytest.raises(SourceError, match="no such file"):
        open_cache(tmp_path / "gone.mp4", None, root)


def test_interrupt_leaves_nothing(root, video):
    def stop(done, _):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(video, None, root, progress=stop)
    assert leftovers(root) == []
    assert len(open_cache(video, None, root)) == 30


def test_no_room(root, video):
    """A file size limit of the operating system: a failed write as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError) as e:
            open_cache(video, None, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(root) in str(e.value) and "NORMALCY_CACHE_DIR" in str(e.value)
    assert leftovers(root) == []


def test_full_disk_and_no_permission(root, video, monkeypatch, tmp_path):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        open_cache(video, None, root)
    assert leftovers(root) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write the frame cache"):
        open_cache(video, None, tmp_path / "file" / "below")


@pytest.mark.parametrize("damage", ["short", "no info", "other length", "bad json", "pickle"])
def test_a_damaged_entry_is_written_anew(root, video, damage):
    good = open_cache(video, (32, 24), root)
    expected, folder = np.array(good.frames), root / good.key
    if damage == "short":
        cut(folder / "frames.npy", 0.7)
    elif damage == "no info":
        (folder / "info.json").unlink()
    elif damage == "other length":
        np.save(folder / "time_s.npy", np.zeros(3))
    elif damage == "bad json":
        (folder / "info.json").write_text("{")
    else:
        np.save(folder / "time_s.npy", np.array([{}], dtype=object), allow_pickle=True)
    again = open_cache(video, (32, 24), root)
    assert np.array_equal(again.frames, expected)
    assert len(again.time_s) == 30


def test_kill_half_way_then_again(root, video):
    """SIGKILL in the middle of decoding: no entry under the key; the next call works, old remains go."""
    script = (
        "import os, sys; from normalcy.video.cache import open_cache\n"
        "open_cache(sys.argv[1], None, sys.argv[2], progress=lambda n, _: n == 15 and os.kill(os.getpid(), 9))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(video), str(root)], check=False)
    assert done.returncode == -9
    (remains,) = root.iterdir()
    assert remains.name.startswith(".unfinished-")
    assert len(open_cache(video, None, root)) == 30
    assert remains.exists()  # might be another process at work: it is fresh
    old = time.time() - 7200
    for p in (*remains.iterdir(), remains):
        os.utime(p, (old, old))
    open_cache(video, (32, 24), root)
    assert not remains.exists()


def test_two_processes_at_once(root, video):
    script = (
        "import sys; from normalcy.video.cache import open_cache\n"
        "print('ready', flush=True); input()\n"
        "got = open_cache(sys.argv[1], (32, 24), sys.argv[2]); print(len(got), got.frames.sum(dtype='int64'))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen([sys.executable, "-c", script, str(video), str(root)], **pipes) for _ in range(2)]
    for w in workers:
        assert w.stdout.readline() == "ready\n"
    for w in workers:  # both stand at the line: go
        w.stdin.write("\n")
        w.stdin.flush()
    results = [w.communicate(timeout=60)[0].split() for w in workers]
    assert [w.returncode for w in workers] == [0, 0]
    assert results[0] == results[1] and results[0][0] == "30"
    assert len(leftovers(root)) == 1


def test_another_process_finished_first(root, video):
    """The rename finds an entry that was not there at the start: it is taken, ours goes."""

    def overtaken(done, _):
        if done == 20:
            open_cache(video, (32, 24), root)

    got = open_cache(video, (32, 24), root, progress=overtaken)
    assert len(got) == 30 and leftovers(root) == [got.key]


def test_size_and_clear(root, video):
    assert cache_size(root) == 0 and clear_cache(root) == 0
    got = open_cache(video, (32, 24), root)
    (root / "mine.txt").write_text("not ours")
    (root / "folder").mkdir()
    (root / ".unfinished-old").mkdir()
    assert cache_size(root) >= got.frames.nbytes
    assert cached_videos(root) == 1
    open_cache(video, None, root)
    assert cached_videos(root) == 2
    assert clear_cache(root) >= 30 * 32 * 24 * 3
    assert sorted(leftovers(root)) == ["folder", "mine.txt"]
    assert cached_videos(root) == 0


def test_plain_numpy_reads_an_entry(root, video):
    got = open_cache(video, None, root)
    assert np.load(root / got.key / "frames.npy").shape == (30, 48, 64, 3)
    assert json.loads((root / got.key / "info.json").read_text())["frames"] == 30
    assert 0 <= read_number(got.frames[0]) < 2**16


def test_whole_pictures_are_shrunk_as_scoring_shrinks_them(tmp_path: Path) -> None:
    """Frames of training equal what a scorer makes of the whole frames of the same file, to the bit."""
    path = tmp_path / "a.mp4"
    write_video(path, np.random.default_rng(0).integers(0, 255, (6, 48, 64, 3), dtype=np.uint8))
    size = (32, 16)
    whole = open_cache(path, size, tmp_path / "cache", whole=True)
    with VideoReader(path) as reader:
        wanted = np.stack([shrink(f.image, size) for f in reader])
    np.testing.assert_array_equal(whole.frames, wanted)
    assert open_cache(path, size, tmp_path / "cache").key != whole.key
