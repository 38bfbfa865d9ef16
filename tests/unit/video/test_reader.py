from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes import moving_square_video, numbered_frames, read_number, write_frames, write_video
from normalcy.config import InputConfig
from normalcy.errors import SourceError, UsageError
from normalcy.video.reader import VideoReader, count_frames, probe, working_size

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"


def read(source, size=None, **kw):
    with VideoReader(source, size, **kw) as reader:
        return list(reader)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_every_pixel_of_every_frame_in_order(tmp_path, name):
    frames = np.random.default_rng(0).integers(0, 256, (37, 48, 64, 3), dtype=np.uint8)
    got = read(write_video(tmp_path / name, frames, lossless=True))
    assert [f.index for f in got] == list(range(37))
    assert np.array_equal([f.image for f in got], frames)
    assert [f.time_s for f in got] == pytest.approx([i / 25 for i in range(37)])


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("v.mp4", "libx264"),
        ("v.avi", "mpeg4"),
        ("v.ts", "libx264"),
        ("v.webm", "libvpx-vp9"),
        ("v.flv", "libx264"),
        ("v.mpg", "mpeg2video"),
        ("v.h264", "libx264"),
        ("v.mov", "mjpeg"),
    ],
)
def test_count_and_order_in_every_container(tmp_path, name, codec):
    """B-frames are stored out of order; raw streams have no stamps; the count is of frames, not of metadata."""
    path = write_video(tmp_path / name, numbered_frames(40), codec=codec)
    got = read(path)
    assert [read_number(f.image) for f in got] == list(range(40))
    assert count_frames(path) == 40
    assert [f.time_s for f in got] == pytest.approx([i / 25 for i in range(40)], abs=1e-3)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_variable_frame_rate_keeps_its_stamps(tmp_path, name):
    times = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.4, 30))
    got = read(write_video(tmp_path / name, numbered_frames(30), times=times))
    assert [read_number(f.image) for f in got] == list(range(30))
    assert [f.time_s for f in got] == pytest.approx(times - times[0], abs=1.1e-3)  # Matroska rounds to milliseconds
    assert got[0].time_s == 0.0


def test_sound_beside_the_picture_changes_nothing(tmp_path):
    path = write_video(tmp_path / "v.mp4", numbered_frames(30), sound_s=1.2)
    assert [read_number(f.image) for f in read(path)] == list(range(30))


