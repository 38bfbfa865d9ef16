"""What may still change when a trained model scores, and what its threshold is worth then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from normalcy.config import WHEN_SCORING, Config, deciding, values
from normalcy.errors import ConfigError
from normalcy.presets import override_config
from normalcy.scoring.model import Model
from normalcy.scoring.threshold import Threshold

M = TypeVar("M", bound=Model)
FREE = deciding(*WHEN_SCORING)
"""Settings that may change when a model scores."""


def with_settings(model: M, config: str | Path | None, sets: Sequence[str]) -> M:
    """The same model with other settings for scoring; the model given stays as it is.

    Raises ConfigError for an unknown key, and for a setting that only training can change.
    """
    cfg = override_config(model.cfg, config, sets)
    fixed = [k for k in changed(model.cfg, cfg) if k not in FREE]
    if fixed:
        was = values(model.cfg)
        raise ConfigError(
            f"{', '.join(f'{k} (is {was[k]!r})' for k in fixed)}: part of what the model learned; train anew to change it. "
            f"Scoring can change {', '.join(FREE)}"
        )
    return model.with_config(cfg)


def changed(a: Config, b: Config) -> list[str]:
    """Dotted keys whose values differ."""
    x, y = values(a), values(b)
    return [k for k in x if x[k] != y[k]]


@dataclass(frozen=True, slots=True)
class Alarm:
    """The threshold that events are found with, or why there is none."""

    threshold: Threshold | None
    note: str
    """Plain words: what the threshold rests on, or why no events are given."""
    warning: str | None = None

    @property
    def value(self) -> float | None:
        """In units of the frame score."""
        return None if self.threshold is None else self.threshold.value


def alarm(trained: Config, model: Model) -> Alarm:
    """What the model's threshold is worth under the settings that it now has. trained: those that it was calibrated with."""
    now = model.cfg
    if now.scoring.normalise == "per_video":
        return Alarm(
            None,
            "No events: per-video normalisation puts the highest frame of every video at the top, also of a normal one, "
            "so no threshold can be set without labels. Score with scoring.normalise=train for events.",
        )
    if model.threshold is None or trained.scoring.normalise == "per_video":
        return Alarm(
            None,
            "No events: the model's threshold was fitted to per-video scores, which say nothing about these. "
            "Train with scoring.normalise=train for events.",
        )
    threshold = model.threshold.for_budget(now.alarm.budget_per_hour)
    moved = [f"scoring.{k}" for k in ("smoothing", "sigma_s", "stride") if f"scoring.{k}" in changed(trained, now)]
    if not moved:
        return Alarm(threshold, threshold.sentence())
    warning = f"the threshold was fitted with another {' and '.join(moved)}: the false-alarm budget no longer holds as stated"
    return Alarm(threshold, threshold.sentence(), warning)
