"""What a results file says: one line per configuration and data set, beside its controls and the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from normalcy.evaluation.evaluate import FUSED
from normalcy.evaluation.motion import PICTURE
from normalcy.experiments.halves import ALL, CHOOSE, GOAL_OVER_CONTROL, GOALS, PARTS
from normalcy.experiments.store import Measured, Outcome, Results
from normalcy.tables import aligned, markdown

MICRO = "micro_auc"
MACRO = {"defined": "macro_auc_defined", "padded": "macro_auc_padded"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a table shows."""

    name: str = "*"
    """Pattern of configuration names."""
    latest: bool = False
    """Of configurations that several states of the code ran, the newest alone."""
    sort: str = "name"
    """``name``, or ``choose``: micro AUC on the choose halves, best first."""
    part: str = ALL
    """The part that differences are taken over."""
    macro: str = "defined"
    readouts: bool = False
    sizes: bool = False
    tasks: bool = False
    goals: bool = False
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """One configuration under one state of the code, on one data set: an outcome per seed with its control."""

    name: str
    dataset: str
    outcomes: tuple[Outcome, ...]
    controls: tuple[Outcome | None, ...]

    def values(self, part: str, metric: str, score: str = FUSED) -> list[float | None]:
        """One per seed; None where it is undefined or was not measured."""
        return [value(o, part, metric, score) for o in self.outcomes]

    def gains(self, part: str, metric: str, score: str = FUSED) -> list[float]:
        """Difference to the control with the same seed, for the seeds that have one."""
        pairs = [
            (value(o, part, metric, score), None if other is None else value(other, part, metric, score))
            for o, other in zip(self.outcomes, self.controls, strict=True)
        ]
        return [a - b for a, b in pairs if a is not None and b is not None]

    def baselines(self, part: str) -> Mapping[str, Measured]:
        """Baseline -> its results, the same for every seed; empty for a part that the data set has not."""
        newest = self.outcomes[-1].parts
        return newest[part].baselines if part in newest else {}


def value(o: Outcome, part: str, metric: str, score: str = FUSED) -> float | None:
    """One figure of an outcome."""
    if part not in o.parts or score not in o.parts[part].scores:
        return None
    return o.parts[part].scores[score].values.get(metric)


def groups(results: Results, wanted: Wanted) -> list[Group]:
    """The trained cells by configuration, state of the code and data set. Of a cell run twice the newest row counts."""
    by_state: dict[tuple[str, str, str, str], dict[int, Outcome]] = {}
    for o in results.outcomes:
        if not o.untrained and fnmatchcase(o.name, wanted.name):
            by_state.setdefault((o.name, o.config, o.code, o.dataset), {})[o.seed] = o
    if wanted.latest:
        when = {key: max(o.finished for o in seeds.values()) for key, seeds in by_state.items()}
        newest = {(key[0], key[3]): key for key in sorted(by_state, key=lambda k: when[k])}
        by_state = {key: seeds for key, seeds in by_state.items() if newest[key[0], key[3]] == key}
    states: dict[str, set[tuple[str, str]]] = {}
    for name, config, code, _ in by_state:
        states.setdefault(name, set()).add((config, code))
    out = []
    for (name, config, code, dataset), seeds in by_state.items():
        outcomes = tuple(seeds[s] for s in sorted(seeds))
        shown = name if len(states[name]) == 1 else f"{name} @{outcomes[-1].commit} {config[:4]}.{code[:4]}"
        controls = tuple(results.find(o.control, o.code) or results.find(o.control) for o in outcomes)
        out.append(Group(shown, dataset, outcomes, controls))
    return _sorted(out, wanted)


def _sorted(shown: Sequence[Group], wanted: Wanted) -> list[Group]:
    names = list(dict.fromkeys(g.name for g in shown))
    if wanted.sort == CHOOSE:

        def chosen(name: str) -> float:
            v = [m for g in shown if g.name == name and (m := mean(g.values(CHOOSE, MICRO))) is not None]
            return -float(np.mean(v)) if v else 1.0

        names.sort(key=chosen)
    else:
        names.sort()
    return [g for name in names for g in shown if g.name == name]


def mean(values: Iterable[float | None]) -> float | None:
    """Mean, or None where a value is missing or there is none."""
    v = list(values)
    return None if not v or None in v else float(np.mean([x for x in v if x is not None]))


