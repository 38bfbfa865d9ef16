"""Made-up video for tests: lossless files with known frames, and every way in which a file can be broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

TICKS = 90_000
DIGITS = (4, 4)
"""A frame number is drawn as rows x columns of black and white blocks, the lowest bit at the top left."""


def numbered_frames(n: int, h: int = 48, w: int = 64, first: int = 0) -> np.ndarray:
    """(n, h, w, 3) uint8; frame i shows the number first + i in blocks that survive compression and resizing."""
    rows, cols = DIGITS
    bits = (np.arange(first, first + n)[:, None] >> np.arange(rows * cols)) & 1
    small = (bits.reshape(n, rows, cols) * 200 + 28).astype(np.uint8)
    big = small[:, np.arange(h) * rows // h][:, :, np.arange(w) * cols // w]
    return np.repeat(big[..., None], 3, axis=3)


def read_number(image: np.ndarray) -> int:
    """The number that numbered_frames drew, whatever the picture was put through."""
    rows, cols = DIGITS
    h, w = image.shape[:2]
    grey = image.reshape(h, w, -1).mean(axis=2)
    ys, xs = ((np.arange(rows) + 0.5) * h / rows).astype(int), ((np.arange(cols) + 0.5) * w / cols).astype(int)
    bits = grey[np.ix_(ys, xs)].ravel() > 128
    return int((bits * (1 << np.arange(bits.size))).sum())


def moving_square_video(n: int, h: int, w: int, seed: int = 0, speed: float = 2.0, side: int | None = None) -> np.ndarray:
    """(n, h, w, 3) uint8: a textured background and a bright square that walks over it and comes back on the other side."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 140, (max(h // 8, 2), max(w // 8, 2), 3), dtype=np.uint8)
    background = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR)
    side = side or max(min(h, w) // 4, 2)
    colour = rng.integers(180, 255, 3, dtype=np.uint8)
    x0, y0 = rng.uniform(0, w), rng.uniform(0, h - side)
    angle = rng.uniform(-0.3, 0.3)
    frames = np.repeat(background[None], n, axis=0)
    for t in range(n):
        xs = (int(x0 + speed * t * np.cos(angle)) + np.arange(side)) % w
        ys = (int(y0 + speed * t * np.sin(angle)) + np.arange(side)) % h
        frames[t][np.ix_(ys, xs)] = colour
    return frames


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: float = 25,
    codec: str | None = None,
    lossless: bool = False,
    times: Sequence[float] | None = None,
    rotation: float | None = None,
    hflip: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    pix_fmt: str | None = None,
    sound_s: float = 0.0,
) -> Path:
    """Encode (H, W, 3) or (H, W) uint8 frames; the suffix names the container.

    lossless: the very pixels come back (RGB H.264 in mp4, FFV1 in mkv). times: the frames' stamps in seconds instead of
    1 / fps. rotation: degrees counter-clockwise written as a display matrix. sound_s: seconds of a tone beside the picture.
    """
    frames = list(frames)
    h, w = frames[0].shape[:2]
    if lossless and codec is None:
        codec = "ffv1" if path.suffix == ".mkv" else "libx264rgb"
    codec = codec or "libx264"
    settings = {"crf": "0"} if lossless and codec.startswith("libx264") else {}
    default_format = {"libx264rgb": "rgb24", "ffv1": "bgr0", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    with av.open(str(path), "w", options=container_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = w, h, pix_fmt or default_format
        stream.options = {**settings, **(options or {})}
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=hflip)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        tone: Any = out.add_stream("aac", rate=16000) if sound_s else None
        if tone is not None:
            _write_tone(out, tone, sound_s)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24" if image.ndim == 3 else "gray")
            if times is not None:
                frame.pts, frame.time_base = round(times[i] * TICKS), Fraction(1, TICKS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _write_tone(out: Any, stream: Any, seconds: float, rate: int = 16000) -> None:
    total = int(seconds * rate)
    wave = (0.1 * np.sin(np.arange(total) * 0.2)).astype(np.float32)
    for start in range(0, total, 1024):
        block = np.ascontiguousarray(wave[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def write_frames(folder: Path, frames: Iterable[np.ndarray], suffix: str = ".png", pattern: str = "{}") -> Path:
    """A folder of pictures; pattern names frame i, without zeros in front by default (natural order is not name order)."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(frames):
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
        ok, data = cv2.imencode(suffix, bgr)
        assert ok
        (folder / (pattern.format(i) + suffix)).write_bytes(data.tobytes())
    return folder


def cut(path: Path, share: float, to: Path | None = None) -> Path:
    """Keep the first ``share`` of a file's bytes."""
    data = path.read_bytes()
    to = to or path
    to.write_bytes(data[: int(len(data) * share)])
    return to


def blank(path: Path, at: float, length: int) -> Path:
    """Zero ``length`` bytes at the relative position ``at``, as a download with holes has."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + length] = bytes(length)
    path.write_bytes(bytes(data))
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file that holds sound only."""
    with av.open(str(path), "w") as out:
        _write_tone(out, out.add_stream("aac", rate=16000), seconds)
    return path


def write_size_change(path: Path, n: int = 10) -> Path:
    """n frames of 64x48, then n of 96x64. ``.ts``: two recordings joined; else one MJPEG stream."""
    a, b = numbered_frames(n), numbered_frames(n, 64, 96, first=n)
    if path.suffix == ".ts":
        parts = [write_video(path.with_name(f"{path.stem}-{i}.ts"), f) for i, f in enumerate((a, b))]
        path.write_bytes(b"".join(p.read_bytes() for p in parts))
        for p in parts:
            p.unlink()
        return path
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        pts = 0
        for frames in (a, b):
            encoder: Any = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width, encoder.pix_fmt = *frames[0].shape[:2], "yuvj420p"
            encoder.time_base = Fraction(1, 25)
            if frames is a:
                out.start_encoding()
            for image in frames:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuvj420p")
                frame.pts, frame.time_base = pts, Fraction(1, 25)
                pts += 1
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    out.mux(packet)
    return path
