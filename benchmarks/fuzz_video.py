"""Throw damaged recordings at the reader and count what becomes of them: none may crash it, hang it, or pass in silence.

    python benchmarks/fuzz_video.py [--inputs 2000] [--seed 0] [--containers mp4,ts]

For each container a small sound recording is made and its bytes are damaged in seeded ways: single bits and bytes, bursts,
holes of zeros, stretches cut out, doubled or filled with noise, the beginning or the end missing. Each input is read to its end
in a process of its own, which is watched and replaced when it dies or stalls. What became of it:

- refused: one error that names the file. warned: read, and said that something is wrong.
- same: read without a word, and every frame, time and pixel is that of the sound recording: the damage hit nothing that counts.
- altered: read without a word, with all frames less than a period from their times, but pixels differ, or times by so little:
  what stands there is valid and another, which no reader can know without a checksum in the file.
- spliced: read without a word, and whole pictures are missing or doubled that leave no trace, since the format neither says how
  long it is nor numbers all of them (raw H.264; MPEG-TS and MP4 in fragments at both ends); those shown are the sound
  recording's, but for the last one, which may be cut.
- silent: read without a word, and frames are missing, added, or at other times. Must be 0.
- crashed: the process died, or raised anything else than one of our errors. hung: no answer in time. Must be 0.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np

from normalcy.errors import NormalcyError
from normalcy.video.reader import VideoReader

FRAMES, WIDTH, HEIGHT, FPS = 60, 64, 48, 25
PATIENCE_S = 30.0
"""An input that takes longer hangs: a sound one takes some hundredths."""
OUTCOMES = ("refused", "warned", "same", "altered", "spliced", "silent", "crashed", "hung")

CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp4": ("v.mp4", "libx264", {}),
    "mp4 in fragments": ("f.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "mkv": ("v.mkv", "libx264", {}),
    "ts": ("v.ts", "libx264", {}),
    "avi": ("v.avi", "mpeg4", {}),
    "avi with H.264": ("h.avi", "libx264", {}),
    "h264": ("v.h264", "libx264", {}),
}
"""Name -> file name, codec, options of the container."""
ENDLESS = frozenset(("ts", "h264", "mp4 in fragments"))
"""They may begin or end anywhere."""
UNTIMED = frozenset(("h264",))
"""They have no time stamps."""


def record(folder: Path, container: str) -> Path:
    """Write the sound recording: a square that walks over a gradient, a key frame every 12 frames."""
    name, codec, options = CONTAINERS[container]
    path = folder / name
    ground = np.add.outer(np.arange(HEIGHT) * 2, np.arange(WIDTH)).astype(np.uint8)
    with av.open(str(path), "w", options=options) as out:
        stream: Any = out.add_stream(codec, rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"g": "12"}
        stream.codec_context.thread_count = 1  # the same bytes on any machine
        for i in range(FRAMES):
            image = np.repeat(ground[..., None], 3, axis=2)
            image[10:30, i % (WIDTH - 20) : i % (WIDTH - 20) + 20] = 230
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 10, 30))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _replace(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 10, 30))):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _stretch(data: bytearray, rng: random.Random) -> slice:
    start = rng.randrange(len(data))
    return slice(start, min(len(data), start + rng.choice((4, 40, 200, 1000, 4000))))


def _burst(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where] = bytes(b ^ 0x55 for b in data[where])


def _blank(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where] = bytes(len(data[where]))


def _noise(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where] = rng.randbytes(len(data[where]))


def _remove(data: bytearray, rng: random.Random) -> None:
    del data[_stretch(data, rng)]


def _double(data: bytearray, rng: random.Random) -> None:
    where = _stretch(data, rng)
    data[where.start : where.start] = data[where]


def _behead(data: bytearray, rng: random.Random) -> None:
    del data[: rng.randrange(len(data) // 2)]


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _replace, _replace),  # the commonest fault twice
    *(_burst, _blank, _noise, _remove, _double, _behead, _cut),
)


def damaged(sound: bytes, seed: int) -> bytes:
    """The recording with one kind of damage, the same for the same seed."""
    rng = random.Random(seed)
    data = bytearray(sound)
    rng.choice(DAMAGES)(data, rng)
    return bytes(data)


@dataclass(frozen=True)
class Reading:
    """What reading a file to its end gave."""

    error: str = ""
    """The message it was refused with."""
    warnings: tuple[str, ...] = ()
    times_s: tuple[float, ...] = ()
    pictures: tuple[str, ...] = ()
    """A digest of each."""


def read(path: str) -> Reading:
    """Read a file to its end."""
    try:
        with VideoReader(path) as reader:
            seen = [(frame.time_s, hashlib.sha256(frame.image.data).hexdigest()) for frame in reader]
            return Reading("", tuple(reader.damage.warnings()), tuple(t for t, _ in seen), tuple(d for _, d in seen))
    except NormalcyError as e:
        return Reading(error=str(e))


def outcome(sound: Reading, found: Reading, container: str) -> str:
    """What became of an input that neither crashed the reader nor hung it."""
    if found.error:
        return "refused"
    if found.warnings:
        return "warned"
    if len(found.times_s) == len(sound.times_s) and np.abs(np.subtract(found.times_s, sound.times_s)).max() < 1 / FPS:
        return "same" if found == sound else "altered"
    n = len(found.pictures)
    ends = found.times_s == sound.times_s[:n] and found.pictures in (sound.pictures[:n], sound.pictures[-n:])
    if container in ENDLESS and n and (ends or (container in UNTIMED and set(found.pictures[:-1]) <= set(sound.pictures))):
        return "spliced"
    return "silent"


def _serve(pipe: Connection) -> None:
    while True:
        path = pipe.recv()
        try:
            pipe.send(read(path))
        except Exception as e:
            pipe.send(f"{type(e).__name__}: {e}")


class Watched:
    """A reader in a process of its own, which is replaced when it dies or stalls."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def read(self, path: Path) -> Reading | tuple[str, str]:
        """The reading, or ("crashed" or "hung", why)."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        try:
            self._pipe.send(str(path))
            if not self._pipe.poll(PATIENCE_S):
                self.close()
                return "hung", f"no answer in {PATIENCE_S:g} s"
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            self.close()
            return "crashed", f"the process ended with {code}"
        return answer if isinstance(answer, Reading) else ("crashed", answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def fuzz(containers: list[str], inputs: int, seed: int) -> Iterator[tuple[str, int, str, str]]:
    """(container, seed of the input, outcome, what was said) of each input: ``inputs`` for each container."""
    watched = Watched()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for container in containers:
                path = record(folder, container)
                sound, data = read(str(path)), path.read_bytes()
                assert not sound.error and not sound.warnings and len(sound.times_s) == FRAMES, sound
                for i in range(seed, seed + inputs):
                    path.write_bytes(damaged(data, i))
                    found = watched.read(path)
                    if isinstance(found, Reading):
                        said = found.error or "; ".join(found.warnings)
                        yield container, i, outcome(sound, found, container), said
                    else:
                        yield container, i, *found
    finally:
        watched.close()


def table(counts: dict[str, Counter[str]]) -> str:
    """Totals by container."""
    rows = [["container", "inputs", *OUTCOMES]]
    for name, c in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        rows.append([name, str(c.total()), *(str(c[o]) for o in OUTCOMES)])
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(v.ljust(w) if k == 0 else v.rjust(w) for k, (v, w) in enumerate(zip(r, widths, strict=True))) for r in rows
    )


def main() -> int:
    """The command; 1 where an input crashed the reader, hung it, or passed in silence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1000, help="damaged inputs for each container")
    parser.add_argument("--seed", type=int, default=0, help="of the first input")
    parser.add_argument("--containers", default=",".join(CONTAINERS), help="names, comma-separated")
    parser.add_argument("--show", action="store_true", help="list every input that was altered, silent, crashed or hung")
    args = parser.parse_args()
    names = [n.strip() for n in args.containers.split(",")]
    unknown = [n for n in names if n not in CONTAINERS]
    if unknown:
        parser.error(f"unknown container '{unknown[0]}'; there are {', '.join(CONTAINERS)}")
    counts: dict[str, Counter[str]] = {n: Counter() for n in names}
    for container, seed, what, said in fuzz(names, args.inputs, args.seed):
        counts[container][what] += 1
        if what in ("silent", "crashed", "hung") or (args.show and what == "altered"):
            print(f"{container}, input {seed}: {what} {said}", flush=True)
    print(table(counts))
    return int(any(c[o] for c in counts.values() for o in ("silent", "crashed", "hung")))


if __name__ == "__main__":
    sys.exit(main())
