"""learned(): what a model learned of its camera, for people, from the model folder alone."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.api.load import load_model
from normalcy.detection.classes import CLASSES, class_name
from normalcy.nn.stored import read_stored
from normalcy.objects.both_levels import BothModel
from normalcy.objects.cues.direction import Direction
from normalcy.objects.seen_model import SeenModel
from normalcy.objects.sightings import DIRECTIONS
from normalcy.report.learned import Learned, SceneLearned, Typical, arrow_picture, heat_picture
from normalcy.report.pictures import data_uri
from normalcy.scoring.exemplars import Exemplar, Exemplars
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson_files import about_lessons
from normalcy.scoring.readouts import Velocity
from normalcy.scoring.velocity import main_velocity, moving_share

GRID = (12, 16)
"""(rows, columns) in which things are counted where the model looks at objects alone."""
CROPS = 8
KINDS = 6
RARE = 0.02
"""Share of all tracks below which a kind is not typical; most of those are mistakes of the detector."""
DARK = 45.0
"""Mean grey level of a background below which it is night."""
GREY = 8.0
"""Mean spread of its colours below which a background has none: an infra-red camera, or a grey one."""
USUAL_KINDS = ("person", "bicycle", "motorcycle", "car", "bus", "truck", "dog", "cat")
"""What people ask about."""
STILL = 0.002
"""Share of the time below which nothing moves at a place."""

Floats = NDArray[np.floating]


def learned(model_dir: str | Path) -> Learned:
    """What a model learned, to be shown. Raises ModelError."""
    folder = Path(model_dir)
    bundle = read_stored(folder)
    model, pictures = load_model(folder, "cpu", "torch"), Exemplars.load(folder)
    frame = model.frame if isinstance(model, BothModel) else model if isinstance(model, FrameModel) else None
    seen = model.objects if isinstance(model, BothModel) else model
    objects = seen if isinstance(seen, SeenModel) else None
    scenes = [_scene(i, frame, objects, pictures) for i in range(max(len(model.scenes), 1))]
    trained: Sequence[dict[str, Any]] = bundle.extra.get("trained_on", [])
    minutes = sum(v["frames"] / max(v["fps"], 1e-6) for v in trained) / 60.0
    rests = [("normal video", f"{minutes:.1f} minutes in {len(trained)} video{'s' if len(trained) != 1 else ''}")]
    rests.append(("frame rate", f"{model.trained_fps:.3g} per second"))
    rests.append(("scenes told apart", str(len(scenes))))
    if objects is not None:
        rests.append(("objects remembered", f"{_tracks(objects)} tracks"))
    if model.threshold is not None:
        rests.append(("alarm threshold", f"{model.threshold.value:.2f}"))
    said = f"What is normal here rests on {minutes:.1f} minutes of video."
    said += "" if model.threshold is None else f" {model.threshold.sentence()}"
    lessons = [
        {"event": "", "clip": "", "camera": "", "by": "", "before": 0.0, "after": 0.0, **x, "when": _when(x)}
        for x in about_lessons(folder)
    ]
    note = "" if len(pictures) else "The model keeps no pictures of normal video (train.exemplars was 0, or it is older)."
    hours = "The training video carries no time of day, so the usual hours are not known."
    return Learned(said, rests, scenes, _tests(objects), lessons, " ".join(t for t in (hours, note) if t))


def _scene(i: int, frame: FrameModel | None, objects: SeenModel | None, pictures: Exemplars) -> SceneLearned:
    own = frame.scenes[i][1] if frame is not None and frame.scenes else frame
    seen = objects.scenes[i][1] if objects is not None and objects.scenes else objects
    background = next((_decoded(e) for e in pictures.of("background", i)), None)
    moves, velocity = _motion(own, seen)
    facts = [] if seen is None or background is None else _crossing(seen, background.shape[1] / background.shape[0])
    never = _never(moves, seen, background)
    where = None if moves is None else data_uri(heat_picture(background, moves))
    how = None if moves is None or velocity is None else data_uri(arrow_picture(background, moves, velocity))
    typical = [] if seen is None else _typical(seen, pictures.of("object", i))
    return SceneLearned(f"Scene {i + 1}", where, how, facts, never, typical)


def _motion(frame: FrameModel | None, seen: SeenModel | None) -> tuple[Floats | None, Floats | None]:
    """(share of time in which each place moves, (h, w), usual velocity there)."""
    readout = None if frame is None else next((r for r in frame.readouts if isinstance(r, Velocity)), None)
    if frame is not None and readout is not None:
        v, (bands, columns) = readout.normal, readout.zoning
        moves = moving_share(v).reshape(bands, columns)
        mean = main_velocity(v, bands, columns)
        return moves, mean
    return _motion_of_objects(seen) if seen is not None else (None, None)


def _crossing(seen: SeenModel, aspect: float) -> list[str]:
    """How fast things usually are, near and far."""
    near, far = (float(seen.normal.usual.at(np.array([y]))[0]) for y in (0.9, 0.4))
    a, b = aspect / near, aspect / far
    if abs(a - b) < 0.15 * a:
        return [f"What moves usually needs about {a:.0f} s for the width of the picture."]
    return [f"What moves near the lower edge usually needs about {a:.0f} s for the width of the picture, further up {b:.0f} s."]


def _motion_of_objects(seen: SeenModel) -> tuple[Floats, Floats | None]:
    """From remembered sightings: how often something was where, and which way it went."""
    h, w = GRID
    box = seen.album.box_N4
    row = np.clip((box[:, 3] * h).astype(int), 0, h - 1)
    column = np.clip(((box[:, 0] + box[:, 2]) / 2 * w).astype(int), 0, w - 1)
    count = np.zeros(GRID)
    np.add.at(count, (row, column), 1.0)
    moves = count / max(count.max(), 1.0)
    cue = next((c for c in seen.normal.cues if isinstance(c, Direction)), None)
    if cue is None or not len(cue.rows):
        return moves, None
    histogram = np.square(cue.known(cue.rows))
    angle = np.arange(DIRECTIONS) / DIRECTIONS * 2 * np.pi
    way = histogram @ np.stack([np.cos(angle), np.sin(angle)], axis=1)
    total, n = np.zeros((*GRID, 2)), np.zeros(GRID)
    np.add.at(total, (row[cue.rows], column[cue.rows]), way)
    np.add.at(n, (row[cue.rows], column[cue.rows]), 1.0)
    return moves, total / np.maximum(n, 1.0)[..., None]


def _never(moves: Floats | None, seen: SeenModel | None, background: NDArray[np.uint8] | None) -> list[str]:
    out = []
    if background is not None:
        grey = float(background.mean())
        colour = float(np.ptp(background.astype(np.int64), axis=2).mean())
        if grey >= DARK and colour >= GREY:
            out.append("night: every picture is lit and in colour")
        elif grey >= DARK:
            out.append("colour: the pictures are grey. Whether that is night with infra-red or a grey camera cannot be told")
        else:
            out.append("daylight: the pictures are dark")
    if moves is not None:
        still = float((moves < STILL).mean())
        if still >= 0.05:
            out.append(f"anything that moves in {still:.0%} of the picture")
    if seen is not None:
        known = {k for k, _ in _kinds(seen)}
        missing = [k for k in USUAL_KINDS if k not in known]
        if known & set(CLASSES) and missing:
            out.append(f"a {', a '.join(missing[:-1])} or a {missing[-1]}" if len(missing) > 1 else f"a {missing[0]}")
    return out


def _typical(seen: SeenModel, pictures: Sequence[Exemplar]) -> list[Typical]:
    out = []
    kinds = _kinds(seen)
    for kind, tracks in [k for k in kinds if k[1] >= RARE * sum(n for _, n in kinds)][:KINDS]:
        crops = [e for e in pictures if (class_name(e.label) or "moving, without a name") == kind][:CROPS]
        out.append(Typical(kind, tracks, [_uri(e) for e in crops]))
    return out


def _kinds(seen: SeenModel) -> list[tuple[str, int]]:
    """(kind, tracks) of normal objects, the most frequent first."""
    cue = next((c for c in seen.normal.cues if c.name == "kind"), None)
    if cue is None:
        return []
    state = cue.state()
    pairs = zip(state["label"].astype(int).tolist(), state["tracks"].astype(int).tolist(), strict=True)
    named = [(class_name(label) or "moving, without a name", n) for label, n in pairs]
    return sorted(named, key=lambda p: -p[1])


def _tracks(seen: SeenModel) -> int:
    models: list[SeenModel] = [m for _, m in seen.scenes] or [seen]
    return sum(int(m.normal.locality.track_M.max(initial=-1)) + 1 for m in models)


def _tests(seen: SeenModel | None) -> list[tuple[str, list[tuple[str, float, float | None]]]]:
    """What it would notice, from the self-test of each scene, what is told best first."""
    if seen is None:
        return []
    models: list[SeenModel] = [m for _, m in seen.scenes] or [seen]
    out = []
    for i, m in enumerate(models):
        t = m.selftest
        if t is None:
            continue
        alarms = [None if np.isnan(v) else float(v) for v in t.noticed_K]
        rows = [(c, float(v), a) for c, v, a in zip(t.changes, t.joined_K, alarms, strict=True)]
        of = f" in scene {i + 1}" if len(models) > 1 else ""
        out.append((f"What it would notice{of}", sorted(rows, key=lambda r: -r[1])))
    return out


def _when(about: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(float(about.get("taught", 0.0))))


def _decoded(e: Exemplar) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(e.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1])


def _uri(e: Exemplar) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(e.jpeg).decode("ascii")
