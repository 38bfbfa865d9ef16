"""What was wrong with one recording, counted while it is read, and said in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normalcy.errors import VideoError
from normalcy.video.clock import Join

KEPT = 50
"""So many gaps and joins are listed one by one; all are counted."""


@dataclass(slots=True)
class Damage:
    """Grows while a video is read; complete when its last frame was read. Times are seconds of the video."""

    pictures: int = 0
    """Coded pictures that the file holds (packets, or files of a folder)."""
    lost: int = 0
    """Those that could not be decoded. Their place in time is kept."""
    first_lost_s: float | None = None
    repaired: int = 0
    """Those that are damaged in part, and made up there by the decoder. They stay."""
    first_repaired_s: float | None = None
    skipped: int = 0
    """Those before the first key frame: the recording begins inside a group of pictures."""
    unreadable: int = 0
    """Places where the container itself could not be read."""
    cut: str | None = None
    """Why the file is known to end early."""
    gap_count: int = 0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """The first gaps of more than a second: the times of the frames before and after."""
    join_count: int = 0
    joins: list[Join] = field(default_factory=list)
    """Where the first new time lines begin."""
    stamps_ignored: int = 0
    long_steps: int = 0
    steps: int = 0
    """Steps from frame to frame that are longer than usual, and all of them."""
    interlaced: bool = False
    """Whether fields were taken apart."""
    remarks: list[str] = field(default_factory=list)
    """What else a reader of the numbers should know, in words: changes of size, numbers that a folder of frames lacks."""

    def lose(self, time_s: float) -> None:
        """One picture could not be decoded."""
        self.lost += 1
        self.first_lost_s = time_s if self.first_lost_s is None else min(time_s, self.first_lost_s)

    def repair(self, time_s: float) -> None:
        """One picture was made up in part."""
        self.repaired += 1
        self.first_repaired_s = time_s if self.first_repaired_s is None else min(time_s, self.first_repaired_s)

    def remark(self, sentence: str) -> None:
        """Something else to say; of very many the first are kept."""
        if len(self.remarks) < KEPT and sentence not in self.remarks:
            self.remarks.append(sentence)

    def gap(self, before_s: float, after_s: float) -> None:
        """A gap of more than a second."""
        self.gap_count += 1
        if len(self.gaps) < KEPT:
            self.gaps.append((before_s, after_s))

    def resize(self, old: tuple[int, int], new: tuple[int, int], time_s: float) -> None:
        """The picture's size changes."""
        self.remark(
            f"the picture size changes from {old[0]}x{old[1]} to {new[0]}x{new[1]} at {time_s:.2f} s: a new segment, "
            "shown at the size of the first"
        )

    def refuse_above(self, share: float, path: Path) -> None:
        """Raise VideoError where more than ``share`` of the pictures could not be decoded."""
        if self.share > share:
            sentence = self.warnings()[0].split(";")[0]
            raise VideoError(f"{path}: too much of it is damaged: {sentence}; video.max_lost allows {100 * share:g} %")

    @property
    def share(self) -> float:
        """Share of the coded pictures that could not be decoded, those before the first key frame aside."""
        return self.lost / max(self.pictures - self.skipped, 1)

    def to_dict(self) -> dict[str, Any]:
        """For run.json: plain values, without what was not found."""
        found: dict[str, Any] = {
            "pictures": self.pictures,
            "lost": self.lost,
            "first_lost_s": self.first_lost_s,
            "repaired": self.repaired,
            "first_repaired_s": self.first_repaired_s,
            "skipped": self.skipped,
            "unreadable": self.unreadable,
            "cut": self.cut,
            "gap_count": self.gap_count,
            "gaps_s": [list(g) for g in self.gaps],
            "join_count": self.join_count,
            "joins": [{"time_s": j.time_s, "step_s": j.step_s} for j in self.joins],
            "stamps_ignored": self.stamps_ignored,
            "long_steps": self.long_steps,
            "interlaced": self.interlaced,
            "remarks": self.remarks,
        }
        always = ("pictures", "lost")
        return {k: v for k, v in found.items() if v or k in always or (v == 0.0 and k.endswith("_s"))}

    def warnings(self) -> list[str]:
        """One sentence for each kind of fault that was found; none for a sound recording."""
        out: list[str] = []
        if self.lost:
            of = self.pictures - self.skipped
            out.append(
                f"{self.lost} of {of} coded pictures could not be decoded ({100 * self.share:.3g} %), the first at "
                f"{_s(self.first_lost_s)}; they are left out, the others keep their times"
            )
        if self.repaired:
            out.append(
                f"{_n(self.repaired, 'picture is', 'pictures are')} damaged in part, the first at {_s(self.first_repaired_s)}"
            )
        if self.skipped:
            out.append(
                f"the recording begins inside a group of pictures: {_n(self.skipped, 'picture')} before the first key frame "
                "could not be decoded"
            )
        if self.unreadable:
            out.append(f"the container could not be read in {_n(self.unreadable, 'place')}")
        if self.cut:
            out.append(f"the video ends early: {self.cut}")
        if self.long_steps:
            out.append(
                f"{self.long_steps} of {self.steps} time steps are longer than usual (frames are missing, or the frame rate "
                "varies)"
            )
        if self.gap_count:
            widest = max(self.gaps, key=lambda g: g[1] - g[0])
            out.append(
                f"{_n(self.gap_count, 'gap')} of more than a second, the longest {widest[1] - widest[0]:.4g} s from "
                f"{_s(widest[0])} on; no clip and no smoothing reaches over a gap"
            )
        if self.join_count:
            first = self.joins[0]
            ahead = "ahead" if first.step_s > 0 else "back"
            out.append(
                f"{_n(self.join_count, 'new time line begins', 'new time lines begin')}, the first at {_s(first.time_s)} where "
                f"the stamps step {abs(first.step_s):.6g} s {ahead}: joined on without a gap"
            )
        if self.stamps_ignored:
            out.append(f"{_n(self.stamps_ignored, 'time stamp')} far from the expected place not believed")
        if self.interlaced:
            out.append("the pictures are interlaced: their fields were taken apart (video.deinterlace)")
        return out + self.remarks


def _n(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _s(seconds: float | None) -> str:
    return f"{seconds or 0.0:.2f} s"
