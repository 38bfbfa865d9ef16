"""load() and score(): which videos, which settings, what is finished already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from normalcy.api.levels import load_model
from normalcy.api.score_video import Job, score_video
from normalcy.errors import OutputError, SourceError
from normalcy.files import check_writable
from normalcy.nn.device import pick_device
from normalcy.results.run_json import EVENTS, MAPS, OBJECTS, OVERLAY, SCORES, TIMELINE, finished, key
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.scoring.model import Model
from normalcy.scoring.settings import Alarm, alarm, with_settings
from normalcy.types import Progress
from normalcy.video.source import Sources, VideoRef, find


def load(model_dir: str | Path, device: str = "auto") -> Model:
    """A trained model from its folder, ready for :func:`score` or :func:`open_scorer`. The folder says its level.

    Raises ModelError naming the file for anything that is not a whole model of this or an older version, UsageError for a
    device that is not there.
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

    model: a model folder, or a loaded model. maps: also write maps.npy. overlay: also write overlay.mp4, the video with its
    score map. force: score again what is finished. sets, config: settings that scoring may change (``scoring.*`` but
    readouts, bands, columns and top; ``alarm.*``; ``clip.short``).

    Videos that are finished under the same settings are skipped. Of several videos, those that cannot be scored are named
    in the result's ``failed`` and the others are scored; a single one raises its error.

    Raises:
        SourceError, VideoError: the only video there is cannot be used. ModelError: no such model. OutputError: ``out``
        cannot be written; what was finished before is intact. ConfigError: a setting that only training can change.
    """
    trained = model if not isinstance(model, str | Path) else load(model, device)
    used = with_settings(trained, config, sets)
    rest = alarm(trained.cfg, used)
    refs, failed = find(sources)
    return score_refs(refs, used, rest, Path(out), maps, overlay, force, progress, failed)


def score_refs(
    refs: Sequence[VideoRef],
    used: Model,
    rest: Alarm,
    out: Path,
    maps: bool = False,
    overlay: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    failed: Mapping[str, str] | None = None,
) -> ScoreResult:
    """score() for videos that are found already. used, rest: the model with its settings, and what its threshold is worth
    under them. failed: sources that could not be found, with the reason."""
    failed = dict(failed or {})
    single = len(refs) + len(failed) == 1
    _writable(out)
    wanted = key(used)
    products = [
        SCORES,
        EVENTS,
        TIMELINE,
        *([OBJECTS] if used.cfg.level != "frame" else []),
        *([MAPS] if maps else []),
        *([OVERLAY] if overlay else []),
    ]
    videos: list[ScoredVideo] = []
    for ref in refs:
        folder = out / ref.name
        try:
            done = None if force else finished(folder, ref, wanted, products)
            videos.append(done or score_video(Job(ref, folder, used, rest, wanted, maps, overlay, force, progress)))
        except SourceError as e:
            if single:
                raise
            failed[ref.name] = str(e)
    return ScoreResult(videos, failed)


def _writable(out: Path) -> None:
    """Say at once, and not after the first video, that nothing can be written here."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
    except OSError as e:
        raise OutputError(f"{out}: cannot write results here: {e.strerror or e}") from e
