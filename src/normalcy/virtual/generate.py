"""The simulated scene as clips and as a data set on disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from normalcy.errors import OutputError, UsageError
from normalcy.files import write_bytes
from normalcy.types import Box
from normalcy.video.writer import VideoWriter
from normalcy.virtual.actors import Actor, Stage
from normalcy.virtual.anomalies import KINDS, stage_anomalies
from normalcy.virtual.camera import Camera
from normalcy.virtual.render import Mask, Renderer
from normalcy.virtual.scene import Image
from normalcy.virtual.traffic import daylight, populate

VERSION = 1
"""Grows whenever the same seed no longer gives the same pictures."""
MIN_VISIBLE = 8
"""A frame is anomalous when at least this many pixels of an anomalous actor can be seen."""


class VirtualFrame(NamedTuple):
    """One simulated picture with its ground truth."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    label: int
    """1 when at least ``MIN_VISIBLE`` pixels of one anomalous actor are visible."""
    mask: Mask
    """(H, W) bool, the visible pixels of the anomalous actors that count for the label."""
    boxes: dict[int, Box]
    """Anomalous actor to the box around its visible pixels; x2 and y2 exclusive."""


@dataclass(frozen=True)
class DatasetPaths:
    """Where :func:`write_dataset` put things; lists are in clip order."""

    root: Path
    train_videos: list[Path]
    test_videos: list[Path]
    labels: list[Path]
    masks: list[Path]
    tracks: list[Path]
    scene: Path


class Scenario:
    """One fixed camera over one scene. ``seed`` paints the scene; clips take seeds of their own for who passes by.

    Sizes are (width, height) in pixels, ``fps`` frames per second. Equal seeds give equal pictures on every machine and
    in every process. Raises UsageError for a size or rate that cannot be painted.
    """

    def __init__(self, size: tuple[int, int] = (320, 240), fps: float = 25.0, seed: int = 0) -> None:
        if min(size) < 32 or size[0] % 2 or size[1] % 2:
            raise UsageError(f"scenario size {size}: width and height must be even and at least 32 pixels")
        if not 1.0 <= fps <= 240.0:
            raise UsageError(f"scenario fps {fps}: must lie in 1 to 240")
        self.size, self.fps, self.seed = size, fps, seed
        self._camera = Camera(size)
        self._renderer = Renderer(self._camera, seed)

    def normal_clip(self, seed: int, frames: int) -> Iterator[Image]:
        """Pictures (H, W, 3) uint8 RGB of normal life, one at a time."""
        for frame in self._play(seed, frames, ()):
            yield frame.image

    def anomalous_clip(self, seed: int, frames: int, kinds: Sequence[str]) -> Iterator[tuple[Image, int, Mask]]:
        """Normal life with the named anomalies begun one after another: (image, label, mask) per frame.

        Raises UsageError for a kind that is not in ``KINDS``.
        """
        return ((frame.image, frame.label, frame.mask) for frame in self.annotated_clip(seed, frames, kinds))

    def annotated_clip(self, seed: int, frames: int, kinds: Sequence[str]) -> Iterator[VirtualFrame]:
        """As :meth:`anomalous_clip`, with the box of every anomalous actor."""
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise UsageError(f"unknown anomaly kind {unknown[0]!r}; known: {', '.join(KINDS)}")
        return self._play(seed, frames, tuple(kinds))

    def _play(self, seed: int, frames: int, kinds: tuple[str, ...]) -> Iterator[VirtualFrame]:
        if frames < 1:
            raise UsageError(f"a clip needs at least one frame, got {frames}")
        rng = np.random.default_rng([self.seed, seed, 21])
        stage = Stage(self._camera, self.fps, frames)
        cast = stage_anomalies(stage, rng, kinds)
        cast += populate(stage, rng, cast)
        actors = [actor.named(ident) for ident, actor in enumerate(cast, start=1)]
        phases = (float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28)))
        for frame in range(frames):
            yield self._frame(actors, frame, daylight(self.fps, frame, phases), rng)

    def _frame(self, actors: list[Actor], frame: int, light: float, rng: np.random.Generator) -> VirtualFrame:
        placed = [actor.placed(frame) for actor in actors if actor.alive(frame)]
        image, masks = self._renderer.frame(placed, light, rng)
        seen = {ident: mask for ident, mask in masks.items() if np.count_nonzero(mask) >= MIN_VISIBLE}
        union = np.zeros(image.shape[:2], np.bool_)
        for mask in seen.values():
            union |= mask
        return VirtualFrame(image, int(bool(seen)), union, {ident: _box(mask) for ident, mask in seen.items()})


