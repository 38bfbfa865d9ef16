"""What is no video, and with video.damage=refuse every way of being broken, gives one plain line that names the file."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from fakes import (
    blank,
    cut,
    numbered_frames,
    read_number,
    write_frames,
    write_sound,
    write_video,
)
from normalcy.config import VideoConfig
from normalcy.errors import SourceError, VideoError
from normalcy.video.reader import VideoReader, count_frames, probe

REFUSE = VideoConfig(damage="refuse")
FRONT = {"movflags": "faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}


def noise(n=60, h=64, w=96):
    return np.random.default_rng(0).integers(0, 256, (n, h, w, 3), dtype=np.uint8)


def fails(path: Path, *reasons: str, error=VideoError) -> str:
    """Refused however damage is treated."""
    refuses(path, *reasons, error=error, config=VideoConfig())
    return refuses(path, *reasons, error=error)


def refuses(path: Path, *reasons: str, error=VideoError, config=REFUSE) -> str:
    for use in (lambda: sum(1 for _ in VideoReader(path, config=config)), lambda: count_frames(path, config)):
        with pytest.raises(error) as e:
            use()
        message = str(e.value)
        assert path.name in message and "\n" not in message
        for reason in reasons:
            assert reason in message, message
    return message


def test_zero_bytes(tmp_path):
    (tmp_path / "z.mp4").touch()
    fails(tmp_path / "z.mp4", "empty (0 bytes)")


def test_text_renamed(tmp_path):
    (tmp_path / "t.mp4").write_text("this is not a video\n" * 50)
    fails(tmp_path / "t.mp4", "not a video")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_picture_renamed(tmp_path, suffix):
    folder = write_frames(tmp_path / "f", numbered_frames(1), suffix)
    fails((folder / f"0{suffix}").rename(tmp_path / "p.mp4"), "not a video")


def test_random_bytes(tmp_path):
    (tmp_path / "r.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    fails(tmp_path / "r.mp4", "not a video")


@pytest.mark.parametrize("name", ["p.m3u8", "p.mp4"])
def test_a_playlist_fetches_nothing(tmp_path, name):
    """A video file must not make us connect to anywhere, whatever FFmpeg would do with it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / name).write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n")
        server.settimeout(0.0)
        fails(tmp_path / name)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("name", ["s.m4a", "s.mp4", "s.mkv"])
def test_sound_only(tmp_path, name):
    fails(write_sound(tmp_path / name), "sound only")


def test_sound_with_a_cover_picture_is_sound_only(tmp_path):
    path = tmp_path / "cover.mp4"
    write_sound(tmp_path / "s.m4a")
    with av.open(str(tmp_path / "s.m4a")) as source, av.open(str(path), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame.from_ndarray(numbered_frames(1)[0]).reformat(format="yuvj420p")))
        out.mux(cover.encode(None))
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = sound
                out.mux(packet)
    fails(path, "sound only")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.995])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("index-behind.mp4", None, {}),
        ("index-in-front.mp4", None, FRONT),
        ("fragments.mp4", None, FRAGMENTS),
        ("v.mov", None, FRONT),
        ("v.mkv", None, {}),
        ("v.webm", "libvpx-vp9", {}),
        ("v.avi", "mpeg4", {}),
    ],
)
def test_cut_off(tmp_path, share, name, codec, options):
    encoder = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx-vp9" else {"g": "12"}
    path = write_video(tmp_path / name, noise(), codec=codec, container_options=options, options=encoder)
    assert count_frames(path) == 60
    refuses(cut(path, share), "cut off")


def test_cut_off_without_its_index_says_so(tmp_path):
    path = write_video(tmp_path / "v.mp4", noise())
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])  # all pictures, no index: a recording that was never finished
    fails(path, "cut off", "no index (moov)")


def test_cut_between_two_pictures_where_no_length_is_declared(tmp_path):
    """mdat of length 0 means "to the end of the file": only the sample index tells that pictures are missing."""
    path = write_video(tmp_path / "v.mp4", noise(), container_options=FRONT)
    with av.open(str(path)) as f:
        thirtieth = [(p.pos, p.size) for p in f.demux(video=0) if p.size][29]
    data = bytearray(path.read_bytes()[: sum(thirtieth)])
    at = data.index(b"mdat") - 4
    data[at : at + 4] = bytes(4)
    path.write_bytes(data)
    refuses(path, "cut off", "its index lists 60 pictures and 30 are there")


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_cut_off_flash_video(tmp_path, share):
    refuses(cut(write_video(tmp_path / "v.flv", noise()), share), "cut off", "reading stopped at frame")


@pytest.mark.parametrize("options", [{}, FRONT])
def test_hole_in_the_middle_names_the_frame(tmp_path, options):
    path = write_video(tmp_path / "v.mp4", noise(), container_options=options)
    message = refuses(blank(path, 0.5, 3000), "damaged", "reading stopped at frame")
    assert 20 <= int(message.split("at frame ")[1].split()[0]) <= 40


