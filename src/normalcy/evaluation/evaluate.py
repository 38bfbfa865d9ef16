"""evaluate(): a method's scores against labels, and the baselines beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normalcy.data.files import load_label_folder, load_mask_folder, load_score_folder, match, match_names
from normalcy.errors import DataError, MetricError, NormalcyError, UsageError
from normalcy.evaluation.baselines import Protocol, content_free_rows
from normalcy.metrics.auc import FrameMetrics, frame_metrics
from normalcy.metrics.bootstrap import Bootstrap, bootstrap
from normalcy.metrics.bysize import SizeMetrics, auc_by_size
from normalcy.metrics.compare import Comparison, compare
from normalcy.metrics.grid import mask_share
from normalcy.metrics.pixel import PixelMetrics, pixel_metrics
from normalcy.metrics.table import ResultRow, frame_row
from normalcy.presets import parse_config
from normalcy.results.layout import MAPS, RECORD
from normalcy.results.run_json import short_protocol

PEEKED = "each video's own lowest and highest score, so the video has to be seen whole and is taken to hold an anomaly"
"""Why per-video normalisation is no fair play."""

Arrays = Mapping[str, ArrayLike]


@dataclass(frozen=True, slots=True)
class EvalResult:
    """Results of one method, and of the baselines beside it."""

    metrics: FrameMetrics
    intervals: Bootstrap
    rows: Sequence[ResultRow]
    """The method first, then the baselines, as a table shows them."""
    sizes: SizeMetrics | None = None
    """AUC by size of the anomaly, where masks were given."""
    pixel: PixelMetrics | None = None
    """Pixel-level results, where masks were given and the scores have maps."""
    notes: Sequence[str] = ()
    versus: Comparison | None = None
    """The method against another one on the same videos, where one was given."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "metrics": self.metrics.to_dict(),
            "intervals": self.intervals.to_dict(),
            "rows": [asdict(r) for r in self.rows],
            "sizes": self.sizes.to_dict() if self.sizes is not None else None,
            "pixel": self.pixel.to_dict() if self.pixel is not None else None,
            "notes": list(self.notes),
            "versus": self.versus.to_dict() if self.versus is not None else None,
        }


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
    found, truth, folders = _load(scores, labels)
    protocol = protocol_of(folders) if len(folders) == len(truth) else Protocol()
    metrics = frame_metrics(found, truth)
    intervals = bootstrap(found, truth, resamples=resamples, seed=seed)
    rows = [frame_row(name, protocol.words, metrics, intervals, protocol.peeked)]
    rows += content_free_rows(truth, protocol, seed)
    sizes = pixel = None
    notes: list[str] = []
    if masks is not None:
        sizes, pixel, notes = _with_masks(Path(masks), found, truth, folders, resamples, seed)
    comparison = None
    if versus is not None:
        row, comparison, note = _against(versus, labels, found, protocol, resamples, seed)
        rows.insert(1, row)
        notes += note
    return EvalResult(metrics, intervals, rows, sizes, pixel, notes, comparison)


def _against(
    versus: str | Path | Arrays, labels: str | Path | Arrays, found: Arrays, protocol: Protocol, resamples: int, seed: int
) -> tuple[ResultRow, Comparison, list[str]]:
    """Row of the other method, the paired comparison with it, and what stands in the way of comparing them."""
    other, truth, folders = _load(versus, labels)
    theirs = protocol_of(folders) if len(folders) == len(truth) else Protocol()
    name = f"versus {versus}" if isinstance(versus, str | Path) else "versus"
    metrics, intervals = frame_metrics(other, truth), bootstrap(other, truth, resamples=resamples, seed=seed)
    both = f"{protocol.words}; {theirs.words}"
    notes = [f"The two were post-processed differently ({both}), which alone moves results."]
    row = frame_row(name, theirs.words, metrics, intervals, theirs.peeked)
    comparison = compare(found, other, truth, resamples=resamples, seed=seed)
    return row, comparison, notes if theirs.words != protocol.words else []


