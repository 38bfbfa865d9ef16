"""score() on the workers of an engine, or with sources or results at addresses: what is to do, and with whom."""

from __future__ import annotations

from pathlib import Path

from normalcy import remote
from normalcy.api.archive import score_archive
from normalcy.api.archive_calls import Order, Recording, at_address
from normalcy.errors import SourceError, UsageError
from normalcy.files import scratch
from normalcy.results.layout import EVENTS, RECORD
from normalcy.results.record import Origin, Record
from normalcy.results.run_json import finished_video
from normalcy.results.scored import ScoredVideo, ScoreResult
from normalcy.runners.base import Runner
from normalcy.runners.here import Here
from normalcy.types import Progress
from normalcy.video.source import VIDEO_SUFFIXES, Sources, VideoRef, as_list, expand_all, find_videos


def is_elsewhere(sources: Sources, out: str | Path) -> bool:
    """Whether anything is named by an address."""
    return remote.is_address(out) or any(remote.is_address(s) for s in as_list(sources))


def open_runner(engine: str, address: str | None, workers: int | None, device: str) -> Runner:
    """The runner for an engine. Raises UsageError for an unknown one, one that is not installed, or what does not fit it."""
    if engine == "here":
        if address is not None or workers is not None:
            raise UsageError("--address and --workers belong to an engine: add --engine ray")
        return Here()
    if engine != "ray":
        raise UsageError(f"unknown engine '{engine}'; there are here and ray")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}")
    from normalcy.runners.ray_engine import RayRunner

    return RayRunner(address, workers, gpus=int(device == "cuda"))


def model_files(folder: Path) -> dict[str, bytes]:
    """The files of a model folder by their path in it, without what its training left behind."""
    paths = [p for p in folder.rglob("*") if p.is_file()]
    kept = [p for p in paths if not {"checkpoints", "logs"} & set(p.relative_to(folder).parts)]
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept if not p.name.startswith(".")}


def find_recordings(sources: Sources) -> tuple[list[Recording], dict[str, str]]:
    """(recordings with unique names, sources that are none with the reason). Raises SourceError where no source is any."""
    here: list[str | Path | VideoRef] = []
    there: list[VideoRef] = []
    origins: dict[Path, Origin] = {}
    failed: dict[str, str] = {}
    errors: list[SourceError] = []
    for source in as_list(sources):
        if not remote.is_address(source):
            here.append(source)
            continue
        try:
            for file in remote.find(str(source), VIDEO_SUFFIXES):
                path = Path("/", *file.address.split("://", 1))  # for the names only: nothing is there
                origins[path] = Origin(file.address, file.size, file.mark)
                there.append(VideoRef(path.stem, path, "file"))
        except SourceError as e:
            failed[str(source)] = str(e)
            errors.append(e)
    refs: list[VideoRef] = []
    if here:
        try:
            refs, bad = find_videos(here)
            failed |= bad
        except SourceError as e:
            if not there:
                raise
            failed[", ".join(map(str, here))] = str(e)
    if not refs and not there:
        raise errors[0]
    return [_recording(ref, origins.get(ref.path)) for ref in (expand_all([*refs, *there]) if there else refs)], failed


def _recording(ref: VideoRef, origin: Origin | None) -> Recording:
    return Recording(ref.name, str(ref.path.absolute()) if origin is None else origin.address, ref.kind, origin)


def score_elsewhere(sources: Sources, order: Order, runner: Runner, progress: Progress | None) -> ScoreResult:
    """Score what is not finished. Raises as :func:`normalcy.score`, and EngineError."""
    recordings, failed = find_recordings(sources)
    single = len(recordings) + len(failed) == 1
    done: dict[str, ScoredVideo] = {}
    left: list[Recording] = []
    for recording in recordings:
        try:
            finished = None if order.force else _finished(recording, order)
        except SourceError as e:
            if single:
                raise
            failed[recording.name] = str(e)
            continue
        if finished is not None:
            done[recording.name] = finished
        else:
            left.append(recording)
    if left:
        with runner:
            scored, bad = score_archive(left, order, runner, progress, single)
        done |= scored
        failed |= bad
    return ScoreResult([done[r.name] for r in recordings if r.name in done], failed)


def _finished(recording: Recording, order: Order) -> ScoredVideo | None:
    """The result that an earlier run left, if it is the same and all products are there. Raises SourceError."""
    ref = VideoRef(recording.name, Path(recording.source), recording.kind)

    def look(folder: Path) -> ScoredVideo | None:
        return finished_video(Record(folder / RECORD, ref, order.key, recording.origin), order.products)

    if not remote.is_address(order.out):
        return look(Path(order.out) / recording.name)
    address = f"{order.out.rstrip('/')}/{recording.name}"
    names = remote.names(address)
    if RECORD not in names:
        return None
    with scratch() as base:
        folder = base / recording.name
        folder.mkdir()
        for name in names:  # what is there, as far as it is looked at
            (folder / name).write_bytes((remote.read(f"{address}/{name}") or b"") if name in (RECORD, EVENTS) else b"")
        found = look(folder)
    return None if found is None else at_address(found, order)