def test_hole_that_ends_a_matroska_file_early(tmp_path):
    refuses(blank(write_video(tmp_path / "v.mkv", noise()), 0.4, 3000), "cut off", "declares 2.4 s")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_unreadable_picture_in_a_folder(tmp_path, suffix, damage, capfd):
    folder = write_frames(tmp_path / "f", np.concatenate([noise(5)]), suffix)
    bad = folder / f"3{suffix}"
    bad.write_bytes({"empty": b"", "text": b"not a picture", "cut": bad.read_bytes()[:-3000]}[damage])
    with VideoReader(folder, config=REFUSE) as reader, pytest.raises(VideoError) as e:
        for _ in range(5):
            next(reader)
    assert str(bad) in str(e.value) and "stopped at frame 3" in str(e.value)
    assert capfd.readouterr().err == ""  # our line is the only one


def test_first_picture_unreadable(tmp_path):
    folder = write_frames(tmp_path / "f", numbered_frames(2))
    (folder / "0.png").write_bytes(b"x")
    with pytest.raises(VideoError, match=r"0\.png: not a readable picture"):
        probe(folder, config=REFUSE)


def test_picture_removed_while_reading(tmp_path):
    folder = write_frames(tmp_path / "f", numbered_frames(3))
    with VideoReader(folder, config=REFUSE) as reader:
        next(reader)
        (folder / "1.png").unlink()
        with pytest.raises(VideoError, match=r"1\.png: cannot be read: No such file .* frame 1"):
            next(reader)


def test_permission_denied(tmp_path, monkeypatch):
    path = write_video(tmp_path / "v.mp4", numbered_frames(3))
    if os.geteuid() != 0:
        path.chmod(0)
    else:  # root may read everything

        def refuse(self, *_, **__):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    fails(path, "cannot be read: Permission denied")


def test_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    fails(tmp_path / "pipe.mp4", "not a regular file", error=SourceError)


# Good files whose metadata invites suspicion.


def patch_edit_list(path: Path, media_time: int = 0, duration_share: float = 1.0) -> None:
    """Change the one entry of the edit list (ISO/IEC 14496-12, 8.6.6): what part of the samples is shown."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    version, count, duration, start, rate = struct.unpack(">IIIiI", data[at : at + 20])
    assert (version, count) == (0, 1)
    data[at : at + 20] = struct.pack(">IIIiI", 0, 1, int(duration * duration_share), start + media_time, rate)
    path.write_bytes(data)


def test_edit_list_that_hides_the_beginning(tmp_path):
    path = write_video(tmp_path / "v.mp4", numbered_frames(60), options={"g": "10"})
    patch_edit_list(path, media_time=15 * 512)  # 15 frames of 1/25 s at FFmpeg's 12800 ticks per second
    got = list(VideoReader(path))
    assert [read_number(f.image) for f in got] == list(range(15, 60))
    assert got[0].time_s == 0.0


def test_edit_list_that_hides_the_end(tmp_path):
    path = write_video(tmp_path / "v.mp4", numbered_frames(60))
    patch_edit_list(path, duration_share=0.5)
    assert [read_number(f.image) for f in VideoReader(path)] == list(range(30))


def test_trailing_bytes_are_no_damage(tmp_path):
    for name, codec in (("v.mp4", None), ("v.mkv", None), ("v.avi", "mpeg4")):
        path = write_video(tmp_path / name, numbered_frames(20), codec=codec)
        path.write_bytes(path.read_bytes() + b"\0" * 100)
        assert count_frames(path) == 20


def test_sound_longer_than_the_picture(tmp_path):
    """The container's duration is that of the sound then, and no sign of missing pictures."""
    for name in ("v.mkv", "v.flv", "v.mp4"):
        long_sound = write_video(tmp_path / name, numbered_frames(25), sound_s=6.0)
        with av.open(str(long_sound)) as f:
            assert len(f.streams) == 2
        assert count_frames(long_sound) == 25


def test_live_recording_of_unknown_length(tmp_path):
    path = write_video(tmp_path / "v.mkv", numbered_frames(20), container_options={"live": "1"})
    assert count_frames(path) == 20


def test_wrong_frame_count_in_metadata_is_ignored(tmp_path):
    """AVI headers are often off: this one claims 25 frames for 20."""
    path = write_video(tmp_path / "v.avi", numbered_frames(20), codec="mpeg4")
    data = bytearray(path.read_bytes())
    for tag, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        at = data.index(tag) + offset
        assert struct.unpack("<I", data[at : at + 4]) == (20,)
        data[at : at + 4] = struct.pack("<I", 25)
    path.write_bytes(data)
    assert count_frames(path) == 20


def test_transport_stream_that_begins_in_the_middle(tmp_path):
    path = write_video(tmp_path / "v.ts", noise(60), options={"g": "20"})
    data = path.read_bytes()
    start = len(data) // 2 // 188 * 188
    path.write_bytes(data[: 188 * 3] + data[start:])
    assert 15 <= count_frames(path) <= 45


def test_metadata_that_is_no_utf8(tmp_path):
    path = tmp_path / "v.avi"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "TITLE"
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        for image in numbered_frames(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xff\xe9TLE"))
    assert count_frames(path) == 3