def _load(scores: str | Path | Arrays, labels: str | Path | Arrays) -> tuple[Arrays, Arrays, dict[str, Path]]:
    """Scores and labels under the names of the labels, and the folder of each video that normalcy scored."""
    from_scores, from_labels = isinstance(scores, str | Path), isinstance(labels, str | Path)
    if from_scores != from_labels:
        raise UsageError("give scores and labels both as folders, or both as arrays by video name")
    if isinstance(scores, Mapping) or isinstance(labels, Mapping):
        assert isinstance(scores, Mapping) and isinstance(labels, Mapping)
        return scores, labels, {}
    at, label_at = Path(scores), Path(labels)
    raw, truth = load_score_folder(at), load_label_folder(label_at)
    partner = match_names(raw, truth, at, label_at)
    found, truth = match(raw, truth, at, label_at)
    folders = {n: at / other for n, other in partner.items() if (at / other / RECORD).is_file()}
    return found, truth, folders


def protocol_of(folders: Mapping[str, Path]) -> Protocol:
    """The protocol that the videos' run.json agree on; ``as given`` where there are none or they differ."""
    words: set[tuple[str, str | None, str]] = set()
    sigma: dict[str, float] = {}
    for name, folder in folders.items():
        try:
            record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            cfg = parse_config(record["config"], str(folder / RECORD))
            sigma[name] = cfg.scoring.sigma_s * float(record["source"]["fps"])
        except (OSError, ValueError, KeyError, TypeError, NormalcyError):
            return Protocol()  # of another version, or someone's own file: the scores count all the same
        peeked = PEEKED if cfg.scoring.normalise == "per_video" else None
        words.add((short_protocol(cfg), peeked, cfg.scoring.smoothing))
    if len(words) != 1:
        return Protocol()
    ((text, peeked, smoothing),) = words
    return Protocol(text, peeked, smoothing, sigma)


class Lazy(Mapping[str, NDArray[Any]]):
    """Arrays that are read when they are used, and not kept."""

    def __init__(self, loaders: Mapping[str, Callable[[], NDArray[Any]]]) -> None:
        self._loaders = loaders

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


def _with_masks(
    folder: Path, scores: Arrays, truth: Arrays, folders: Mapping[str, Path], resamples: int, seed: int
) -> tuple[SizeMetrics | None, PixelMetrics | None, list[str]]:
    """AUC by size, and pixel AUC over the videos that have both masks and maps."""
    loaders = load_mask_folder(folder)
    strange = sorted(set(loaders) - set(truth))
    if strange:
        raise DataError(f"{folder}: masks of videos that have no labels: {', '.join(strange[:5])}")
    masks = Lazy(loaders)
    sizes = auc_by_size(scores, truth, {n: mask_share(masks[n]) for n in masks}, resamples=resamples, seed=seed)
    notes = [] if sizes.left_out == 0 else [f"{sizes.left_out} abnormal frames have no mask and are in no size bin."]
    have = {n: folders[n] / MAPS for n in masks if n in folders and (folders[n] / MAPS).is_file()}
    if not have:
        return sizes, None, [*notes, "No pixel AUC: the scores have no maps (score with --maps)."]
    if len(have) < len(loaders):
        notes.append(f"Pixel AUC is over the {len(have)} of {len(loaders)} videos with masks that have maps.")
    try:
        maps = Lazy({n: map_loader(p) for n, p in have.items()})
        return sizes, pixel_metrics(maps, Lazy({n: loaders[n] for n in have})), notes
    except MetricError as e:
        return sizes, None, [*notes, f"No pixel AUC: {e}"]


def map_loader(path: Path) -> Callable[[], NDArray[Any]]:
    """Reads (N, h, w) float32 maps when called. Raises DataError naming the file."""

    def read() -> NDArray[Any]:
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
        except (OSError, ValueError) as e:
            raise DataError(f"{path}: is not a file of score maps: {e}") from e

    return read


__all__ = ["PEEKED", "Lazy", "Protocol", "evaluate", "map_loader", "protocol_of"]
