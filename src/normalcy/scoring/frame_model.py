"""The frame level: windows of whole frames, read by readouts that give maps over the picture."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from normalcy.clips.sampling import span, step_at
from normalcy.errors import VideoError
from normalcy.scoring.fusion import PER_VIDEO, describe, fuse_voices
from normalcy.scoring.lesson import Lesson
from normalcy.scoring.levels import less_usual, levels_of
from normalcy.scoring.model import CalibratedModel
from normalcy.scoring.place import top_mean
from normalcy.scoring.readout import VOICE_WORDS, FrameReadout
from normalcy.scoring.scene import Arrays
from normalcy.scoring.scorer import Scorer, Window, WindowScorer
from normalcy.scoring.statistics import FrameNormal, RawReadings, calibrate_folds
from normalcy.scoring.timeline import Anchor, Timeline
from normalcy.scoring.velocity import fields_of
from normalcy.types import Frame, VideoInfo
from normalcy.video.convert import shrink
from normalcy.video.reader import working_size
from normalcy.video.source import VideoRef

if TYPE_CHECKING:
    from normalcy.scoring.windows import Windows

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Reading:
    """Calibrated reading of a batch of B windows."""

    values: NDArray[np.float64]
    """(B, R) value of each readout in standard deviations of normal video."""
    maps: NDArray[np.float32]
    """(B, h, w) fused map: 1 is as high as the highest place of all but 1 % of normal windows."""


class FrameModel(CalibratedModel[FrameNormal]):
    """Network and calibration. read() turns windows into calibrated values; everything it needs is stored in the model."""

    readouts: Sequence[FrameReadout]
    usual_hw: Mapping[str, NDArray[np.float32]] = {}
    """Of readouts that lessons lower by their level alone, how high they read there (normalcy.scoring.levels)."""

    def _build_readouts(self) -> list[FrameReadout]:
        from normalcy.scoring.readouts import build_readouts  # the readouts need torch, which exported models do without

        return build_readouts(self.cfg)

    def describe(self) -> str:
        several = len(self.names) > 1
        named = f"Each readout ({', '.join(self.names)})" if several else f"The readout {self.names[0]}"
        if self.cfg.scoring.normalise == "per_video":
            return f"{named} {PER_VIDEO}" + ("; the mean of the readouts" if several else "")
        fused = describe({r.name: VOICE_WORDS[r.voice] for r in self.readouts})
        return f"{named} in standard deviations of normal training video (cross-validated), through asinh; {fused}"

    def scorer(self, info: VideoInfo, maps: bool = False, ref: VideoRef | None = None) -> Scorer:
        return WindowScorer(self.cfg, info, FrameReader(self, info), self.timeline(info, maps), self.cfg.scoring.stride)

    @property
    def stride(self) -> tuple[int, int, int]:
        """Input steps per place of a map in time, height and width."""
        return self.network.encoder.stride

    def timeline(self, info: VideoInfo, maps: bool) -> Timeline:
        """What turns the values of one video's windows into scores of its frames."""
        voices = self.voices
        return Timeline(self.names, self.cfg.scoring, info.fps, lambda row: float(fuse_voices(row, voices)), maps)

    def windows(self, frames_NHWC: NDArray[np.uint8], index_BT: NDArray[np.int64]) -> Windows:
        """Put windows on the model's device: (N, H, W, 3) uint8 frames, and which of them are in each window (B, T)."""
        import torch

        from normalcy.scoring.windows import Windows

        frames, index = torch.from_numpy(frames_NHWC).to(self.device), torch.from_numpy(index_BT).to(self.device)
        return Windows(self.network, frames, index, self.cfg, self.encoder)

    def observe(self, x: Windows) -> None:
        """Show the readouts one batch of windows of normal video."""
        import torch

        with torch.inference_mode():
            for r in self.readouts:
                r.observe(x)

    def calibrate(self, windows: Iterable[Windows]) -> None:
        """Fit places and values on normal windows that the readouts were not fitted on."""
        raw = RawReadings(self.readouts)
        for w in windows:
            raw.add(w)
        self.normal = calibrate_folds([raw], self.cfg.scoring).whole

    def read(self, w: Windows) -> Reading:
        """Calibrated values and map of windows. Raises ModelError for a model that was never calibrated."""
        import torch

        with torch.inference_mode():
            return self._read(w)

    def _read(self, w: Windows) -> Reading:
        import torch

        s, normal = self.cfg.scoring, self.calibrated()
        values, fused, local = [], torch.zeros(len(w), *w.grid), 0
        for r in self.readouts:
            own = normal.readouts[r.name]
            maps = r.maps(w)
            value = r.values(maps)
            z = own.place.z(maps.cpu(), s.bands, s.columns, r.two_sided)
            if r.name in self.usual_hw:
                z = less_usual(z, self.usual_hw[r.name])
            v = value.cpu() if value is not None else top_mean(z, s.top)
            values.append((v.double().numpy() - own.centre) / own.scale)
            if r.local:
                fused = fused + torch.asinh(z)
                local += 1
        return Reading(np.stack(values, axis=1), (fused / max(local, 1) / normal.map_scale).numpy())

    def with_lessons(self, lessons: Sequence[Lesson]) -> Self:
        """See Model."""
        other = copy.copy(self)
        other.lessons = tuple(lessons)
        return other

    def _taught(self, lessons: Sequence[Lesson]) -> Self:
        other = copy.copy(self)
        other.readouts = [r.taught([x.of(r.name) for x in lessons]) for r in self.readouts]
        other.usual_hw = levels_of(self.names, lessons)
        return other

    def _normal_from(self, arrays: Arrays, scalars: Mapping[str, Any]) -> FrameNormal:
        return FrameNormal.from_state(self.names, arrays, scalars)


