"""Which camera a video is from, told by its background: normal is kept apart for every scene that training saw.

Two cameras in one folder share neither zones nor people; statistics over both describe neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (32, 24)
"""(width, height) that a background is compared at: people are small in it, walls and roads are not."""
AROUND = 9
"""Side of the neighbourhood whose mean is taken off, so that light and exposure do not count."""
SAME = 0.5
"""Correlation from which on two backgrounds are one scene. One camera gave .8 to .95 between clips and from .65 for half a
second of a busy clip, two cameras -.1 to .06."""
MAX_SCENES = 16
"""More backgrounds than that are no fixed cameras: one model of normal then serves them all."""

Signature = NDArray[np.float32]
Arrays = Mapping[str, NDArray[np.float32]]


class HasState(Protocol):
    """A model of normal."""

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        ...


M = TypeVar("M", bound=HasState)


def signature(frames_NHWC: NDArray[np.uint8]) -> Signature:
    """(24 * 32,) background of some frames (N >= 1, H, W, 3): median over time, local mean off, unit length.

    The dot product of two signatures is their correlation. A picture without structure is all zeros.
    """
    small = [cv2.resize(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), SIZE, interpolation=cv2.INTER_AREA) for f in frames_NHWC]
    background = np.median(np.stack(small), axis=0).astype(np.float32)
    detail = background - cv2.blur(background, (AROUND, AROUND))
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    return np.asarray(detail / length if length > 1e-3 else np.zeros_like(detail), dtype=np.float32).ravel()


def group(signatures: Sequence[Signature]) -> list[int]:
    """Scene of each video: it joins the scene whose first video it resembles most, or opens a new one. Numbers from 0."""
    first: list[Signature] = []
    scenes = []
    for s in signatures:
        likeness = [float(s @ f) for f in first]
        best = int(np.argmax(likeness)) if likeness else -1
        if best < 0 or likeness[best] < SAME:
            best = len(first)
            first.append(s)
        scenes.append(best)
    return scenes


def model_at(frames_NHWC: NDArray[np.uint8], scenes: Sequence[tuple[Signature, M]], other: M) -> M:
    """The model of the scene that these frames of one video show; ``other`` where they show none of the scenes."""
    if not scenes:
        return other
    likeness = np.stack([background for background, _ in scenes]) @ signature(frames_NHWC)
    best = int(likeness.argmax())
    return scenes[best][1] if likeness[best] >= SAME else other


def scenes_state(scenes: Sequence[tuple[Signature, M]]) -> tuple[dict[str, NDArray[np.float32]], list[dict[str, Any]]]:
    """(arrays of all, scalars of each) for the model folder."""
    arrays: dict[str, NDArray[np.float32]] = {}
    scalars = []
    for i, (background, model) in enumerate(scenes):
        own, rest = model.state()
        arrays |= {f"{_prefix(i)}background": background, **{_prefix(i) + k: v for k, v in own.items()}}
        scalars.append(rest)
    return arrays, scalars


def scenes_from(
    arrays: Arrays, scalars: Sequence[Mapping[str, Any]], load: Callable[[Arrays, Mapping[str, Any]], M]
) -> list[tuple[Signature, M]]:
    """The reverse of scenes_state(). Raises KeyError for what is missing."""
    own = [with_prefix(_prefix(i), arrays) for i in range(len(scalars))]
    return [(a["background"], load(a, rest)) for a, rest in zip(own, scalars, strict=True)]


def with_prefix(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.float32]]:
    """The arrays whose names begin so, without that beginning."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _prefix(i: int) -> str:
    return f"scene{i}."
