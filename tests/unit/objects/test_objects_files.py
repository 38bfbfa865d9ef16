"""objects.csv, there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from normalcy.errors import DataError, OutputError
from normalcy.results.objects_csv import NAME, ObjectWriter, detections, read_objects
from normalcy.types import FrameScore, ObjectScore

FIRST = ObjectScore(3, (1.25, 2.0, 10.5, 20.0), 0.75, 0, "density")
SECOND = ObjectScore(4, (5.0, 5.0, 6.0, 7.0), -0.5, -1, "flow")


def written(folder: Path) -> Path:
    with ObjectWriter(folder) as w:
        w.write(FrameScore(0, 0.0, 1.0, {}))
        w.write(FrameScore(1, 0.04, 1.0, {}, objects=(FIRST, SECOND)))
    return folder / NAME


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert list(read_objects(path)) == [(1, FIRST), (1, SECOND)]
    assert detections(path).tolist() == [[1, 1.25, 2.0, 10.5, 20.0, 0.75], [1, 5.0, 5.0, 6.0, 7.0, -0.5]]


def test_no_object_is_no_line(tmp_path: Path) -> None:
    with ObjectWriter(tmp_path) as w:
        w.write(FrameScore(0, 0.0, 1.0, {}))
    assert detections(tmp_path / NAME).shape == (0, 6)


@pytest.mark.parametrize(("text", "says"), [("frame,x\n1,2\n", "is not a file of scored objects"), (None, "line 3")])
def test_other_files_are_named(tmp_path: Path, text: str | None, says: str) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace("5.00", "five") if text is None else text)
    with pytest.raises(DataError, match=f"objects.csv.*{says}"):
        list(read_objects(path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        detections(tmp_path / "nowhere" / NAME)
    with pytest.raises(OutputError, match="cannot be written"):
        ObjectWriter(tmp_path / "nowhere")


def test_rows_are_plain_numbers(tmp_path: Path) -> None:
    assert np.isfinite(detections(written(tmp_path))).all()
