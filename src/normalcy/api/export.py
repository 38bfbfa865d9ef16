"""export(): a trained model as graphs that run without PyTorch, checked against PyTorch before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normalcy.api.load import load_model
from normalcy.clips.sampling import sliding, span, step_at
from normalcy.config import Config
from normalcy.errors import ModelError, OutputError, UsageError
from normalcy.exported.model import FORMAT, ExportedModel
from normalcy.exported.readouts import KINDS, describe
from normalcy.files import check_writable, scratch, write_files
from normalcy.nn.stored import CARD, CONFIG, MODEL, Stored, file_of_model, names_beside, read_stored, write_stored
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.lesson_files import FOLDER
from normalcy.scoring.model import Model
from normalcy.scoring.scorer import score_all
from normalcy.types import Frame, Progress, VideoInfo
from normalcy.versions import version
from normalcy.video.reader import VideoReader, probe, working_size
from normalcy.video.source import Sources, VideoRef, find_videos

FORMATS = ("openvino", "onnx")
PRECISIONS = ("fp32", "bf16", "int8")
BOUND = 1e-3
"""An export in fp32 whose score of any frame differs by more from PyTorch's is refused."""
LONGEST = 2000
"""Frames of each clip that are looked at."""
SAMPLES = 300
"""Windows, at most, that int8 is fitted on."""
MADE_UP = "made-up pictures"
"""Where no clips are given."""

Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export left behind."""

    folder: Path
    files: Mapping[str, int]
    """Graph files and their bytes."""
    format: str
    precision: str
    compared_on: str
    """What the scores were compared on."""
    frames: int
    difference: Mapping[str, float]
    """Of each runtime that is installed, the largest difference of a frame's score to PyTorch's, at frame level."""
    auc: Mapping[str, float] = field(default_factory=dict)
    """Micro AUC by torch and by each runtime, at frame level; empty without labels."""


def export(
    model: str | Path,
    out: str | Path,
    *,
    format: str = "openvino",
    precision: str = "fp32",
    clips: Sources = (),
    labels: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a model folder that is scored without PyTorch: by OpenVINO, or by onnxruntime.

    The folder is a model like the one that training wrote, with graphs beside its network; what stands behind the network
    (densities, places, objects) is computed from the same calibration. Before it is written, every runtime that is installed
    scores the clips, and the scores are compared with PyTorch's.

    Args:
        model: a folder that training wrote, of level frame, both or object (with untrained objects).
        out: the new folder.
        format: openvino, or onnx, which onnxruntime and OpenVINO read.
        precision: fp32; bf16 (openvino, on processors that have it) or int8 (fitted on the clips), which change scores.
        clips: videos to compare scores on, and normal ones of the same camera for int8; made-up pictures if none are given.
        labels: a folder of NAME.npy with one 0 or 1 for each frame of the clips: AUC by PyTorch and by each runtime.
        force: replace a model that is in ``out``.
        progress: called with (stage, done, total or None, figures).

    Raises:
        UsageError: the model cannot be exported, a package is missing, the processor lacks the precision.
        WeightsError: the detector of its objects is missing. ModelError: no such model, or scores in fp32 that differ by
        more than 0.001 from PyTorch's: nothing is written. OutputError: ``out`` cannot be written.
    """
    out = Path(out)
    if format not in FORMATS or precision not in PRECISIONS:
        raise UsageError(f"export as {' or '.join(FORMATS)}, with precision {', '.join(PRECISIONS)}; got {format}, {precision}")
    stored = read_stored(model)
    _check(stored, out, force)
    refs, failed = find_videos(clips) if clips else ([], {})
    if failed:
        raise UsageError("; ".join(failed.values()))
    if precision == "int8" and not refs:
        raise UsageError("precision int8 is fitted on normal video of the model's camera: give some with --clips")
    if labels is not None and not refs:
        raise UsageError("labels are of clips: give these with --clips")
    torch_model = _frame(load_model(model, "cpu", "torch"))
    tell = progress or (lambda stage, done, total, figures: None)
    tell("convert", 0, 1, {})
    facts, graphs = _graphs(torch_model, format, precision, refs)
    tell("convert", 1, 1, {})
    arguments: dict[str, Any] = {
        "config": stored.config,
        "network": stored.blobs[MODEL],
        "calibration": {**stored.arrays, **stored.scalars},
        "extra": stored.extra,
        "beside": {**{n: file_of_model(stored.folder, n) for n in names_beside(stored.folder)}, **graphs},
    }
    with scratch() as trial:
        write_stored(trial, card="", export=facts, **arguments)
        _copy_lessons(stored.folder, trial)
        expected = _scores(torch_model, refs, tell, "torch")
        got = {r: _scores(_frame(load_model(trial, "cpu", r)), refs, tell, r) for r in _installed(trial)}
    compared = ", ".join(r.name for r in refs) or MADE_UP
    difference = {r: max(float(np.abs(s[n] - expected[n]).max()) for n in expected) for r, s in got.items()}
    worst = max(difference, key=lambda r: difference[r], default=None)
    if precision == "fp32" and worst is not None and not difference[worst] <= BOUND:
        raise ModelError(
            f"{stored.folder}: {worst} gives other scores than PyTorch: {difference[worst]:.2g} apart on {compared}, "
            f"and at most {BOUND:g} is allowed; nothing was written"
        )
    auc = _auc({"torch": expected, **got}, Path(labels)) if labels is not None else {}
    facts |= {"difference": difference, "auc": auc, "compared_on": compared}
    result = ExportResult(
        out,
        {n: len(data) for n, data in graphs.items()},
        format,
        precision,
        compared,
        sum(map(len, expected.values())),
        difference,
        auc,
    )
    write_stored(out, card=_card(stored, result), export=facts, **arguments)
    _copy_lessons(stored.folder, out)
    return result


