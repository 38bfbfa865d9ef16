"""benchmarks/quality: which clips are looked at, what a row is worth, what the table makes of rows with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from normalcy.errors import DataError, UsageError
from normalcy.experiments.store import Measured
from quality import source
from quality.__main__ import main
from quality.bench import Variant, grid, split_values
from quality.parts import ALL, CHOOSE, CHOOSE_HALF, PARTS, REPORT, clips_by_part
from quality.rows import Beside, Cell, Failure, Part, Results, read
from quality.section import to_markdown
from quality.table import MACRO, MICRO, Wanted, best_beside, groups, over_sets, spread, to_text

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def measured(micro: float, macro: float | None = None) -> Measured:
    macro = micro if macro is None else macro
    values = {MICRO: micro, MACRO["defined"]: macro, MACRO["padded"]: macro, "false_alarms_per_hour": None}
    bins = {"<0.5 %": {"auc": micro, "low": None, "high": None, "frames": 7, "videos": 1}}
    return Measured(values, {MICRO: (micro - 0.1, micro + 0.1)}, bins)


def parts(scores: dict[str, Measured]) -> dict[str, Part]:
    return {p: Part(["01", "02"], 40, 12, scores) for p in PARTS}


def cell(micro: float, **more: object) -> Cell:
    """A trained cell whose control is the cell of key ``c<seed>``."""
    c = Cell(
        key="k0",
        name="plain",
        dataset="umn",
        seed=0,
        preset="cpu",
        sets=["train.steps=9"],
        untrained=False,
        control="c0",
        baselines="b",
        config="cfg",
        code="code",
        commit="abc",
        protocol="train, gaussian 0.5 s",
        readouts=["density"],
        parts=parts({"fused": measured(micro), "readout density": measured(micro - 0.1)}),
        alarms={"events": 3, "detected": 2, "false_alarms": 0, "normal_hours": 0.1, "alarm_share_normal": 0.25},
        figures={"encoder/val/continuity_accuracy": 0.75, "encoder/train/loss": 1.0},
        seconds={"train": 10.0, "calibrate": 2.0, "score": 4.0},
        frames_per_s=100.0,
        precision="fp32",
        network_reused=False,
        split={"train_videos": 2, "train_frames": 48, "test_videos": 2, "test_frames": 40, "abnormal_frames": 12},
        threads=1,
        machine={"processor": "one", "cores": "2", "torch": "2"},
        notes=["a note"],
        finished="2026-01-01T00:00:00+00:00",
    )
    return replace(c, **more)  # type: ignore[arg-type]


def results() -> Results:
    """Two seeds on two sets: umn gains .10 and .20 over its controls, ped1_dev loses .05."""
    found = Results()
    for dataset, seed, micro, control in (("umn", 0, 0.8, 0.7), ("umn", 1, 0.9, 0.7), ("ped1_dev", 0, 0.6, 0.65)):
        ids = {"dataset": dataset, "seed": seed, "baselines": f"b {dataset}"}
        found.add(cell(micro, key=f"k {dataset} {seed}", control=f"c {dataset} {seed}", **ids))
        found.add(cell(control, key=f"c {dataset} {seed}", control=None, untrained=True, **ids))
    beside = {"motion (global)": measured(0.7, 0.75), "motion (by row)": measured(0.72, 0.6), "position": measured(0.95, 0.5)}
    for dataset in ("umn", "ped1_dev"):
        found.add(Beside(f"b {dataset}", dataset, "train, gaussian 0.5 s", parts(beside)))
    return found


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
    r.cells = [c for c in r.cells if c.key != "c umn 1"]
    (umn,) = (g for g in groups(r, Wanted()) if g.dataset == "umn")
    assert umn.gains(ALL, MICRO) == pytest.approx([0.1])
    r.cells = [c for c in r.cells if not c.untrained]
    assert over_sets(groups(r, Wanted()), ALL, MACRO["defined"])[0].endswith("plain: - / -")


def test_best_baseline_and_the_best_that_looks_at_the_picture() -> None:
    (umn,) = (g for g in groups(results(), Wanted()) if g.dataset == "umn")
    assert best_beside(umn, ALL, MICRO) == ("position", 0.95)
    assert best_beside(umn, ALL, MACRO["defined"]) == ("motion (global)", 0.75)
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
    better = parts({"fused": measured(0.5)}) | {CHOOSE: Part(["01"], 20, 6, {"fused": measured(0.99)})}
    r.add(cell(0.5, name="z", key="z", control=None, parts=better))
    assert [g.name for g in groups(r, Wanted(sort="choose"))] == ["z", "plain", "plain"]
    assert [g.name for g in groups(r, Wanted())] == ["plain", "plain", "z"]


def test_states_of_the_code_are_never_averaged() -> None:
    r = results()
    r.add(cell(0.1, key="k umn 0", control="c umn 0", code="new", commit="def", baselines="b umn", finished="2026-02-01"))
    found = [g for g in groups(r, Wanted()) if g.dataset == "umn"]
    assert [(len(g.cells), "@" in g.name) for g in found] == [(2, True), (1, True)]
    assert "Controls of another state of the code: plain @def" in to_text(r, Wanted())
    newest = [g for g in groups(r, Wanted(latest=True)) if g.dataset == "umn"]
    assert [[c.commit for c in g.cells] for g in newest] == [["def"]]


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


def test_rows_come_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    r, kept = results(), Results()
    for row in (*r.cells, *r.beside.values(), Failure("bad", "umn", 0, False, "why", "abc", "2026")):
        kept.add(row, path)
    again = read(path)
    assert to_text(again, Wanted(sizes=True)) == to_text(kept, Wanted(sizes=True))
    assert again.cells[0].parts[ALL].scores["fused"].values[MICRO] == 0.8
    assert again.failures[0].reason == "why"
    with path.open("a") as f:
        f.write('{"kind": "cell", "key": "half')
    assert to_text(read(path), Wanted()) == to_text(kept, Wanted())
    with path.open("a") as f:
        f.write('"}\n')
    with pytest.raises(DataError, match=r"r\.jsonl: line 10"):
        read(path)


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


def test_digest_sees_meaning_and_not_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "p"
    package.mkdir()
    monkeypatch.setattr(source.normalcy, "__file__", str(package / "__init__.py"))
    (package / "a.py").write_text('"""Words."""\n\n\ndef f(x):\n    """More."""\n    return x + 1  # why\n')
    first = source._digest(["a.py"])
    (package / "a.py").write_text("def f(x): return (x + 1)\n")
    assert source._digest(["a.py"]) == first
    (package / "b.py").write_text("")
    assert source._digest(["a.py"]) == first
    (package / "a.py").write_text("def f(x): return x + 2\n")
    assert source._digest(["a.py"]) != first


def test_every_named_source_is_there() -> None:
    root = Path(source.normalcy.__file__).parent
    for name in (*source.SCORES, *source.BASELINES, *source.CALIBRATION):
        assert (root / name).exists(), name
    assert len({source.network_code(), source.score_code(), source.baseline_code(), source.score_code(objects=True)}) == 4
    assert not source.changed()


def test_command_line_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(tmp_path / "none.jsonl")]) == 1
    assert "no such results file" in capsys.readouterr().err
    common = ["--sets", "none", "--out", str(tmp_path / "r.jsonl")]
    assert main(["run", str(tmp_path), *common]) == 1
    assert "none" in capsys.readouterr().err
    assert main(["sweep", str(tmp_path), *common, "--grid", "clip.length"]) == 2
    assert "write it as" in capsys.readouterr().err
    assert not (tmp_path / "r.jsonl").exists()
