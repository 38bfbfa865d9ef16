"""load() and score(): which videos, which settings, what is finished already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from normalcy.api.levels import load_model
from normalcy.api.score_video import Job, score_video
from normalcy.errors import OutputError, SourceError
from normalcy.files import check_writable
from normalcy.nn.device import pick_device
from normalcy.results.layout import RECORD
from normalcy.results.products import products_for
from normalcy.results.record import Record
from normalcy.results.run_json import finished_video, key
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.scoring.model import Model
from normalcy.scoring.settings import alarm, with_settings
from normalcy.types import Progress
from normalcy.video.source import Sources, find_videos


def load(model_dir: str | Path, device: str = "auto") -> Model:
    """Load a trained model of any level.

    Args:
        model_dir: the folder that training wrote.
        device: auto, cpu or cuda.

    Raises:
        ModelError: naming the file, for anything that is not a whole model of this or an older version.
        UsageError: the device is not there.
    """
    return load_model(model_dir, pick_device(device))


def score(
    sources: Sources,
    model: str | Path | Model,
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

    Videos that are finished under the same settings are skipped. Of several videos, those that cannot be scored are named
    in the result's ``failed`` and the others are scored; a single one raises its error.

    Args:
        sources: one or several of: a video file, a folder of videos or of frames, a glob, ``@list.txt``.
        model: a model folder, or a loaded model.
        out: folder for the results, one folder per video.
        maps: also write maps.npy.
        overlay: also write overlay.mp4, the video with its score map.
        force: score again what is finished.
        device: auto, cpu or cuda; of a loaded model its own counts.
        sets: ``key=value`` settings that scoring may change (``scoring.*`` but readouts, bands, columns and top; ``alarm.*``;
            ``clip.short``).
        config: YAML or JSON file with such settings.
        progress: called with (stage, done, total or None, figures).

    Raises:
        SourceError, VideoError: the only video there is cannot be used. ModelError: no such model. OutputError: ``out``
        cannot be written; what was finished before is intact. ConfigError: a setting that only training can change.
    """
    as_trained = load(model, device) if isinstance(model, str | Path) else model
    with_sets = with_settings(as_trained, config, sets)
    threshold = alarm(as_trained.cfg, with_sets)
    refs, failed = find_videos(sources)
    single = len(refs) + len(failed) == 1
    out = Path(out)
    _check_writable(out)
    wanted, products = key(with_sets), products_for(with_sets.cfg.level, maps=maps, overlay=overlay)
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


def _check_writable(out: Path) -> None:
    """Say at once, and not after the first video, that nothing can be written here."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
    except OSError as e:
        raise OutputError(f"{out}: cannot write results here: {e.strerror or e}") from e