def _check(stored: Stored, out: Path, force: bool) -> None:
    """Say at once what cannot be exported, and where nothing can be written."""
    cfg, where = stored.config, stored.folder
    if stored.export:
        raise UsageError(f"{where}: already exported; export the folder that training wrote")
    if (out / CONFIG).exists() and out.resolve() == where.resolve():
        raise UsageError(f"{out}: is the model itself; write the export to another folder")
    if (out / CONFIG).exists() and not force:
        raise UsageError(f"{out}: already holds a model; choose another folder, or replace it with --force")
    if cfg.level != "frame" and cfg.objects.method != "untrained":
        raise UsageError(f"{where}: objects.method=tubes runs its network on crops of objects, which is not exported")
    unable = [r for r in cfg.scoring.readouts if r not in KINDS]
    if cfg.level != "object" and unable:
        raise UsageError(
            f"{where}: readout {', '.join(unable)} cannot be exported; {', '.join(KINDS)} can: train with --set "
            f"'scoring.readouts=[density,frame_density,velocity]'"
        )
    if cfg.level != "frame":
        from normalcy.detection.base import build_detector

        build_detector(cfg.objects, features=True)  # names what is missing
    there = next(p for p in (out, *out.absolute().parents) if p.exists())
    try:
        check_writable(there)
    except OSError as e:
        raise OutputError(f"{out}: cannot write here: {e.strerror or e}") from e


def _copy_lessons(model: Path, out: Path) -> None:
    """What a model was taught goes with it."""
    files = {p.name: p.read_bytes() for p in (model / FOLDER).glob("*") if p.is_file() and not p.name.startswith(".")}
    if files:
        write_files(out / FOLDER, files)


def _frame(model: Model) -> FrameModel | None:
    """The part of a model that has a network."""
    frame = getattr(model, "frame", model)
    return frame if isinstance(frame, FrameModel) else None


