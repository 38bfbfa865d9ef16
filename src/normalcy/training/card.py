"""The model card: what a model was trained on and how far it can be trusted, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from normalcy.config import Config
from normalcy.scoring.threshold import Threshold


def card(cfg: Config, facts: Mapping[str, Any], threshold: Threshold) -> str:
    """README.md of the model folder (Markdown)."""
    videos = facts["trained_on"]
    frames = sum(v["frames"] for v in videos)
    seconds = sum(v["frames"] / v["fps"] for v in videos if v["fps"] > 0)
    held = sum(h["frames"][1] - h["frames"][0] for h in facts["held_out"])
    names = ", ".join(v["name"] for v in videos[:20]) + (f" and {len(videos) - 20} more" if len(videos) > 20 else "")
    accuracies = [
        f"- {k.split('/', 1)[1]}: {v:.3f}" for k, v in facts["figures"].items() if "accuracy" in k or "interpolation" in k
    ]
    tasks = cfg.tasks
    rate = f"step {cfg.clip.step}" if cfg.clip.fps is None else f"about {cfg.clip.fps:g} per second"
    chance = f"Chance: continuity .5, localisation {1 / (cfg.clip.length - 2):.3f}, estimation .5."
    return "\n".join(
        [
            "# A Normalcy model",
            "",
            f"Learned from {len(videos)} normal videos, {frames} frames ({seconds / 60:.1f} minutes): {names}.",
            f"{held} of these frames were held out for validation and calibration. No label was used.",
            "",
            f"- Preset `{cfg.preset}`, encoder `{cfg.encoder.name}`, clips of {cfg.clip.length} frames at {rate}",
            f"- Tasks (weights): continuity {tasks.continuity:g}, localisation {tasks.localisation:g}, "
            f"missing frame estimation {tasks.estimation:g}, frame prediction {tasks.frame_prediction:g}",
            f"- Readouts: {', '.join(cfg.scoring.readouts)}; normalisation `{cfg.scoring.normalise}`",
            f"- Seed {cfg.seed}, {facts['device']}, {facts['precision']}, torch {facts['torch']}",
            "",
            "## How well the tasks were learned",
            "",
            *(accuracies or ["- no task with an accuracy was on"]),
            "",
            chance,
            "",
            "## The alarm threshold",
            "",
            f"{threshold.value:.3f}. {threshold.sentence()}",
            "",
            "## Limits",
            "",
            "The model knows this camera, these hours and this frame rate. Another view, another season or another frame rate",
            "is not normal to it. Scores above the threshold say that something was not seen in training, not that it is bad.",
            "",
        ]
    )
