"""Tables 1 to 5 of the paper as data: which configuration each row is, and the figures printed there (AUC in percent).

Source: Zhang et al., "Multi-Scale Video Anomaly Detection by Multi-Grained Spatio-Temporal Representation Learning", CVPR 2024.
Only the rows of the paper's own method are here; the other methods of tables 3 to 5 are not part of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from normalcy.nn.tasks import TASKS

Task = str
"""A task by its abbreviation (normalcy.nn.tasks.Task)."""
Variant = Literal["scene", "virtual"]

ALL: tuple[Task, ...] = ("CJ", "DL", "MFE")
TASK_SETTING: dict[Task, str] = {t.abbreviation: t.name for t in TASKS.values()}
"""The weight in ``tasks.*`` that switches each task on."""
TASK_TITLES: dict[Task, str] = {t.abbreviation: t.title for t in TASKS.values()}
VARIANT_WORDS: dict[Variant, str] = {
    "scene": "runs on the scene-conditioned backbone (\N{WHITE UP-POINTING TRIANGLE} in the paper)",
    "virtual": "trains with virtual data (\N{WHITE DOWN-POINTING TRIANGLE} in the paper)",
}
"""What rows of tables 3 and 5 that go beyond the plain method need and this version has not."""
PAPER_LENGTH = 12
"""T of section 4.2, which tables 2 to 5 use."""
LENGTHS = (8, 12, 16)
"""T of Table 1."""


@dataclass(frozen=True, slots=True)
class Auc:
    """Micro and macro AUC in percent, as printed."""

    micro: float
    macro: float


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration of a table."""

    id: str
    """Short, unique in its table: what ``--only`` matches."""
    label: str
    tasks: tuple[Task, ...]
    length: int | None = None
    """T, where the table sets it; None: as the table's text says (see :data:`PAPER_LENGTH`)."""
    needs: tuple[Variant, ...] = ()
    paper: Mapping[str, Auc] | None = None
    """Data set -> printed figures."""
    level: Literal["frame", "object"] = "frame"
    """object: on the multi-task backbone of [11] (* in the paper)."""
    untrained: bool = False
    """A control that is not in the paper: the same pipeline with the encoder's weights left as drawn."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the paper."""

    name: str
    title: str
    datasets: tuple[str, ...]
    rows: tuple[Row, ...]
    lengths: bool = False
    """Whether the rows differ in T (Table 1)."""


def _two(a: tuple[float, float], b: tuple[float, float]) -> dict[str, Auc]:
    return {"shanghaitech": Auc(*a), "nwpu": Auc(*b)}


_TABLE1: tuple[tuple[tuple[Task, ...], int, dict[str, Auc]], ...] = (
    (("CJ",), 8, _two((78.1, 82.3), (60.1, 63.2))),
    (("CJ",), 12, _two((77.2, 81.1), (60.3, 63.9))),
    (("CJ",), 16, _two((75.1, 79.2), (58.2, 60.9))),
    (("DL",), 8, _two((82.6, 85.5), (62.1, 65.4))),
    (("DL",), 12, _two((83.4, 87.2), (62.6, 65.1))),
    (("DL",), 16, _two((82.1, 85.5), (61.9, 65.0))),
    (("MFE",), 8, _two((79.8, 83.2), (63.5, 66.8))),
    (("MFE",), 12, _two((81.2, 84.9), (65.2, 68.9))),
    (("MFE",), 16, _two((80.5, 84.0), (64.9, 68.0))),
    (ALL, 8, _two((84.2, 88.8), (66.3, 69.2))),
    (ALL, 12, _two((85.1, 89.8), (67.3, 70.9))),
    (ALL, 16, _two((83.9, 88.3), (66.0, 69.2))),
)
_TABLE2: tuple[tuple[tuple[Task, ...], dict[str, Auc]], ...] = (
    (("FP",), _two((70.2, 71.2), (58.1, 58.6))),
    (("CJ",), _two((77.2, 81.1), (60.3, 63.9))),
    (("DL",), _two((83.4, 87.2), (62.6, 65.1))),
    (("MFE",), _two((81.2, 84.9), (65.2, 68.9))),
    (("CJ", "DL"), _two((84.1, 87.8), (62.8, 65.4))),
    (("CJ", "MFE"), _two((82.3, 85.6), (65.3, 69.2))),
    (("DL", "MFE"), _two((84.5, 89.5), (66.2, 70.1))),
    (ALL, _two((85.1, 89.8), (67.3, 70.9))),
    (("CJ", "DL", "FP"), _two((84.2, 87.6), (62.8, 65.6))),
)