def spread(values: Sequence[float | None], sign: str = "") -> str:
    """Mean and, where they differ, lowest and highest; ``-`` where a value is missing."""
    m = mean(values)
    if m is None:
        return "-"
    v = [x for x in values if x is not None]
    if max(v) - min(v) < 5e-4:
        return f"{m:{sign}.3f}"
    return f"{m:{sign}.3f} ({min(v):{sign}.3f}..{max(v):{sign}.3f})"


def best_baseline(
    g: Group, part: str, metric: str, among: Callable[[str], bool] = lambda name: True
) -> tuple[str, float] | None:
    """The strongest baseline and its value."""
    known = {n: v for n, m in g.baselines(part).items() if among(n) and (v := m.values.get(metric)) is not None}
    return max(known.items(), key=lambda item: item[1]) if known else None


def to_text(results: Results, wanted: Wanted) -> str:
    """The whole table: configurations, what their gains are over the sets, baselines, and failures."""
    shown = groups(results, wanted)
    macro = MACRO[wanted.macro]
    if not shown:
        return f"no trained cell named {wanted.name}\n"
    written = markdown if wanted.markdown else aligned
    blocks = [
        f"AUC micro / macro ({wanted.macro}), mean over seeds (lowest..highest); differences over {_words(wanted.part)}",
        written(_lines(shown, wanted, macro)),
        "\n".join(over_sets(shown, wanted.part, macro, wanted.goals)),
        "Beside, through the same smoothing:",
        written(_baseline_lines(shown, macro)),
    ]
    if wanted.readouts:
        blocks += ["Each readout alone:", written(_readout_lines(shown, wanted, macro))]
    if wanted.sizes:
        blocks += ["AUC by size of the anomaly, all clips:", written(_size_lines(shown))]
    if wanted.tasks:
        head = "Proxy tasks on held-out normal video, and what it took (median seconds; controls in brackets):"
        blocks += [head, written(_task_lines(shown))]
    other = [g for g in shown if any(c and c.code != o.code for o, c in zip(g.outcomes, g.controls, strict=True))]
    if other:
        blocks.append("Controls of another state of the code: " + ", ".join(f"{g.name} on {g.dataset}" for g in other))
    done = {(o.name, o.dataset, o.seed, o.untrained) for o in results.outcomes}
    lost = [f for f in results.failures if (f.name, f.dataset, f.seed, f.untrained) not in done]
    if lost:
        blocks.append("\n".join(f"failed: {f.name}, {f.dataset}, seed {f.seed}: {f.reason}" for f in lost))
    return "\n\n".join(blocks) + "\n"


def over_sets(shown: Sequence[Group], part: str, macro: str, goals: bool = False) -> list[str]:
    """One line per configuration: gain over random weights, mean over the sets, and the set that gains least."""
    lines = []
    for name in dict.fromkeys(g.name for g in shown):
        mine = [(g, {m: mean(g.gains(part, m)) for m in (MICRO, macro)}) for g in shown if g.name == name]
        cells, low = [], []
        for metric in (MICRO, macro):
            gains = {g.dataset: v for g, by in mine if (v := by[metric]) is not None}
            cells.append(f"{np.mean(list(gains.values())):+.3f}" if gains else "-")
            if gains:
                least = min(gains, key=lambda n: gains[n])
                low.append(f"{gains[least]:+.3f} on {least}")
        sets = ", ".join(g.dataset for g, _ in mine)
        goal = f" (goal {GOAL_OVER_CONTROL:+.2f}, no set negative)" if goals else ""
        least_words = f"; least {' / '.join(low)}" if low else ""
        lines.append(f"over random weights, mean over the sets ({sets}): {name}: {' / '.join(cells)}{goal}{least_words}")
    return lines


def _words(part: str) -> str:
    return "all clips" if part == ALL else f"the {part} half"


def _lines(shown: Sequence[Group], wanted: Wanted, macro: str) -> list[list[str]]:
    goal = ["goal (all)"] if wanted.goals else []
    lines = [["configuration", "set", "seeds", *PARTS, *goal, "over random weights", "over the best baseline"]]
    for g in shown:
        cells = [_both(g, part, macro) for part in PARTS]
        gains = " / ".join(spread(g.gains(wanted.part, m), "+") for m in (MICRO, macro))
        seeds = " ".join(str(o.seed) for o in g.outcomes)
        goals = ["{:.3f} / {:.3f}".format(*GOALS[g.dataset]) if g.dataset in GOALS else "-"] if wanted.goals else []
        lines.append([g.name, g.dataset, seeds, *cells, *goals, gains, _against(g, wanted.part, macro)])
    return lines


