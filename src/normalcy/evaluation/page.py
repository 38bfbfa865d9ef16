"""The page of a benchmark: curves per video against truth, ROC, AUC by size, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from normalcy.evaluation.judge import Case, Judgement
from normalcy.metrics.auc import CountCurve
from normalcy.metrics.table import ResultRow as Row
from normalcy.report.curves import Roc, SizeBin
from normalcy.report.page import EventPicture, ReportData, ResultRow, VideoReport

Scores = Mapping[str, NDArray[np.float64]]


def page(
    title: str,
    found: Sequence[Case],
    judged: Judgement,
    motion: Mapping[str, Scores],
    words: Mapping[str, str],
    threshold: float | None,
    facts: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> ReportData:
    """Results of a benchmark as the page wants them. motion: baseline -> video -> scores; drawn under our curve.
    words: what a high value says, by readout (``model.words``)."""
    first = judged.rows[0].name
    ours = {c.video.name: c.scores.score for c in found}
    truth = {c.video.name: c.labels for c in found}
    peeked = [f"{r.name} ({r.protocol}): {r.peeked}." for r in judged.rows if r.peeked is not None]
    return ReportData(
        title=title,
        videos=[_video(c, judged, motion, words) for c in found],
        threshold=threshold if threshold is not None and threshold > 0 else None,
        results=[table_row(r, r.name == first) for r in judged.rows],
        rocs=[_roc(first, ours, truth, True), *(_roc(n, s, truth, False) for n, s in motion.items())],
        sizes=_sizes(judged, [first, *motion]),
        details=[("What this rests on", list(facts))],
        notes=[*notes, *peeked],
    )


def _video(c: Case, judged: Judgement, motion: Mapping[str, Scores], words: Mapping[str, str]) -> VideoReport:
    auc = judged.per_video[c.video.name]
    one_class = "" if auc is not None else "One class only, so no AUC of its own."
    return VideoReport(
        scores=c.scores,
        events=[EventPicture(e, words[e.readout]) for e in c.scored.events],
        truth=c.labels,
        others={n: s[c.video.name] for n, s in motion.items()},
        auc=auc,
        note=" ".join(s for s in (one_class, *c.scored.warnings) if s),
    )


def table_row(r: Row, ours: bool) -> ResultRow:
    """One line of the page's table."""
    v = r.values
    return ResultRow(
        name=r.name,
        protocol=r.protocol if r.peeked is None else f"{r.protocol} (peeked)",
        micro=v.get("micro_auc"),
        macro_padded=v.get("macro_auc_padded"),
        macro_defined=v.get("macro_auc_defined"),
        eer=v.get("eer"),
        ap=v.get("average_precision"),
        ours=ours,
    )


def _roc(name: str, scores: Scores, truth: Mapping[str, NDArray[np.uint8]], ours: bool) -> Roc:
    curve = CountCurve.of(
        np.concatenate([scores[n] for n in truth]), np.concatenate([y.astype(np.bool_) for y in truth.values()])
    )
    return Roc(name, *curve.rates(), auc=curve.auc(), ours=ours)


def _sizes(judged: Judgement, names: Sequence[str]) -> list[SizeBin]:
    known = {n: judged.sizes[n] for n in names if n in judged.sizes}
    if not known:
        return []
    bins = next(iter(known.values())).bins
    return [SizeBin(b.name, b.frames, {n: m.bins[i].auc for n, m in known.items()}) for i, b in enumerate(bins)]
