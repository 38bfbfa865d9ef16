"""Objects by a YOLOX-layout ONNX model of the user's choice (Ge et al. 2021), run by onnxruntime."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.config import ObjectsConfig
from normalcy.detection.adapted import adapted
from normalcy.detection.boxes import Boxes, joined, nms
from normalcy.detection.classes import CLASSES
from normalcy.detection.feature_map import FeatureMap
from normalcy.detection.session import line_of, open_session
from normalcy.detection.weights import find_weights
from normalcy.errors import WeightsError

PAD = 114
"""Grey that the picture is set on, as in YOLOX's training."""
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
MULTIPLE = 32
SHORT_SIDE = 480
"""Where none is set or chosen."""
OVERLAP = 0.2
"""Share of a tile that its neighbour shows too."""
_LARGEST_LOG = 16.0
"""Raw sizes are logarithms: e^16 strides is no box. A model whose sizes are larger has already turned them into pixels."""
_EDGE = 2.0

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Letterbox(NamedTuple):
    """A picture on the model's canvas."""

    canvas_3HW: Floats
    """(3, H, W) float32 BGR 0..255, the picture at the top left, grey below and right of it."""
    scale: float
    """Canvas pixels per picture pixel."""


def letterbox(frame_HWC: Image, width: int, height: int, scale: float | None = None) -> Letterbox:
    """frame: (H, W, 3) uint8 RGB. scale: canvas pixels per picture pixel; None for the largest that fits."""
    h, w = frame_HWC.shape[:2]
    r = min(width / w, height / h) if scale is None else scale
    rw, rh = min(max(int(w * r), 1), width), min(max(int(h * r), 1), height)
    small = cv2.resize(frame_HWC, (rw, rh), interpolation=cv2.INTER_LINEAR)
    canvas = np.full((3, height, width), PAD, np.float32)
    canvas[:, :rh, :rw] = small[:, :, ::-1].transpose(2, 0, 1)
    # by the scale asked for, as YOLOX does, and not by the rounded sizes: that is what its boxes are measured in
    return Letterbox(canvas, r)