def _both(g: Group, part: str, macro: str, score: str = FUSED) -> str:
    both = [spread(g.values(part, m, score)) for m in (MICRO, macro)]
    return "-" if both == ["-", "-"] else " / ".join(both)


def _against(g: Group, part: str, macro: str) -> str:
    """Difference to the best baseline and, where that one never looks at the picture, also to the best that does."""
    cells = []
    for metric in (MICRO, macro):
        ours, best = mean(g.values(part, metric)), best_baseline(g, part, metric)
        if ours is None or best is None:
            cells.append("-")
            continue
        text = f"{ours - best[1]:+.3f} ({best[0]})"
        seeing = best_baseline(g, part, metric, lambda name: name in PICTURE)
        if best[0] not in PICTURE and seeing is not None:
            text += f", {ours - seeing[1]:+.3f} ({seeing[0]})"
        cells.append(text)
    return " / ".join(cells)


def _baseline_lines(shown: Sequence[Group], macro: str) -> list[list[str]]:
    lines = [["baseline", "set", "protocol", *PARTS]]
    newest = {(g.dataset, g.outcomes[-1].protocol): g for g in shown}
    for (dataset, protocol), g in newest.items():
        for name in g.baselines(ALL):
            cells = []
            for part in PARTS:
                measured = g.baselines(part).get(name)
                both = [measured.values.get(m) if measured else None for m in (MICRO, macro)]
                cells.append("-" if both == [None, None] else " / ".join("-" if v is None else f"{v:.3f}" for v in both))
            lines.append([name, dataset, protocol, *cells])
    return lines


def _readout_lines(shown: Sequence[Group], wanted: Wanted, macro: str) -> list[list[str]]:
    lines = [["configuration", "set", "score", *PARTS, "over random weights"]]
    for g in shown:
        names = dict.fromkeys(n for o in g.outcomes for n, m in o.parts[ALL].scores.items() if m.values)
        for n in names:
            gains = " / ".join(spread(g.gains(wanted.part, m, n), "+") for m in (MICRO, macro))
            lines.append([g.name, g.dataset, n, *(_both(g, part, macro, n) for part in PARTS), gains])
    return lines


def _size_lines(shown: Sequence[Group]) -> list[list[str]]:
    bins = next((list(m.sizes) for g in shown for m in g.outcomes[0].parts[ALL].scores.values() if m.sizes), [])
    lines = [["configuration", "set", "score", *bins]]
    for g in shown:
        rows: list[tuple[str, list[Mapping[str, Measured]]]] = [(g.name, [o.parts[ALL].scores for o in g.outcomes])]
        rows.append(("baselines", [g.baselines(ALL)]))
        for name, seeds in rows:
            for score in (n for n, m in seeds[0].items() if m.sizes):
                lines.append([name, g.dataset, score, *(_bin([s[score] for s in seeds if score in s], b) for b in bins)])
    return lines


def accuracies(g: Group) -> list[str]:
    """Names of the proxy tasks' accuracies on held-out normal video."""
    return list(dict.fromkeys(n for o in g.outcomes for n in o.figures if "/val/" in n and n.endswith("_accuracy")))


def in_words(figure: str) -> str:
    """``encoder/val/continuity_accuracy`` -> ``continuity``."""
    return figure.split("/")[-1].removesuffix("_accuracy")


def _task_lines(shown: Sequence[Group]) -> list[list[str]]:
    tasks = list(dict.fromkeys(n for g in shown for n in accuracies(g)))
    lines = [["configuration", "set", *map(in_words, tasks), "train", "calibrate", "frames/s"]]
    for g in shown:
        controls = [c for c in g.controls if c is not None]
        line = [g.name, g.dataset]
        for n in tasks:
            beside = spread([c.figures.get(n) for c in controls])
            line.append(spread([o.figures.get(n) for o in g.outcomes]) + (f" [{beside}]" if beside != "-" else ""))
        for stage in ("train", "calibrate"):
            line.append(f"{np.median([o.seconds.get(stage, 0.0) for o in g.outcomes]):.0f}")
        lines.append([*line, f"{np.median([o.frames_per_s for o in g.outcomes]):.0f}"])
    return lines


def _bin(measured: Sequence[Measured], name: str) -> str:
    """AUC of one size, and the abnormal frames that it rests on."""
    bins = [m.sizes[name] for m in measured if m.sizes and name in m.sizes]
    if not bins or not bins[0]["frames"]:
        return "-"
    return f"{spread([b['auc'] for b in bins])} [{bins[0]['frames']:.0f}]"
