from __future__ import annotations

import cv2
import numpy as np
import pytest

from normalcy.video.health import Health, HealthChange, HealthSettings

SETTINGS = HealthSettings(every_s=0.2, learn_s=4.0, lasting_s=1.0, frozen_s=3.0)
RNG = np.random.default_rng(3)
SCENE = cv2.GaussianBlur(cv2.resize(RNG.integers(0, 255, (30, 40, 3), dtype=np.uint8), (480, 360)), (0, 0), 2)
"""(360, 480, 3): a view with structure, larger than the picture, so that the camera can move."""


def view(dx: int = 0, dy: int = 0, gain: float = 1.0, base: np.ndarray = SCENE) -> np.ndarray:
    part = base[60 + dy : 300 + dy, 80 + dx : 400 + dx].astype(np.float32) * gain
    return np.clip(part + RNG.normal(0, 2, part.shape), 0, 255).astype(np.uint8)


class Watch:
    def __init__(self, settings: HealthSettings = SETTINGS) -> None:
        self.health, self.t = Health(settings), 0.0
        self.said: list[HealthChange] = []

    def show(self, seconds: float, **how: object) -> list[tuple[str, bool | None]]:
        before = len(self.said)
        for _ in range(round(seconds * 5)):
            image = how["image"]() if "image" in how else view(**how)  # type: ignore[operator,arg-type]
            self.said += self.health.push(image, self.t)
            self.t += 0.2
        return [(c.kind, c.on) for c in self.said[before:]]


@pytest.fixture
def watch() -> Watch:
    w = Watch()
    assert w.show(6.0) == [] and len(w.health.backgrounds) == 1
    return w


def test_a_view_that_stays_says_nothing_whatever_passes_by(watch: Watch) -> None:
    def passing() -> np.ndarray:
        image = view()
        x = int(watch.t * 40) % 260
        image[80:200, x : x + 60] = 240
        return image

    assert watch.show(20.0, image=passing) == []


def test_dark_and_light_again(watch: Watch) -> None:
    assert ("dark", True) in watch.show(4.0, gain=0.02)
    assert ("dark", False) in watch.show(4.0)
    assert not watch.health.problems


def test_a_hand_in_front_is_covered_and_a_lens_out_of_focus_is_blurred(watch: Watch) -> None:
    hand = np.full((240, 320, 3), (120, 90, 80), np.uint8)
    assert ("covered", True) in watch.show(5.0, image=lambda: hand + RNG.integers(0, 3, hand.shape, dtype=np.uint8))
    assert ("covered", False) in watch.show(5.0)
    blurred = watch.show(5.0, image=lambda: cv2.GaussianBlur(view(), (0, 0), 9))
    assert blurred == [("blurred", True)]
    assert watch.show(5.0) == [("blurred", False)]


def test_the_same_picture_for_long_is_frozen_and_the_next_one_ends_that(watch: Watch) -> None:
    still = view()
    assert watch.show(5.0, image=lambda: still) == [("frozen", True)]
    assert watch.show(1.0) == [("frozen", False)]


def test_a_large_shift_is_moved_until_the_camera_points_back(watch: Watch) -> None:
    assert ("moved", True) in watch.show(5.0, dx=40, dy=20)
    assert "train again" in watch.said[-1].text and "% of the picture" in watch.said[-1].text
    assert ("moved", False) in watch.show(5.0)


def test_another_view_altogether_is_moved(watch: Watch) -> None:
    other = cv2.GaussianBlur(cv2.resize(RNG.integers(0, 255, (30, 40, 3), dtype=np.uint8), (480, 360)), (0, 0), 2)
    assert ("moved", True) in watch.show(6.0, base=other)


def test_small_shifts_move_the_background_along(watch: Watch) -> None:
    for step in range(1, 9):  # 8 times 4 of 320 pixels: together far more than a small shift
        assert watch.show(4.0, dx=4 * step) == []
    assert watch.health.learned > 5


def test_a_lamp_is_one_event_and_holds_the_alarm_for_two_seconds(watch: Watch) -> None:
    switched = watch.t
    assert watch.show(4.0, gain=0.45) == [("light", None)]
    assert watch.health.hold_from_s == pytest.approx(switched)
    assert watch.health.hold_until_s == pytest.approx(switched + SETTINGS.hold_s)
    assert not watch.health.problems


def test_an_infra_red_switch_is_light_and_not_a_camera_that_moved(watch: Watch) -> None:
    night = cv2.GaussianBlur(cv2.resize(RNG.integers(0, 255, (30, 40), dtype=np.uint8), (480, 360)), (0, 0), 2)

    def infra_red() -> np.ndarray:
        grey = 0.3 * cv2.cvtColor(SCENE, cv2.COLOR_RGB2GRAY) + 0.7 * night
        return view(base=np.repeat(grey[..., None], 3, axis=2))

    # Noise of its own per channel would be colour.
    def one_grey() -> np.ndarray:
        return np.repeat(infra_red()[..., :1], 3, axis=2)

    assert watch.show(20.0, image=one_grey) == [("light", None)]
    assert "infra-red" in watch.said[-1].text
    assert len(watch.health.backgrounds) == 2  # the view has a background for each light
    assert watch.show(10.0) == [("light", None)]


def test_what_was_learned_is_known_after_a_restart(watch: Watch) -> None:
    again = Watch()
    again.health = Health(SETTINGS, watch.health.backgrounds)
    assert ("moved", True) in again.show(5.0, dx=40)


def test_another_aspect_of_the_picture_is_learned_anew(watch: Watch) -> None:
    assert watch.show(6.0, image=lambda: view()[40:200]) == []
    assert [b.shape for b in watch.health.backgrounds] == [(80, 160)]
