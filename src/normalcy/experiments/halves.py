"""Which test clips may be looked at while choosing, and which are only reported. The one place that says so.

A configuration is chosen by the ``choose`` half alone; the ``report`` half is what may be claimed of it. No setting may differ
between the sets. A set that is not named here has no ``choose`` half.
"""

from __future__ import annotations

from collections.abc import Sequence

CHOOSE_HALF: dict[str, tuple[str, ...]] = {
    "ped1_dev": ("01", "03", "05", "07", "09"),
    "umn": ("01", "03", "05", "07"),
}
"""Data set -> test clips that configurations are chosen on. Every other clip, and every other set, is report only."""

CHOOSE, REPORT, ALL = "choose", "report", "all"
PARTS = (CHOOSE, REPORT, ALL)

GOALS: dict[str, tuple[float, float]] = {"ped1_dev": (0.92, 0.92), "umn": (0.985, 0.985), "avenue": (0.92, 0.98)}
"""Data set -> micro and macro AUC over all its clips that the project wants to reach."""
GOAL_OVER_CONTROL = 0.08
"""Gain over random weights, mean over the sets, that the project wants to reach, with no set negative."""


def clips_by_part(name: str, clips: Sequence[str]) -> dict[str, list[str]]:
    """Part -> the test clips in it, in their order; a part without clips is left out."""
    chosen = CHOOSE_HALF.get(name, ())
    halves = {CHOOSE: [c for c in clips if c in chosen], REPORT: [c for c in clips if c not in chosen], ALL: list(clips)}
    return {part: members for part, members in halves.items() if members}
