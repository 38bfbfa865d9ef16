"""Score and label files of any method, and how they are brought together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.data.files import load_label_folder, load_mask_folder, load_score_folder, match, match_names, read_scores
from normalcy.errors import DataError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "frame,time_s,score,psnr\n0,0.0,1.5,9\n1,0.1,-2,9\n2,0.2,3e1,9\n",
        "Score\n1.5\n-2\n30\n",
        "1.5\n-2\n30\n",
        "\ufeff1.5\r\n-2\r\n30\r\n\r\n",
        "anything\n1.5\n-2\n30",
        " frame , score \n0, 1.5\n1, -2\n2, 30\n",
    ],
)
def test_tables_that_hold_three_scores(text: str, tmp_path: Path) -> None:
    scores = read_scores(write(tmp_path / "a.csv", text))
    assert scores.dtype == np.float64
    assert scores.tolist() == [1.5, -2.0, 30.0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no scores"),
        ("score\n", "no scores"),
        ("frame,value\n0,1\n", "no column named score among frame, value"),
        ("0,1\n1,2\n", "no column named score"),
        ("score\n1\nx\n", "line 3 has no number"),
        ("frame,score\n0,1\n1\n", "line 3 has no number"),
        ("score\n1\nnan\n", "the score of frame 1 is nan"),
        ("score\n1\ninf\n", "the score of frame 1 is inf"),
    ],
)
def test_tables_that_are_no_scores(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"a\.csv.*{reason}"):
        read_scores(write(tmp_path / "a.csv", text))


def test_npy_scores(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4, dtype=np.float32)[:, None])
    assert read_scores(tmp_path / "a.npy").tolist() == [0, 1, 2, 3]
    np.save(tmp_path / "b.npy", np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"b\.npy: scores have shape \(2, 3\)"):
        read_scores(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.array(["1", "2"]))
    with pytest.raises(DataError, match=r"c\.npy"):
        read_scores(tmp_path / "c.npy")


def test_both_layouts_of_a_score_folder(tmp_path: Path) -> None:
    for name in ("10", "2"):
        write(tmp_path / "flat" / f"{name}.csv", "score\n1\n2\n")
        write(tmp_path / "own" / name / "scores.csv", "frame,time_s,score\n0,0,1\n1,1,2\n")
        write(tmp_path / "own" / name / "events.json", "[]")
    write(tmp_path / "flat" / ".DS_Store", "")
    write(tmp_path / "own" / "summary.csv", "video,peak\n2,1\n")
    for kind in ("flat", "own"):
        found = load_score_folder(tmp_path / kind)
        assert list(found) == ["2", "10"]
        assert found["2"].tolist() == [1, 2]


def test_two_files_for_one_video(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "score\n1\n")
    np.save(tmp_path / "a.npy", np.ones(1))
    with pytest.raises(DataError, match=r"a\.csv and .*a\.npy: two files for one video"):
        load_score_folder(tmp_path)


@pytest.mark.parametrize("load", [load_score_folder, load_label_folder, load_mask_folder])
def test_folders_with_nothing_in_them(load: object, tmp_path: Path) -> None:
    assert callable(load)
    with pytest.raises(DataError, match=r"no (score|label|mask) file"):
        load(tmp_path)
    with pytest.raises(DataError, match="absent: no such folder"):
        load(tmp_path / "absent")


def test_masks_are_read_when_asked_for(tmp_path: Path) -> None:
    masks = np.zeros((2, 3, 4), dtype=np.uint8)
    masks[1, 2, 3] = 255
    np.savez(tmp_path / "01.npz", masks=masks)
    (tmp_path / "02.npz").write_bytes(b"broken")
    found = load_mask_folder(tmp_path)
    np.testing.assert_array_equal(found["01"](), masks > 0)
    with pytest.raises(DataError, match=r"02\.npz"):
        found["02"]()


def folders(tmp_path: Path, scores: dict[str, int], labels: dict[str, int]) -> tuple[Path, Path]:
    """Score and label folders with files of these lengths."""
    score_dir, label_dir = tmp_path / "scores", tmp_path / "labels"
    score_dir.mkdir()
    label_dir.mkdir()
    for name, n in scores.items():
        np.save(score_dir / f"{name}.npy", np.arange(n, dtype=float))
    for name, n in labels.items():
        np.save(label_dir / f"{name}.npy", np.arange(n) % 2)
    return score_dir, label_dir


def joined(score_dir: Path, label_dir: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return match(load_score_folder(score_dir), load_label_folder(label_dir), score_dir, label_dir)


def test_names_equal_or_equal_without_leading_zeros(tmp_path: Path) -> None:
    at = folders(tmp_path, {"1": 5, "02": 6, "Test003": 7, "01_0014": 8}, {"01": 5, "02": 6, "Test3": 7, "1_14": 8})
    scores, labels = joined(*at)
    assert list(scores) == list(labels)
    assert (
        {n: len(s) for n, s in scores.items()}
        == {n: len(y) for n, y in labels.items()}
        == {"01": 5, "02": 6, "Test3": 7, "1_14": 8}
    )


@pytest.mark.parametrize(
    ("n", "m", "words"), [(9, 10, "one score too few"), (11, 10, "one score too many"), (4, 10, "6 scores too few")]
)
def test_lengths_that_differ_name_both_files(n: int, m: int, words: str, tmp_path: Path) -> None:
    at = folders(tmp_path, {"1": n}, {"01": m})
    with pytest.raises(DataError) as e:
        joined(*at)
    text = str(e.value)
    assert str(at[0] / "1.npy") in text and str(at[1] / "01.npy") in text
    assert f"{n} scores" in text and f"{m} labels" in text and words in text
    assert ("off by one" in text) == (abs(n - m) == 1)


def test_a_video_on_one_side_only(tmp_path: Path) -> None:
    at = folders(tmp_path, {"01": 5, "02": 5}, {"01": 5, "03": 5})
    with pytest.raises(DataError, match=r"03\.npy has no scores: nothing named 03 in .*scores, which has 01, 02"):
        joined(*at)
    (at[1] / "03.npy").unlink()
    with pytest.raises(DataError, match=r"02\.npy has no labels: nothing named 02 in .*labels, which has 01"):
        joined(*at)


def test_names_that_could_be_two(tmp_path: Path) -> None:
    at = folders(tmp_path, {"1": 5, "001": 5}, {"01": 5})
    with pytest.raises(DataError, match=r"01 could be any of 1, 001|01 could be any of 001, 1"):
        joined(*at)
    with pytest.raises(DataError, match="both fit 001"):
        match_names({"001": 0}, {"1": 0, "01": 0}, tmp_path, tmp_path)


def test_an_exact_name_wins_over_a_loose_one(tmp_path: Path) -> None:
    at = folders(tmp_path, {"1": 5, "01": 6}, {"1": 5, "01": 6})
    scores, _ = joined(*at)
    assert {n: len(s) for n, s in scores.items()} == {"1": 5, "01": 6}


@given(st.sets(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 4), st.integers(1, 4))
def test_padding_of_either_side_never_matters(numbers: set[int], a: int, b: int) -> None:
    scores = {f"v{k:0{a}d}": k for k in numbers}
    labels = {f"v{k:0{b}d}": k for k in numbers}
    partner = match_names(scores, labels, Path("s"), Path("l"))
    assert {labels[x]: scores[y] for x, y in partner.items()} == {k: k for k in numbers}
