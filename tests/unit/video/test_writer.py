from __future__ import annotations

import errno
import resource

import av
import numpy as np
import pytest

from fakes import moving_square_video, numbered_frames, read_number
from normalcy.errors import OutputError, UsageError
from normalcy.video.reader import VideoReader
from normalcy.video.writer import VideoWriter


def test_writes_h264_that_reads_back(tmp_path):
    path = tmp_path / "o.mp4"
    frames = moving_square_video(20, 48, 64)
    with VideoWriter(path, (64, 48), 10) as out:
        for image in frames:
            out.write(image)
        assert not path.exists()  # only a finished file gets the name
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]
    got = list(VideoReader(path))
    assert [f.time_s for f in got] == pytest.approx([i / 10 for i in range(20)])
    assert np.abs(np.array([f.image for f in got]).astype(int) - frames).mean() < 6
    with av.open(str(path)) as f:
        stream = f.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # players may start before they have it all


def test_variable_time_stamps(tmp_path):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.5, 25))
    with VideoWriter(tmp_path / "o.mp4", (64, 48), 25) as out:
        for image, t in zip(numbered_frames(25), times, strict=True):
            out.write(image, t)
    got = list(VideoReader(tmp_path / "o.mp4"))
    assert [read_number(f.image) for f in got] == list(range(25))
    assert [f.time_s for f in got] == pytest.approx(times - times[0], abs=1e-4)


def test_equal_time_stamps_lose_no_frame(tmp_path):
    with VideoWriter(tmp_path / "o.mp4", (64, 48), 25) as out:
        for image, t in zip(numbered_frames(5), (0, 0.1, 0.1, 0.05, 0.3), strict=True):
            out.write(image, t)
    got = list(VideoReader(tmp_path / "o.mp4"))
    assert [read_number(f.image) for f in got] == list(range(5))
    assert [f.time_s for f in got] == pytest.approx([0, 0.1, 0.1, 0.1, 0.3], abs=1e-4)


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (67, 51), (1, 1)])
def test_odd_sizes_are_padded_at_the_far_edges(tmp_path, size):
    w, h = size
    image = np.full((h, w, 3), 90, np.uint8)
    with VideoWriter(tmp_path / "o.mp4", size, 25) as out:
        out.write(image)
    (frame,) = VideoReader(tmp_path / "o.mp4")
    assert frame.image.shape == (h + h % 2, w + w % 2, 3)
    assert np.abs(frame.image.astype(int) - 90).max() <= 4  # no dark border


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "o.mp4"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, (64, 48), 25) as out:
        out.write(numbered_frames(1)[0])
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]


def test_no_picture_no_file(tmp_path):
    with pytest.raises(OutputError, match=r"o\.mp4: no picture"), VideoWriter(tmp_path / "o.mp4", (64, 48), 25):
        pass
    assert not list(tmp_path.iterdir())


def test_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="0x48"):
        VideoWriter(tmp_path / "o.mp4", (0, 48), 25)
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "o.mp4", (64, 48), 25) as out:
        out.write(np.zeros((10, 10, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"gone/o\.mp4: cannot write the video: No such file"):
        VideoWriter(tmp_path / "gone" / "o.mp4", (64, 48), 25)


@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_no_room(tmp_path, limit):
    """A file size limit of the operating system: the same failed write as on a full disk, early and late."""
    path = tmp_path / "o.mp4"
    path.write_bytes(b"old")
    rng = np.random.default_rng(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OutputError) as e, VideoWriter(path, (96, 64), 25) as out:
            for _ in range(40):
                out.write(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(path) in str(e.value) and "cannot write" in str(e.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]


def test_full_disk_reason_is_told(tmp_path, monkeypatch):
    out = VideoWriter(tmp_path / "o.mp4", (64, 48), 25)
    out.write(numbered_frames(1)[0])

    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        out.close()
    assert not list(tmp_path.iterdir())
