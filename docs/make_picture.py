"""Makes docs/images/demo.png, the picture of the README, from what ``make demo`` left behind.

    python docs/make_picture.py demo 03 25 100 180     # folder of the demo, test video, three of its frames

The frames are those of the overlay video and the curve is timeline.png with the truth beside it: the program's own output, of
simulated video only. Footage of research data sets must not be passed on, so none of it is ever shown here.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import normalcy
from normalcy.report.style import to_png
from normalcy.report.timeline import timeline_figure
from normalcy.results.scores_csv import read_scores
from normalcy.video.reader import VideoReader

OUT = Path(__file__).parent / "images" / "demo.png"
GAP, TIMELINE_HEIGHT = 20, 340


def picture(demo: Path, video: str, shown: list[int]) -> Image.Image:
    """Frames of the overlay in a row, the timeline with truth below."""
    model = normalcy.load(demo / "model", "cpu")
    source = demo / "data" / "testing" / "videos" / f"{video}.mp4"
    done = normalcy.score(source, model, demo / "scores", overlay=True).videos[0]
    scores = read_scores(done.folder / "scores.csv")
    truth = np.load(demo / "data" / "testing" / "labels" / f"{video}.npy")
    with VideoReader(done.folder / "overlay.mp4") as reader:
        frames = {f.index: f.image for f in reader if f.index in shown}
    row = beside([frames[i] for i in shown])
    threshold = model.threshold.value if model.threshold is not None else None
    figure = timeline_figure(scores, threshold, done.events, truth, (row.shape[1], TIMELINE_HEIGHT))
    with Image.open(BytesIO(to_png(figure))) as drawn:
        curve = np.asarray(drawn.convert("RGB"))
    gap = np.full((GAP // 2, row.shape[1], 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([row, gap, curve]))


def beside(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of one height in a row, white between them."""
    gap = np.full((images[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for image in images for part in (gap, image)][1:]
    return np.concatenate(parts, axis=1)


if __name__ == "__main__":
    folder, name, *numbers = sys.argv[1:]
    OUT.parent.mkdir(exist_ok=True)
    picture(Path(folder), name, [int(n) for n in numbers]).save(OUT, optimize=True)