class FrameReader:
    """Reads the windows of one video (normalcy.scoring.scorer.Reader)."""

    def __init__(self, model: FrameModel, info: VideoInfo, normal: FrameModel | None = None) -> None:
        """normal: what the first segment is measured by, where its first window will not be seen."""
        self._model, self._info = model, info
        self._normal = normal
        self._centre = (span(model.cfg.clip.length, step_at(info.fps, model.cfg)) - 1) / 2
        self.size = working_size(info.width, info.height, model.cfg.input)
        self._unread: list[Window[Image]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._flows: list[Future[NDArray[np.float32]]] = []
        """Optical flow of each window that is not read yet, where a thread takes it."""

    def take(self, frame: Frame) -> Image:
        height, width = frame.image.shape[:2]
        if (width, height) == self.size:
            return frame.image
        i = self._info
        if (width, height) == (i.width, i.height):
            return shrink(frame.image, self.size)
        raise VideoError(f"{i.path}: frame {frame.index} is {width}x{height}, the video was {i.width}x{i.height}")

    def add(self, window: Window[Image]) -> None:
        if self._normal is None:  # the first window of a segment says where the camera stands
            self._normal = self._model.at(np.stack(window.frames))
        self._unread.append(window)
        if self._pool is not None:
            self._flows.append(self._pool.submit(self._flow, window))

    def read(self) -> list[Anchor]:
        assert self._normal is not None  # chosen with the first window
        images = {i: image for w in self._unread for i, image in zip(w.numbers, w.frames, strict=True)}
        place = {number: k for k, number in enumerate(images)}
        index_BT = np.array([[place[i] for i in w.numbers] for w in self._unread], dtype=np.int64)
        windows = self._model.windows(np.stack(list(images.values())), index_BT)
        if self._flows:
            windows.flows = self._flows.copy()
            self._flows.clear()
        reading = self._normal.read(windows)
        anchors = [
            Anchor(w.start + self._centre, values, score_map)
            for w, values, score_map in zip(self._unread, reading.values, reading.maps, strict=True)
        ]
        self._unread.clear()
        return anchors

    def in_threads(self) -> Callable[[], None]:
        """From now on a thread takes optical flow while others decode and run the network; returns what ends it."""
        if "velocity" in self._model.names:
            self._pool = ThreadPoolExecutor(1, "normalcy-flow")
        return self._close

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _flow(self, window: Window[Image]) -> NDArray[np.float32]:
        middle = len(window.frames) // 2
        pair = np.stack(window.frames[middle - 1 : middle + 1])
        _, sy, sx = self._model.stride
        grid = -(-pair.shape[1] // sy), -(-pair.shape[2] // sx)
        return np.asarray(fields_of(pair, np.array([[0, 1]]), grid)[0])

    def cut(self) -> None:
        self._normal = None

    def finish(self) -> None:
        return
