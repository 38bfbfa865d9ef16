"""What a trained model is, at any level; and what the levels share that are calibrated on normal video."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from normalcy.config import Config
from normalcy.errors import ModelError
from normalcy.scoring.exemplars import Wanted
from normalcy.scoring.lesson import Lesson, shown
from normalcy.scoring.readout import Readout
from normalcy.scoring.scene import Arrays, HasState, Signature, model_at, scenes_from, scenes_state, with_prefix
from normalcy.scoring.scorer import Scorer, score_all
from normalcy.scoring.threshold import Threshold
from normalcy.types import Frame, Piece, VideoInfo, VideoScores
from normalcy.video.reader import VideoReader, probe
from normalcy.video.source import VideoRef, as_ref

if TYPE_CHECKING:
    from normalcy.nn.build import Network
    from normalcy.nn.bundle import Bundle
    from normalcy.nn.encoder import Encoder

N = TypeVar("N", bound=HasState)
"""A level's statistics of normal."""


class Model(Protocol):
    """A trained model of any level: whole frames, objects, or both.

    ``score()`` scores one video; ``scorer()`` gives the object to push the frames of a stream into.
    """

    cfg: Config
    """The settings that it scores with."""
    hash: str
    """sha256 of the model folder; empty for a model that never was in one."""
    threshold: Threshold | None
    """Where the alarm is set, and what that rests on; None before calibration."""
    trained_fps: float
    """Median frame rate of the training video."""
    lessons: Sequence[Lesson]
    """Events that a person called normal."""
    scenes: Sequence[tuple[Signature, Model]]
    """Background and model of normal of each scene, where the training video shows more than one."""

    @property
    def names(self) -> list[str]:
        """Readout names, in the order of every array of readouts."""
        ...

    @property
    def words(self) -> dict[str, str]:
        """Of each name, what a high value says of a place, an object or a frame: the end of a sentence."""
        ...

    def describe(self) -> str:
        """How its score of a frame comes about before smoothing, for people: one sentence without its full stop."""
        ...

    @property
    def device(self) -> str:
        """Where its network is, as PyTorch names it."""
        ...

    @property
    def runtime(self) -> str:
        """What runs its network: torch, openvino or onnxruntime."""
        return "torch"

    @property
    def precision(self) -> str:
        """What its network computes in."""
        return self.cfg.scoring.precision

    def with_config(self, cfg: Config) -> Self:
        """The same model with other settings for scoring; network and calibration are shared. This model stays as it is."""
        ...

    def scorer(self, info: VideoInfo, maps: bool = False, ref: VideoRef | None = None) -> Scorer:
        """A scorer for one video or stream.

        Args:
            info: its size, frame rate, name (by which a detector looks up boxes from files) and path (for messages).
            maps: also give each frame its score map.
            ref: a file, in which a model of objects then finds all objects first and keeps them for other models with the
                same detector; without it they are found frame by frame.
        """
        ...

    def wanted_exemplars(self, most: int) -> Sequence[Wanted]:
        """Normal objects that pictures are to be kept of, at most so many in all."""
        return ()

    def with_lessons(self, lessons: Sequence[Lesson]) -> Self:
        """The same model, to which these events are normal where their background is seen. This model stays as it is.

        Raises ModelError for a level that cannot be taught.
        """
        raise ModelError("a model of this level cannot be taught; mark its events for evaluation, or train anew")

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """(arrays, scalars) for the model folder."""
        ...

    def notices(self) -> list[str]:
        """What it found in normal video that was changed on purpose, in plain words, a line for each change."""
        return []

    def score(self, video: str | Path | VideoRef | NDArray[np.uint8], fps: float = 25.0) -> VideoScores:
        """Score one video; writes no file.

        Args:
            video: a file, a folder of frames, or the frames themselves: (N, H, W, 3) uint8 RGB.
            fps: frames per second of frames that are given as an array.

        Returns:
            Score, time stamp and readouts of each of the N frames.

        Raises:
            SourceError, VideoError: the video cannot be used. ShortVideoError: it is shorter than a clip.
        """
        if isinstance(video, np.ndarray):
            n, height, width = video.shape[:3]
            info = VideoInfo("video", Path("video"), width, height, fps, n)
            scores = score_all(self.scorer(info), (Frame(i, i / fps, image) for i, image in enumerate(video)))
        else:
            ref = as_ref(video)
            info = probe(ref, config=self.cfg.video)
            scorer = self.scorer(info, ref=ref)
            with VideoReader(ref, scorer.size, config=self.cfg.video) as reader:
                scores = score_all(scorer, reader)
        readouts = {n: np.array([s.readouts[n] for s in scores]) for n in self.names}
        return VideoScores(info.name, np.array([s.time_s for s in scores]), np.array([s.score for s in scores]), readouts)


