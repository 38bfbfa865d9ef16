"""What objects say by their boxes alone, at full scale: given tracks of persons, no picture, nothing trained by gradient.

    python benchmarks/tracks_alone.py DATA_ROOT [--sets shanghaitech avenue] [--cues speed place ...]

DATA_ROOT is laid out as ../shared/data: tracks/SET_training.npz and SET_testing*.npz (rows frame, person, x1, y1, x2, y2) and
the sets' frame labels. A normal is fitted for each scene (ShanghaiTech: the number before the underscore) on its training
tracks, exactly as the object level fits what a detector saw; velocities are those of the boxes' feet over half a second. Every
fourth frame is looked at, both in training and in testing. Printed are frame AUC, micro / macro (defined), of each cue alone,
of all joined, and of constant, random and number of persons beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from normalcy.data.arrays import npz_keys, read_npz
from normalcy.metrics.auc import frame_metrics
from normalcy.objects.fit import fit
from normalcy.objects.normal import Normal
from normalcy.objects.sightings import DIRECTIONS, HISTOGRAM, MOTIONS, SPEED, Floats, Sightings
from normalcy.objects.track_mean import track_means
from normalcy.objects.watch import MEMORY_S, STAY

EVERY = 4
FOLDS = 5
SIGMA_S, SMOOTH_S = 1.0, 0.7
HALF_S = 0.25
"""Velocity is taken from the foot this long before to this long after."""
MOST = 20_000
CUES = ("speed", "direction", "place", "dwell")
SETS: dict[str, tuple[int, int, float]] = {"shanghaitech": (856, 480, 24.0), "avenue": (640, 360, 25.0)}
"""Width, height and frames per second."""

Labels = Mapping[str, NDArray[np.uint8]]


def sightings(rows: NDArray[Any], video: int, size: tuple[int, int, float]) -> Sightings:
    """What was seen in one clip, of the frames that are looked at. rows: frame, person, x1, y1, x2, y2."""
    width, height, fps = size
    parts = []
    for person in np.unique(rows[:, 1]):
        own = rows[rows[:, 1] == person]
        own = own[np.argsort(own[:, 0], kind="stable")].astype(np.float64)
        t = own[:, 0] / fps
        box = own[:, 2:6] / [width, height, width, height]
        foot = np.stack([(box[:, 0] + box[:, 2]) / 2 * width / height, box[:, 3]], axis=1)
        before, after = (np.clip(np.searchsorted(t, t + d), 0, len(t) - 1) for d in (-HALF_S, HALF_S))
        seconds = np.maximum(t[after] - t[before], 1 / fps)
        velocity = (foot[after] - foot[before]) / seconds[:, None]
        motion = np.full((len(own), MOTIONS), np.nan)
        motion[:, SPEED] = np.hypot(*velocity.T)
        motion[:, HISTOGRAM] = 0.0
        towards = np.round(np.arctan2(velocity[:, 1], velocity[:, 0]) / (2 * np.pi) * DIRECTIONS).astype(int) % DIRECTIONS
        motion[np.arange(len(own)), HISTOGRAM.start + towards] = motion[:, SPEED]
        n = len(own)
        s = Sightings(
            np.full(n, video),
            own[:, 0].astype(np.int64),
            t,
            np.full(n, video * 100_000 + int(person)),
            box,
            np.full(n, width / height),
            np.zeros(n, np.int64),
            np.zeros((n, 0), np.float32),
            motion,
            _dwell(t, foot, box[:, 3] - box[:, 1]),
            np.zeros((n, 0), np.float32),
        )
        parts.append(s.select(own[:, 0] % EVERY == 0))
    return Sightings.joined(parts)


def _dwell(t: Floats, foot: Floats, height: Floats) -> Floats:
    """Seconds that the foot has stayed where it is."""
    out = np.zeros(len(t))
    for i in range(len(t)):
        away = np.flatnonzero(np.hypot(*(foot[: i + 1] - foot[i]).T) > STAY * height[i])
        out[i] = t[i] - t[away[-1] + 1 if len(away) else 0]
    return np.minimum(out, MEMORY_S)


def normals(training: Mapping[str, NDArray[Any]], size: tuple[int, int, float], cues: Sequence[str]) -> dict[str, Normal]:
    """One for each scene."""
    by_scene: dict[str, list[Sightings]] = defaultdict(list)
    for video, (name, rows) in enumerate(sorted(training.items())):
        by_scene[scene_of(name)].append(sightings(rows, video, size))
    out = {}
    for scene, clips in by_scene.items():
        thin = -(-sum(map(len, clips)) // MOST)
        clips = [c.select(c.frame_N // EVERY % thin == 0) for c in clips]
        folds = [Sightings.joined(clips[i::FOLDS]) for i in range(min(FOLDS, len(clips)))]
        out[scene] = fit(folds, cues, SIGMA_S, empty=0.0).whole
    return out


def scene_of(name: str) -> str:
    """ShanghaiTech's clips are SCENE_NUMBER; Avenue has one scene."""
    return name.split("_")[0] if "_" in name else ""


