from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from fakes import numbered_frames, read_number, write_video
from normalcy.errors import OutputError
from normalcy.video.connection import Container, target_of
from normalcy.video.reader import VideoReader
from normalcy.video.ring import Entry, Image, Ring, Segment

FPS = 25.0


def entries(path: Path) -> tuple[Segment, list[Entry]]:
    source = Container(target_of(str(path)), 5.0, 5.0)
    segment = source.segment()
    out: list[Entry] = []
    for entry, _ in source.read():
        if entry is not None:
            out.append(replace(entry, time_s=len(out) / FPS))
    source.close()  # clips are cut after the connection is gone, too
    return segment, out


def filled(path: Path, ring: Ring, first: int = 0, last: int | None = None) -> list[Entry]:
    segment, packets = entries(path)
    ring.begin(segment)
    for e in packets[first:last]:
        ring.add(e)
        ring.shown(e.time_s, e.pts)
    return packets


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """100 numbered frames, a key frame every 10."""
    return write_video(tmp_path / "film.mp4", numbered_frames(100), FPS, options={"g": "10", "bf": "0"})


def numbers(path: Path) -> list[int]:
    return [read_number(f.image) for f in VideoReader(path)]


def test_a_clip_is_the_very_packets_from_the_key_frame_before_it(film: Path, tmp_path: Path) -> None:
    ring = Ring(10.0)
    filled(film, ring, last=60)
    ring.start_clip("e", tmp_path / "new" / "clip.mp4", from_s=45 / FPS, until_s=1e9)
    _, packets = entries(film)
    for e in packets[60:]:
        ring.add(e)
    ring.end_clip("e", until_s=70 / FPS)
    assert numbers(tmp_path / "new" / "clip.mp4")[:31] == list(range(40, 71))
    with av.open(str(tmp_path / "new" / "clip.mp4")) as clip, av.open(str(film)) as whole:
        first = next(p for p in clip.demux(video=0) if p.size)
        assert bytes(first) in {bytes(p) for p in whole.demux(video=0) if p.size}


def test_a_clip_ends_by_itself_where_it_was_told_to(film: Path, tmp_path: Path) -> None:
    ring = Ring(10.0)
    packets = filled(film, ring, last=30)
    ring.start_clip("e", tmp_path / "clip.mp4", from_s=0.0, until_s=40 / FPS)
    assert ring.writes("e") and not (tmp_path / "clip.mp4").exists()
    for e in packets[30:]:
        ring.add(e)
    assert not ring.writes("e") and numbers(tmp_path / "clip.mp4") == list(range(41))


def test_old_groups_of_pictures_are_let_go_and_never_half(film: Path) -> None:
    ring = Ring(keep_s=1.0)
    filled(film, ring)
    kept = list(ring._entries)
    assert kept[0].key and kept[-1].time_s == 99 / FPS
    assert 1.0 <= kept[-1].time_s - kept[0].time_s < 1.0 + 10 / FPS + 1e-6
    small = Ring(keep_s=100.0, most_bytes=2000)
    filled(film, small)
    assert sum(len(e.data) for e in small._entries) <= 2000


@pytest.mark.parametrize("at", [0, 17, 40, 99])
def test_the_picture_of_a_moment_is_decoded_from_its_key_frame_on(film: Path, at: int) -> None:
    ring = Ring(10.0)
    filled(film, ring)
    picture = ring.picture(at / FPS)
    assert picture is not None and read_number(picture) == at


def test_b_frames_come_out_in_the_order_in_which_they_are_shown(tmp_path: Path) -> None:
    film = write_video(tmp_path / "b.mp4", numbered_frames(40), FPS, options={"g": "20", "bf": "2"})
    source = Container(target_of(str(film)), 5.0, 5.0)
    ring, shown = Ring(10.0), 0
    ring.begin(source.segment())
    for entry, pictures in source.read():
        for p in pictures:
            ring.shown(shown / FPS, p.pts)
            shown += 1
        if entry is not None:
            ring.add(replace(entry, time_s=max(shown - 1, 0) / FPS))
    picture = ring.picture(13 / FPS)
    assert picture is not None and read_number(picture) == 13
    ring.start_clip("e", tmp_path / "clip.mp4", 0.0, 1e9)
    ring.begin(None)
    assert numbers(tmp_path / "clip.mp4") == list(range(40))


def test_pictures_that_an_mp4_cannot_hold_are_encoded(tmp_path: Path) -> None:
    film = write_video(tmp_path / "a.avi", numbered_frames(20), FPS, codec="mjpeg")
    ring = Ring(10.0)
    filled(film, ring)
    ring.start_clip("e", tmp_path / "clip.mp4", 0.0, 1e9)
    ring.begin(None)
    assert numbers(tmp_path / "clip.mp4") == list(range(20))
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert clip.streams.video[0].codec_context.name == "h264"


def test_what_is_painted_over_is_nowhere_in_clip_or_picture(film: Path, tmp_path: Path) -> None:
    def paint(image: Image) -> Image:
        out = image.copy()
        out[:, :32] = 0
        return out

    ring = Ring(10.0, paint=paint)
    filled(film, ring)
    ring.start_clip("e", tmp_path / "clip.mp4", 0.0, 1e9)
    picture = ring.picture(2.0)
    ring.begin(None)
    frames = [f.image for f in VideoReader(tmp_path / "clip.mp4")]
    assert picture is not None and len(frames) == 100
    assert max(image[:, :30].max() for image in (*frames, picture)) < 25
    assert min(image[:, 34:].max() for image in (*frames, picture)) >= 25


def test_a_jump_of_the_stamps_does_not_tear_the_clip(film: Path, tmp_path: Path) -> None:
    ring = Ring(10.0)
    segment, packets = entries(film)
    ring.begin(segment)
    for i, e in enumerate(packets):
        off = 10_000_000 if i >= 50 else 0
        assert e.pts is not None and e.dts is not None
        ring.add(replace(e, pts=e.pts + off, dts=e.dts + off))
    ring.start_clip("e", tmp_path / "clip.mp4", 0.0, 1e9)
    ring.begin(None)
    times = np.array([f.time_s for f in VideoReader(tmp_path / "clip.mp4")])
    assert len(times) == 100 and np.allclose(np.diff(times), 1 / FPS, atol=2e-3)


def test_nothing_there_is_said_and_nothing_is_left_behind(film: Path, tmp_path: Path) -> None:
    ring = Ring(10.0)
    with pytest.raises(OutputError, match="sends nothing"):
        ring.start_clip("e", tmp_path / "c" / "clip.mp4", 0.0, 1.0)
    assert ring.picture(0.0) is None
    filled(film, ring, first=3, last=8)  # no key frame among them
    ring.start_clip("e", tmp_path / "c" / "clip.mp4", 0.0, 1e9)
    ring.begin(None)
    assert not list((tmp_path / "c").iterdir())
    (tmp_path / "file").write_text("")
    filled(film, ring)
    with pytest.raises(OutputError, match="cannot write the clip"):
        ring.start_clip("e", tmp_path / "file" / "clip.mp4", 0.0, 1.0)
    assert not ring.writes("e")
    ring.end_clip("nobody", 1.0)
