"""Boxes from files: what is read, and errors that name the file and the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.config import ObjectsConfig
from normalcy.detection.boxes_file import GivenBoxes
from normalcy.errors import DataError, UsageError

FRAME = np.zeros((100, 200, 3), np.uint8)
HEAD = "frame,x1,y1,x2,y2,score"


def given(folder: Path, video: str = "01") -> GivenBoxes:
    detector = GivenBoxes(ObjectsConfig(detector="file", boxes=str(folder)))
    detector.reset(video)
    return detector


def test_rows_go_to_their_frames_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "01.csv").write_text(f"{HEAD},label\n2,1,2,11.5,22,0.5,7\n0,0,0,5,5,0.01,\n2,3,3,9,9,1,-1\n")
    detector = given(tmp_path)
    found = [detector.push(FRAME) for _ in range(4)]
    detector.finish()
    assert [len(b) for b in found] == [1, 0, 2, 0]
    assert found[2].xyxy_N4.tolist() == [[1, 2, 11.5, 22], [3, 3, 9, 9]]
    assert found[2].label_N.tolist() == [7, -1] and found[0].label_N.tolist() == [-1]
    assert found[0].score_N.tolist() == [pytest.approx(0.01)], "a file's boxes are taken as they are"


def test_other_columns_order_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffSCORE, frame ,track,x1,y1,x2,y2\r\n0.5,0,9,1,2,3,4\r\n\r\n"
    (tmp_path / "01.csv").write_bytes(text.encode())
    assert given(tmp_path).push(FRAME).xyxy_N4.tolist() == [[1, 2, 3, 4]]


def test_npz_gives_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "01.npz", frame=[1, 0], boxes=[[1, 2, 3, 4], [5, 6, 7, 8]], score=[0.5, 1.0], label=[2, 3])
    detector = given(tmp_path)
    first, second = detector.push(FRAME), detector.push(FRAME)
    assert first.xyxy_N4.tolist() == [[5, 6, 7, 8]] and first.label_N.tolist() == [3]
    assert second.xyxy_N4.tolist() == [[1, 2, 3, 4]] and second.score_N.tolist() == [0.5]


def test_class_probabilities_in_an_npz_follow_their_boxes(tmp_path: Path) -> None:
    probs = [[0.1, 0.9], [0.8, 0.2]]
    np.savez(tmp_path / "01.npz", frame=[1, 0], boxes=[[1, 2, 3, 4], [5, 6, 7, 8]], score=[0.5, 1.0], probs=probs)
    first = given(tmp_path).push(FRAME)
    assert first.probs_NK is not None and first.probs_NK.tolist() == [pytest.approx([0.8, 0.2])]
    np.savez(tmp_path / "02.npz", frame=[0], boxes=[[1, 2, 3, 4]], score=[0.5], probs=[0.5])
    with pytest.raises(DataError, match=r"02\.npz: array probs is \(1,\)"):
        given(tmp_path, "02")


def test_boxes_are_cut_to_the_picture(tmp_path: Path) -> None:
    (tmp_path / "01.csv").write_text(f"{HEAD}\n0,-5,-5,20,300,0.5\n0,500,0,600,10,0.5\n")
    assert given(tmp_path).push(FRAME).xyxy_N4.tolist() == [[0, 0, 20, 100]]


def test_an_empty_table_is_a_video_without_objects(tmp_path: Path) -> None:
    (tmp_path / "01.csv").write_text(HEAD + "\n")
    detector = given(tmp_path)
    assert len(detector.push(FRAME)) == 0
    detector.finish()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: no column frame, x1, y1, x2, y2, score"),
        ("frame,x1,y1,x2,score\n", "line 1: no column y2"),
        (f"{HEAD}\n0,1,1,2,2\n", "line 2: 5 values in 6 columns"),
        (f"{HEAD}\n0,1,1,2,2,.5\n1,a,1,2,2,.5\n", "line 3: could not convert"),
        (f"{HEAD}\n0.5,1,1,2,2,.5\n", "line 2: invalid literal"),
        (f"{HEAD}\n-1,1,1,2,2,.5\n", "line 2: frame -1 is below 0"),
        (f"{HEAD}\n0,5,1,2,2,.5\n", "line 2: the box 5,1,2,2 has no area"),
        (f"{HEAD}\n0,1,1,2,2,50\n", "line 2: the score 50 is not within 0..1"),
        (f"{HEAD}\n0,1,1,nan,2,.5\n", "line 2: a value is not a finite number"),
        (f"{HEAD},label\n0,1,1,2,2,.5,-2\n", "line 2: the label -2 is below -1"),
    ],
)
def test_bad_tables_name_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "01.csv").write_text(text)
    with pytest.raises(DataError, match=rf"01\.csv, {words}"):
        given(tmp_path)


def test_bad_archives(tmp_path: Path) -> None:
    (tmp_path / "01.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"01\.npz: cannot be read"):
        given(tmp_path)
    np.savez(tmp_path / "02.npz", frame=[0])
    with pytest.raises(DataError, match=r"02\.npz: no array boxes, score"):
        given(tmp_path, "02")
    np.savez(tmp_path / "03.npz", frame=[0], boxes=[[1, 2, 3]], score=[0.5])
    with pytest.raises(DataError, match=r"03\.npz: array boxes is \(1, 3\)"):
        given(tmp_path, "03")
    np.savez(tmp_path / "04.npz", frame=[0], boxes=[[1, 2, 0, 3]], score=[0.5])
    with pytest.raises(DataError, match=r"04\.npz, box 0: the box 1,2,0,3 has no area"):
        given(tmp_path, "04")
    np.savez(tmp_path / "05.npz", frame=np.array([object()]), boxes=[[1, 2, 3, 4]], score=[0.5])
    with pytest.raises(DataError, match=r"05\.npz: cannot be read"):
        given(tmp_path, "05")


def test_a_video_without_a_file_or_with_two(tmp_path: Path) -> None:
    (tmp_path / "01.csv").write_text(HEAD + "\n")
    with pytest.raises(DataError, match=r"no boxes for the video '02'; expected 02\.csv or 02\.npz"):
        given(tmp_path, "02")
    np.savez(tmp_path / "01.npz", frame=np.zeros(0, int), boxes=np.zeros((0, 4)), score=np.zeros(0))
    with pytest.raises(DataError, match=r"both 01\.csv and 01\.npz"):
        given(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        given(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"set objects\.boxes"):
        GivenBoxes(ObjectsConfig(detector="file"))


def test_boxes_after_the_last_frame_are_those_of_another_video(tmp_path: Path) -> None:
    (tmp_path / "01.csv").write_text(f"{HEAD}\n5,1,1,2,2,.5\n")
    detector = given(tmp_path)
    for _ in range(5):
        detector.push(FRAME)
    with pytest.raises(DataError, match=r"01\.csv: has boxes up to frame 5, but the video ends with frame 4"):
        detector.finish()


def test_the_key_is_that_of_the_content(tmp_path: Path) -> None:
    for name, text in (("01", HEAD), ("02", HEAD), ("03", HEAD + "\n0,1,1,2,2,1")):
        (tmp_path / f"{name}.csv").write_text(text)
    keys = [given(tmp_path, v).key for v in ("01", "02", "03")]
    assert keys[0] == keys[1] != keys[2]
