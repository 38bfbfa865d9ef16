"""What each step of the object score is worth: the same sightings scored with one step changed at a time.

    normalcy eval --dataset folder --root SET --model MODEL --out OUT
    python benchmarks/object_steps.py SET --model MODEL --scores OUT [--only NAME ...] [--json]

SET is a folder with training/videos, testing/videos and testing/labels; MODEL was trained on its training videos at level
both; OUT is what `eval` left, from which the frame level's scores come. Training videos are watched again (boxes are read from
the cache), normal is fitted anew for each row, and test videos are scored from what was seen in them. Printed are frame AUC,
micro / macro (defined), of objects alone and of both levels. Rows:

    as it is             the default
    one cue each         what each cue does alone, weighed in full
    without a cue        all others
    tails unbounded      a cue counts however far out it is
    sum of cues          standard deviations added up instead of tails joined
    without ln n         the highest object, however many there are
    without track means  every sighting nearly by itself (means of .05 s)
    everywhere           calibrated by all normal objects instead of the nearest 100 tracks
    levels alike         the frame level counts in full everywhere

Labels are read at the very end and decide nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import normalcy
from normalcy.clips.sampling import step_at
from normalcy.config import Config, ObjectsConfig
from normalcy.data.files import load_label_folder
from normalcy.metrics.auc import frame_metrics
from normalcy.objects import locality, normal
from normalcy.objects.both_levels import BothModel, louder
from normalcy.objects.normal import Normal
from normalcy.objects.seen_level import SeenFolds, Watched
from normalcy.objects.seen_model import SeenModel
from normalcy.objects.selftest import Probe
from normalcy.parts import CUES
from normalcy.results.scores_csv import read_scores
from normalcy.scoring.crossfit import cross_fit, plan_of
from normalcy.scoring.normal_video import NormalVideo
from normalcy.types import Piece
from normalcy.video.cache import open_cache
from normalcy.video.reader import probe, working_size
from normalcy.video.source import as_list, expand_all

Scores = dict[str, NDArray[np.float64]]
EVERYWHERE = 10**9


def footage_of(folder: Path, cfg: Config) -> NormalVideo:
    """All videos of a folder, whole."""
    refs = expand_all(as_list(folder))
    sizes = [working_size(i.width, i.height, cfg.input) for i in map(probe, refs)]
    videos = [open_cache(r, s, whole=True) for r, s in zip(refs, sizes, strict=True)]
    pieces = [Piece(k, 0, len(v), step_at(v.info.fps, cfg)) for k, v in enumerate(videos)]
    return NormalVideo(refs, videos, pieces, [], cfg)


class Bench:
    """Everything that is seen, once."""

    def __init__(self, root: Path, model: Path, scores: Path) -> None:
        both = normalcy.load(model)
        if not isinstance(both, BothModel) or not isinstance(both.objects, SeenModel):
            raise SystemExit(f"{model}: not a model of level both with untrained objects")
        self.cfg = both.objects.cfg
        self.train, self.test = (footage_of(root / part / "videos", self.cfg) for part in ("training", "testing"))
        self.plan = plan_of(self.train)
        self.watched, self.watched_test = Watched.of(self.train), Watched.of(self.test)
        self.labels = load_label_folder(root / "testing" / "labels")
        self.names = [v.info.name for v in self.test.videos]
        self.frame = {n: np.array(read_scores(next(scores.rglob(f"{n}/scores.csv"))).readouts["frame"]) for n in self.names}

    def score(
        self,
        changes: Callable[[], Any],
        cues: Sequence[str] | None = None,
        alike: bool = False,
        objects: ObjectsConfig | None = None,
    ) -> tuple[str, str]:
        """(objects alone, both levels) with some steps changed."""
        settings = objects or self.cfg.objects
        if cues is not None:
            settings = settings.model_copy(update={"cues": tuple(cues)})
        cfg = self.cfg.model_copy(update={"objects": settings})
        with changes():
            folds = SeenFolds(NormalVideo(self.train.refs, self.train.videos, self.train.fit_on, [], cfg), self.watched)
            model, _ = cross_fit(self.plan, folds.fit)
            reader = SeenFolds(self.test, self.watched_test)
            alone, joined = {}, {}
            for piece, name, video in zip(self.test.fit_on, self.names, self.test.videos, strict=True):
                own = model.at(np.asarray(video.frames[:1]))
                alone[name], _ = reader.score(own, piece)
                share = 1.0 if alike else own.normal.frame_share
                joined[name] = np.asarray(louder(self.frame[name], alone[name], share))
        return self._auc(alone), self._auc(joined)

    def _auc(self, scores: Scores) -> str:
        m = frame_metrics(scores, {n: self.labels[n] for n in scores})
        return f"{m.micro_auc:.3f} / {m.macro_auc_defined:.3f}"


@contextmanager
def nothing() -> Iterator[None]:
    """No change."""
    yield


def constants(**values: Any) -> Callable[[], Any]:
    """module__NAME=value, of the modules locality and normal."""

    @contextmanager
    def change() -> Iterator[None]:
        with ExitStack() as stack:
            for key, value in values.items():
                module, name = key.split("__")
                stack.enter_context(patch.object({"locality": locality, "normal": normal}[module], name, value))
            yield

    return change


@contextmanager
def added_up() -> Iterator[None]:
    """Weighed standard deviations instead of tails, their sum instead of the root of the sum of squares."""
    with (
        patch.object(Normal, "parts", lambda self, mean_NC: mean_NC * self.weight_C),
        patch.object(normal, "length", lambda parts_NC: parts_NC.sum(axis=-1)),
        patch("normalcy.objects.fit.length", lambda parts_NC: parts_NC.sum(axis=-1)),
    ):
        yield


@contextmanager
def in_full() -> Iterator[None]:
    """Cues count in full whatever the self-test says."""
    with patch.object(Probe, "worth", lambda self, cues: np.ones(len(cues))):
        yield


def rows(bench: Bench, only: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(name, objects alone, both levels)"""
    cues = bench.cfg.objects.cues or tuple(CUES)
    work: list[tuple[str, Callable[[], tuple[str, str]]]] = [("as it is", lambda: bench.score(nothing))]
    work += [(f"only {c}", partial(bench.score, in_full, [c], alike=True)) for c in cues]
    work += [(f"without {c}", partial(bench.score, nothing, [k for k in cues if k != c])) for c in cues]
    short = bench.cfg.objects.model_copy(update={"track_s": 0.05})
    work += [
        ("without track means", partial(bench.score, nothing, objects=short)),
        ("tails unbounded", partial(bench.score, constants(normal__LONGEST=1e9))),
        ("sum of cues", partial(bench.score, added_up)),
        ("without ln n", partial(bench.score, constants(normal__CROWD=0.0))),
        ("everywhere", partial(bench.score, constants(locality__TRACKS=EVERYWHERE))),
        ("levels alike", partial(bench.score, nothing, alike=True)),
    ]
    for name, run in work:
        if not only or any(name.startswith(o) for o in only):
            yield (name, *run())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="what eval left")
    parser.add_argument("--only", nargs="*", default=[], help="rows that start so")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    bench = Bench(args.root, args.model, args.scores)
    done = []
    for row in rows(bench, args.only):
        done.append(row)
        if not args.json:
            print("| {:24} | {} | {} |".format(*row), flush=True)
    if args.json:
        json.dump([dict(zip(("step", "objects", "both"), r, strict=True)) for r in done], sys.stdout, indent=1)


if __name__ == "__main__":
    main()
