"""The one error tree. Every error a user can cause derives from :class:`NormalcyError`.

Each message names the file (or the setting) and the reason, and says what to do where that is known.
The command line turns the classes into exit codes; see :data:`EXIT_CODES` there.
"""

from __future__ import annotations


class NormalcyError(Exception):
    """Anything that went wrong for a reason the user can act on. One line, no traceback on the command line."""


class UsageError(NormalcyError):
    """The command or call itself is wrong: unknown option value, missing path, contradictory settings."""


class ConfigError(UsageError):
    """A configuration key or value is unknown or out of range; the message names the nearest valid key."""


class SourceError(NormalcyError):
    """A video source cannot be used: missing, empty, or nothing in it is video."""


class VideoError(SourceError):
    """One video file or frame folder cannot be read to its end: broken, truncated, audio only, size changes."""


class ShortVideoError(VideoError):
    """A video has fewer frames than one clip needs and the named policy does not allow filling up."""


class ModelError(NormalcyError):
    """A model folder cannot be loaded: missing file, damaged, or written by a newer version."""


class WeightsError(ModelError):
    """Pretrained weights do not fit the network: the message names the file and the first tensor that differs."""


class TrainingError(NormalcyError):
    """Training cannot go on: no usable video, or a loss that is not finite."""


class DataError(NormalcyError):
    """Labels, masks or a benchmark layout are not as their definition says; the message names the files."""


class MetricError(DataError):
    """A metric is undefined for this input (one class only, NaN scores). Never replaced by a flattering number."""


class OutputError(NormalcyError):
    """Output cannot be written: no permission, no space. What was there before is untouched."""


class EngineError(NormalcyError):
    """The engine that runs the work of several machines cannot be reached, or is gone. What was finished is kept."""
