"""Every benchmark by name: its reader, the official counts, where it is to be had and under which terms."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from normalcy.data import avenue, folder, nwpu, shanghaitech, ubnormal, ucf_crime, ucsd, umn
from normalcy.data.base import Dataset, Part, Reader
from normalcy.errors import DataError, UsageError


@dataclass(frozen=True, slots=True)
class Official:
    """Published counts; None where none is published or the number depends on the copy."""

    train_videos: int | None = None
    train_frames: int | None = None
    test_videos: int | None = None
    test_frames: int | None = None
    scenes: int | None = None
    abnormal: Mapping[str, int] | None = None
    """Abnormal test frames per label source."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one benchmark before a copy is seen."""

    name: str
    title: str
    read: Reader
    official: Official
    where: str
    terms: str
    cite: str
    plain: bool = False
    """Whether its layout is the plain one of ``folder``."""
    label_sources: tuple[str, ...] = ()
    """Label sets to choose from, the default first; empty where there is one."""
    lookalikes: Mapping[int, str] | None = None
    """Totals of abnormal test frames that give away another label set than the one asked for."""


def _ucsd(name: str, title: str, read: Reader, official: Official) -> Entry:
    return Entry(
        name,
        title,
        read,
        official,
        where="http://www.svcl.ucsd.edu/projects/anomaly/dataset.htm (UCSD_Anomaly_Dataset.tar.gz)",
        terms="no licence stated; research use, with citation",
        cite="Mahadevan, Li, Bhalodia, Vasconcelos: Anomaly Detection in Crowded Scenes, CVPR 2010",
    )


_ENTRIES = (
    Entry(
        name="folder",
        title="Plain folders: training/videos, testing/videos, testing/labels",
        read=folder.read,
        official=Official(),
        where="your own footage",
        terms="yours",
        cite="",
        plain=True,
        label_sources=("labels", "any folder of NAME.npy files in the root or in testing/"),
    ),
    _ucsd("ped1", "UCSD Ped1", ucsd.read_ped1, Official(34, 6800, 36, 7200, scenes=1)),
    _ucsd("ped2", "UCSD Ped2", ucsd.read_ped2, Official(16, 2550, 12, 2010, 1, {"UCSDped2.m": 1648})),
    Entry(
        name="avenue",
        title="CUHK Avenue",
        read=avenue.read,
        official=Official(16, 15328, 21, 15324, 1, {"masks": 3712, "hasan": 3867}),
        where="http://www.cse.cuhk.edu.hk/leojia/projects/detectabnormal/dataset.html (videos, and ground_truth_demo)",
        terms="non-commercial use only",
        cite="Lu, Shi, Jia: Abnormal Event Detection at 150 FPS in MATLAB, ICCV 2013",
        label_sources=avenue.LABEL_SOURCES,
        lookalikes={
            3712: "the official pixel masks",
            3867: "the intervals of Hasan et al.",
            3820: "an off-by-one copy of the intervals of Hasan et al.",
        },
    ),
    Entry(
        name="shanghaitech",
        title="ShanghaiTech Campus",
        read=shanghaitech.read,
        official=Official(330, 274515, 107, 40791, 13, {"test_frame_mask": 17326}),
        where="https://svip-lab.github.io/dataset/campus_dataset.html",
        terms="research use; see the page of the authors",
        cite="Liu, Luo, Lian, Gao: Future Frame Prediction for Anomaly Detection, CVPR 2018",
    ),
    Entry(
        name="ucf_crime",
        title="UCF-Crime (one-class: normal training videos alone)",
        read=ucf_crime.read,
        official=Official(train_videos=800, test_videos=290),
        where="https://www.crcv.ucf.edu/projects/real-world/",
        terms="research use; see the page of the authors",
        cite="Sultani, Chen, Shah: Real-world Anomaly Detection in Surveillance Videos, CVPR 2018",
    ),
    Entry(
        name="nwpu",
        title="NWPU Campus",
        read=nwpu.read,
        official=Official(train_videos=305, test_videos=242, scenes=43),
        where="https://campusvad.github.io",
        terms="research use; see the page of the authors",
        cite="Cao, Lu, Wang, Zhang: A New Comprehensive Benchmark for Semi-supervised VAD and Anticipation, CVPR 2023",
    ),
    Entry(
        name="ubnormal",
        title="UBnormal (virtual; one-class: normal training videos alone)",
        read=ubnormal.read,
        official=Official(train_videos=186, test_videos=211, scenes=29),
        where="https://github.com/lilygeorgescu/UBnormal (videos by link; the split files are in its folder scripts)",
        terms="CC BY-NC-ND 4.0",
        cite="Acsintoae et al.: UBnormal: New Benchmark for Supervised Open-Set Video Anomaly Detection, CVPR 2022",
    ),
    Entry(
        name="umn",
        title="UMN Unusual Crowd Activity (cut into clips)",
        read=umn.read,
        official=Official(test_videos=11, scenes=3),
        where="http://mha.cs.umn.edu (Crowd-Activity-All.avi)",
        terms="no licence stated; research use, with citation",
        cite="University of Minnesota; Mehran, Oyama, Shah: Abnormal Crowd Behavior Detection, CVPR 2009",
        plain=True,
    ),
)
DATASETS: dict[str, Entry] = {e.name: e for e in _ENTRIES}


def entry(name: str) -> Entry:
    """The entry of a data set. Raises UsageError that names the nearest known name."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"unknown data set {name!r}{hint} Known: {', '.join(DATASETS)}")
    return DATASETS[name]


def list_datasets() -> list[Entry]:
    """All benchmarks, in the order of the documentation."""
    return list(DATASETS.values())


def load(
    name: str,
    root: str | Path,
    *,
    labels: str | None = None,
    require: Iterable[Part] = ("train", "test"),
    partial: bool = False,
) -> Dataset:
    """The data set ``name`` found below ``root``, with everything that ``require`` asks for or an error.

    ``test`` stands for footage and labels of every test video, ``labels`` for the labels alone. With ``partial`` an
    incomplete copy is accepted: videos without footage or labels are left out, and a note that travels with the result
    says how many.

    Raises:
        UsageError: unknown name or label set.
        DataError: no such folder, unreadable lists, or something that is required is missing; the message says what.
    """
    known = entry(name)
    if labels is not None and not known.label_sources:
        raise UsageError(f"{name} has one label set only; leave the label set out")
    data = known.read(Path(root), labels)
    if partial:
        data = present_only(data)
    try:
        data.require(require)
    except DataError as e:
        if not known.plain and (data.root / "testing" / "labels").is_dir():
            raise DataError(f"{e}. There is a testing/labels: in that plain layout the data set is called folder") from None
        raise
    return data


def present_only(data: Dataset) -> Dataset:
    """``data`` with only the videos at hand (test videos: with labels), and a note for what was left out.

    Gaps of a side of which nothing is left stay.
    """
    train = tuple(v for v in data.train if v.present)
    test = tuple(v for v in data.test if v.present and v.labelled)
    forgiven = {*(["train"] if train else []), *(["test", "labels"] if test else [])}
    notes = [
        f"incomplete copy: {len(kept)} of {len(listed)} listed {word} videos; not comparable with published results"
        for word, kept, listed in (("training", train, data.train), ("test", test, data.test))
        if len(kept) < len(listed)
    ]
    gaps = tuple(g for g in data.gaps if g.part not in forgiven)
    return replace(data, train=train, test=test, notes=(*data.notes, *notes), gaps=gaps)