def test_joined_recordings_count_on(tmp_path):
    """Two transport streams joined: stamps start again in the middle, and must not all become the last stamp."""
    parts = []
    for i in range(2):
        p = write_video(tmp_path / f"{i}.ts", numbered_frames(50, first=50 * i))
        parts.append(p.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    got = read(joined)
    assert [read_number(f.image) for f in got] == list(range(100))
    assert np.diff([f.time_s for f in got]) == pytest.approx(0.04)


def marked(h=40, w=64):
    """A picture in which every corner differs."""
    image = np.zeros((h, w, 3), np.uint8)
    image[: h // 2, : w // 2], image[: h // 2, w // 2 :] = (250, 20, 20), (20, 250, 20)
    image[h // 2 :, : w // 2], image[h // 2 :, w // 2 :] = (20, 20, 250), (250, 250, 20)
    return image


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
@pytest.mark.parametrize("hflip", [False, True])
def test_rotation_metadata_is_honoured(tmp_path, clockwise, hflip):
    image = marked()
    path = write_video(tmp_path / "v.mp4", [image] * 3, lossless=True, rotation=-clockwise, hflip=hflip)
    upright = np.rot90(image, -clockwise // 90)
    if hflip:
        upright = upright[:, ::-1]
    info = probe(path)
    assert (info.width, info.height) == (upright.shape[1], upright.shape[0])
    if not hflip:
        assert info.rotation == clockwise
    assert all(np.array_equal(f.image, upright) for f in read(path))
    small = read(path, (upright.shape[1] // 2, upright.shape[0] // 2))[0].image
    assert np.abs(small[2:-2:4, 2:-2:4].astype(int) - upright[4:-4:8, 4:-4:8]).max() <= 3


@pytest.mark.parametrize("size", [(67, 49), (1, 1), (33, 200)])
def test_any_size_odd_ones_too(tmp_path, size):
    w, h = size
    frames = moving_square_video(3, max(h, 2), max(w, 2))[:, :h, :w]
    path = write_video(tmp_path / "v.mkv", frames, lossless=True)
    assert np.array_equal([f.image for f in read(path)], frames)
    assert read(path, (31, 17))[0].image.shape == (17, 31, 3)


def test_grey_video(tmp_path):
    frames = moving_square_video(4, 40, 60)[..., 0]
    path = write_video(tmp_path / "v.mkv", frames, codec="ffv1", pix_fmt="gray")
    assert np.array_equal([f.image for f in read(path)], np.repeat(frames[..., None], 3, -1))


def test_ten_bit_video(tmp_path):
    path = write_video(tmp_path / "v.mkv", numbered_frames(5), codec="ffv1", pix_fmt="yuv420p10le")
    assert [read_number(f.image) for f in read(path)] == list(range(5))


@pytest.mark.parametrize("kind", ["file", "frames"])
def test_resizing_averages_areas(tmp_path, kind):
    """A fine chequerboard shrunk to a quarter is even grey; interpolation that skips pixels shows moire instead."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    frames = [np.repeat(board[..., None], 3, -1)] * 2
    source = write_video(tmp_path / "v.mkv", frames, lossless=True) if kind == "file" else write_frames(tmp_path / "f", frames)
    image = read(source, (16, 16))[0].image
    assert image.shape == (16, 16, 3)
    assert np.abs(image.astype(int) - 127).max() <= 2


def test_resized_file_and_folder_agree(tmp_path):
    frames = moving_square_video(3, 90, 160, seed=3)
    a = read(write_video(tmp_path / "v.mkv", frames, lossless=True), (80, 45))
    b = read(write_frames(tmp_path / "f", frames), (80, 45))
    for x, y in zip(a, b, strict=True):
        assert np.abs(x.image.astype(int) - y.image).mean() < 1.0


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
def test_frame_folder_in_natural_order(tmp_path, suffix):
    frames = numbered_frames(12)
    folder = write_frames(tmp_path / "f", frames, suffix)
    (folder / "notes.txt").write_text("x")
    (folder / f".hidden{suffix}").write_text("x")
    got = read(folder)
    assert np.array_equal([f.image for f in got], frames)
    assert [f.time_s for f in got] == [i / 25 for i in range(12)]
    info = probe(folder)
    assert (info.frames, info.fps, info.width, info.height) == (12, 25.0, 64, 48)
    assert count_frames(folder) == 12
    assert [f.time_s for f in read(folder, fps=10)] == [i / 10 for i in range(12)]


def test_frame_folder_jpeg_grey_16_bit_and_unicode(tmp_path):
    numbers = numbered_frames(3)
    assert [read_number(f.image) for f in read(write_frames(tmp_path / "jpg", numbers, ".jpg"))] == [0, 1, 2]
    grey = write_frames(tmp_path / "grau-ÄÖ-影像", numbers[..., 0], ".tif")
    assert np.array_equal([f.image for f in read(grey)], numbers)
    lower = np.random.default_rng(0).integers(0, 256, numbers.shape[:3], dtype=np.uint16)
    deep = write_frames(tmp_path / "deep", numbers[..., 0].astype(np.uint16) * 256 + lower, ".tif")
    assert np.array_equal([f.image for f in read(deep)], numbers)


def test_colours_are_rgb(tmp_path):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    assert (read(write_frames(tmp_path / "f", [red]))[0].image == red).all()
    assert (read(write_video(tmp_path / "v.mkv", [red], lossless=True))[0].image == red).all()
    alpha = tmp_path / "alpha"
    alpha.mkdir()
    bgra = np.dstack([red[..., ::-1], np.full((16, 16), 128, np.uint8)])
    (alpha / "1.png").write_bytes(cv2.imencode(".png", bgra)[1].tobytes())
    assert (read(alpha)[0].image == red).all()


def test_names_that_look_like_addresses_or_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("http:cam.mp4", "a%03d.mp4", "spa ce#?.mp4", "ümläut.mp4"):
        write_video(tmp_path / "v.mp4", numbered_frames(3)).rename(name)
        assert len(read(name)) == 3


def test_reader_is_one_pass_and_closes(tmp_path):
    reader = VideoReader(write_video(tmp_path / "v.mp4", numbered_frames(5)))
    assert next(reader).index == 0
    reader.close()
    reader.close()
    assert list(reader) == []


def test_nothing_there(tmp_path):
    for ask in (probe, count_frames, VideoReader):
        with pytest.raises(SourceError, match=r"gone\.mp4: no such file"):
            ask(tmp_path / "gone.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no pictures in this folder"):
        VideoReader(tmp_path / "empty")
    with pytest.raises(UsageError, match="fps"):
        VideoReader(write_frames(tmp_path / "f", numbered_frames(1)), fps=0)


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path):
    """640x480: between frame 100 and frame 999 the process may not grow by as much as 20 frames take."""
    psutil = pytest.importorskip("psutil")
    frames = moving_square_video(100, 480, 640)
    process = psutil.Process(os.getpid())
    path = write_video(tmp_path / "long.mp4", np.concatenate([frames] * 10), options={"preset": "ultrafast"})
    peaks = []
    with VideoReader(path) as reader:
        for frame in reader:
            if frame.index in (100, 999):
                peaks.append(process.memory_info().rss)
    assert peaks[1] - peaks[0] < 20 * frames[0].nbytes


@pytest.mark.parametrize(
    ("width", "height", "settings", "expected"),
    [
        (640, 360, {}, (288, 160)),
        (360, 640, {}, (160, 288)),
        (238, 158, {}, (240, 160)),
        (640, 360, {"multiple": 1}, (284, 160)),
        (640, 360, {"short_side": None, "size": (256, 256), "multiple": 32}, (256, 256)),
        (1920, 16, {"short_side": 16, "multiple": 32}, (1920, 32)),
        (10, 10, {"short_side": 16, "multiple": 64}, (64, 64)),
    ],
)
def test_working_size(width, height, settings, expected):
    assert working_size(width, height, InputConfig(**settings)) == expected


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="real footage (../shared/data) is not here")
@pytest.mark.parametrize("name", ["ped1_dev/testing/videos/01", "umn/testing/videos/04", "avenue/testing/videos/17"])
def test_real_footage_has_one_frame_per_label(name):
    video = SHARED / "data" / f"{name}.mp4"
    labels = np.load(SHARED / "data" / f"{name.replace('videos', 'labels')}.npy")
    assert count_frames(video) == len(labels)
    times = [f.time_s for f in read(video, (64, 40))]
    assert len(times) == len(labels)
    assert np.diff(times) == pytest.approx(1 / probe(video).fps)
