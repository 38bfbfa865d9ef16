"""The printed figures, and the configuration of every row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from normalcy.errors import ConfigError, UsageError
from normalcy.experiments.cells import CONTROL_LR
from normalcy.experiments.paper import ALL, TABLES, Auc, Row
from normalcy.experiments.rows import base_config, configure, rows_of, suited_readouts
from normalcy.presets import PRESETS, load_config

PAPER = Path(__file__).resolve().parents[3] / ".." / "shared" / "design" / "paper.txt"
READOUTS = "scoring.readouts=[density, continuity, motion]"
SHANGHAI, CAMPUS = "shanghaitech", "nwpu"


def row(table: str, name: str) -> Row:
    return next(r for r in TABLES[table].rows if r.id == name)


def figures(table: str, name: str, dataset: str) -> Auc:
    paper = row(table, name).paper
    assert paper is not None
    return paper[dataset]


def test_rows_that_two_tables_share_have_one_figure() -> None:
    for dataset in (SHANGHAI, CAMPUS):
        for alone in ("CJ", "DL", "MFE"):
            assert figures("table1", f"{alone}-T12", dataset) == figures("table2", alone, dataset)
        assert figures("table1", "all-T12", dataset) == figures("table2", "CJ+DL+MFE", dataset)
    assert figures("table3", "plain", SHANGHAI) == figures("table2", "CJ+DL+MFE", SHANGHAI)
    assert figures("table5", "plain", CAMPUS) == figures("table2", "CJ+DL+MFE", CAMPUS)


def printed(first: str, last: str, per_line: int) -> list[tuple[float, ...]]:
    """Runs of ``per_line`` figures with one decimal between two texts of the paper."""
    text = PAPER.read_text(encoding="utf-8")
    part = text[text.index(first) : text.index(last)]
    return [
        tuple(map(float, found[-per_line:]))
        for line in part.splitlines()
        if len(found := re.findall(r"\d\d\.\d", line)) >= per_line
    ]


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's text is not at hand")
def test_figures_are_those_of_the_paper() -> None:
    table1 = printed("Method Length TShanghaiTech", "Table 1. Comparison", 4)
    ours = [r.paper for r in TABLES["table1"].rows if r.paper]
    assert table1 == [(p[SHANGHAI].micro, p[SHANGHAI].macro, p[CAMPUS].micro, p[CAMPUS].macro) for p in ours]
    table2 = printed("ID CJ DL MFE FPShanghaiTech", "Table 2. Ablation", 4)
    ours = [r.paper for r in TABLES["table2"].rows if r.paper]
    assert table2 == [(p[SHANGHAI].micro, p[SHANGHAI].macro, p[CAMPUS].micro, p[CAMPUS].macro) for p in ours]
    table3 = printed("Ours 92.4", "Table 3. Comparison", 4)
    ours = [r.paper for r in TABLES["table3"].rows if r.paper and r.id != "object-backbone"]
    backbone = "91.5 91.9 82.4 89.3"
    assert f"Georgescu et al. [11]\N{ASTERISK OPERATOR}{backbone}" in PAPER.read_text(encoding="utf-8")
    both = (figures("table3", "object-backbone", name) for name in ("avenue", SHANGHAI))
    assert " ".join(f"{a.micro} {a.macro}" for a in both) == backbone
    assert table3 == [(p["avenue"].micro, p["avenue"].macro, p[SHANGHAI].micro, p[SHANGHAI].macro) for p in ours]
    assert printed("Ours - 80.6", "Table 4. Results", 2) == [(80.6, 83.9)]
    table5 = printed("Ours - 67.3", "Table 5. Comparison", 2)
    assert table5 == [(p[CAMPUS].micro, p[CAMPUS].macro) for r in TABLES["table5"].rows if (p := r.paper)]


def test_row_ids_are_unique_and_each_table_has_a_control() -> None:
    for table in TABLES.values():
        ids = [r.id for r in table.rows]
        assert len(set(ids)) == len(ids)
        assert any(r.untrained for r in table.rows)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_every_table_is_a_valid_configuration(name: str, preset: str) -> None:
    table = TABLES[name]
    for r in rows_of(table, preset, ()):
        cfg = configure(table, r, preset, (), 7).cfg
        words = {"CJ": "continuity", "DL": "localisation", "MFE": "estimation", "FP": "frame_prediction"}
        words |= {"AT": "arrow", "MI": "irregularity", "MB": "middle", "KD": "distillation"}
        on = {t for t in words.values() if getattr(cfg.tasks, t) > 0}
        assert on == {words[t] for t in r.tasks if t != "KD"}  # the preset's detector has no class scores to distil
        assert cfg.level == r.level
        assert cfg.seed == 7
        assert "motion" not in cfg.scoring.readouts
        if r.length is not None:
            assert cfg.clip.length == r.length


def test_object_rows_distil_where_the_detector_has_class_scores() -> None:
    table = TABLES["table3"]
    sets = ("objects.detector=onnx", "objects.weights=some.onnx")
    kinds = {"object-backbone": "arrow irregularity middle", "object-MFE": "arrow irregularity estimation"}
    for name, tasks in {**kinds, "object": "continuity localisation estimation"}.items():
        cell = configure(table, row("table3", name), "cpu", sets, 0)
        assert cell.cfg.objects.readouts == (*tasks.split(), "distillation", "density")
        assert cell.cfg.tasks.distillation == 1.0 and set(cell.dropped) == {"flow"}
        assert "class scores" in configure(table, row("table3", name), "cpu", (), 0).dropped["distillation"]


def test_paper_preset_stays_the_papers() -> None:
    table = TABLES["table2"]
    cfg = configure(table, row("table2", "CJ+DL+MFE"), "paper", (), 0).cfg
    assert cfg.model_dump() == load_config("paper").model_dump()
    predicted = configure(table, row("table2", "FP"), "paper", (), 0).cfg
    assert predicted.scoring.readouts == ("psnr",)
    assert predicted.decoder.steps == 0  # a second training would turn prediction into interpolation


@pytest.mark.parametrize(
    ("tasks", "kept"),
    [
        (("CJ",), ("density", "continuity")),
        (("DL",), ("density",)),
        (("MFE",), ("density", "feature")),
        (("CJ", "DL"), ("density", "continuity")),
        (ALL, ("density", "continuity", "feature", "proxy")),
        (("FP",), ("density", "psnr")),
        (("CJ", "DL", "FP"), ("density", "continuity", "psnr")),
    ],
)
def test_readouts_follow_the_tasks(tasks: tuple[str, ...], kept: tuple[str, ...]) -> None:
    base = load_config("cpu", sets=["scoring.readouts=[density, continuity, feature, proxy, motion]"])
    found, dropped, added = suited_readouts(base, tasks)  # type: ignore[arg-type]
    assert found == kept
    assert set(dropped) == {"density", "continuity", "feature", "proxy", "motion"} - set(kept)
    assert set(added) == set(kept) & {"psnr"}


def test_no_readout_left_is_said_before_training() -> None:
    with pytest.raises(UsageError, match="no readout is left for DL"):
        configure(TABLES["table2"], row("table2", "DL"), "cpu", ["scoring.readouts=[continuity, motion]"], 0)


@pytest.mark.parametrize("item", ["tasks.continuity=0", "seed=3", "tasks={continuity: 1.0}"])
def test_what_the_table_decides_cannot_be_set(item: str) -> None:
    with pytest.raises(UsageError, match="decides"):
        base_config(TABLES["table2"], "cpu", [item])


def test_clip_length_belongs_to_table_1_alone() -> None:
    with pytest.raises(UsageError, match=r"clip\.length"):
        base_config(TABLES["table1"], "cpu", ["clip.length=5"])
    assert configure(TABLES["table2"], row("table2", "CJ"), "paper", ["clip.length=8"], 0).cfg.clip.length == 8


def test_unknown_setting_keeps_its_own_error() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        base_config(TABLES["table2"], "cpu", ["train.step=5"])


def test_light_presets_are_also_run_at_their_own_length() -> None:
    own = load_config("tiny").clip.length
    assert [r.length for r in rows_of(TABLES["table1"], "tiny", ())][:5] == [own] * 5
    assert rows_of(TABLES["table1"], "paper", ()) == TABLES["table1"].rows
    assert rows_of(TABLES["table2"], "tiny", ()) == TABLES["table2"].rows


def test_control_is_the_same_pipeline_without_learning() -> None:
    table = TABLES["table2"]
    full, none = (configure(table, row("table2", n), "cpu", [READOUTS], 0).cfg for n in ("CJ+DL+MFE", "control"))
    assert none.train.lr == CONTROL_LR
    same = none.model_copy(update={"train": full.train})
    assert same.model_dump() == full.model_dump()
