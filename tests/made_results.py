"""Results of a scored video from made-up scores: the products as they are, without a model or a scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch

from normalcy.files import Staging
from normalcy.presets import load_config
from normalcy.results.product import Context, Product
from normalcy.results.scores_csv import ScoresCsv
from normalcy.results.series import Series
from normalcy.scoring.settings import Alarm
from normalcy.scoring.threshold import Threshold
from normalcy.types import Event, FrameScore, VideoInfo
from normalcy.video.source import VideoRef

THRESHOLD = Threshold(2.0, 1.0, 1.0, 20, 3.0, 1.0, "empirical")


@contextmanager
def context(
    folder: Path,
    readouts: Sequence[str],
    video: Path = Path("nowhere.mp4"),
    sets: Sequence[str] = (),
    size: tuple[int, int] = (64, 48),
    fps: float = 25.0,
    trained_fps: float = 25.0,
    alarm: Alarm | None = None,
) -> Iterator[Context]:
    """What products are made from, for a model that has these readouts."""
    cfg = load_config("tiny", sets=sets, environ={})
    model = SimpleNamespace(cfg=cfg, names=list(readouts), hash="f00", device=torch.device("cpu"), trained_fps=trained_fps)
    ref = VideoRef(video.stem, video, "frames" if video.is_dir() else "file")
    info = VideoInfo(video.stem, video, *size, fps, None)
    with Staging(folder) as files:
        yield Context(ref, info, model, alarm or Alarm(THRESHOLD, "made up"), files, lambda *_: None)  # type: ignore[arg-type]


def write_products(
    folder: Path,
    frames: Sequence[FrameScore],
    products: Sequence[type[Product]] = (ScoresCsv,),
    events: Sequence[Event] = (),
    **more: object,
) -> None:
    """Put the products of these frames into folder."""
    with context(folder, list(frames[0].readouts), **more) as c:  # type: ignore[arg-type]
        made, series = [p(c) for p in products], Series(c.model.names)
        for s in frames:
            series.add(s)
            for product in made:
                product.write(s)
        for product in made:
            product.close(series.scores(folder.name), events)
        c.files.open("run.json").write("{}")
        c.files.publish("run.json")
    (folder / "run.json").unlink()
