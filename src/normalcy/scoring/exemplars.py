"""Small pictures of normal video that a model folder keeps, so that a person sees what an event was compared with.

``exemplars.safetensors`` holds JPEGs: crops of normal objects, one of a track; moments of each scene, chosen so that every
place is seen when most went on there; and each scene's background. ``train.exemplars: 0`` keeps none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from normalcy.errors import ModelError
from normalcy.nn.stored import file_of_model
from normalcy.scoring.lesson import spread_choice
from normalcy.types import Box

FILE = "exemplars.safetensors"
FORMAT = 1
GRID = (12, 16)
"""(rows, columns) of places that tell moments apart."""

Kind = Literal["object", "moment", "background"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A normal object to keep a picture of."""

    video: int
    """Number of the training video."""
    frame: int
    box: Box
    """0 to 1 over the picture."""
    scene: int
    row: int
    """Among the normal sightings of its scene's model."""
    label: int
    """COCO-80 class, -1 where the detector knows none."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A picture and what it shows."""

    kind: Kind
    scene: int
    """Number of the scene, 0 where there is a single one."""
    video: str
    """Name of the training video; empty for a background."""
    frame: int
    time_s: float
    box: Box | None
    """Of an object in its picture, 0 to 1."""
    row: int
    """Of an object among the normal sightings of its scene; -1 for others."""
    label: int
    jpeg: bytes
    lively: NDArray[np.float32] | None = None
    """(12, 16) of a moment: how much goes on at each place, mean grey levels of change."""


class Exemplars:
    """Those of one model."""

    def __init__(self, items: Sequence[Exemplar]) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, kind: Kind, scene: int | None = None) -> list[Exemplar]:
        """All of a kind, of one scene or of all."""
        return [e for e in self.items if e.kind == kind and scene in (None, e.scene)]

    def to_bytes(self) -> bytes:
        """The file's content."""
        ends = np.cumsum([len(e.jpeg) for e in self.items], dtype=np.int64)
        lively = [e.lively for e in self.items if e.lively is not None]
        about = [{k: v for k, v in asdict(e).items() if k not in ("jpeg", "lively")} for e in self.items]
        arrays = {
            "jpeg": np.frombuffer(b"".join(e.jpeg for e in self.items), np.uint8),
            "end": ends,
            "lively": np.stack(lively).astype(np.float16) if lively else np.zeros((0, *GRID), np.float16),
        }
        out: bytes = safetensors.numpy.save(arrays, {"format": str(FORMAT), "about": json.dumps(about, allow_nan=False)})
        return out

    @classmethod
    def load(cls, model: str | Path) -> Exemplars:
        """Those in a model folder; none where it keeps none. Raises ModelError for a damaged or newer file."""
        path = Path(model) / FILE
        data = file_of_model(Path(model), FILE)
        if data is None:
            return cls([])
        try:
            arrays = safetensors.numpy.load(data)
            size = int.from_bytes(data[:8], "little")
            head = json.loads(data[8 : 8 + size])["__metadata__"]
            if int(head["format"]) > FORMAT:
                raise ModelError(f"{path}: written by a newer version of normalcy")
            about: list[dict[str, Any]] = json.loads(head["about"])
            start, lively, items = 0, iter(arrays["lively"].astype(np.float32)), []
            for a, end in zip(about, arrays["end"].tolist(), strict=True):
                box = a.pop("box")
                own = next(lively) if a["kind"] == "moment" else None
                at: Box | None = None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
                items.append(Exemplar(**a, box=at, jpeg=arrays["jpeg"][start:end].tobytes(), lively=own))
                start = end
            return cls(items)
        except (SafetensorError, KeyError, ValueError, TypeError, IndexError, StopIteration) as e:
            raise ModelError(f"{path}: damaged: {e}") from e


def chosen_moments(lively_NG: NDArray[np.floating], most: int) -> list[int]:
    """Rows such that together they show every place as lively as it ever is, as nearly as ``most`` can (greedy cover)."""
    seen = np.zeros(lively_NG.shape[1])
    rows: list[int] = []
    while len(rows) < min(most, len(lively_NG)):
        gain = np.maximum(lively_NG - seen, 0.0).sum(axis=1)
        gain[rows] = -1.0
        best = int(gain.argmax())
        if gain[best] <= 0 and rows:
            break
        rows.append(best)
        seen = np.maximum(seen, lively_NG[best])
    return rows


def chosen_tracks(place_NP: NDArray[np.floating], label_N: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows of at most ``most`` objects that are spread over places, sizes and kinds."""
    kinds = np.unique(label_N)
    of_kind = (label_N[:, None] == kinds).astype(np.float64)
    return spread_choice(np.concatenate([place_NP, of_kind], axis=1), most)
