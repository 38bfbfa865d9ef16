"""From sketches to pictures: painting back to front, soft shadows, slow light, sensor noise, and exact visibility masks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.virtual.camera import Camera, Floats
from normalcy.virtual.scene import Image, paint_background
from normalcy.virtual.sketch import SUN, THICKEST, Sketch, place

Mask = NDArray[np.bool_]
_SHIFT = 3
_NOISE_BANK = 8
_NOISE_SIGMA = 1.9


@dataclass(frozen=True, slots=True)
class Placed:
    """A sketch at its place: X, Z (metres), heading and tilt (radians). ``marked``: its visible pixels are anomalous."""

    sketch: Sketch
    x: float
    z: float
    heading: float
    tilt: float = 0.0
    ident: int = 0
    marked: bool = False


class Renderer:
    """Paints frames of one scene. Everything that does not change is made once here."""

    def __init__(self, camera: Camera, seed: int) -> None:
        self.camera = camera
        background = paint_background(camera, seed)
        dim = (background.astype(np.float32) * np.array([0.50, 0.54, 0.60], np.float32)).astype(np.uint8)
        # A fourth channel rides along: it collects what the figure being painted covers.
        self._ground, self._shaded = (np.dstack([p, np.zeros_like(p[..., :1])]) for p in (background, dim))
        w, h = camera.size
        rng = np.random.default_rng([seed, 12])
        grain = (
            rng.normal(size=(_NOISE_BANK, h + 32, w + 32, 1)) * 0.8 + rng.normal(size=(_NOISE_BANK, h + 32, w + 32, 3)) * 0.6
        )
        self._noise = np.clip(np.rint(grain * _NOISE_SIGMA + 128), 0, 255).astype(np.uint8)

    def frame(self, placed: Sequence[Placed], light: float, rng: np.random.Generator) -> tuple[Image, dict[int, Mask]]:
        """One picture (H, W, 3) uint8 RGB and, for every marked figure, the (H, W) mask of its visible pixels.

        ``light`` multiplies the brightness; ``rng`` picks the noise.
        """
        order = sorted(placed, key=lambda p: -p.z)
        world = _world(order)
        picture = self._shadows(order, world)
        masks: dict[int, Mask] = {}
        for figure, shape in self._shapes(order, world):
            _paint(picture, figure, shape, masks)
        soft = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB), (3, 3), 0.55)
        top, left = rng.integers(32, size=2)
        h, w = soft.shape[:2]
        grain = self._noise[rng.integers(_NOISE_BANK), top : top + h, left : left + w]
        return np.asarray(cv2.addWeighted(soft, light, grain, 1.0, -128.0), dtype=np.uint8), masks

    def _shapes(self, order: Sequence[Placed], world: Floats) -> Iterator[tuple[Placed, _Shape]]:
        """Figures of which something falls into the picture, with their points as the camera sees them."""
        uv, scale = self.camera.project(world)
        first = 0
        for figure in order:
            part = slice(first, first + len(figure.sketch.points))
            first = part.stop
            box = _box(uv[part], scale[part], self.camera.size)
            if box is not None:
                yield figure, _Shape(figure.sketch, uv[part], scale[part], box)

    def _shadows(self, order: Sequence[Placed], world: Floats) -> Image:
        """The background, (H, W, 4), with every figure's shadow on the ground."""
        cover = np.zeros(self._ground.shape[:2], np.uint8)
        for _, shape in self._shapes(order, world - np.outer(world[:, 1] / SUN[1], SUN)):
            _shadow(cover, shape)
        depth = cv2.GaussianBlur(cover, (5, 5), 1.0).astype(np.float32) * (0.85 / 255)
        return np.asarray(cv2.blendLinear(self._ground, self._shaded, 1 - depth, depth), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A sketch as the camera sees it: pixel positions (K, 2), pixels per metre (K,), and the whole pixels it can touch."""

    sketch: Sketch
    uv: Floats
    scale: Floats
    box: tuple[int, int, int, int]


def _world(order: Sequence[Placed]) -> Floats:
    """The points of all figures one after another, in world axes. One pass over all of them: most figures are small."""
    if not order:
        return np.zeros((0, 3))
    sizes = [len(p.sketch.points) for p in order]
    where = np.repeat(np.array([(p.x, p.z, p.heading, p.tilt) for p in order]), sizes, axis=0)
    return place(np.concatenate([p.sketch.array() for p in order]), *where.T)


def _paint(picture: Image, figure: Placed, shape: _Shape, masks: dict[int, Mask]) -> None:
    """A figure over what is already there. It is drawn finer than the picture and averaged, so edges are soft."""
    x0, y0, x1, y1 = shape.box
    area = (x1 - x0) * (y1 - y0)
    fine = 4 if area < 3000 else 2
    canvas = cv2.resize(picture[y0:y1, x0:x1], None, fx=fine, fy=fine, interpolation=cv2.INTER_NEAREST)
    _draw(canvas, shape, (x0, y0), fine)
    small = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    if masks or figure.marked:
        covers = small[..., 3] > 127
        for mask in masks.values():
            mask[y0:y1, x0:x1] &= ~covers
        if figure.marked:
            mask = masks.setdefault(figure.ident, np.zeros(picture.shape[:2], np.bool_))
            mask[y0:y1, x0:x1] |= covers
    small[..., 3] = 0
    picture[y0:y1, x0:x1] = small


def _box(uv: Floats, scale: Floats, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Whole pixels that the points, grown by the thickest stroke, can touch; None outside the picture."""
    grow = float(scale.max()) * THICKEST + 1
    left, top = uv.min(axis=0).tolist()
    right, bottom = uv.max(axis=0).tolist()
    x0, y0 = max(0, math.floor(left - grow)), max(0, math.floor(top - grow))
    x1, y1 = min(size[0], math.ceil(right + grow)), min(size[1], math.ceil(bottom + grow))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _shadow(cover: Image, shape: _Shape) -> None:
    """A fallen shape in one value: limb by limb for figures of capsules, in outline for solid ones."""
    if any(count > 2 for _, count, _, _ in shape.sketch.strokes):
        outline = cv2.convexHull(np.rint(shape.uv * (1 << _SHIFT)).astype(np.int32))
        cv2.fillConvexPoly(cover, outline, (255,), cv2.LINE_8, _SHIFT)
    else:
        _draw(cover, shape, (0, 0), 1)


def _draw(canvas: Image, shape: _Shape, corner: tuple[int, int], fine: int) -> None:
    """Strokes onto ``canvas``, ``fine`` times finer than the picture; onto one channel, everything in one value."""
    unit, flat = 1 << _SHIFT, canvas.ndim == 2
    fixed = np.rint(((shape.uv - corner) * fine - 0.5) * unit).astype(np.int32)
    places, scale = fixed.tolist(), (shape.scale * fine).tolist()
    for first, count, radius, paint in shape.sketch.strokes:
        colour = (255,) if flat else (*paint, 255)
        if count == 2:
            thick = int(radius * (scale[first] + scale[first + 1]) + 0.5) or 1
            cv2.line(canvas, places[first], places[first + 1], colour, thick, cv2.LINE_8, _SHIFT)
        elif count == 1:
            cv2.circle(canvas, places[first], int(radius * scale[first] * unit), colour, -1, cv2.LINE_8, _SHIFT)
        elif _outward(places[first : first + count]):
            cv2.fillConvexPoly(canvas, fixed[first : first + count], colour, cv2.LINE_8, _SHIFT)


def _outward(ring: list[list[int]]) -> bool:
    """Whether a face turns its outer side to the camera; three corners tell."""
    (ax, ay), (bx, by), (cx, cy) = ring[0], ring[1], ring[2]
    return (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) > 0
