"""What each level keeps of the frames of a clip that a person called normal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.clips.sampling import span, step_at
from normalcy.detection.base import build_detector, sample_step
from normalcy.errors import ModelError
from normalcy.objects.both_levels import BothModel
from normalcy.objects.lesson import NAME, lesson_of
from normalcy.objects.seen_model import SeenModel
from normalcy.objects.sightings import Sightings
from normalcy.objects.track_mean import track_means
from normalcy.objects.watch import watch_video
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson import UNUSUAL
from normalcy.scoring.levels import LEVEL, level_of
from normalcy.scoring.model import Model
from normalcy.scoring.scene import Signature, signature
from normalcy.scoring.windows import Windows
from normalcy.video.reader import VideoReader, probe, working_size
from normalcy.video.source import VideoRef

MAX_WINDOWS = 150
"""Windows of a clip that are read; of more an even choice."""
SOME = 0.5
"""Share of the highest object's score from which on another belongs to the event."""

Arrays = dict[str, NDArray[Any]]


def learned_of(model: Model, ref: VideoRef, frames: Sequence[int]) -> Arrays:
    """The arrays of a lesson. frames: of those that are taught, at least one. Raises ModelError for a level that cannot."""
    if isinstance(model, BothModel):
        if not isinstance(model.objects, SeenModel):
            raise ModelError("objects.method tubes cannot be taught; train with objects.method=untrained, or retrain")
        return of_frames(model.frame, ref, frames) | of_objects(model.objects, ref, frames)
    if isinstance(model, FrameModel):
        return of_frames(model, ref, frames)
    if isinstance(model, SeenModel):
        return of_objects(model, ref, frames)
    raise ModelError("objects.method tubes cannot be taught; train with objects.method=untrained, or retrain")


def picture_of(model: Model, ref: VideoRef) -> Signature:
    """The background of a clip."""
    info = probe(ref, config=model.cfg.video)
    with VideoReader(ref, working_size(info.width, info.height, model.cfg.input), config=model.cfg.video) as reader:
        images = [f.image for f in reader if f.index % 5 == 0]
    return signature(np.stack(images[:: max(1, len(images) // 50)]))


def of_frames(model: FrameModel, ref: VideoRef, frames: Sequence[int]) -> Arrays:
    """What the readouts of whole frames keep of these frames' windows."""
    parts: dict[str, list[Arrays]] = {}
    scene: FrameModel | None = None
    for images, w in _windows(model, ref, frames):
        scene = scene or model.at(images[: model.cfg.clip.length])
        for name, own in _read(scene, w).items():
            parts.setdefault(name, []).append(own)
    return {f"{name}.{k}": _together(k, [p[k] for p in own]) for name, own in parts.items() for k in own[0]}


@torch.inference_mode()
def _read(model: FrameModel, w: Windows) -> dict[str, Arrays]:
    s, out = model.cfg.scoring, {}
    normal = model.calibrated()
    for r in model.readouts:
        z = normal.readouts[r.name].place.z(r.maps(w).cpu(), s.bands, s.columns, r.two_sided)
        unusual = z.numpy() > UNUSUAL
        own = r.lesson(w, unusual)
        out[r.name] = {LEVEL: level_of(z, unusual)} if own is None else own
    return out


def _together(key: str, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if key == LEVEL:
        return np.asarray(np.max(np.stack(parts), axis=0))
    return np.concatenate(parts)


def _windows(model: FrameModel, ref: VideoRef, frames: Sequence[int]) -> Iterator[tuple[NDArray[np.uint8], Windows]]:
    """(frames, windows) of batches of windows in whose middle these frames are."""
    cfg = model.cfg
    info = probe(ref, config=cfg.video)
    step = step_at(info.fps, cfg)
    reach = span(cfg.clip.length, step)
    with VideoReader(ref, working_size(info.width, info.height, cfg.input), config=cfg.video) as reader:
        images = [f.image for f in reader]  # a clip is short
    last = max(len(images) - reach, 0)
    starts = np.unique(np.clip(np.array(frames) - reach // 2, 0, last))
    starts = starts[np.unique(np.linspace(0, len(starts) - 1, MAX_WINDOWS).astype(np.int64))]
    for part in np.array_split(starts, max(1, -(-len(starts) // 16))):
        index = np.minimum(part[:, None] + np.arange(0, reach, step)[: cfg.clip.length], len(images) - 1)
        used, place = np.unique(index, return_inverse=True)
        chosen = np.stack([images[i] for i in used.tolist()])
        yield chosen, model.windows(chosen, place.reshape(index.shape).astype(np.int64))


def of_objects(model: SeenModel, ref: VideoRef, frames: Sequence[int]) -> Arrays:
    """Sightings of the tracks that stand out in these frames, over the whole clip; nothing where there are none."""
    cfg, info = model.cfg, probe(ref, config=model.cfg.video)
    every = sample_step(info.fps, cfg.objects)
    looks: list[Sightings] = []
    scene = model
    for frame, met in watch_video(ref, info, cfg, build_detector(cfg.objects, features=True)):
        scene = scene if looks else model.at(frame.image[None])
        looks.append(met)
    s = Sightings.joined(looks)
    if not len(s):
        return {}
    normal = scene.normal
    mean_NC = track_means(normal.read(s).z_NC, s.track_N, s.time_N, cfg.objects.track_s)
    score_N = normal.objects(normal.parts(mean_NC)) / normal.map_scale
    near = np.array(frames)
    during_N = (s.frame_N >= near.min() - every) & (s.frame_N <= near.max() + every)
    if not during_N.any() or score_N[during_N].max() <= 0:
        return {}
    stands_out = during_N & (score_N >= min(1.0, SOME * float(score_N[during_N].max())))
    own = s.select(np.isin(s.track_N, np.unique(s.track_N[stands_out])))
    return {f"{NAME}.{k}": v for k, v in lesson_of(normal, own).items()}
