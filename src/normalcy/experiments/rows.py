"""From a row of the paper's tables to the configuration that runs it: tasks, length of clips, readouts that suit the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from normalcy.config import Config
from normalcy.errors import UsageError
from normalcy.experiments.cells import control_flags
from normalcy.experiments.paper import ALL, LENGTHS, PAPER_LENGTH, TASK_SETTING, Row, Table, Task, at_length, control
from normalcy.parts import DETECTORS
from normalcy.presets import load_config
from normalcy.scoring.readout import NETWORK
from normalcy.scoring.readouts import READOUTS

MOTION_REASON = "reads no network, so it would add the same to every row and hide what the tasks change"


@dataclass(frozen=True, slots=True)
class RowConfig:
    """A row's configuration."""

    cfg: Config
    dropped: dict[str, str]
    """Readout of the preset that this row does without -> the reason."""
    added: dict[str, str]
    """Readout that the preset does not have -> why this row needs it."""


def rows_of(table: Table, preset: str, sets: Sequence[str]) -> tuple[Row, ...]:
    """Rows of a table under a preset: those printed and, in Table 1, the same at the preset's own T if that is another.

    The light encoder sees nine frames at most, so the paper's lengths alone would say little about it.
    """
    own = base_config(table, preset, sets).clip.length
    if not table.lengths or own in LENGTHS:
        return table.rows
    tasks: tuple[tuple[Task, ...], ...] = (("CJ",), ("DL",), ("MFE",), ALL)
    return (*(at_length(t, own) for t in tasks), control(own), *table.rows)


def base_config(table: Table, preset: str, sets: Sequence[str]) -> Config:
    """Preset and settings that all rows share.

    Raises UsageError for a setting that the table itself decides, ConfigError for one that does not exist.
    """
    decided = {f"tasks.{name}" for name in TASK_SETTING.values()} | {"seed", "preset"}
    decided |= {"clip.length"} if table.lengths else set()
    for item in sets:
        key = item.partition("=")[0].strip()
        if key in decided or (key in ("tasks", "clip") and any(d.startswith(key + ".") for d in decided)):
            raise UsageError(f"--set {item}: {table.name} decides {key} row by row; leave it out")
    return load_config(preset, sets=sets)


def configure(table: Table, row: Row, preset: str, sets: Sequence[str], seed: int) -> RowConfig:
    """The configuration of one row and seed.

    Raises UsageError, ConfigError as :func:`base_config`, and UsageError where no readout of the preset suits the row's tasks.
    """
    base = base_config(table, preset, sets)
    if row.level == "object":
        return _object_row(row, base, preset, sets, seed)
    readouts, dropped, added = suited_readouts(base, row.tasks)
    flags: dict[str, object] = {"seed": seed, "level": "frame", "scoring.readouts": readouts}
    for task, name in TASK_SETTING.items():
        flags[f"tasks.{name}"] = (getattr(base.tasks, name) or 1.0) if task in row.tasks else 0.0
    if row.length is not None:
        flags["clip.length"] = row.length
    elif preset == "paper" and not any(s.startswith("clip.length") for s in sets):
        flags["clip.length"] = PAPER_LENGTH
    if "FP" in row.tasks:
        flags["decoder.steps"] = 0  # its decoder is trained with the encoder, to predict the last frame
    if row.untrained:
        flags |= control_flags(base)
    return RowConfig(load_config(preset, sets=sets, flags=flags), dropped, added)


def _object_row(row: Row, base: Config, preset: str, sets: Sequence[str], seed: int) -> RowConfig:
    """A row on the multi-task backbone: its tasks, each read by its own score, and the density of what they taught."""
    tasks, dropped = row.tasks, {"flow": MOTION_REASON}
    # not what this machine happens to have: a row has to say all that it rests on
    kind = "motion" if base.objects.detector == "auto" else base.objects.detector
    if not DETECTORS[kind].classes:
        tasks = tuple(t for t in tasks if t != "KD")
        dropped["distillation"] = (
            f"the detector '{kind}' gives no class scores; choose another with --set objects.detector=both"
        )
    flags: dict[str, object] = {"seed": seed, "level": "object", "objects.method": "tubes", "objects.detector": kind}
    flags |= {"decoder.steps": 0, "scoring.readouts": ("density",)}
    for task, name in TASK_SETTING.items():
        flags[f"tasks.{name}"] = (getattr(base.tasks, name) or 1.0) if task in tasks else 0.0
    flags["objects.readouts"] = (*(TASK_SETTING[t] for t in tasks), "density")
    if preset == "paper":
        flags |= {"objects.side": 64} if not any(s.startswith("objects.side") for s in sets) else {}
        flags |= {"clip.length": PAPER_LENGTH} if not any(s.startswith("clip.length") for s in sets) else {}
    return RowConfig(load_config(preset, sets=sets, flags=flags), dropped, {})


def suited_readouts(base: Config, tasks: Sequence[Task]) -> tuple[tuple[str, ...], dict[str, str], dict[str, str]]:
    """(readouts, dropped with reasons, added with reasons) for a row that trains ``tasks``.

    A readout stays if the heads that it reads were trained. One that looks at no network never does. Rows with frame
    prediction are read by PSNR as well, which is how that baseline is defined ([20] of the paper).

    Raises UsageError where nothing stays.
    """
    kept: list[str] = []
    dropped: dict[str, str] = {}
    added: dict[str, str] = {}
    for name in base.scoring.readouts:
        readout = READOUTS[name]
        missing = [t for t, setting in TASK_SETTING.items() if setting in readout.reads and t not in tasks]
        if readout.voice != NETWORK:
            dropped[name] = MOTION_REASON
        elif missing:
            dropped[name] = f"reads a head that only {' and '.join(missing)} would train"
        else:
            kept.append(name)
    if "FP" in tasks and "psnr" not in kept:
        kept.append("psnr")
        added["psnr"] = "frame prediction is read by the PSNR of its own prediction"
    if not kept:
        reasons = "; ".join(f"{n}: {why}" for n, why in dropped.items())
        raise UsageError(f"no readout is left for {'+'.join(tasks)} ({reasons}); add density with --set scoring.readouts=...")
    return tuple(kept), dropped, added
