"""load() and score(): which videos, which settings, what is finished already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from normalcy import remote
from normalcy.api.archive_calls import Order
from normalcy.api.elsewhere import is_elsewhere, model_files, open_runner, score_elsewhere
from normalcy.api.load import load_model
from normalcy.api.score_video import Job, score_video
from normalcy.api.speed import decided
from normalcy.errors import OutputError, SourceError, UsageError
from normalcy.files import check_writable
from normalcy.remote import is_address
from normalcy.results.layout import RECORD
from normalcy.results.products import products_for
from normalcy.results.record import Record
from normalcy.results.run_json import finished_video, key
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.scoring.model import Model
from normalcy.scoring.settings import alarm, with_settings
from normalcy.types import Progress
from normalcy.video.source import Sources, find_videos


def load(model_dir: str | Path, device: str = "auto", runtime: str = "auto") -> Model:
    """Load a trained model of any level.

    Args:
        model_dir: the folder that training or :func:`export` wrote.
        device: auto, cpu or cuda.
        runtime: what runs the network: auto, torch, openvino or onnxruntime. A folder that training wrote is run by torch; of
            an exported one, auto takes the fastest that is installed, which is measured once on each machine.

    Raises:
        ModelError: naming the file, for anything that is not a whole model of this or an older version.
        UsageError: the device or the runtime is not there.
    """
    return load_model(model_dir, device, runtime)


def score(
    sources: Sources,
    model: str | Path | Model,
    out: str | Path,
    *,
    maps: bool = False,
    overlay: bool = False,
    force: bool = False,
    device: str = "auto",
    runtime: str = "auto",
    sets: Sequence[str] = (),
    config: str | Path | None = None,
    engine: str = "here",
    address: str | None = None,
    workers: int | None = None,
    part_s: float = 900.0,
    progress: Progress | None = None,
) -> ScoreResult:
    """Score every frame of every video and write ``out/NAME/``: scores.csv, events.json, timeline.png, run.json.

    Videos that are finished under the same settings are skipped. Of several videos, those that cannot be scored are named
    in the result's ``failed`` and the others are scored; a single one raises its error.

    Args:
        sources: one or several of: a video file, a folder of videos or of frames, a glob, ``@list.txt``; an fsspec address
            (``s3://bucket/folder``) of a video file, a folder of them, or a glob.
        model: a model folder, or a loaded model.
        out: folder for the results, one folder per video; or an fsspec address. With an engine, all machines must see the
            folder (and the sources) under the same path.
        maps: also write maps.npy.
        overlay: also write overlay.mp4, the video with its score map.
        force: score again what is finished.
        device: auto, cpu or cuda; of a loaded model its own counts.
        runtime: as for :func:`load`; of a loaded model its own counts.
        sets: ``key=value`` settings that scoring may change (``scoring.*`` but readouts, bands, columns and top; ``alarm.*``;
            ``clip.short``).
        config: YAML or JSON file with such settings.
        engine: here, or ray: the videos are scored by the workers of a Ray cluster (``normalcy[cluster]``).
        address: of the cluster, ``HOST:PORT``; None starts one on this machine, for this call.
        workers: how many videos, or parts of one, are scored at a time; None: one on each CPU.
        part_s: with an engine, at frame level, a video 1.5 times as long as this is scored in parts of so many seconds, with
            the scores of the whole; 0: never.
        progress: called with (stage, done, total or None, figures).

    Raises:
        EngineError: the engine cannot be reached, or went away. SourceError, VideoError: the only video there is cannot be
        used. ModelError: no such model. OutputError: ``out`` cannot be written; what was finished before is intact.
        ConfigError: a setting that only training can change.
    """
    as_trained = load(model, device, runtime) if isinstance(model, str | Path) else model
    with_sets = decided(with_settings(as_trained, config, sets))
    threshold = alarm(as_trained.cfg, with_sets)
    wanted, products = key(with_sets), products_for(with_sets.cfg.level, maps=maps, overlay=overlay)
    runner = open_runner(engine, address, workers, device)
    if engine != "here" or is_elsewhere(sources, out):
        if not isinstance(model, str | Path):
            raise UsageError("an engine and addresses need the folder of the model, not one that is loaded")
        _check_writable(out)
        names = tuple(p.name for p in products)
        settings = (as_trained.cfg, with_sets.cfg, wanted)
        place = str(out) if is_address(out) else str(Path(out).absolute())
        how = device, as_trained.runtime, part_s
        order = Order(model_files(Path(model)), as_trained.hash, *settings, place, names, force, *how)
        return score_elsewhere(sources, order, runner, progress)
    refs, failed = find_videos(sources)
    single = len(refs) + len(failed) == 1
    out = Path(out)
    _check_writable(out)
    force = force or not with_sets.hash  # a model that was never in a folder cannot be recognised again
    videos: list[ScoredVideo] = []
    for ref in refs:
        try:
            record = Record(out / ref.name / RECORD, ref, wanted)
            done = None if force else finished_video(record, [p.name for p in products])
            videos.append(done or score_video(Job(ref, with_sets, threshold, record, products, force, progress)))
        except SourceError as e:
            if single:
                raise
            failed[ref.name] = str(e)
    return ScoreResult(videos, failed)


def _check_writable(out: str | Path) -> None:
    """Say at once, and not after the first video, that nothing can be written here."""
    if is_address(out):
        remote.check_writable(str(out))
        return
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
    except OSError as e:
        raise OutputError(f"{out}: cannot write results here: {e.strerror or e}") from e
