"""From settings that leave things open to settings that say everything: which detector, with which weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from normalcy.config import ObjectsConfig
from normalcy.detection.base import AUTO, Detector, build_detector
from normalcy.detection.weights import DETECTOR, ENCODER, locate, missing
from normalcy.parts import DETECTORS
from normalcy.video.source import VideoRef

Progress = Callable[[int, int], None]

WITHOUT = "objects are found by their motion alone: what stands still has no box, and people side by side share one"


class NoDetectorWarning(UserWarning):
    """The detector ``auto`` does without a model."""


class AutoDetector:
    """Chooses between ``both`` and ``motion``; never the detector itself, which has the name of what was chosen."""

    name = "auto"

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> Detector:
        """See normalcy.detection.base.DetectorKind."""
        return build_detector(concrete(cfg), features)


def concrete(cfg: ObjectsConfig, videos: Sequence[VideoRef] = (), progress: Progress | None = None) -> ObjectsConfig:
    """The settings with nothing left open, as they should be stored with a model.

    ``auto`` becomes what this machine has: ``both`` with its weights by name, else ``motion``. Weights that are named are
    fetched or an error; where none are named and none are found, or onnxruntime is missing, a NoDetectorWarning says in one
    line what is lacking, what that costs and how to get it. A short side that is not set is chosen from ``videos``, if there
    are any (see normalcy.detection.enlargement).
    """
    if cfg.detector == "auto":
        lacking = _lacking(cfg)
        if lacking is None:
            cfg = cfg.model_copy(update={"detector": "both", "weights": cfg.weights or DETECTOR})
        else:
            warnings.warn(f"{WITHOUT}; {lacking}", NoDetectorWarning, stacklevel=2)
            cfg = cfg.model_copy(update={"detector": "motion"})
    if cfg.encoder == AUTO:
        cfg = cfg.model_copy(update={"encoder": _encoder(cfg)})
    if DETECTORS[cfg.detector].weights and cfg.short_side is None and videos:
        from normalcy.detection.enlargement import choose_short_side

        cfg = cfg.model_copy(update={"short_side": choose_short_side(cfg, videos, progress)})
    return cfg


def _encoder(cfg: ObjectsConfig) -> str | None:
    """What ``auto`` means here. Without a detector's boxes crops show parts of things and groups, and no encoder helps."""
    if cfg.method != "untrained" or not DETECTORS[cfg.detector].weights:
        return None
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        return None
    return ENCODER if locate(ENCODER) is not None else None


def _lacking(cfg: ObjectsConfig) -> str | None:
    try:
        import onnxruntime  # noqa: F401
    except ImportError as e:
        return f"onnxruntime is not there ({e}); get it with: pip install 'normalcy[objects]'"
    if cfg.weights is None and locate(DETECTOR) is None:
        return missing(DETECTOR)
    return None