def scores(normal: Normal, s: Sightings, frames: int, fps: float) -> NDArray[np.float64]:
    """(frames,) score of each frame of a clip."""
    object_N = normal.objects(normal.parts(track_means(normal.read(s).z_NC, s.track_N, s.time_N, SIGMA_S)))
    looks = np.arange(0, frames, EVERY)
    value = np.array([normal.frame(object_N[s.frame_N == f]) for f in looks])
    return np.asarray(gaussian_filter1d(np.interp(np.arange(frames), looks, np.arcsinh(value)), SMOOTH_S * fps, mode="nearest"))


def run(root: Path, name: str, cues: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each score."""
    size = SETS[name]
    training, testing = (
        {k: read_npz(path, k) for path in sorted((root / "tracks").glob(f"{name}_{part}*.npz")) for k in npz_keys(path)}
        for part in ("training", "testing")
    )
    folder = next(f for f in (root / name / "all_test_labels", root / name / "testing" / "labels") if f.is_dir())
    labels: Labels = {n: np.load(folder / f"{n}.npy", allow_pickle=False) for n in testing}
    seen = {n: sightings(rows, i, size) for i, (n, rows) in enumerate(sorted(testing.items()))}
    rng = np.random.default_rng(0)
    count = {n: np.bincount(rows[:, 0].astype(int), minlength=len(labels[n]))[: len(labels[n])] for n, rows in testing.items()}
    kinds: dict[str, Mapping[str, NDArray[Any]]] = {
        "constant": {n: np.zeros(len(v)) for n, v in labels.items()},
        "random": {n: rng.random(len(v)) for n, v in labels.items()},
        "persons in the frame": count,
    }
    for words, chosen in [*((f"{c} alone", [c]) for c in cues), (" + ".join(cues), list(cues))]:
        since = time.process_time()
        by_scene = normals(training, size, chosen)
        kinds[words] = {n: scores(by_scene[scene_of(n)], s, len(labels[n]), size[2]) for n, s in seen.items()}
        print(f"{name}: {words} in {time.process_time() - since:.0f} s of CPU time", file=sys.stderr, flush=True)
    out = []
    for words, values in kinds.items():
        m = frame_metrics(values, labels)
        out.append({"set": name, "clips": len(labels), "score": words, "micro": m.micro_auc, "macro": m.macro_auc_defined})
    return out


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=sorted(SETS))
    parser.add_argument("--cues", nargs="+", default=list(CUES))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    found = [row for name in args.sets for row in run(args.root, name, args.cues)]
    if args.json:
        json.dump(found, sys.stdout, indent=1)
        return
    print("| set | clips | score | micro | macro (defined) |\n|---|---|---|---|---|")
    for r in found:
        print(f"| {r['set']} | {r['clips']} | {r['score']} | {r['micro']:.3f} | {r['macro']:.3f} |")


if __name__ == "__main__":
    main()
