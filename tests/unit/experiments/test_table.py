"""Comparing configurations: which clips are looked at, what a result is worth, what the table makes of known results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from normalcy.errors import UsageError
from normalcy.experiments.halves import ALL, CHOOSE, CHOOSE_HALF, PARTS, REPORT, clips_by_part
from normalcy.experiments.section import to_markdown
from normalcy.experiments.store import Failure, Measured, Outcome, Part, Results
from normalcy.experiments.sweep import Variant, grid, split_values
from normalcy.experiments.table import MACRO, MICRO, Wanted, best_baseline, groups, over_sets, spread, to_text
from outcomes import OUTCOME, part
from quality.__main__ import main

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def measured(micro: float, macro: float | None = None) -> Measured:
    macro = micro if macro is None else macro
    values = {MICRO: micro, MACRO["defined"]: macro, MACRO["padded"]: macro, "false_alarms_per_hour": None}
    bins = {"<0.5 %": {"auc": micro, "low": None, "high": None, "frames": 7, "videos": 1}}
    return Measured(values, {MICRO: (micro - 0.1, micro + 0.1)}, bins)


BASELINES = {
    "motion (global)": measured(0.7, 0.75),
    "motion (by row)": measured(0.72, 0.6),
    "position": measured(0.95, 0.5),
}


def parts(scores: dict[str, Measured]) -> dict[str, Part]:
    return {p: part(scores, BASELINES) for p in PARTS}


def cell(micro: float, **more: object) -> Outcome:
    """A trained cell whose control is the cell of key ``c0``."""
    made = parts({"fused": measured(micro), "readout density": measured(micro - 0.1)})
    o = replace(OUTCOME, key="k0", name="plain", dataset="umn", where="umn", control="c0", parts=made)
    return replace(o, **more)  # type: ignore[arg-type]


def results() -> Results:
    """Two seeds on two sets: umn gains .10 and .20 over its controls, ped1_dev loses .05."""
    made = Results()
    for dataset, seed, micro, control in (("umn", 0, 0.8, 0.7), ("umn", 1, 0.9, 0.7), ("ped1_dev", 0, 0.6, 0.65)):
        ids = {"dataset": dataset, "seed": seed}
        made.add(cell(micro, key=f"k {dataset} {seed}", control=f"c {dataset} {seed}", **ids))
        made.add(cell(control, key=f"c {dataset} {seed}", control=None, untrained=True, **ids))
    return made


def test_halves_are_apart_and_together_everything() -> None:
    clips = [f"{k:02d}" for k in range(1, 10)]
    for name in ("ped1_dev", "umn", "avenue", "anything"):
        found = clips_by_part(name, clips)
        chosen = found.get(CHOOSE, [])
        assert chosen == [c for c in clips if c in CHOOSE_HALF.get(name, ())]
        assert sorted([*chosen, *found[REPORT]]) == found[ALL] == clips
    assert clips_by_part("ped1_dev", clips)[CHOOSE] == ["01", "03", "05", "07", "09"]
    assert clips_by_part("umn", clips[:8])[CHOOSE] == ["01", "03", "05", "07"]
    assert CHOOSE not in clips_by_part("avenue", ["17", "19"])


def test_the_clips_that_are_looked_at_exist() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"no real footage at {SHARED}")
    for name, chosen in CHOOSE_HALF.items():
        there = {p.stem for p in (SHARED / name / "testing" / "labels").glob("*.npy")}
        assert set(chosen) < there
        assert len(clips_by_part(name, sorted(there))[REPORT]) in (len(chosen), len(chosen) - 1)


def test_mean_and_spread_over_seeds() -> None:
    assert spread([0.8, 0.9]) == "0.850 (0.800..0.900)"
    assert spread([0.8, 0.8001]) == "0.800"
    assert spread([-0.1, 0.2], "+") == "+0.050 (-0.100..+0.200)"
    assert spread([0.8, None]) == "-"
    assert spread([]) == "-"


def test_gain_is_paired_by_seed_and_averaged_over_the_sets() -> None:
    found = groups(results(), Wanted())
    umn = next(g for g in found if g.dataset == "umn")
    assert umn.gains(ALL, MICRO) == pytest.approx([0.1, 0.2])
    assert umn.gains(ALL, MICRO, "readout density") == pytest.approx([0.1, 0.2])
    (line,) = over_sets(found, ALL, MACRO["defined"])
    assert "plain: +0.050 / +0.050; least -0.050 on ped1_dev / -0.050 on ped1_dev" in line  # (.15 - .05) / 2


def test_a_seed_without_its_control_has_no_gain() -> None:
    r = results()
    r.outcomes = [c for c in r.outcomes if c.key != "c umn 1"]
    (umn,) = (g for g in groups(r, Wanted()) if g.dataset == "umn")
    assert umn.gains(ALL, MICRO) == pytest.approx([0.1])
    r.outcomes = [c for c in r.outcomes if not c.untrained]
    assert over_sets(groups(r, Wanted()), ALL, MACRO["defined"])[0].endswith("plain: - / -")


def test_best_baseline_and_the_best_that_looks_at_the_picture() -> None:
    (umn,) = (g for g in groups(results(), Wanted()) if g.dataset == "umn")
    assert best_baseline(umn, ALL, MICRO) == ("position", 0.95)
    assert best_baseline(umn, ALL, MACRO["defined"]) == ("motion (global)", 0.75)
    text = to_text(results(), Wanted())
    assert "-0.100 (position), +0.130 (motion (by row)) / +0.100 (motion (global))" in text


def test_table_says_everything() -> None:
    r = results()
    r.add(Failure("bad", "umn", 0, False, "loss became nan", "abc", "2026"))
    text = to_text(r, Wanted(readouts=True, sizes=True, tasks=True, goals=True))
    for wanted in (
        "0.850 (0.800..0.900) / 0.850 (0.800..0.900)",
        "+0.150 (+0.100..+0.200)",
        "0.985 / 0.985",
        "goal +0.08, no set negative",
        "readout density",
        "[7]",
        "0.750 [0.750]",
        "failed: bad, umn, seed 0: loss became nan",
        "train, gaussian 0.5 s",
    ):
        assert wanted in text, wanted
    markdown = to_text(r, Wanted(markdown=True))
    heads = [line for line in markdown.splitlines() if line.startswith("|")]
    assert heads[1] == "|" + " --- |" * 8
    assert "no trained cell" in to_text(r, Wanted(name="other"))


def test_sorted_by_what_may_be_chosen_on() -> None:
    r = results()
    better = parts({"fused": measured(0.5)}) | {CHOOSE: part({"fused": measured(0.99)})}
    r.add(cell(0.5, name="z", key="z", control=None, parts=better))
    assert [g.name for g in groups(r, Wanted(sort="choose"))] == ["z", "plain", "plain"]
    assert [g.name for g in groups(r, Wanted())] == ["plain", "plain", "z"]


def test_states_of_the_code_are_never_averaged() -> None:
    r = results()
    r.add(cell(0.1, key="k umn 0", control="c umn 0", code="new", commit="def", finished="2026-02-01"))
    found = [g for g in groups(r, Wanted()) if g.dataset == "umn"]
    assert [(len(g.outcomes), "@" in g.name) for g in found] == [(2, True), (1, True)]
    assert "Controls of another state of the code: plain @def" in to_text(r, Wanted())
    newest = [g for g in groups(r, Wanted(latest=True)) if g.dataset == "umn"]
    assert [[o.commit for o in g.outcomes] for g in newest] == [["def"]]


def test_section_of_one_configuration() -> None:
    text = to_markdown(results(), "plain")
    for wanted in (
        "--sets umn ped1_dev --seeds 0 1 --preset cpu --set train.steps=9",
        "| fused | 0.850 (0.800..0.900) |",
        "| fused, untrained | 0.700 |",
        "| position | 0.950 |",
        "| AUC by size | <0.5 % (7 frames) |",
        "continuity 0.750",
        "Training, decoding and calibration: 12 to 12 s",
        "Alarms, seed 1: 2 of 3 events found, 0 false alarms in 6.0 minutes of normal video; an alarm was on in 25 % of it",
    ):
        assert wanted in text, wanted
    with pytest.raises(UsageError, match="no configuration named 'other'; there are plain"):
        to_markdown(results(), "other")


def test_grid_is_every_combination() -> None:
    found = grid(None, ("seed_free=1",), ["a.b=1,2", "c=[x,y],null"])
    assert [v.name for v in found] == ["a.b=1 c=[x,y]", "a.b=1 c=null", "a.b=2 c=[x,y]", "a.b=2 c=null"]
    assert found[0].sets == ("seed_free=1", "a.b=1", "c=[x,y]")
    assert grid("n", ("k=1",), ()) == (Variant("n", ("k=1",)),)
    assert grid(None, (), ())[0].name == "default"
    assert grid("n", (), ["a=1,2"])[1].name == "n a=2"
    assert split_values("1, [2,3] ,{a: 1, b: 2}") == ["1", "[2,3]", "{a: 1, b: 2}"]
    for wrong in ("a", "a=", "a=,"):
        with pytest.raises(UsageError, match="write it as"):
            grid(None, (), [wrong])


def test_command_line_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(tmp_path / "none.jsonl")]) == 1
    assert "no such results file" in capsys.readouterr().err
    common = ["--sets", "none", "--out", str(tmp_path / "r.jsonl")]
    assert main(["run", str(tmp_path), *common]) == 1
    assert "none" in capsys.readouterr().err
    assert main(["sweep", str(tmp_path), *common, "--grid", "clip.length"]) == 2
    assert "write it as" in capsys.readouterr().err
    assert not (tmp_path / "r.jsonl").exists()
