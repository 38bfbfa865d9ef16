"""UMN Unusual Crowd Activity, cut into clips in the ``folder`` layout.

The authors distribute one film, ``Crowd-Activity-All.avi``, of 11 clips after each other, without a split and without
annotation files: a caption burnt into the picture marks the abnormal frames. What can be trained on is therefore a cut:
the ``folder`` layout, clips numbered 01 to 11 in film order, the caption cropped away and its frames as labels. The scene
follows from the clip number unless ``scenes.csv`` says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from normalcy.data import folder, layout
from normalcy.data.base import ONE_SCENE, Dataset

_LAST_CLIP_OF_SCENE = ((2, "lawn"), (8, "indoor"), (11, "plaza"))


def read(root: Path, labels: str | None = None) -> Dataset:
    """List UMN as cut clips; the note says what to do with the authors' uncut film.

    Raises:
        DataError: no such folder, no such label folder, or two videos of one name.
    """
    data = folder.read(root, labels)
    film = next((v for v in layout.videos(root) if "crowd" in v.name.lower()), None)
    notes: tuple[str, ...] = ("no official split exists: a result holds for this cut alone",)
    if film is not None:
        notes += (f"{film.path.name} is the authors' uncut film: cut it into testing/videos/NN and training/videos/NN first",)
    return replace(
        data,
        name="umn",
        train=tuple(replace(v, scene=_scene(v.name, v.scene)) for v in data.train),
        test=tuple(replace(v, scene=_scene(v.name, v.scene)) for v in data.test),
        notes=notes,
    )


def _scene(name: str, given: str) -> str:
    number = layout.number_in(name)
    if given != ONE_SCENE or number is None:
        return given
    return next((scene for last, scene in _LAST_CLIP_OF_SCENE if 1 <= number <= last), given)
