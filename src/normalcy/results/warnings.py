"""What a reader of the scores should know, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from normalcy.clips.sampling import step_at
from normalcy.config import Config
from normalcy.results.product import Context


def warnings_of(context: Context, time_s: ArrayLike, repeated: int) -> list[str]:
    """Things that make the scores of a video worth less.

    Args:
        context: the video and the model.
        time_s: (N,) seconds, the time stamps of all frames.
        repeated: how many frames are the same picture as the one before.
    """
    info, model = context.info, context.model
    out = [] if context.alarm.warning is None else [context.alarm.warning]
    if context.ref.kind == "frames":
        out.append(f"a folder of frames carries no time: {info.fps:g} frames/s were assumed")
    trained, now = _clip_rate(model.cfg, model.trained_fps), _clip_rate(model.cfg, info.fps)
    if trained > 0 and abs(now / trained - 1) > 0.1:
        out.append(
            f"the model learned from clips of {trained:.3g} frames/s (video of {model.trained_fps:g}), here they have "
            f"{now:.3g} (video of {info.fps:g}): everything moves {'less' if now > trained else 'more'} from frame to frame "
            "than what the model learned"
        )
    gaps_s = np.diff(np.asarray(time_s, dtype=np.float64))
    frames = len(gaps_s) + 1
    if repeated:
        out.append(f"{repeated} of {frames} frames repeat the frame before: the motion around them is not what was filmed")
    usual = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    jumps = int(np.sum(gaps_s > 1.8 * usual)) if usual > 0 else 0
    if jumps:
        out.append(f"{jumps} of {frames - 1} time steps are longer than usual (frames are missing, or the frame rate varies)")
    return out


def _clip_rate(cfg: Config, fps: float) -> float:
    """Frames per second of the model's clips in video of this rate."""
    return fps / step_at(fps, cfg) if fps > 0 else 0.0