class CalibratedModel(Model, Generic[N]):
    """A network, and readouts that were fitted and measured on normal video, in all and for each scene.

    A level adds its readouts, its statistics of normal (N), how it reads, and its scorer.
    """

    readouts: Sequence[Readout[Any]]
    scenes: list[tuple[Signature, Self]]
    threshold: Threshold | None
    normal: N | None
    """What its readouts say of normal video; None before calibration."""
    fitted_on: set[Piece]
    """Pieces of normal video that its readouts observed; not kept in the model folder."""
    lessons: Sequence[Lesson] = ()
    """Events that a person called normal."""

    def __init__(self, cfg: Config, network: Network) -> None:
        self.network = network.eval()
        self._begin(cfg)

    def _begin(self, cfg: Config) -> None:
        """Everything but the network, before calibration."""
        self.cfg = cfg
        self.readouts = self._build_readouts()
        self.normal = None
        self.scenes = []
        self.fitted_on = set()
        self.threshold = None
        self.trained_fps = 0.0
        self.hash = ""

    def with_config(self, cfg: Config) -> Self:
        other = copy.copy(self)
        other.cfg = cfg
        other.scenes = [(background, m.with_config(cfg)) for background, m in self.scenes]
        return other

    @property
    def names(self) -> list[str]:
        return [r.name for r in self.readouts]

    @property
    def words(self) -> dict[str, str]:
        return {r.name: r.words for r in self.readouts}

    @property
    def voices(self) -> list[str]:
        """The voice of each readout, in the same order."""
        return [r.voice for r in self.readouts]

    @property
    def device(self) -> str:
        return str(next(self.network.parameters()).device)

    @cached_property
    def encoder(self) -> Encoder:
        """The network's encoder with batch normalisation folded into its convolutions: the same features, faster."""
        from normalcy.nn.fold_batchnorm import folded

        return folded(self.network.encoder)

    def fit(self) -> None:
        """End of the normal video that observe() was shown."""
        for r in self.readouts:
            r.fit()

    def at(self, frames_NHWC: NDArray[np.uint8]) -> Self:
        """The model of normal that these frames of one video are measured by: that of their scene, where there is one."""
        scene, own = model_at(frames_NHWC, self.scenes, self), shown(self.lessons, frames_NHWC)
        return scene._taught(own) if own else scene

    def _taught(self, lessons: Sequence[Lesson]) -> Self:
        """This model of one scene, to which these are normal as well."""
        raise ModelError("a model of this level cannot be taught; mark its events for evaluation, or train anew")

    def _build_readouts(self) -> Sequence[Readout[Any]]:
        """The readouts that the configuration names, not yet fitted."""
        raise NotImplementedError

    def _normal_from(self, arrays: Arrays, scalars: Mapping[str, Any]) -> N:
        """The statistics of normal from what their state() gave. Raises KeyError for what is missing."""
        raise NotImplementedError

    def calibrated(self) -> N:
        """Its statistics of normal. Raises ModelError for a model that was never calibrated."""
        if self.normal is None:
            raise ModelError("this model was not calibrated on normal video; train it to the end")
        return self.normal

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        arrays, scalars = self.calibrated().state()
        for r in self.readouts:
            arrays |= {f"{r.name}.{k}": np.ascontiguousarray(v) for k, v in r.state().items()}
        of_scenes, scalars["scenes"] = scenes_state(self.scenes)
        arrays |= of_scenes
        scalars["trained_fps"] = self.trained_fps
        if self.threshold is not None:
            scalars["threshold"] = self.threshold.to_dict()
        return arrays, scalars

    @classmethod
    def from_state(
        cls, cfg: Config, network: Network, arrays: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, Any]
    ) -> Self:
        """The reverse of state(). Raises ModelError where the calibration does not fit the configuration."""
        model = cls(cfg, network)
        try:
            model.normal = model._normal_from(arrays, scalars)
            for r in model.readouts:
                r.load(with_prefix(f"{r.name}.", arrays))
            model.scenes = scenes_from(arrays, scalars["scenes"], lambda a, s: cls.from_state(cfg, network, a, s))
            model.trained_fps = float(scalars.get("trained_fps", 0.0))
            if "threshold" in scalars:
                model.threshold = Threshold.from_dict(scalars["threshold"])
        except (KeyError, TypeError) as e:
            raise ModelError(
                f"the calibration holds nothing on {e}: it was made by another version, or the model's configuration was "
                "edited; train anew"
            ) from e
        return model

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self:
        """The model of a folder that was read. Raises ModelError as from_state()."""
        model = cls.from_state(bundle.config, bundle.network, bundle.arrays, bundle.scalars)
        model.hash = bundle.hash
        return model
