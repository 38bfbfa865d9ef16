"""The object level of training: boxes of the normal video, tubes for the batches, calibration on its objects.

Plugs into normalcy.training.run.fit as its ``level``; nothing below knows of it.
"""

from __future__ import annotations

from normalcy.config import Config
from normalcy.errors import TrainingError
from normalcy.nn.build import Network
from normalcy.objects.folds import ObjectFolds
from normalcy.objects.model import ObjectModel, region_size
from normalcy.objects.sampler import TubeSampler
from normalcy.objects.training_boxes import TrainingBoxes
from normalcy.scoring.crossfit import cross_fit, plan_of, threshold_of
from normalcy.scoring.normal_video import NormalVideo


class ObjectLevel:
    """Objects instead of whole frames. One for each training: it keeps the boxes from the batches for the calibration."""

    trains = True
    whole = False

    def __init__(self) -> None:
        self._boxes: TrainingBoxes | None = None

    def size(self, width: int, height: int, cfg: Config) -> tuple[int, int]:
        """(width, height) of the frames that crops are cut from."""
        return region_size(width, height, cfg)

    def samplers(self, footage: NormalVideo) -> tuple[TubeSampler, TubeSampler]:
        """Find the boxes (or read them from the cache); then see normalcy.training.level.Level."""
        boxes = self._boxes = TrainingBoxes.of(footage)
        frames, cfg = [v.frames for v in footage.videos], footage.cfg
        fit = TubeSampler(frames, boxes.small, footage.fit_on, cfg, cfg.seed, boxes.ids)
        try:
            return fit, TubeSampler(frames, boxes.small, footage.held, cfg, cfg.seed + 1, boxes.ids)
        except TrainingError:  # few objects: the validation figures are then of the part that was learned from
            return fit, TubeSampler(frames, boxes.small, footage.fit_on, cfg, cfg.seed + 1, boxes.ids)

    def batch(self, cfg: Config) -> int:
        """Tubes are far smaller than crops of frames, and so are more of them."""
        return cfg.objects.batch

    def calibrate(self, network: Network, footage: NormalVideo) -> ObjectModel:
        """Densities and statistics of all normal objects, by cross-validation, for each scene; then the threshold."""
        objects = ObjectFolds(network, footage, self._boxes or TrainingBoxes.of(footage))
        model, tested = cross_fit(plan_of(footage), objects.fit)
        model.threshold = threshold_of(footage, tested, objects.score)
        return model
