"""What a reader of the scores should know, in words."""

from __future__ import annotations

from normalcy.clips.sampling import step_at
from normalcy.config import Config
from normalcy.results.product import Context
from normalcy.video.damage import Damage


def warnings_of(context: Context, frames: int, repeated: int, damage: Damage) -> list[str]:
    """Things that make the scores of a video worth less.

    Args:
        context: the video and the model.
        frames: how many there are.
        repeated: how many of them are the same picture as the one before.
        damage: what was wrong with the recording.
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
    if repeated:
        out.append(f"{repeated} of {frames} frames repeat the frame before: the motion around them is not what was filmed")
    return out + damage.warnings()


def _clip_rate(cfg: Config, fps: float) -> float:
    """Frames per second of the model's clips in video of this rate."""
    return fps / step_at(fps, cfg) if fps > 0 else 0.0
