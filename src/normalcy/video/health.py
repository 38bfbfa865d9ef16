"""Whether a camera's picture can be trusted: frozen, dark, covered, blurred, moved, or its light just switched.

Looks at a small grey picture a few times a second and compares it with the background that it learned when it first saw the
camera (the median over some time, so that what passes by is not in it). Light has backgrounds of its own: an infra-red
switch in the evening is no camera that moved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Problem = Literal["frozen", "dark", "covered", "blurred", "moved"]
WIDTH = 160
MOST_BACKGROUNDS = 4
CHANGED = 12.0
"""Grey values (of 255) by which a pixel has to change to count for a switch of the light."""
CHANGED_SHARE = 0.6
"""Share of the picture that has to change the same way at once."""
COLOURFUL, GREY = 10.0, 3.0
"""Mean saturation (of 255) of a colour picture, and of one in infra-red."""
DARK, DARK_TOP = 16.0, 60.0
"""Mean and 99th percentile of grey values below which nothing can be seen."""
DETAIL = 0.4
"""Share of the background's detail below which the picture is covered or blurred."""
COARSE = 0.7
"""Correlation of what heavy blurring leaves, from which on it is the same view out of focus and nothing in front of it."""
ALIKE, SHIFTED = 0.5, 0.6
"""Correlation of detail from which on a view is the learned one, and from which on a shift explains that it is not."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """When something counts."""

    every_s: float = 0.25
    learn_s: float = 20.0
    """Stretch of video that the background is learned from."""
    lasting_s: float = 3.0
    """A problem begins after it lasted so long, and is over after so long without it."""
    frozen_s: float = 20.0
    """Real pictures have noise: the very same picture for so long is a frozen one."""
    hold_s: float = 2.0
    """After a switch of the light, no alarm for so long."""
    small_shift: float = 0.03
    """Share of the picture's width by which it may move: the background then follows."""


@dataclass(frozen=True, slots=True)
class HealthChange:
    """Something began (on), ended (off), or just happened (None)."""

    kind: Problem | Literal["light"]
    on: bool | None
    time_s: float
    text: str