def _box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def deal_kinds(seed: int, clips: int) -> list[list[str]]:
    """Kinds for each test clip, one to three apiece and different within a clip; with four or more clips every kind occurs."""
    rng = np.random.default_rng([seed, 31])
    total = min(max(len(KINDS), clips), 3 * clips)
    deck: list[str] = []
    while len(deck) < total:
        deck.extend(KINDS[i] for i in rng.permutation(len(KINDS)))
    return [sorted(set(deck[:total][i::clips]), key=deck.index) for i in range(clips)]


def write_dataset(
    root: str | Path,
    seed: int = 0,
    train_clips: int = 6,
    train_frames: int = 250,
    test_clips: int = 6,
    test_frames: int = 200,
    size: tuple[int, int] = (320, 240),
    fps: float = 25.0,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetPaths:
    """Writes a whole simulated data set: normal clips for training, clips with anomalies and exact truth for testing.

    Layout: ``training/videos/NN.mp4``, ``testing/videos/NN.mp4``, ``testing/labels/NN.npy`` (uint8, one 0/1 per frame),
    ``testing/masks/NN.npz`` (key ``masks``, bool, (frames, height, width)), ``testing/tracks/NN.csv``
    (track_id,frame,x1,y1,x2,y2 in pixels, x2 and y2 exclusive) and ``scene.json``, which is written last.
    ``progress`` is called with (frames done, frames in all). Raises OutputError when the folder cannot be written.
    """
    root = Path(root)
    scenario = Scenario(size, fps, seed)
    paths = _layout(root, train_clips, test_clips)
    total, done = train_clips * train_frames + test_clips * test_frames, 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    kinds = deal_kinds(seed, test_clips)
    try:
        for group in (paths.train_videos, paths.test_videos, paths.labels, paths.masks, paths.tracks, [paths.scene]):
            for path in group:
                path.parent.mkdir(parents=True, exist_ok=True)
        for i, video in enumerate(paths.train_videos):
            with VideoWriter(video, size, fps) as writer:
                for image in scenario.normal_clip(_clip_seed(0, i), train_frames):
                    writer.write(image)
                    tick()
        for i in range(test_clips):
            _write_test_clip(scenario, paths, i, kinds[i], test_frames, tick)
        facts = {
            "version": VERSION,
            "seed": seed,
            "size": list(size),
            "fps": fps,
            "kinds": {f"{i + 1:02d}": k for i, k in enumerate(kinds)},
        }
        write_bytes(paths.scene, json.dumps(facts, indent=2).encode())
    except OSError as error:
        raise OutputError(f"{root}: cannot write the simulated data set ({error.strerror or error})") from error
    return paths


def _clip_seed(role: int, index: int) -> int:
    """Training and test clips never share their passers-by."""
    return 2 * index + role + 1000


def _layout(root: Path, train: int, test: int) -> DatasetPaths:
    def names(folder: str, count: int, suffix: str) -> list[Path]:
        return [root / folder / f"{i + 1:02d}{suffix}" for i in range(count)]

    return DatasetPaths(
        root=root,
        train_videos=names("training/videos", train, ".mp4"),
        test_videos=names("testing/videos", test, ".mp4"),
        labels=names("testing/labels", test, ".npy"),
        masks=names("testing/masks", test, ".npz"),
        tracks=names("testing/tracks", test, ".csv"),
        scene=root / "scene.json",
    )


def _write_test_clip(
    scenario: Scenario, paths: DatasetPaths, i: int, kinds: list[str], frames: int, tick: Callable[[], None]
) -> None:
    labels = np.zeros(frames, np.uint8)
    masks: NDArray[np.bool_] = np.zeros((frames, scenario.size[1], scenario.size[0]), np.bool_)
    rows: list[tuple[int, int, float, float, float, float]] = []
    with VideoWriter(paths.test_videos[i], scenario.size, scenario.fps) as writer:
        for k, frame in enumerate(scenario.annotated_clip(_clip_seed(1, i), frames, kinds)):
            writer.write(frame.image)
            labels[k], masks[k] = frame.label, frame.mask
            rows.extend((ident, k, *box) for ident, box in frame.boxes.items())
            tick()
    buffer = io.BytesIO()
    np.save(buffer, labels)
    write_bytes(paths.labels[i], buffer.getvalue())
    buffer = io.BytesIO()
    np.savez_compressed(buffer, masks=masks)
    write_bytes(paths.masks[i], buffer.getvalue())
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["track_id", "frame", "x1", "y1", "x2", "y2"])
    table.writerows((ident, k, *(int(v) for v in box)) for ident, k, *box in rows)
    write_bytes(paths.tracks[i], text.getvalue().encode())