def _three(avenue: tuple[float, float], shanghaitech: tuple[float, float]) -> dict[str, Auc]:
    return {"avenue": Auc(*avenue), "shanghaitech": Auc(*shanghaitech)}


def control(length: int | None = None) -> Row:
    """The row with a randomly initialised encoder."""
    name = "control" if length is None else f"control-T{length}"
    return Row(name, "untrained encoder", ALL, length, untrained=True)


def at_length(tasks: tuple[Task, ...], length: int, paper: dict[str, Auc] | None = None) -> Row:
    """A row of Table 1."""
    name = "all" if tasks == ALL else "+".join(tasks)
    label = "overall framework" if tasks == ALL else TASK_TITLES[tasks[0]]
    return Row(f"{name}-T{length}", label, tasks, length, paper=paper)


TABLES: dict[str, Table] = {
    "table1": Table(
        "table1",
        "Each proxy task alone and all of them, at clips of T frames",
        ("shanghaitech", "nwpu"),
        (*(at_length(tasks, t, paper) for tasks, t, paper in _TABLE1), *map(control, LENGTHS)),
        lengths=True,
    ),
    "table2": Table(
        "table2",
        "Subsets of the proxy tasks, and frame prediction",
        ("shanghaitech", "nwpu"),
        (*(Row("+".join(tasks), "+".join(tasks), tasks, paper=paper) for tasks, paper in _TABLE2), control()),
    ),
    "table3": Table(
        "table3",
        "Avenue and ShanghaiTech",
        ("avenue", "shanghaitech"),
        (
            Row("plain", "frame level", ALL, paper=_three((92.4, 92.9), (85.1, 89.8))),
            Row("virtual", "with virtual data", ALL, needs=("virtual",), paper=_three((93.2, 92.5), (86.2, 91.0))),
            Row(
                "object-backbone",
                "object level, the backbone's own tasks [11]",
                ("AT", "MI", "MB", "KD"),
                level="object",
                paper=_three((91.5, 91.9), (82.4, 89.3)),
            ),
            Row(
                "object-MFE",
                "object level, estimation task",
                ("AT", "MI", "MFE", "KD"),
                level="object",
                paper=_three((92.6, 93.0), (85.5, 91.8)),
            ),
            Row(
                "object",
                "object level, three tasks",
                (*ALL, "KD"),
                level="object",
                paper=_three((93.6, 93.8), (86.8, 92.4)),
            ),
            Row(
                "object-virtual",
                "object level, three tasks, virtual data",
                (*ALL, "KD"),
                level="object",
                needs=("virtual",),
                paper=_three((94.3, 94.5), (87.5, 93.0)),
            ),
            control(),
        ),
    ),
    "table4": Table(
        "table4",
        "UCF-Crime",
        ("ucf_crime",),
        (Row("plain", "frame level", ALL, paper={"ucf_crime": Auc(80.6, 83.9)}), control()),
    ),
    "table5": Table(
        "table5",
        "NWPU Campus",
        ("nwpu",),
        (
            Row("plain", "frame level", ALL, paper={"nwpu": Auc(67.3, 70.9)}),
            Row("scene", "scene-conditioned", ALL, needs=("scene",), paper={"nwpu": Auc(70.1, 72.2)}),
            control(),
        ),
    ),
}