def _graphs(
    model: FrameModel | None, kind: str, precision: str, refs: Sequence[VideoRef]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(what config.json says of the export, graph files by name)."""
    facts: dict[str, Any] = {
        "format": FORMAT,
        "kind": kind,
        "precision": precision,
        "graphs": {},
        "files": [],
        "stride": [1, 1, 1],
        "readouts": [],
        "made_with": {p: version(p) for p in ("normalcy", "torch", kind)},
    }
    if model is None:
        return facts, {}
    from normalcy.exported.convert import convert

    made = convert(model.network, model.cfg, kind, precision, lambda name: _windows(model.cfg, refs, name))
    graphs: dict[str, bytes] = {}
    for file in made.values():
        graphs[file.name] = file.data
        if file.weights:
            graphs[file.name[: -len(".xml")] + ".bin"] = file.weights
    facts |= {
        "graphs": {name: file.name for name, file in made.items()},
        "files": sorted(graphs),
        "stride": list(model.network.encoder.stride),
        "readouts": [describe(r) for r in model.readouts],
    }
    return facts, graphs


def _windows(cfg: Config, refs: Sequence[VideoRef], name: str) -> Iterator[NDArray[np.uint8]]:
    """Windows of clips, (1, T, H, W, 3), spread over all videos, for a graph to be fitted on."""
    for ref in refs:
        info = probe(ref, config=cfg.video)
        size = working_size(info.width, info.height, cfg.input)
        step = step_at(info.fps, cfg)
        with VideoReader(ref, size, config=cfg.video) as reader:
            frames = np.stack([f.image for f in islice(reader, LONGEST)])
        if len(frames) < span(cfg.clip.length, step):
            continue
        index = sliding(len(frames), cfg.clip.length, step, step)
        for row in index[:: max(1, len(index) * len(refs) // SAMPLES)]:
            middle = cfg.clip.length // 2
            yield frames[row[middle - 1 : middle + 1] if name == "pair" else row][None]


def _installed(folder: Path) -> tuple[str, ...]:
    from normalcy.exported.model import Exported

    exported = Exported.of(read_stored(folder))
    return exported.available() if exported.files else ()


def _scores(model: FrameModel | None, refs: Sequence[VideoRef], tell: Progress, runtime: str) -> Scores:
    """(N,) frame scores of each clip."""
    if model is None:
        return {}
    assert runtime == "torch" or isinstance(model, ExportedModel)
    out: Scores = {}
    for ref in refs:
        with VideoReader(ref, working_size(*_shown(ref, model), model.cfg.input), config=model.cfg.video) as reader:
            out[ref.name] = _scored(model, reader.info, islice(reader, LONGEST))
        tell(f"compare {runtime}", len(out), len(refs), {})
    return out or {MADE_UP: _scored(model, *_made_up(model))}


def _shown(ref: VideoRef, model: FrameModel) -> tuple[int, int]:
    info = probe(ref, config=model.cfg.video)
    return info.width, info.height


def _scored(model: FrameModel, info: VideoInfo, frames: Iterable[Frame]) -> NDArray[np.float64]:
    return np.array([s.score for s in score_all(model.scorer(info), frames)])


def _made_up(model: FrameModel) -> tuple[VideoInfo, Iterator[Frame]]:
    """Shapes that move before a background without features, for parity alone."""
    fps = model.trained_fps or 25.0
    count = 4 * span(model.cfg.clip.length, step_at(fps, model.cfg))
    w, h = 320, 240
    rng = np.random.default_rng(0)
    back = np.kron(rng.integers(40, 200, (h // 16, w // 16, 3)), np.ones((16, 16, 1))).astype(np.uint8)

    def frames() -> Iterator[Frame]:
        for i in range(count):
            image = back.copy()
            for k in range(4):
                x, y = (37 * k + (2 + 3 * k) * i) % (w - 24), 40 + 45 * k
                image[y : y + 40, x : x + 20] = (250 - 60 * k, 50 * k, 128)
            yield Frame(i, i / fps, image)

    return VideoInfo("made-up", Path("made-up"), w, h, fps, count), frames()


def _auc(scores: Mapping[str, Scores], labels: Path) -> dict[str, float]:
    from normalcy.data.arrays import as_labels, read_npy
    from normalcy.metrics.auc import frame_metrics

    truth = {n: as_labels(read_npy(labels / f"{n}.npy"), labels / f"{n}.npy") for n in next(iter(scores.values()))}
    truth = {n: y[:LONGEST] for n, y in truth.items()}
    return {name: frame_metrics(s, truth).micro_auc for name, s in scores.items()}


def _card(stored: Stored, result: ExportResult) -> str:
    """The model's card with a paragraph on the export."""
    try:
        card = (stored.folder / CARD).read_text(encoding="utf-8").rstrip()
    except OSError:
        card = "# A Normalcy model"
    lines = [
        f"Graphs for {'OpenVINO' if result.format == 'openvino' else 'onnxruntime and OpenVINO'}, precision "
        f"{result.precision}, made by Normalcy {version()} with PyTorch {version('torch')}: scored without PyTorch.",
        *(
            f"Largest difference to PyTorch's score of a frame (frame level, {result.compared_on}) by {r}: {d:.2g}."
            for r, d in result.difference.items()
        ),
        *(f"AUC of the frame level by {r}: {a:.4f}." for r, a in result.auc.items()),
    ]
    return card + "\n\n## Exported\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"
