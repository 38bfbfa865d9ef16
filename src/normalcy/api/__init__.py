"""The only door: train, score, evaluate, load and demo, as the command line uses them too.

Importing this costs nothing; each function imports what it needs. Errors that a user can cause are
:class:`normalcy.errors.NormalcyError`, one class per kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from normalcy.api.levels import AnyModel, AnyScorer
    from normalcy.api.objects import DetectResult
    from normalcy.api.results import DemoResult, EvalResult, ScoreResult
    from normalcy.training.run import TrainResult

__all__ = ["Progress", "Sources", "demo", "detect", "evaluate", "load", "open_scorer", "score", "train"]

Sources = str | Path | Sequence[str | Path]
"""One SOURCE or several: a video file, a folder of videos or of frames, a glob, or ``@list.txt``."""
Progress = Callable[[str, int, int | None, Mapping[str, float]], None]
"""Called with (stage, done, total or None where it is not known, latest figures)."""


def train(
    sources: Sources,
    out: str | Path,
    *,
    preset: str = "cpu",
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    level: str | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    seed: int | None = None,
    device: str = "auto",
    flags: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn what is normal from videos in which nothing else happens, and write a model folder.

    sources: normal video. out: the model folder. preset: tiny, cpu or paper. config: YAML or JSON file. sets: ``key=value``
    settings. level: what is looked at, frame, object or both. weights: Kinetics-400 weights for the encoder ``i3d``. resume: go
    on from the last checkpoint in ``out``. force: replace a model that is there. seed: of everything random. device: auto, cpu
    or cuda. flags: dotted settings that win over all others.

    Raises:
        SourceError, VideoError: nothing to train on. ConfigError, UsageError: the call is wrong, or would overwrite a model.
        WeightsError, TrainingError, OutputError: as their names say. KeyboardInterrupt: after Ctrl-C, checkpoint written.
    """
    from normalcy.api.training import train as run

    return run(
        sources,
        out,
        preset=preset,
        config=config,
        sets=sets,
        level=level,
        weights=weights,
        resume=resume,
        force=force,
        seed=seed,
        device=device,
        flags=flags,
        progress=progress,
    )


def load(model_dir: str | Path, device: str = "auto") -> AnyModel:
    """A trained model from its folder, ready for :func:`score` or :func:`open_scorer`. The folder says its level.

    Raises ModelError naming the file for anything that is not a whole model of this or an older version, UsageError for a
    device that is not there.
    """
    from normalcy.api.scoring import load as run

    return run(model_dir, device)


def open_scorer(model: AnyModel, width: int, height: int, fps: float, *, name: str = "video", maps: bool = False) -> AnyScorer:
    """A scorer for frames that you push yourself, for a model of any level: push(frame) gives the scores that are final,
    finish() the rest. width, height: of the frames as they are pushed, in pixels. fps: their rate. name: for messages, and what
    a detector with boxes from files looks them up by. maps: also give each frame its score map.
    """
    from normalcy.api.levels import scorer_of
    from normalcy.types import VideoInfo

    return scorer_of(model, VideoInfo(name, Path(name), width, height, fps, None), name, maps)


def score(
    sources: Sources,
    model: str | Path | AnyModel,
    out: str | Path,
    *,
    maps: bool = False,
    overlay: bool = False,
    force: bool = False,
    device: str = "auto",
    sets: Sequence[str] = (),
    config: str | Path | None = None,
    progress: Progress | None = None,
) -> ScoreResult:
    """Score every frame of every video and write ``out/NAME/``: scores.csv, events.json, timeline.png, run.json.

    model: a model folder, or a loaded model. maps: also write maps.npy. overlay: also write overlay.mp4, the video with its
    score map. force: score again what is finished. sets, config: settings that scoring may change (``scoring.*`` but
    readouts, bands, columns and top; ``alarm.*``; ``clip.short``).

    Videos that are finished under the same settings are skipped. Of several videos, those that cannot be scored are named
    in the result's ``failed`` and the others are scored; a single one raises its error.

    Raises:
        SourceError, VideoError: the only video there is cannot be used. ModelError: no such model. OutputError: ``out``
        cannot be written; what was finished before is intact. ConfigError: a setting that only training can change.
    """
    from normalcy.api.scoring import score as run

    return run(
        sources,
        model,
        out,
        maps=maps,
        overlay=overlay,
        force=force,
        device=device,
        sets=sets,
        config=config,
        progress=progress,
    )


def evaluate(
    scores: str | Path | Mapping[str, ArrayLike],
    labels: str | Path | Mapping[str, ArrayLike],
    *,
    masks: str | Path | None = None,
    versus: str | Path | Mapping[str, ArrayLike] | None = None,
    name: str = "scores",
    resamples: int = 1000,
    seed: int = 0,
) -> EvalResult:
    """Frame-level results of any method's scores against labels, beside baselines that never look at the picture.

    scores: a folder that :func:`score` wrote, or of NAME.csv or NAME.npy; or video name -> (N,) scores. labels: a folder of
    NAME.npy with one 0 or 1 per frame; or video name -> (N,) labels. masks: a folder of NAME.npz (key ``masks``): adds AUC
    by size of the anomaly and, where the scores have maps, pixel AUC. versus: scores of another method on the same videos: adds
    the difference with its interval, and the videos that it comes from. name: of the method, in the table. resamples, seed: of
    the bootstrap intervals over videos.

    Raises DataError where the two do not fit (both files are named), MetricError where a metric is undefined.
    """
    from normalcy.api.evaluation import evaluate as run

    return run(scores, labels, masks=masks, versus=versus, name=name, resamples=resamples, seed=seed)


def detect(
    sources: Sources,
    out: str | Path,
    *,
    detector: str | None = None,
    weights: str | Path | None = None,
    boxes: str | Path | None = None,
    overlay: bool = False,
    force: bool = False,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    progress: Progress | None = None,
) -> DetectResult:
    """Find the objects of every frame, follow them, and write ``out/NAME.csv``: frame, box, score, label, track.

    detector: motion, onnx, both or file; None for the setting ``objects.detector``. weights: for onnx and both, a YOLOX-layout
    .onnx file or a name that is downloaded once. boxes: for file, a folder of tables such as this function writes. overlay:
    also ``NAME.boxes.mp4``. force: do again what is finished. config, sets: settings ``objects.*``.

    Of several videos, those that cannot be used are named in the result's ``failed``; a single one raises its error.

    Raises:
        SourceError, VideoError: the only video there is cannot be used. WeightsError, DataError: the detector's file cannot.
        ConfigError, UsageError: the call is wrong, or would overwrite a table of someone else's. OutputError: ``out`` or
        the cache cannot be written.
    """
    from normalcy.api.objects import detect as run

    return run(
        sources,
        out,
        detector=detector,
        weights=weights,
        boxes=boxes,
        overlay=overlay,
        force=force,
        config=config,
        sets=sets,
        progress=progress,
    )


def demo(
    out: str | Path,
    *,
    seed: int = 0,
    open_browser: bool = False,
    preset: str | None = None,
    progress: Progress | None = None,
) -> DemoResult:
    """The whole road on a simulated scene: make video, train, score, evaluate, and one self-contained HTML report.

    out: folder for everything; data, model and scores in it from an earlier demo are replaced. preset: default cpu with
    fewer steps. open_browser: show the report. Raises OutputError where ``out`` cannot be written, UsageError where it
    holds something else.
    """
    from normalcy.api.showcase import demo as run

    return run(out, seed=seed, open_browser=open_browser, preset=preset, progress=progress)
