"""A part of a recording holds the very frames that a reader of the whole gives there; what is not sound has no parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import blank, cut, moving_square_video, numbered_frames, write_frames, write_size_change, write_video
from normalcy.config import VideoConfig
from normalcy.video.parts import Index, NotSoundError, index_of, read_part
from normalcy.video.reader import VideoReader
from normalcy.video.source import as_ref

N = 150
SIZE = (48, 36)
CONFIG = VideoConfig()


def indexed(path: Path) -> Index:
    index = index_of(as_ref(path), CONFIG)
    assert index is not None
    return index


def write(path: Path, codec: str, **options: str) -> Path:
    settings = {"g": "20", "bf": "2"} if codec != "libx265" else {"x265-params": "keyint=20:bframes=2:log-level=none"}
    return write_video(path, moving_square_video(N, 48, 64), codec=codec, options={**settings, **options})


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.mov", "mpeg4"),
        ("open.mp4", "libx265"),  # its groups of pictures are open: some refer to the group before
        ("every.mkv", "ffv1"),  # a key at every picture
    ],
)
def test_parts_are_the_frames_of_the_whole(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    if codec == "ffv1":
        write_video(path, moving_square_video(N, 48, 64), lossless=True)
    else:
        write(path, codec)
    ref = as_ref(path)
    with VideoReader(ref, SIZE) as reader:
        whole = list(reader)
        info, damage = reader.info, reader.damage
    index = indexed(path)
    assert index.info == info and len(index) == len(whole) == N
    assert index.damage.to_dict() == damage.to_dict()
    assert index.times_N.tolist() == [f.time_s for f in whole]
    for first, end in ((0, 10), (19, 61), (20, 21), (77, 150), (149, 150)):
        part = list(read_part(ref, index, first, end, SIZE, CONFIG))
        assert [(f.index, f.time_s, f.segment) for f in part] == [(f.index, f.time_s, 0) for f in whole[first:end]]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(part, whole[first:end], strict=True))


def test_a_turned_picture_is_turned_in_every_part(tmp_path: Path) -> None:
    path = write_video(tmp_path / "t.mp4", numbered_frames(60), rotation=90, options={"g": "10"})
    with VideoReader(path) as reader:
        whole = list(reader)
    index = indexed(path)
    size = (index.info.width, index.info.height)
    (frame,) = read_part(as_ref(path), index, 40, 41, size, CONFIG)
    assert np.array_equal(frame.image, whole[40].image)


def test_a_varying_rate_keeps_its_times(tmp_path: Path) -> None:
    times = np.cumsum([0.04 if i % 7 else 0.12 for i in range(90)]).tolist()
    path = write_video(tmp_path / "v.mp4", numbered_frames(90), times=times, options={"g": "15"})
    with VideoReader(path) as reader:
        whole = [f.time_s for f in reader]
        warnings = reader.damage.warnings()
    index = indexed(path)
    assert index.times_N.tolist() == whole
    assert index.damage.warnings() == warnings and "longer than usual" in warnings[0]


def test_what_is_not_sound_has_no_parts(tmp_path: Path) -> None:
    frames = numbered_frames(80)
    gap = [i / 25 + (3.0 if i >= 40 else 0.0) for i in range(80)]
    bad = {
        "gap": write_video(tmp_path / "gap.mkv", frames, times=gap),
        "size": write_size_change(tmp_path / "size.ts", 20),
        "cut": cut(write_video(tmp_path / "cut.mkv", frames), 0.6),
        "raw": write_video(tmp_path / "raw.h264", frames),
        "avi": write_video(tmp_path / "a.avi", frames, codec="mpeg4"),
        "folder": write_frames(tmp_path / "frames", frames[:20]),
    }
    found = {name: index_of(as_ref(path), CONFIG) for name, path in bad.items()}
    assert {name for name, index in found.items() if index is not None} <= {"size"}
    if found["size"] is not None:  # its stamps go on; the picture says it
        with pytest.raises(NotSoundError):
            list(read_part(as_ref(bad["size"]), found["size"], 0, 40, SIZE, CONFIG))


def test_damage_inside_a_picture_is_found_while_reading(tmp_path: Path) -> None:
    path = blank(write_video(tmp_path / "b.mp4", moving_square_video(N, 48, 64), options={"g": "20"}), 0.5, 300)
    index = index_of(as_ref(path), CONFIG)
    if index is not None:
        with pytest.raises(NotSoundError):
            list(read_part(as_ref(path), index, 0, N, SIZE, CONFIG))


def test_interlaced_pictures_are_read_as_a_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "i.mp4", numbered_frames(60), options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    with VideoReader(path) as reader:
        assert len(list(reader)) == 60
        interlaced = reader.damage.interlaced
    index = index_of(as_ref(path), CONFIG)
    assert interlaced
    if index is not None:
        with pytest.raises(NotSoundError):
            list(read_part(as_ref(path), index, 0, 60, SIZE, CONFIG))


def test_a_short_one_is_not_looked_through(tmp_path: Path) -> None:
    path = write_video(tmp_path / "s.mp4", numbered_frames(50))
    assert index_of(as_ref(path), CONFIG, least_s=3.0) is None
    assert index_of(as_ref(path), CONFIG, least_s=1.0) is not None
