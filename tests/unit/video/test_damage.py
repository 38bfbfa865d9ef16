"""What can be decoded of a recording is read, at its true times, and the rest is reported."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fakes import cut, moving_square_video, numbered_frames, read_number, write_frames, write_size_change, write_video
from normalcy.config import InputConfig, VideoConfig
from normalcy.errors import VideoError
from normalcy.types import Frame
from normalcy.video.cache import open_cache
from normalcy.video.damage import Damage
from normalcy.video.reader import VideoReader, probe, working_size

GROUPS = {"g": "12"}


def read(path: Path, **config: Any) -> tuple[list[Frame], Damage]:
    with VideoReader(path, config=VideoConfig(**config)) as reader:
        return list(reader), reader.damage


def spoil(path: Path, start: int, stop: int) -> Path:
    data = bytearray(path.read_bytes())
    data[start:stop] = bytes(b ^ 0x55 for b in data[start:stop])
    path.write_bytes(data)
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as f:
        return [(p.pos, p.size) for p in f.demux(video=0) if p.size]


@pytest.mark.parametrize("name", ["v.mp4", "v.mov"])
def test_a_packet_that_cannot_be_decoded_is_left_out_and_keeps_its_place(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered_frames(40), options={"g": "1"})
    pos, size = packet_places(path)[17]
    frames, damage = read(spoil(path, pos, pos + size))
    numbers = [read_number(f.image) for f in frames]
    assert numbers == [i for i in range(40) if i != 17]
    assert [f.time_s for f in frames] == pytest.approx([i / 25 for i in numbers], abs=1e-3)
    assert (damage.pictures, damage.lost) == (40, 1) and damage.first_lost_s == pytest.approx(17 / 25)
    assert any("1 of 40 coded pictures could not be decoded (2.5 %), the first at 0.68 s" in w for w in damage.warnings())
    with pytest.raises(VideoError, match=r"v\.m.*damaged: reading stopped at frame 17"):
        read(path, damage="refuse")


def test_too_much_lost_is_refused_with_that_reason(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", numbered_frames(20), options={"g": "1"})
    for pos, size in packet_places(path)[5:15]:
        spoil(path, pos, pos + size)
    assert len(read(path)[0]) == 10
    with pytest.raises(VideoError, match=r"v\.mp4: too much of it is damaged: 10 of 20 .*50 %.*video\.max_lost allows 40 %"):
        read(path, max_lost=0.4)


def test_a_cut_recording_is_used_to_its_cut(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    for name, options in (("f.mp4", {"movflags": "frag_keyframe+empty_moov"}), ("v.mkv", {}), ("v.avi", {})):
        codec = "mpeg4" if name == "v.avi" else None
        path = write_video(tmp_path / name, noise, codec=codec, options=GROUPS, container_options=options)
        whole, _ = read(path)
        frames, damage = read(cut(path, 0.6))
        assert 15 <= len(frames) < 60
        assert all(np.array_equal(a.image, b.image) for a, b in zip(frames[:15], whole, strict=False))
        assert damage.cut is not None and any("ends early" in w for w in damage.warnings())


def test_a_transport_stream_full_of_noise_is_read_or_refused_by_one_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", moving_square_video(60, 48, 64), options=GROUPS)
    sound = path.read_bytes()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        data = np.frombuffer(sound, np.uint8).copy()
        data[rng.integers(20 * 188, len(data), 60)] ^= 0x55
        path.write_bytes(data.tobytes())
        try:
            frames, damage = read(path)
        except VideoError as e:
            assert "v.ts" in str(e)
        else:
            assert damage.warnings() and all(b.time_s > a.time_s for a, b in pairwise(frames))


def test_a_start_inside_a_group_of_pictures_is_said_and_keeps_its_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", numbered_frames(60), options={**GROUPS, "bf": "0"})
    data = path.read_bytes()
    start = next(pos for i, (pos, _) in enumerate(packet_places(path)) if i == 5)
    path.write_bytes(data[: 188 * 3] + data[start // 188 * 188 :])
    frames, damage = read(path)
    assert read_number(frames[0].image) == 12
    assert damage.skipped == 7 and frames[0].time_s == pytest.approx(7 / 25)
    assert any("begins inside a group of pictures: 7 pictures" in w for w in damage.warnings())


def test_a_picture_that_starts_after_the_sound_starts_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", numbered_frames(20), times=[2.0 + i / 25 for i in range(20)], sound_s=3.0)
    frames, _ = read(path)
    assert frames[0].time_s == pytest.approx(2.0, abs=0.05)
    assert np.diff([f.time_s for f in frames]) == pytest.approx(0.04, abs=1.1e-3)


@pytest.mark.parametrize("name", ["v.ts", "v.mkv", "v.avi"])
def test_another_size_begins_a_segment_of_the_same_video(tmp_path: Path, name: str) -> None:
    frames, damage = read(write_size_change(tmp_path / name))
    assert [read_number(f.image) for f in frames] == list(range(20))
    assert [f.segment for f in frames] == [0] * 10 + [1] * 10
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    assert np.diff([f.time_s for f in frames]) == pytest.approx(0.04, abs=1e-3)
    assert any("size changes from 64x48 to 96x64 at 0.40 s" in w for w in damage.warnings())


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", numbered_frames(3, 48, 64), options={"x264-params": "sar=40/33"})
    info = probe(path)
    assert (info.width, info.height) == (78, 48)
    frames, _ = read(path)
    assert frames[0].image.shape == (48, 78, 3) and [read_number(f.image) for f in frames] == [0, 1, 2]
    assert working_size(853, 480, InputConfig()) == (288, 160)


def woven(n: int = 20) -> np.ndarray:
    """Two moments of a moving bar in the two fields of each picture."""
    out = np.full((n, 64, 96, 3), 40, np.uint8)
    for i in range(n):
        for field in (0, 1):
            x = (2 * i + field) * 3 % 72
            out[i, field::2, x : x + 24] = 220
    return out


def combs(image: np.ndarray) -> float:
    grey = image[..., 0].astype(int)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize(
    ("mode", "flagged", "apart"), [("auto", True, True), ("auto", False, False), ("on", False, True), ("off", True, False)]
)
def test_fields_are_taken_apart_by_the_flag_or_by_force(tmp_path: Path, mode: str, flagged: bool, apart: bool) -> None:
    options = {"flags": "+ildct+ilme", "top": "1"} if flagged else {}
    path = write_video(tmp_path / "v.ts", woven(), codec="mpeg2video", options={**options, "b": "4M"})
    frames, damage = read(path, deinterlace=mode)
    assert len(frames) == 20 and np.diff([f.time_s for f in frames]) == pytest.approx(0.04, abs=1e-3)
    assert (np.mean([combs(f.image) for f in frames[2:-2]]) < 8) == apart
    assert damage.interlaced == apart


def thermal(n: int = 5) -> np.ndarray:
    ground = np.add.outer(np.arange(48) * 10, np.arange(64) * 10).astype(np.uint16) + 29000
    frames = np.repeat(ground[None], n, axis=0)
    frames[:, 10:20, 10:20] = 30500
    return frames


def write_thermal(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
        for image in thermal():
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray16le")))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_sixteen_bit_grey_goes_through_a_fixed_window(tmp_path: Path, kind: str) -> None:
    path = write_thermal(tmp_path / "v.mkv") if kind == "file" else write_frames(tmp_path / "f", thermal(), ".tif")
    frames, _ = read(path, window=(29000, 31000))
    expected = np.round((thermal().astype(float) - 29000) / 2000 * 255)
    assert np.abs(np.array([f.image[..., 0] for f in frames]) - expected).max() <= 1
    upper, _ = read(path)
    assert len(np.unique(upper[0].image)) <= 8


def test_numbers_that_a_folder_lacks(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", numbered_frames(12), ".jpg", "{:03d}")
    (folder / "005.jpg").unlink()
    frames, damage = read(folder)
    assert len(frames) == 11 and frames[-1].time_s == pytest.approx(10 / 25)
    assert any("1 of the numbered pictures is missing: 5" in w for w in damage.warnings())
    kept, _ = read(folder, folder_gaps="keep")
    assert [f.time_s for f in kept] == pytest.approx([i / 25 for i in range(12) if i != 5])


def test_a_picture_of_a_folder_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", numbered_frames(5))
    (folder / "3.png").write_bytes(b"x")
    frames, damage = read(folder)
    assert [read_number(f.image) for f in frames] == [0, 1, 2, 4]
    assert frames[-1].time_s == pytest.approx(4 / 25) and damage.lost == 1


def test_the_cache_knows_gaps_and_times(tmp_path: Path) -> None:
    times = [i / 25 + (3.0 if i >= 10 else 0.0) for i in range(20)]
    path = write_video(tmp_path / "v.mkv", numbered_frames(20), times=times)
    video = open_cache(path, None, tmp_path / "cache")
    assert video.segments() == [(0, 10), (10, 20)]
    assert video.time_s == pytest.approx(times, abs=1.1e-3) and video.info.fps == pytest.approx(25, rel=0.05)
    assert video.damage["gap_count"] == 1 and any("1 gap of more than a second" in w for w in video.warnings)
