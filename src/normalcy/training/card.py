"""The model card: what a model was trained on and how far it can be trusted, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from normalcy.config import OBJECT_TASKS, Config
from normalcy.nn.tasks import chance
from normalcy.scoring.threshold import Threshold


def _level(cfg: Config) -> list[str]:
    """What is looked at, and what is read there."""
    frame = f"- Readouts: {', '.join(cfg.scoring.readouts)}; normalisation `{cfg.scoring.normalise}`"
    if cfg.level == "frame":
        return [frame]
    if cfg.objects.method == "untrained":
        cues = "all cues" if cfg.objects.cues is None else ", ".join(cfg.objects.cues)
        mine = f"- Level `{cfg.level}`: objects of the detector `{cfg.objects.detector}`, untrained, by {cues}"
        return [mine] if cfg.level == "object" else [mine, frame]
    more = ", ".join(f"{n.replace('_', ' ')} {getattr(cfg.tasks, n):g}" for n in OBJECT_TASKS)
    o = cfg.objects
    read = "every task that is on, density, flow" if o.readouts is None else ", ".join(o.readouts)
    own = [
        f"- Level `{cfg.level}`: objects of the detector `{o.detector}`, crops of {o.side} pixels",
        f"- Tasks of the multi-task backbone (weights): {more}",
        f"- Readouts of an object: {read}; normalisation `{cfg.scoring.normalise}`",
    ]
    if cfg.level == "object":
        return own
    return [own[0], frame, "- The object level, fused with this one, is the model in the folder `objects`"]


SELFTEST = (
    "Normal objects that it was not fitted on were changed: how well the score of the object tells them from the unchanged "
    "ones (50 % is chance), and what share of them passes the alarm threshold by themselves."
)


def card(cfg: Config, facts: Mapping[str, Any], threshold: Threshold, notices: Sequence[str] = ()) -> str:
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
    rate = f"step {cfg.clip.step}" if cfg.level_fps is None else f"about {cfg.level_fps:g} per second"
    guessing = ", ".join(f"{n.replace('_', ' ')} {v:.3f}" for n, v in chance(cfg).items())
    return "\n".join(
        [
            "# A Normalcy model",
            "",
            f"Learned from {len(videos)} normal videos, {frames} frames ({seconds / 60:.1f} minutes): {names}.",
            f"{held} of these frames were held out from the training of the network. No label was used.",
            "",
            f"- Preset `{cfg.preset}`, encoder `{cfg.encoder.name}`, clips of {cfg.clip.length} frames at {rate}",
            f"- Tasks (weights): continuity {tasks.continuity:g}, localisation {tasks.localisation:g}, "
            f"missing frame estimation {tasks.estimation:g}, frame prediction {tasks.frame_prediction:g}",
            *_level(cfg),
            f"- Seed {cfg.seed}, {facts['device']}, {facts['precision']}, torch {facts['torch']}",
            "",
            "## How well the tasks were learned",
            "",
            *(accuracies or ["- no task with an accuracy was on"]),
            "",
            f"Chance: {guessing}." if guessing else "No task of this model has a known chance level.",
            "",
            "## The alarm threshold",
            "",
            f"{threshold.value:.3f}. {threshold.sentence()}",
            "",
            *(["## What it would notice", "", SELFTEST, "", "```", *notices, "```", ""] if notices else []),
            "## Limits",
            "",
            "The model knows this camera, these hours and this frame rate. Another view, another season or another frame rate",
            "is not normal to it. Scores above the threshold say that something was not seen in training, not that it is bad.",
            "",
        ]
    )
