"""The report page of scored videos: curves and events of each, and what was measured of them where there are labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.evaluation.evaluate import READOUT, Evaluation
from normalcy.evaluation.protocol import Scores
from normalcy.metrics.auc import CountCurve
from normalcy.report.curves import Roc, SizeBin
from normalcy.report.page import EventPicture, ReportData, VideoReport
from normalcy.results.layout import SCORES
from normalcy.results.scored import ScoredVideo
from normalcy.results.scores_csv import read_scores

Labels = Mapping[str, NDArray[np.uint8]]


def page(
    title: str,
    scored: Sequence[ScoredVideo],
    threshold: float | None,
    words: Mapping[str, str],
    *,
    evaluation: Evaluation | None = None,
    labels: Labels | None = None,
    baselines: Mapping[str, Scores] | None = None,
    details: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
    notes: Sequence[str] = (),
) -> ReportData:
    """Fill the report page.

    Args:
        title: of the page.
        scored: what :func:`normalcy.score` returned. With nothing else the page shows scores and events alone.
        threshold: of the frame score; None where events were not looked for.
        words: what a high value says, by readout (``model.words``).
        evaluation: what was measured against ``labels``.
        labels: video name -> (N,) labels.
        baselines: name -> video -> (N,) scores, drawn under the model's.
        details: sections of (key, value) lines that say how the results were made.
        notes: more sentences on what the numbers mean.
    """
    labels, baselines = labels or {}, baselines or {}
    rows = evaluation.rows if evaluation is not None else ()
    peeked = [f"{r.name} ({r.protocol}): {r.peeked}." for r in rows if r.peeked is not None]
    videos = [_video(v, words, evaluation, labels, baselines) for v in scored]
    rocs = []
    if evaluation is not None:
        own = {v.scores.name: v.scores.score for v in videos}
        rocs = [_roc(n, s, labels, n == rows[0].name) for n, s in {rows[0].name: own, **baselines}.items()]
    return ReportData(
        title=title,
        videos=videos,
        threshold=threshold if threshold is not None and threshold > 0 else None,
        results=rows,
        own=sum(r is rows[0] or r.name.startswith(READOUT) for r in rows),
        rocs=rocs,
        sizes=_sizes(evaluation, [rows[0].name, *baselines]) if evaluation is not None else [],
        details=details,
        notes=[*notes, *peeked],
    )


def _video(
    v: ScoredVideo,
    words: Mapping[str, str],
    evaluation: Evaluation | None,
    labels: Labels,
    baselines: Mapping[str, Scores],
) -> VideoReport:
    auc = evaluation.per_video[v.name] if evaluation is not None else None
    one_class = ["One class only, so no AUC of its own."] if evaluation is not None and auc is None else []
    return VideoReport(
        scores=read_scores(v.folder / SCORES, v.name),
        events=[EventPicture(e, words[e.readout]) for e in v.events],
        truth=labels.get(v.name),
        others={n: s[v.name] for n, s in baselines.items()},
        auc=auc,
        note=" ".join([*one_class, *v.warnings]),
    )


def _roc(name: str, scores: Scores, labels: Labels, ours: bool) -> Roc:
    curve = CountCurve.of(
        np.concatenate([scores[n] for n in labels]), np.concatenate([y.astype(np.bool_) for y in labels.values()])
    )
    return Roc(name, *curve.rates(), auc=curve.auc(), ours=ours)


def _sizes(evaluation: Evaluation, names: Sequence[str]) -> list[SizeBin]:
    known = {n: evaluation.sizes[n] for n in names if n in evaluation.sizes}
    if not known:
        return []
    bins = next(iter(known.values())).bins
    return [SizeBin(b.name, b.frames, {n: m.bins[i].auc for n, m in known.items()}) for i, b in enumerate(bins)]
