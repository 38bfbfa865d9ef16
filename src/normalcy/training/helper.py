"""One further device of a training on several: ``python -m normalcy.training.helper SPEC.json``, started by the first."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import torch
from lightning.pytorch import seed_everything

from normalcy.config import Config
from normalcy.nn.build import build_network, channels_last
from normalcy.nn.share import share_statistics
from normalcy.training.callbacks import Checkpoints
from normalcy.training.dataset import Feed, feed_of, loader
from normalcy.training.level import FrameLevel
from normalcy.training.modules import DecoderTask, ProxyTask
from normalcy.training.run import VALIDATION_BATCHES, look_through, set_threads
from normalcy.training.together import read_spec, ready
from normalcy.training.trainer import make_trainer
from normalcy.video.source import VideoRef


def main(path: Path) -> None:
    """Take part in one stage. Weights come from the first process; batches are the same by (seed, step)."""
    spec = read_spec(path)
    cfg = Config.model_validate(spec["config"])
    set_threads(cfg)
    level = FrameLevel(whole=spec["whole"])
    refs = [VideoRef(r["name"], Path(r["path"]), r["kind"]) for r in spec["refs"]]
    footage, _ = look_through(refs, cfg, level, None)
    sampler, held = level.samplers(footage)
    warnings.filterwarnings("ignore", module="lightning")
    seed_everything(cfg.seed, workers=True, verbose=False)
    network = channels_last(build_network(cfg))
    share_statistics(network)
    first = spec["stage"] == "encoder"
    task = ProxyTask(network, cfg) if first else DecoderTask(network, cfg)
    steps, batch = (cfg.train.steps, level.batch(cfg)) if first else (cfg.decoder.steps, cfg.decoder.batch)
    feed = feed_of(spec["stage"], sampler, batch, spec["done"], steps)
    saver = Checkpoints(Path(spec["checkpoint"]), cfg.train.checkpoint_s)
    trainer = make_trainer(cfg, torch.device(spec["device"]), steps, spec["precision"], False, [saver])
    resumed = spec["checkpoint"] if spec["done"] else None
    validation = Feed(held, batch, 0, VALIDATION_BATCHES)
    ready(path, int(os.environ["LOCAL_RANK"])).touch()
    trainer.fit(task, loader(feed, cfg.train.workers), validation, ckpt_path=resumed, weights_only=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
