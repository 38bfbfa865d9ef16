"""What may still change when a trained model scores, and what its threshold is worth then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from normalcy.config import Config, ScoringConfig
from normalcy.errors import ConfigError
from normalcy.presets import override_config
from normalcy.scoring.model import Model
from normalcy.scoring.threshold import Threshold

M = TypeVar("M", bound=Model)
FITTED = frozenset(("readouts", "density_of", "bands", "columns", "lanes", "top"))
"""Fields of ``scoring`` that the model's calibration depends on."""
FREE = tuple(f"scoring.{k}" for k in ScoringConfig.model_fields if k not in FITTED)
PLACES = ("objects.weights", "objects.boxes", "objects.threads")
"""Where the detector's files are on this machine, and how it runs: what it finds in them is the model's affair no less."""


def with_settings(model: M, config: str | Path | None, sets: Sequence[str]) -> M:
    """The same model with other settings for scoring; the model given stays as it is.

    Raises ConfigError for an unknown key, and for a setting that only training can change.
    """
    cfg = override_config(model.cfg, config, sets)
    free = (*FREE, *PLACES, "clip.short")
    fixed = [k for k in changed(model.cfg, cfg) if k not in free and not k.startswith("alarm.")]
    if fixed:
        was = _leaves(model.cfg.model_dump(mode="json"))
        raise ConfigError(
            f"{', '.join(f'{k} (is {was[k]!r})' for k in fixed)}: part of what the model learned; train anew to change it. "
            f"Scoring can change {', '.join((*FREE, *PLACES))}, alarm.* and clip.short"
        )
    return model.with_config(cfg)


def changed(a: Config, b: Config) -> list[str]:
    """Dotted keys whose values differ."""
    x, y = _leaves(a.model_dump(mode="json")), _leaves(b.model_dump(mode="json"))
    return [k for k in x if x[k] != y[k]]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for k, v in tree.items():
        out |= _leaves(v, f"{prefix}{k}.") if isinstance(v, Mapping) else {prefix + k: v}
    return out


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
