"""The still part of the picture: lawn, walk, road and planting, painted once per scenario from seeded noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.virtual.camera import CAR_LANES, ROAD, WALK_HALF, Camera, Floats, to_plan, to_world

Image = NDArray[np.uint8]
_OVERSAMPLE = 3
_TILE = 512


def paint_background(camera: Camera, seed: int) -> Image:
    """The empty scene, (H, W, 3) uint8 RGB, the same for the same camera and seed."""
    rng = np.random.default_rng([seed, 11])
    w, h = camera.size[0] * _OVERSAMPLE, camera.size[1] * _OVERSAMPLE
    u, v = np.meshgrid((np.arange(w) + 0.5) / _OVERSAMPLE, (np.arange(h) + 0.5) / _OVERSAMPLE)
    s, n = to_plan(*camera.ground(u, v))
    picture = _lawn(rng, s, n)
    _lay(picture, _walk(rng, s, n), _strip(n, -WALK_HALF, WALK_HALF, rng, s))
    _lay(picture, _road(rng, s, n), _strip(n, ROAD[0], ROAD[1], None, s))
    for kerb in (ROAD[0] - 0.12, ROAD[1] + 0.12):
        _lay(picture, _kerb(rng, s), _strip(n, kerb - 0.12, kerb + 0.12, None, s))
    picture *= (0.93 + 0.14 * _noise(rng, s, n, 2.5, 4))[..., None]
    _plant(rng, camera, picture)
    small = cv2.resize(np.clip(picture, 0, 255).astype(np.uint8), camera.size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _fractal(rng: np.random.Generator, octaves: int) -> NDArray[np.float32]:
    """A tile of noise in about [0, 1] with ``octaves`` scales, coarse ones strongest."""
    total = np.zeros((_TILE, _TILE), np.float32)
    for k in range(octaves):
        grid = rng.random((8 << k, 8 << k)).astype(np.float32)
        total += cv2.resize(grid, (_TILE, _TILE), interpolation=cv2.INTER_CUBIC) * 0.62**k
    low, high = np.percentile(total, [1, 99])
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), dtype=np.float32)


def _noise(rng: np.random.Generator, s: Floats, n: Floats, pixels_per_m: float, octaves: int) -> Floats:
    """Noise lying on the ground, so that perspective shrinks it with distance."""
    tile = _fractal(rng, octaves)
    x, y = (s * pixels_per_m + 200).astype(np.float32), (n * pixels_per_m + 200).astype(np.float32)
    return np.asarray(cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), dtype=np.float64)


def _mix(low: tuple[int, int, int], high: tuple[int, int, int], weight: Floats) -> Floats:
    return np.asarray(np.array(low) + (np.array(high) - np.array(low)) * weight[..., None], dtype=np.float64)


def _lay(picture: Floats, layer: Floats, cover: Floats) -> None:
    picture += (layer - picture) * cover[..., None]


def _strip(n: Floats, low: float, high: float, rng: np.random.Generator | None, s: Floats) -> Floats:
    """1 inside the strip, 0 outside; with ``rng`` the edge is ragged as where a lawn grows over it."""
    ragged = 0.0 if rng is None else (_noise(rng, s, n, 18, 5) - 0.5) * 0.25
    return np.asarray(np.clip((n - low + ragged) / 0.04 + 0.5, 0, 1) * np.clip((high - n + ragged) / 0.04 + 0.5, 0, 1))


def _lawn(rng: np.random.Generator, s: Floats, n: Floats) -> Floats:
    blades = np.clip(_noise(rng, s, n, 45, 6) + 0.5 * (_noise(rng, 3 * s, 3 * n, 50, 6) - 0.5), 0, 1)
    patches = _noise(rng, s, n, 6, 4)
    lawn = _mix((62, 84, 44), (112, 128, 72), 0.55 * blades + 0.45 * patches)
    dry = np.clip(_noise(rng, s, n, 4, 5) * 2.2 - 1.35, 0, 1)
    _lay(lawn, _mix((118, 110, 74), (140, 130, 92), blades), dry * 0.7)
    return lawn


def _walk(rng: np.random.Generator, s: Floats, n: Floats) -> Floats:
    slab_s, slab_n = np.floor(s / 1.0).astype(int), np.floor((n + WALK_HALF) / 1.0).astype(int)
    tone = rng.random((97, 11))[slab_s % 97, slab_n % 11]
    walk = _mix((150, 143, 132), (178, 170, 157), 0.45 * tone + 0.55 * _noise(rng, s, n, 30, 6))
    to_joint = np.minimum(0.5 - np.abs(s - np.floor(s) - 0.5), 0.5 - np.abs(n - np.floor(n) - 0.5))
    walk *= (1 - 0.22 * np.clip(1.4 - to_joint / 0.035, 0, 1))[..., None]
    stains = np.clip(_noise(rng, s, n, 7, 5) * 2 - 1.25, 0, 1)
    return np.asarray(walk * (1 - 0.18 * stains)[..., None])


def _road(rng: np.random.Generator, s: Floats, n: Floats) -> Floats:
    road = _mix((78, 79, 82), (108, 108, 110), 0.6 * _noise(rng, s, n, 50, 6) + 0.4 * _noise(rng, s, n, 5, 4))
    for lane in CAR_LANES.values():
        for wheel in (-0.75, 0.75):
            road *= (1 - 0.10 * np.exp(-(((n - lane - wheel) / 0.3) ** 2)))[..., None]
    crack = np.abs(_noise(rng, s, n, 9, 5) - 0.5)
    road *= (1 - 0.25 * np.clip(1 - crack / 0.008, 0, 1))[..., None]
    worn = 0.55 + 0.45 * _noise(rng, s, n, 30, 5)
    middle = sum(ROAD) / 2
    dashes = _strip(n, middle - 0.07, middle + 0.07, None, s) * ((s % 4.5) < 2.0)
    edges = _strip(n, ROAD[0] + 0.45, ROAD[0] + 0.55, None, s) + _strip(n, ROAD[1] - 0.55, ROAD[1] - 0.45, None, s)
    _lay(road, np.full_like(road, 208.0), (dashes + 0.7 * edges) * worn)
    return road


def _kerb(rng: np.random.Generator, s: Floats) -> Floats:
    stone = rng.random(89)[np.floor(s / 0.9).astype(int) % 89]
    joint = np.clip(1.3 - np.abs((s % 0.9) - 0.45 - 0.43) / 0.03, 0, 1)
    return _mix((158, 156, 150), (190, 188, 182), stone) * (1 - 0.3 * joint)[..., None]


def _plant(rng: np.random.Generator, camera: Camera, picture: Floats) -> None:
    """Bushes and their shade where nobody goes: the far side of the road and the right end of the lawn."""
    spots = [(s, -11.6 + 0.5 * rng.normal(), 0.75) for s in np.arange(2, 34, 1.6)]
    spots += [(s, 8.6 + 0.5 * rng.normal(), 0.8) for s in np.arange(6.0, 30.0, 1.7)]
    for s, n, size in sorted(spots, key=lambda spot: -spot[0]):
        _bush(rng, camera, picture, s + 0.3 * rng.normal(), n, size * rng.uniform(0.7, 1.3))


def _bush(rng: np.random.Generator, camera: Camera, picture: Floats, s: float, n: float, size: float) -> None:
    x, z = to_world(np.array(s), np.array(n))
    leaves = rng.normal(size=(140, 3)) * [0.45 * size, 0.3 * size, 0.45 * size]
    centre = np.array([x, 0.55 * size, z])
    points = np.abs(leaves + centre) * np.sign(centre)
    order = np.argsort(-points[:, 2] + 0.3 * points[:, 1])
    points = points[order]
    uv, scale = camera.project(points)
    shade = np.clip(0.45 + 0.55 * points[:, 1] / (1.2 * size) + 0.1 * rng.normal(size=len(points)), 0.3, 1.1)
    foot, foot_scale = camera.project(np.array([[x + 0.35 * size, 0.0, z + 0.1]]))
    blot = picture.copy()
    radius = foot_scale[0] * size * _OVERSAMPLE
    middle = (int(foot[0, 0] * _OVERSAMPLE), int(foot[0, 1] * _OVERSAMPLE))
    cv2.ellipse(blot, middle, (int(1.1 * radius), int(0.5 * radius)), 0, 0, 360, (40.0, 52.0, 36.0), -1)
    picture += 0.55 * (blot - picture)
    for (px, py), per_m, light in zip(uv * _OVERSAMPLE, scale * _OVERSAMPLE, shade, strict=True):
        colour = tuple(float(c * light) for c in (66 + 12 * rng.random(), 96, 50))
        cv2.circle(picture, (int(px), int(py)), max(1, int(0.13 * size * per_m)), colour, -1)
