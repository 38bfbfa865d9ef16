"""Everything about one configuration as a Markdown section: what docs/results.md is made of. Nothing is typed in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from normalcy.errors import UsageError
from normalcy.experiments.halves import ALL
from normalcy.experiments.store import Measured, Results
from normalcy.experiments.table import Group, Wanted, accuracies, groups, in_words, over_sets, spread
from normalcy.tables import markdown

COLUMNS = {
    "micro_auc": "micro AUC",
    "macro_auc_defined": "macro AUC (defined)",
    "macro_auc_padded": "macro AUC (padded)",
    "false_alarms_per_hour": "false alarms/h at the calibrated threshold",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
}
"""Metric -> heading; the last two where there are masks or tracks."""


def to_markdown(results: Results, name: str) -> str:
    """Of the newest state of the code that ran it. Raises UsageError for a name that is not in the file."""
    shown = [g for g in groups(results, Wanted(latest=True)) if g.outcomes[0].name == name]
    if not shown:
        names = sorted({o.name for o in results.outcomes if not o.untrained})
        raise UsageError(f"no configuration named {name!r}; there are {', '.join(names) or 'none'}")
    first = shown[0].outcomes[0]
    settings = "".join(f" --set {shlex.quote(s)}" for s in first.sets)
    seeds = " ".join(str(o.seed) for o in shown[0].outcomes)
    sets = " ".join(g.dataset for g in shown)
    m = first.machine
    command = f"python benchmarks/quality run DATA_ROOT --sets {sets} --seeds {seeds} --preset {first.preset}{settings}"
    head = [
        f"`{command} --out RESULTS.jsonl`",
        f"at commit {first.commit}, {m['processor']}, {m['cores']} cores, {first.threads} thread(s); PyTorch {m['torch']}.",
        *over_sets(shown, ALL, "macro_auc_defined"),
    ]
    return "\n\n".join([*head, *(_set(g) for g in shown)])


def _set(g: Group) -> str:
    first, split = g.outcomes[0], g.outcomes[0].split
    seconds = [sum(s for stage, s in o.seconds.items() if stage != "score") for o in g.outcomes]
    speed, precisions = spread([o.frames_per_s for o in g.outcomes]), sorted({o.precision for o in g.outcomes})
    lines = [
        f"### {g.dataset}",
        "",
        f"- Split: {split['train_videos']} training videos ({split['train_frames']} frames) without labels, "
        f"{split['test_videos']} test videos, {split['test_frames']} frames, {split['abnormal_frames']} of them abnormal",
        f"- Protocol: {first.protocol}; readouts {', '.join(first.readouts)}",
        f"- Seeds {', '.join(str(o.seed) for o in g.outcomes)}; mean (lowest..highest seed)",
        f"- Training, decoding and calibration: {min(seconds):.0f} to {max(seconds):.0f} s; arithmetic "
        f"{', '.join(precisions)}; scoring {speed} frames/s",
        f"- Proxy tasks on held-out normal video: {_tasks(g)}",
    ]
    for part in first.parts:
        lines += ["", f"Part `{part}`: clips {' '.join(first.parts[part].clips)}", "", _scores(g, part)]
    lines += ["", *_sizes(g)]
    return "\n".join([*lines, *_alarms(g), *(f"- {n}" for n in first.notes), ""])


def _tasks(g: Group) -> str:
    figures = [f"{in_words(n)} {spread([o.figures.get(n) for o in g.outcomes])}" for n in accuracies(g)]
    return ", ".join(figures) or "none were trained"


def _scores(g: Group, part: str) -> str:
    trained = [o.parts[part].scores for o in g.outcomes]
    controls = [o.parts[part].scores for o in g.controls if o is not None]
    rows = [(n, trained, n) for n, m in trained[0].items() if m.values]
    if controls:
        rows += [(f"{n}, untrained", controls, n) for n, m in controls[0].items() if m.values]
    rows += [(n, [g.baselines(part)], n) for n in g.baselines(part)]
    columns = [c for c in COLUMNS if c not in ("rbdc", "tbdc") or any(c in m.values for s in trained for m in s.values())]
    return markdown([["", *(COLUMNS[c] for c in columns)], *([title, *_cells(s, n, columns)] for title, s, n in rows)])


def _cells(seeds: Sequence[Mapping[str, Measured]], score: str, columns: Sequence[str]) -> list[str]:
    return [spread([s[score].values.get(c) for s in seeds if score in s]) for c in columns]


def _sizes(g: Group) -> list[str]:
    """AUC by anomaly size over all clips, where there are masks."""
    rows: dict[str, list[Measured]] = {}
    for scores in (*(o.parts[ALL].scores for o in g.outcomes), g.baselines(ALL)):
        for n, m in scores.items():
            if m.sizes:
                rows.setdefault(n, []).append(m)
    if not rows:
        return []
    bins = next(iter(rows.values()))[0].sizes or {}
    lines = [["AUC by size", *(f"{n} ({b['frames']:.0f} frames)" for n, b in bins.items())]]
    lines += [[name, *(spread([(m.sizes or {})[b]["auc"] for m in measured]) for b in bins)] for name, measured in rows.items()]
    return [markdown(lines), ""]


def _alarms(g: Group) -> list[str]:
    lines = []
    for o in g.outcomes:
        a = {k: v or 0.0 for k, v in o.alarms.items()}
        if a:
            hits = f"{a['detected']:.0f} of {a['events']:.0f} events found, {a['false_alarms']:.0f} false alarms"
            normal = f"{a['normal_hours'] * 60:.1f} minutes of normal video"
            share = f"an alarm was on in {100 * a['alarm_share_normal']:.0f} % of it"
            lines.append(f"- Alarms, seed {o.seed}: {hits} in {normal}; {share}")
    return lines
