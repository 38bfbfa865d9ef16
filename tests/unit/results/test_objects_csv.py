"""objects.csv, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_results import write_products
from normalcy.errors import DataError
from normalcy.results.layout import OBJECTS
from normalcy.results.objects_csv import ObjectsCsv, detections, read_objects
from normalcy.types import FrameScore, ObjectScore

FIRST = ObjectScore(3, (1.25, 2.0, 10.5, 20.0), 0.75, 0, "density")
SECOND = ObjectScore(4, (5.0, 5.0, 6.0, 7.0), -0.5, -1, "flow")


def written(folder: Path, *objects: ObjectScore) -> Path:
    write_products(folder, [FrameScore(0, 0.0, 1.0, {}), FrameScore(1, 0.04, 1.0, {}, objects=objects)], [ObjectsCsv])
    return folder / OBJECTS


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, FIRST, SECOND)
    assert list(read_objects(path)) == [(1, FIRST), (1, SECOND)]
    assert detections(path).tolist() == [[1, 1.25, 2.0, 10.5, 20.0, 0.75], [1, 5.0, 5.0, 6.0, 7.0, -0.5]]


def test_no_object_is_no_line(tmp_path: Path) -> None:
    assert detections(written(tmp_path)).shape == (0, 6)


@pytest.mark.parametrize(("text", "says"), [("frame,x\n1,2\n", "is not a file of scored objects"), (None, "line 3")])
def test_other_files_are_named(tmp_path: Path, text: str | None, says: str) -> None:
    path = written(tmp_path, FIRST, SECOND)
    path.write_text(path.read_text().replace("5.00", "five") if text is None else text)
    with pytest.raises(DataError, match=f"objects.csv.*{says}"):
        list(read_objects(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        detections(tmp_path / OBJECTS)