def strides_of(rows: int, width: int, height: int) -> tuple[int, ...] | None:
    """The strides whose grids over a width x height canvas have so many places in all, None where no known set has."""
    for strides in STRIDES:
        if rows == sum((height // s) * (width // s) for s in strides):
            return strides
    return None


def decode(output_NC: Floats, width: int, height: int, strides: tuple[int, ...]) -> Floats:
    """Raw model output -> (N, C) with x1, y1, x2, y2 in canvas pixels in the first four columns; the others as they are.

    output: per place x and y offset in strides, log width and height in strides, objectness, class scores.
    """
    grids, sizes = [], []
    for s in strides:
        gy, gx = np.meshgrid(np.arange(height // s), np.arange(width // s), indexing="ij")
        grids.append(np.stack([gx, gy], axis=-1).reshape(-1, 2))
        sizes.append(np.full(gx.size, s))
    stride_N1 = np.concatenate(sizes)[:, None].astype(np.float32)
    centre = (output_NC[:, :2] + np.concatenate(grids)) * stride_N1
    half = np.exp(np.minimum(output_NC[:, 2:4], _LARGEST_LOG)) * stride_N1 / 2
    return np.concatenate([centre - half, centre + half, output_NC[:, 4:]], axis=1).astype(np.float32)


def boxes_from(decoded_NC: Floats, min_score: float) -> Boxes:
    """All boxes with objectness x best class of at least min_score, nothing suppressed. probs_NK: class scores, each 0..1.

    Classes of a model that has not COCO's 80 count from 80 on: no name of COCO is theirs.
    """
    best = decoded_NC[:, 5:].argmax(axis=1)
    foreign = 0 if decoded_NC.shape[1] - 5 == len(CLASSES) else len(CLASSES)
    score = decoded_NC[:, 4] * decoded_NC[np.arange(len(best)), 5 + best]
    xyxy = decoded_NC[:, :4]
    keep = (score >= min_score) & np.isfinite(xyxy).all(axis=1) & (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    return Boxes(
        xyxy[keep],
        np.clip(score[keep], 0, 1).astype(np.float32),
        best[keep].astype(np.int64) + foreign,
        np.clip(decoded_NC[keep, 5:], 0, 1).astype(np.float32),
    )


class YoloxDetector:
    """Boxes of a YOLOX model. Of boxes that overlap, whatever their class, the surest stays: one object, one box."""

    name = "onnx"

    @classmethod
    def build(cls, cfg: ObjectsConfig, features: bool = False) -> YoloxDetector:
        """See normalcy.detection.base.DetectorKind."""
        return cls(cfg, features)

    def __init__(self, cfg: ObjectsConfig, features: bool = False) -> None:
        """features: also describe each box by the model's own feature map, where it has one (``has_features`` says).

        Raises UsageError without onnxruntime, WeightsError where the file is missing or no YOLOX model.
        """
        self._cfg = cfg
        self._path = find_weights(cfg.weights)
        self._digest = _sha256(self._path)
        self._side = cfg.short_side or SHORT_SIDE
        self._session = open_session(self._path, None, cfg.threads)
        self._input, self._fixed = self._size()
        self._outputs = [self._session.get_outputs()[0].name]
        self._map: FeatureMap | None = None
        self._decoded = self._try_out()
        self._freed = self._fixed is not None and self._use(features, any_size=True) and self._free()
        if not self._freed and (features or self._fixed is not None):
            self._use(features, any_size=False)

    @property
    def has_features(self) -> bool:
        """Whether boxes come with features_ND."""
        return len(self._outputs) > 1

    @property
    def key(self) -> str:
        """Digest of the weights, and the settings that decide the boxes."""
        c = self._cfg
        more = (" freed" if self._freed else "") + (" features" if self.has_features else "")
        return f"onnx {self._digest} score {c.min_score} nms {c.nms} side {self._side} tiles {c.tiles}{more}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """Nothing is remembered from frame to frame."""

    def finish(self) -> None:
        """Nothing to check."""

    def push(self, frame_HWC: Image) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`."""
        h, w = frame_HWC.shape[:2]
        found = self._search(frame_HWC)
        whole = self._map
        for x1, y1, x2, y2 in tiles(w, h, self._cfg.tiles):
            part = self._search(frame_HWC[y1:y2, x1:x2])
            found = joined(found, _not_cut(part, (x1, y1, x2, y2), w, h))
        self._map = whole  # tiles show things larger than the whole does: one scale for all
        return self.described(nms(found.within(w, h), self._cfg.nms))

    def described(self, boxes: Boxes) -> Boxes:
        """Any boxes on the frame that was pushed last, with features_ND where the model has a feature map."""
        return boxes if self._map is None else replace(boxes, features_ND=self._map.describe(boxes.xyxy_N4))

    def _search(self, image: Image) -> Boxes:
        h, w = image.shape[:2]
        if self._fixed is not None:
            width, height = self._fixed
            boxed = letterbox(image, width, height)
        else:
            r = self._side / min(w, h)
            width, height = (-(-round(side * r) // MULTIPLE) * MULTIPLE for side in (w, h))
            boxed = letterbox(image, width, height, r)
        found = boxes_from(self._run(boxed), self._cfg.min_score)
        return found.scaled(1 / boxed.scale, 1 / boxed.scale)

    def _run(self, boxed: Letterbox) -> Floats:
        """(N, 5 + K), boxes in canvas pixels; keeps the feature map. Raises WeightsError where the output is not YOLOX's."""
        height, width = boxed.canvas_3HW.shape[1:]
        try:
            out, *maps = (np.asarray(o) for o in self._session.run(self._outputs, {self._input: boxed.canvas_3HW[None]}))
        except Exception as e:  # onnxruntime's errors have no common class of their own
            raise WeightsError(f"{self._path}: the model failed on a {width}x{height} picture: {line_of(e)}") from e
        if out.ndim != 3 or out.shape[0] != 1 or out.shape[2] < 6:
            raise self._strange(f"its output is {out.shape}, not (1, places, 5 + classes)")
        strides = strides_of(out.shape[1], width, height)
        if strides is None:
            raise self._strange(f"{out.shape[1]} places do not fit strides 8, 16, 32 on a {width}x{height} input")
        out = out[0].astype(np.float32)
        self._map = FeatureMap.of(maps[0][0], boxed.scale) if maps else None
        return _corners(out) if self._decoded else decode(out, width, height, strides)

    def _size(self) -> tuple[str, tuple[int, int] | None]:
        """(name of the input, its fixed (width, height) or None). Raises WeightsError for inputs that are not a picture."""
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape) if inputs else []
        if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or (_is_int(shape[0]) and shape[0] != 1):
            raise self._strange(f"its input is {[i.shape for i in inputs]}, not one (1, 3, H, W) picture")
        if inputs[0].type != "tensor(float)":
            raise self._strange(f"its input is {inputs[0].type}, not float32")
        if not (_is_int(shape[2]) and _is_int(shape[3])):
            return inputs[0].name, None
        if shape[2] % MULTIPLE or shape[3] % MULTIPLE:
            raise self._strange(f"its input of {shape[3]}x{shape[2]} is not a multiple of {MULTIPLE}")
        return inputs[0].name, (shape[3], shape[2])

    def _use(self, features: bool, any_size: bool) -> bool:
        """Go on with the model changed in memory. False where it cannot be changed."""
        model = adapted(self._path, features, any_size)
        if model is None:
            return False
        try:
            self._session = open_session(self._path, model.model, self._cfg.threads)
        except WeightsError:  # a network that is bound to its size by more than its input
            return False
        self._outputs[1:] = [] if model.feature_map is None else [model.feature_map]
        return True

    def _free(self) -> bool:
        """Whether a model made for one size takes another too; then it is no longer taken for fixed."""
        assert self._fixed is not None
        width, height = (side + MULTIPLE for side in self._fixed)
        try:
            self._run(Letterbox(np.full((3, height, width), PAD, np.float32), 1.0))
        except WeightsError:
            return False
        self._fixed = None
        return True

    def _try_out(self) -> bool:
        """Run it once on grey. Whether its boxes come in pixels already; raises WeightsError where it is not YOLOX."""
        width, height = self._fixed or (416, 416)
        self._decoded = True  # leave the numbers as they come
        raw = self._run(Letterbox(np.full((3, height, width), PAD, np.float32), 1.0))
        if not np.isfinite(raw).all():
            raise self._strange("it gives values that are not finite numbers")
        if raw[:, 4:].min() < -1e-3 or raw[:, 4:].max() > 1 + 1e-3:
            raise self._strange("its scores leave 0..1; export it with YOLOX's tools/export_onnx.py")
        return bool((raw[:, 2:4] - raw[:, 0:2]).max() > _LARGEST_LOG)

    def _strange(self, reason: str) -> WeightsError:
        return WeightsError(f"{self._path}: not a YOLOX-layout model: {reason}")


def tiles(width: int, height: int, n: int) -> list[tuple[int, int, int, int]]:
    """n x n overlapping parts (x1, y1, x2, y2) that cover the picture; none for n = 1, as the whole is searched anyway."""
    if n == 1:
        return []

    def spans(length: int) -> list[tuple[int, int]]:
        size = min(length, int(np.ceil(length / (n - (n - 1) * OVERLAP))))
        starts = np.linspace(0, length - size, n).round().astype(int).tolist()
        return [(s, s + size) for s in starts]

    return [(x1, y1, x2, y2) for y1, y2 in spans(height) for x1, x2 in spans(width)]


def _not_cut(found: Boxes, tile: tuple[int, int, int, int], width: int, height: int) -> Boxes:
    """In pixels of the whole picture, without what a tile's inner border cuts: its neighbour or the whole shows that whole."""
    x1, y1, x2, y2 = tile
    b = found.xyxy_N4
    cut = np.zeros(len(found), np.bool_)
    for inner, near in (
        (x1 > 0, b[:, 0] < _EDGE),
        (y1 > 0, b[:, 1] < _EDGE),
        (x2 < width, b[:, 2] > x2 - x1 - _EDGE),
        (y2 < height, b[:, 3] > y2 - y1 - _EDGE),
    ):
        cut |= near & inner
    kept = found.select(~cut)
    moved = (kept.xyxy_N4 + np.array([x1, y1, x1, y1])).astype(np.float32)
    return Boxes(moved, kept.score_N, kept.label_N, kept.probs_NK)


def _corners(out_NC: Floats) -> Floats:
    """Centre and size in the first four columns -> corners."""
    half = out_NC[:, 2:4] / 2
    return np.concatenate([out_NC[:, :2] - half, out_NC[:, :2] + half, out_NC[:, 4:]], axis=1)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror or e}") from e


def _is_int(value: object) -> bool:
    return isinstance(value, int)