class Health:
    """Watches one camera's pictures. ``problems`` are those that go on now."""

    def __init__(self, settings: HealthSettings = HealthSettings(), backgrounds: Sequence[Grey] = ()) -> None:
        """backgrounds: learned before (see :attr:`backgrounds`)."""
        self._s = settings
        self.backgrounds: list[Grey] = list(backgrounds)
        self.learned = 0
        """Raised whenever ``backgrounds`` changes."""
        self.problems: dict[Problem, float] = {}
        """Kind -> since when."""
        self.hold_until_s = -np.inf
        self.hold_from_s = -np.inf
        self._last: tuple[float, Grey, float] | None = None
        self._recent: deque[Grey] = deque(maxlen=max(3, round(2.0 / settings.every_s)))
        self._learning: list[Grey] | None = None if backgrounds else []
        self._learn_from_s = -np.inf
        self._same_since_s = -np.inf
        self._turning: dict[Problem, float] = {}

    def restart(self) -> None:
        """After a gap: what was seen just before says nothing of what comes."""
        self._last = None
        self._recent.clear()
        self._turning.clear()
        if self._learning is not None:
            self._learning = []

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[HealthChange]:
        """Take a picture (H, W, 3) RGB; most are passed over. Returns what changed."""
        if self._last is not None and time_s - self._last[0] < self._s.every_s:
            return []
        small = cv2.resize(image, (WIDTH, max(8, round(WIDTH * image.shape[0] / image.shape[1]))), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        if any(b.shape != grey.shape for b in (*self.backgrounds, *self._recent)):  # another aspect: learn it anew
            self.backgrounds, self._learning = [], []
            self.restart()
        colour = float((small.max(axis=2).astype(np.int16) - small.min(axis=2)).mean())
        out: list[HealthChange] = []
        if self._last is not None:
            out += self._light(grey, colour, time_s)
            if not np.array_equal(grey, self._last[1]):
                self._same_since_s = time_s
        else:
            self._same_since_s = time_s
        self._last = time_s, grey, colour
        self._recent.append(grey)
        self._learn(grey, time_s)
        for kind, (now, text) in self._findings(grey, time_s).items():
            out += self._turn(kind, now, text, time_s)
        return out

    def _light(self, grey: Grey, colour: float, time_s: float) -> list[HealthChange]:
        assert self._last is not None
        before, colour_before = self._last[1], self._last[2]
        d = grey - before
        up, down = float((d > CHANGED).mean()), float((d < -CHANGED).mean())
        switched = min(colour, colour_before) < GREY and max(colour, colour_before) > COLOURFUL
        if max(up, down) < CHANGED_SHARE and not switched:
            return []
        fresh = time_s > self.hold_until_s
        self.hold_from_s = time_s if fresh else self.hold_from_s
        self.hold_until_s = time_s + self._s.hold_s
        self._recent.clear()
        self._learn_from_s = self.hold_until_s
        text = "the light changed" if not switched else f"the camera switched to {'infra-red' if colour < GREY else 'colour'}"
        return [HealthChange("light", None, time_s, text)] if fresh else []

    def _learn(self, grey: Grey, time_s: float) -> None:
        """The first background, and one more for each light."""
        if self._learning is None or time_s < self._learn_from_s:
            return
        if self._is_dark(grey) and not self.backgrounds:
            return
        self._learning.append(grey)
        if len(self._learning) * self._s.every_s >= self._s.learn_s:
            steps = np.linspace(0, len(self._learning) - 1, min(len(self._learning), 60)).astype(int)
            self.backgrounds.append(np.median(np.stack([self._learning[i] for i in steps]), axis=0).astype(np.float32))
            del self.backgrounds[:-MOST_BACKGROUNDS]
            self.learned += 1
            self._learning = None

    @staticmethod
    def _is_dark(grey: Grey) -> bool:
        return float(grey.mean()) < DARK and float(np.percentile(grey, 99)) < DARK_TOP

    def _findings(self, grey: Grey, time_s: float) -> dict[Problem, tuple[bool, str]]:
        dark = self._is_dark(grey)
        since = time_s - self._same_since_s
        out: dict[Problem, tuple[bool, str]] = {
            "frozen": (since >= self._s.frozen_s, f"the very same picture for {since:.0f} s"),
            "dark": (dark and not any(self._is_dark(b) for b in self.backgrounds), "nothing can be seen: the picture is dark"),
        }
        if not self.backgrounds or dark or len(self._recent) < 3:
            return out
        now = np.median(np.stack(self._recent), axis=0).astype(np.float32)
        likeness = [_likeness(b, now) for b in self.backgrounds]
        best = self.backgrounds[int(np.argmax(likeness))]
        lost = _detail(now) < DETAIL * _detail(best)
        same_view = _correlation(_coarse(best), _coarse(now)) >= COARSE
        out["covered"] = lost and not same_view, "something covers the camera"
        out["blurred"] = lost and same_view, "the picture is out of focus, or the lens is dirty"
        moved, text = False, ""
        if not lost and max(likeness) < 0.9:
            moved, text = self._moved(best, now, max(likeness), time_s)
        out["moved"] = moved, text
        return out

    def _moved(self, best: Grey, now: Grey, likeness: float, time_s: float) -> tuple[bool, str]:
        dx, dy = _shift(best, now)
        distance = float(np.hypot(dx, dy))
        explained = _likeness(_shifted(best, dx, dy), now)
        if 0.5 <= distance <= self._s.small_shift * WIDTH and explained >= max(SHIFTED, likeness + 0.02):
            self._replace(best, _shifted(best, dx, dy))  # the background follows; what was learned of the place still holds
            return False, ""
        if likeness >= ALIKE:
            return False, ""
        if distance > self._s.small_shift * WIDTH and explained >= SHIFTED:
            share = 100.0 * distance / WIDTH
            return True, f"the camera moved by {share:.0f} % of the picture's width: point it back, or train again"
        if time_s < self._learn_from_s + 60.0 and self._learn_from_s > 0:  # a switch of the light made this of the same view
            if self._learning is None:
                self._learning = []
            return False, ""
        return True, "the camera moved: it shows another view than the learned one; point it back, or train again"

    def _replace(self, old: Grey, new: Grey) -> None:
        i = next(i for i, b in enumerate(self.backgrounds) if b is old)
        self.backgrounds[i] = new
        self.learned += 1

    def _turn(self, kind: Problem, now: bool, text: str, time_s: float) -> list[HealthChange]:
        """A problem begins or ends once the finding has lasted."""
        if now == (kind in self.problems):
            self._turning.pop(kind, None)
            return []
        since = self._turning.setdefault(kind, time_s)
        if kind != "frozen" and time_s - since < self._s.lasting_s:  # a frozen one has lasted its own time already
            return []
        del self._turning[kind]
        if now:
            self.problems[kind] = time_s
        else:
            del self.problems[kind]
        return [HealthChange(kind, now, time_s, text)]


def _fine(grey: Grey) -> Grey:
    """Edges and texture, without brightness."""
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 3.0), dtype=np.float32)


def _coarse(grey: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 8.0), dtype=np.float32)


def _detail(grey: Grey) -> float:
    """Contrast of edges, in units of the picture's brightness: dusk takes none of it."""
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean()) / max(float(grey.mean()), 1.0)


def _correlation(a: Grey, b: Grey) -> float:
    a, b = a - a.mean(), b - b.mean()
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / length if length > 1e-6 else 0.0


def _likeness(a: Grey, b: Grey) -> float:
    return _correlation(_fine(a), _fine(b))


def _shift(a: Grey, b: Grey) -> tuple[float, float]:
    """(dx, dy) by which b is moved against a, by phase correlation."""
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(_fine(a), _fine(b), window)
    return float(dx), float(dy)


def _shifted(a: Grey, dx: float, dy: float) -> Grey:
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(a, move, (a.shape[1], a.shape[0]), borderMode=cv2.BORDER_REFLECT), dtype=np.float32)
