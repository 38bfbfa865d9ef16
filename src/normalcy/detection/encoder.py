"""What an object looks like to an image encoder: its crop, encoded by a network that knows many kinds of things.

The detector's own features come free with its boxes, and are those of a network that was made to tell people from cars. One
that was trained on ImageNet tells postures and things apart that the detector calls by one name (a person lying on the floor).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from normalcy.detection.base import Detector
from normalcy.detection.boxes import Boxes, Floats
from normalcy.detection.mobilenet import mobilenet_onnx
from normalcy.detection.session import line_of, open_session
from normalcy.detection.weights import ENCODER, find_weights
from normalcy.errors import WeightsError

SIDE = 64
"""Side of the crops in pixels, where the model takes any."""
AROUND = 1.1
"""Side of the crop in sides of the box."""
GRID = 2
"""Cells each way that a map is averaged over."""
BATCH = 32
MEAN, SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
"""Of the pictures of ImageNet, RGB in 0..1: what image encoders expect."""


class CropEncoder:
    """An image encoder in ONNX: (N, 3, H, W) of RGB normalised as ImageNet's in; a map (N, C, h, w) or vectors (N, D) out."""

    def __init__(self, weights: str | None, threads: int = 1) -> None:
        """weights: an .onnx file by path, or a name of normalcy.detection.weights.KNOWN; None for ENCODER.

        Raises UsageError without onnxruntime, WeightsError where the file is missing or no image encoder.
        """
        self._path = find_weights(weights or ENCODER)
        model = None if self._path.suffix == ".onnx" else mobilenet_onnx(self._path)
        self.digest = hashlib.sha256(self._path.read_bytes()).hexdigest()
        self._session = open_session(self._path, model, threads)
        inputs = self._session.get_inputs()
        shape: list[Any] = list(inputs[0].shape) if inputs else []
        if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or inputs[0].type != "tensor(float)":
            raise self._strange(f"its input is {[(i.type, i.shape) for i in inputs]}, not one of (N, 3, H, W) float32 pictures")
        self._input = inputs[0].name
        self._batch = shape[0] if isinstance(shape[0], int) else BATCH
        self._fixed_batch = isinstance(shape[0], int)
        self._size = tuple(s if isinstance(s, int) else SIDE for s in (shape[3], shape[2]))
        self.width = self._run(np.zeros((1, 3, self._size[1], self._size[0]), np.float32)).shape[1]

    @property
    def key(self) -> str:
        """Everything that the features depend on, beside the picture and the boxes."""
        return f"{self.digest} {self._size} {AROUND} {GRID}"

    def encode(self, frame_HWC: NDArray[np.uint8], xyxy_N4: Floats) -> NDArray[np.float16]:
        """(N, D) float16 of unit length, of boxes in pixels of the (H, W, 3) uint8 RGB frame.

        Of a map the mean of each cell of a 2 x 2 grid, row by row, as of the detector's features.
        """
        crops = np.stack([self._crop(frame_HWC, box) for box in xyxy_N4.tolist()]) if len(xyxy_N4) else None
        if crops is None:
            return np.zeros((0, self.width), np.float16)
        x = np.ascontiguousarray(((crops.astype(np.float32) / 255.0 - MEAN) / SPREAD).transpose(0, 3, 1, 2))
        out = np.concatenate([self._run(x[i : i + self._batch]) for i in range(0, len(x), self._batch)])
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9), dtype=np.float16)

    def _crop(self, frame_HWC: NDArray[np.uint8], box: Sequence[float]) -> NDArray[np.uint8]:
        """The box and a little around it, on the model's canvas; beyond the picture its border is repeated."""
        x1, y1, x2, y2 = box
        size = max(1, round((x2 - x1) * AROUND)), max(1, round((y2 - y1) * AROUND))
        patch = cv2.getRectSubPix(frame_HWC, size, ((x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2))
        how = cv2.INTER_AREA if size[0] * size[1] > self._size[0] * self._size[1] else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(patch, self._size, interpolation=how), dtype=np.uint8)

    def _run(self, x_N3HW: Floats) -> Floats:
        """(N, D), not yet of unit length. Raises WeightsError where the output is neither maps nor vectors."""
        n = len(x_N3HW)
        if self._fixed_batch and n < self._batch:
            x_N3HW = np.concatenate([x_N3HW, np.zeros((self._batch - n, *x_N3HW.shape[1:]), np.float32)])
        try:
            out = np.asarray(self._session.run(None, {self._input: x_N3HW})[0], dtype=np.float32)[:n]
        except Exception as e:  # onnxruntime's errors have no common class of their own
            raise WeightsError(
                f"{self._path}: the encoder failed on {self._size[0]}x{self._size[1]} crops: {line_of(e)}"
            ) from e
        if out.ndim == 4 and out.shape[2] >= GRID and out.shape[3] >= GRID:
            rows = (np.array_split(out, GRID, axis=2)[i] for i in range(GRID))
            cells = [np.array_split(r, GRID, axis=3)[j].mean(axis=(2, 3)) for r in rows for j in range(GRID)]
            return np.concatenate(cells, axis=1)
        if out.ndim >= 2 and len(out) == n and out.size:
            return out.reshape(n, -1)
        raise self._strange(f"its output is {out.shape}, neither (N, C, h, w) nor (N, D)")

    def _strange(self, reason: str) -> WeightsError:
        return WeightsError(f"{self._path}: not an image encoder: {reason}")


class EncodingDetector:
    """The boxes of a detector, each with what an encoder makes of its crop (``Boxes.crops_ND``)."""

    def __init__(self, detector: Detector, encoder: CropEncoder) -> None:
        self._detector, self._encoder = detector, encoder
        self.name = detector.name

    @property
    def key(self) -> str:
        """Of both."""
        return f"{self._detector.key} crops {self._encoder.key}"

    def reset(self, video: str = "", fps: float = 25.0, every: int = 1) -> None:
        """The detector starts anew; the encoder remembers nothing."""
        self._detector.reset(video, fps, every)

    def push(self, frame_HWC: NDArray[np.uint8]) -> Boxes:
        """See :class:`normalcy.detection.base.Detector`."""
        found = self._detector.push(frame_HWC)
        return replace(found, crops_ND=self._encoder.encode(frame_HWC, found.xyxy_N4))

    def finish(self) -> None:
        """The detector ends."""
        self._detector.finish()
