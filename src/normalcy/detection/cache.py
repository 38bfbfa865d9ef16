"""The boxes of a whole video, found once and kept: one .npz per video content and detector, beside the decoded frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.config import VideoConfig
from normalcy.detection.base import Detector
from normalcy.detection.boxes import Boxes, joined
from normalcy.errors import OutputError
from normalcy.files import replacing, sweep
from normalcy.types import Frame
from normalcy.video.cache import cache_root, fingerprint
from normalcy.video.damage import Damage
from normalcy.video.reader import FRAME_FOLDER_FPS, VideoReader
from normalcy.video.source import VideoRef, as_ref

FORMAT = 2
"""Raised whenever the layout of the file changes; older ones are then not found again."""
FOLDER = "boxes"

Progress = Callable[[int, int | None], None]
"""Called with the frames done and the total, None where it is not known."""


def boxes_of(
    source: VideoRef | Path | str | Iterable[Frame],
    detector: Detector,
    root: Path | str | None = None,
    progress: Progress | None = None,
    fps: float = FRAME_FOLDER_FPS,
    name: str = "",
    every: int = 1,
    config: VideoConfig | None = None,
    found_damage: Callable[[Damage], None] | None = None,
) -> list[Boxes]:
    """The boxes of frames 0, every, 2 every, ... to the last, in pixels of the source video.

    Pushing the same frames to the detector oneself gives the same boxes, to the bit: a file is no more than its frames.

    Args:
        source: A video, read from the cache where the same detector has seen the same frames of the same content; or frames,
            which are not cached.
        detector: It is reset.
        root: Of the cache, as in :mod:`normalcy.video.cache`.
        progress: Told of all frames, looked at or not.
        fps: Of a folder of frames, or of the frames given.
        name: Of the frames given, for the detector.
        every: See :func:`normalcy.detection.base.sample_step`.
        config: How a video is read.
        found_damage: Told what was wrong with a video that had to be read to its end.

    Raises:
        SourceError, VideoError: The video cannot be read. DataError, WeightsError: From the detector.
        OutputError: The cache cannot be written.
    """
    if not isinstance(source, VideoRef | Path | str):
        detector.reset(name, fps, every)
        return _detect(source, detector, every, None, progress)
    ref = as_ref(source)
    with VideoReader(ref, fps=fps, config=config) as reader:
        detector.reset(ref.name, reader.info.fps, every)
        path = cache_root(root) / FOLDER / f"{_key(ref, detector, reader.info.fps, every, config)}.npz"
        found = _load(path)
        if found is None:
            found = _detect(reader, detector, every, reader.info.frames, progress)
            _save(path, found)
            if found_damage is not None:
                found_damage(reader.damage)
    return found


def _detect(
    frames: Iterable[Frame], detector: Detector, every: int, total: int | None, progress: Progress | None
) -> list[Boxes]:
    found: list[Boxes] = []
    for n, frame in enumerate(frames):
        if n % every == 0:
            found.append(detector.push(frame.image))
        if progress is not None:
            progress(n + 1, total)
    detector.finish()
    return found


def _key(ref: VideoRef, detector: Detector, fps: float, every: int, config: VideoConfig | None) -> str:
    marks = [FORMAT, fingerprint(ref), detector.key, round(fps, 3), *([every] if every > 1 else [])]
    marks.append((VideoConfig() if config is None else config).model_dump(mode="json"))
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:32]


def _load(path: Path) -> list[Boxes] | None:
    """A finished entry, or None where there is none or it is damaged."""
    try:
        with path.open("rb") as f, np.load(f, allow_pickle=False) as z:
            count: NDArray[np.int64] = z["count"]
            more = (z[name] if name in z.files else None for name in ("probs", "features", "crops"))
            whole = Boxes(z["xyxy"], z["score"], z["label"], *more)
        if count.ndim != 1 or count.sum() != len(whole):
            return None
    except Exception:  # a damaged archive raises whatever zipfile and numpy happen to meet: found anew
        return None
    ends = np.cumsum(count)
    return [whole.select(np.arange(end - n, end)) for n, end in zip(count, ends, strict=True)]


def _save(path: Path, found: list[Boxes]) -> None:
    whole = joined(*found) if found else Boxes.none()
    arrays: dict[str, Any] = {
        "count": np.array([len(b) for b in found], np.int64),
        "xyxy": whole.xyxy_N4,
        "score": whole.score_N,
        "label": whole.label_N,
    }
    more = {"probs": whole.probs_NK, "features": whole.features_ND, "crops": whole.crops_ND}
    arrays |= {name: rows for name, rows in more.items() if rows is not None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        with replacing(path) as part, part.open("xb") as f:
            np.savez_compressed(f, allow_pickle=False, **arrays)
    except OSError as e:
        raise OutputError(f"{path.parent}: cannot keep boxes: {e.strerror or e}; free space or set NORMALCY_CACHE_DIR") from e
