"""Everything about one configuration as a Markdown section: what docs/results.md is made of. Nothing is typed in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from normalcy.errors import UsageError
from normalcy.experiments.store import Measured
from quality.parts import ALL
from quality.rows import Results
from quality.table import Group, Wanted, accuracies, groups, in_words, over_sets, spread

COLUMNS = {
    "micro_auc": "micro AUC",
    "macro_auc_defined": "macro AUC (defined)",
    "macro_auc_padded": "macro AUC (padded)",
    "false_alarms_per_hour": "false alarms/h at the calibrated threshold",
}


def to_markdown(results: Results, name: str) -> str:
    """Of the newest state of the code that ran it. Raises UsageError for a name that is not in the file."""
    found = [g for g in groups(results, Wanted(latest=True)) if g.cells[0].name == name]
    if not found:
        names = sorted({c.name for c in results.cells if not c.untrained})
        raise UsageError(f"no configuration named {name!r}; there are {', '.join(names) or 'none'}")
    first = found[0].cells[0]
    settings = "".join(f" --set {shlex.quote(s)}" for s in first.sets)
    seeds = " ".join(str(c.seed) for c in found[0].cells)
    sets = " ".join(g.dataset for g in found)
    m = first.machine
    command = f"python benchmarks/quality run DATA_ROOT --sets {sets} --seeds {seeds} --preset {first.preset}{settings}"
    head = [
        f"`{command} --out RESULTS.jsonl`",
        f"at commit {first.commit}, {m['processor']}, {m['cores']} cores, {first.threads} thread(s); PyTorch {m['torch']}.",
        *over_sets(found, ALL, "macro_auc_defined"),
    ]
    return "\n\n".join([*head, *(_set(g) for g in found)])


def _set(g: Group) -> str:
    first, split = g.cells[0], g.cells[0].split
    seconds = [sum(s for stage, s in c.seconds.items() if stage != "score") for c in g.cells]
    lines = [
        f"### {g.dataset}",
        "",
        f"- Split: {split['train_videos']} training videos ({split['train_frames']} frames) without labels, "
        f"{split['test_videos']} test videos, {split['test_frames']} frames, {split['abnormal_frames']} of them abnormal",
        f"- Protocol: {first.protocol}; readouts {', '.join(first.readouts)}",
        f"- Seeds {', '.join(str(c.seed) for c in g.cells)}; mean (lowest..highest seed)",
        f"- Training, decoding and calibration: {min(seconds):.0f} to {max(seconds):.0f} s; arithmetic "
        f"{', '.join(sorted({c.precision for c in g.cells}))}; scoring {spread([c.frames_per_s for c in g.cells])} frames/s",
        f"- Proxy tasks on held-out normal video: {_tasks(g)}",
    ]
    for part in first.parts:
        lines += ["", f"Part `{part}`: clips {' '.join(first.parts[part].clips)}", "", *_scores(g, part)]
    lines += ["", *_sizes(g)]
    return "\n".join([*lines, *_alarms(g), *(f"- {n}" for n in first.notes), ""])


def _tasks(g: Group) -> str:
    found = [f"{in_words(n)} {spread([c.figures.get(n) for c in g.cells])}" for n in accuracies(g)]
    return ", ".join(found) or "none were trained"


def _scores(g: Group, part: str) -> list[str]:
    trained = [c.parts[part].scores for c in g.cells]
    controls = [c.parts[part].scores for c in g.controls if c is not None]
    lines = [f"| | {' | '.join(COLUMNS.values())} |", f"|---|{'---|' * len(COLUMNS)}"]
    lines += [_line(n, trained, n) for n, m in trained[0].items() if m.values]
    if controls:
        lines += [_line(f"{n}, untrained", controls, n) for n, m in controls[0].items() if m.values]
    if g.beside is not None and part in g.beside.parts:
        lines += [_line(n, [g.beside.parts[part].scores], n) for n in g.beside.parts[part].scores]
    return lines


def _line(title: str, seeds: Sequence[Mapping[str, Measured]], score: str) -> str:
    cells = [spread([s[score].values.get(c) for s in seeds if score in s]) for c in COLUMNS]
    return f"| {title} | {' | '.join(cells)} |"


def _sizes(g: Group) -> list[str]:
    """AUC by anomaly size over all clips, where there are masks."""
    rows: dict[str, list[Measured]] = {}
    sources = [*(c.parts[ALL].scores for c in g.cells), *([g.beside.parts[ALL].scores] if g.beside else [])]
    for scores in sources:
        for n, m in scores.items():
            if m.sizes:
                rows.setdefault(n, []).append(m)
    if not rows:
        return []
    bins = next(iter(rows.values()))[0].sizes or {}
    lines = [
        "| AUC by size | " + " | ".join(f"{n} ({b['frames']:.0f} frames)" for n, b in bins.items()) + " |",
        f"|---|{'---|' * len(bins)}",
    ]
    for name, measured in rows.items():
        cells = [spread([(m.sizes or {})[b]["auc"] for m in measured]) for b in bins]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _alarms(g: Group) -> list[str]:
    lines = []
    for c in g.cells:
        a = {k: v or 0.0 for k, v in c.alarms.items()}
        if a:
            found = f"{a['detected']:.0f} of {a['events']:.0f} events found, {a['false_alarms']:.0f} false alarms"
            normal = f"{a['normal_hours'] * 60:.1f} minutes of normal video"
            share = f"an alarm was on in {100 * a['alarm_share_normal']:.0f} % of it"
            lines.append(f"- Alarms, seed {c.seed}: {found} in {normal}; {share}")
    return lines
