"""The whole configuration as one strict tree. Defaults are those of the preset cpu.

Every field has a range, and says what it means and what it decides, from which follows when it may change.
How a configuration comes about, from presets, files and flags, is normalcy.presets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from operator import getitem
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from normalcy.parts import CUES, DETECTORS, ENCODERS, choices

if TYPE_CHECKING:
    CueName = str
    DetectorName = str
    EncoderName = str
else:
    CueName, DetectorName, EncoderName = (Literal[tuple(kind)] for kind in (CUES, DETECTORS, ENCODERS))
Weight = Annotated[float, Field(ge=0.0, le=1.0)]
Decides = Literal["network", "calibration", "score", "place", "speed", "run"]
DECIDES: dict[Decides, str] = {
    "network": "what the networks learn; train anew to change it",
    "calibration": "what counts as normal; train anew to change it",
    "score": "what is made of a trained model's values; may change when a model scores",
    "place": "where files lie on this machine; may change when a model scores",
    "speed": "no number, only how fast it goes; may change when a model scores",
    "run": "no number, only how a training is run",
}
"""What a field can decide. Everything that depends on it is derived: see deciding() and values()."""
WHEN_SCORING: tuple[Decides, ...] = ("score", "place", "speed")
"""What may change when a trained model scores."""


def _setting(decides: Decides, **marks: str) -> Callable[..., Any]:
    """pydantic's Field for a setting that decides this: its default, what it means, and its range."""

    def field(default: Any, meaning: str, **limits: Any) -> Any:
        return Field(default, description=meaning, json_schema_extra={"decides": decides, **marks}, **limits)

    return field


network, calibration, score = _setting("network"), _setting("calibration"), _setting("score")
place, speed, run = _setting("place"), _setting("speed"), _setting("run")
task, object_task = _setting("network", task="any"), _setting("network", task="object")


def mark(field: FieldInfo, name: str) -> str | None:
    """What a field is marked with under ``decides`` or ``task``."""
    extra = field.json_schema_extra
    return str(extra[name]) if isinstance(extra, dict) and name in extra else None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class VideoConfig(_Strict):
    """How recordings are read, sound or damaged."""

    damage: Literal["skip", "refuse"] = score(
        "skip",
        "What cannot be decoded: skip = left out, its place in time kept, reported; refuse = the file is refused, as "
        "eval --dataset does",
    )
    max_lost: Weight = score(0.5, "A file that lost more than this share of its pictures is refused all the same")
    jump_s: float = score(
        5.0,
        "A time stamp further than this from its expected place is not believed; three in a row that agree are a new time "
        "line, joined on without a gap",
        ge=0.1,
        le=1e9,
    )
    deinterlace: Literal["auto", "on", "off"] = score(
        "auto", "Fields are taken apart where the decoder says that pictures are interlaced; on = always; off = never"
    )
    window: tuple[int, int] | None = network(
        None,
        "16-bit grey (thermal cameras): the values that become black and white; null: training takes them from its video, and "
        "elsewhere the upper 8 bits count",
    )
    folder_gaps: Literal["ignore", "keep"] = score(
        "ignore", "Numbers that a folder of frames lacks: ignore = the frames follow on; keep = they keep their time"
    )

    @field_validator("deinterlace", mode="before")
    @classmethod
    def _yaml(cls, value: object) -> object:
        """YAML, which files and --set are read as, takes on and off for true and false."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _ordered(self) -> VideoConfig:
        if self.window is not None and not 0 <= self.window[0] < self.window[1] <= 65535:
            raise ValueError("video.window must be two rising values from 0 to 65535")
        return self


class InputConfig(_Strict):
    """How a decoded frame becomes network input."""

    short_side: int | None = network(160, "Resize so that the shorter side has this many pixels", ge=16, le=2048)
    size: tuple[int, int] | None = network(None, "Exact (width, height) instead of short_side; changes the aspect")
    multiple: int = network(8, "Both sides are rounded to a multiple of this (the encoder's stride)", ge=1, le=64)
    channels: Literal["rgb", "grey_diff", "rgb_diff"] = network(
        "grey_diff", "rgb: pixels in [0,1]; *_diff: pixels beside 2 x the difference to the frame before"
    )

    @model_validator(mode="after")
    def _one_of(self) -> InputConfig:
        if (self.short_side is None) == (self.size is None):
            raise ValueError("give exactly one of short_side and size")
        return self

    @property
    def channel_count(self) -> int:
        """Network input channels."""
        return {"rgb": 3, "grey_diff": 2, "rgb_diff": 6}[self.channels]


class ClipConfig(_Strict):
    """Clips (3.2 of the paper)."""

    length: int = network(5, "T, frames of a continuous clip", ge=3, le=64)
    fps: float | None = network(
        5.0, "Frames per second of a clip: each video's step follows from its own rate; null = step", gt=0.0, le=240.0
    )
    step: int = network(1, "Source frames between two frames of a clip, where fps is null", ge=1, le=32)
    match_lengths: bool = network(
        True, "Crop V_c to the T-1 frames of V_d, so that length cannot give continuity away; paper: false"
    )
    short: Literal["error", "repeat"] = score("error", "A video shorter than a clip: an error, or its last frame repeated")


class EncoderConfig(_Strict):
    """F."""

    name: EncoderName = network("light", choices(ENCODERS))
    width: int = network(16, "light: channels of the first layer", ge=4, le=128)
    endpoint: str = network("Mixed_5c", "i3d: last layer that is run")
    weights: str | None = network(None, "i3d: path of Kinetics-400 weights (.safetensors)")
    frozen: bool = network(False, "Keep the encoder as it is and train the heads alone")


class HeadsConfig(_Strict):
    """P1, P2, P3."""

    projection: int = network(128, "Dimensions of P3's output", ge=4, le=2048)
    hidden: int = network(128, "Hidden units of each head; 0 = one linear layer", ge=0, le=4096)
    keep_time: bool = network(True, "P2 keeps the time axis instead of the paper's pooling over time")
    classes: int = network(80, "Class scores of the detector, for the distillation task", ge=1, le=10_000)


class TasksConfig(_Strict):
    """The joint loss, equation 8. A weight of 0 switches the task off."""

    continuity: Weight = task(1.0, "w1, continuity judgment (CJ), eq. 1")
    localisation: Weight = task(1.0, "w2, discontinuity localisation (DL), eq. 2")
    estimation: Weight = task(1.0, "w3, missing frame estimation (MFE), eq. 3-7")
    frame_prediction: Weight = task(0.0, "Frame prediction baseline (FP of Table 2): intensity + gradient loss")
    arrow: Weight = object_task(0.0, "Arrow of time [11], at object level: is the clip played backward?")
    irregularity: Weight = object_task(0.0, "Motion irregularity [11], at object level: do frames lie at uneven steps?")
    middle: Weight = object_task(0.0, "Middle frame of the object [11], painted from the features of the others")
    distillation: Weight = object_task(0.0, "The detector's class scores [11], told from the object's middle frame")
    continuity_of: Literal["clip", "pair"] = network(
        "pair",
        "pair: continuity is judged of two frames, with a gap between them or none, where only how far things "
        "moved can tell; clip: of whole clips, as in the paper",
    )
    widest_gap: int = network(
        4, "pair: frames from the first to the second at most (below T); 2 = one is missing, the paper's", ge=2, le=64
    )
    omega: Weight = network(0.5, "Motion (triplet) against appearance (contrastive) in eq. 3")
    gamma: float = network(0.5, "Margin of the triplet term; the paper gives none", gt=0.0, le=2.0)
    tau: float = network(0.1, "Temperature of the contrastive term", gt=0.0, le=10.0)

    @model_validator(mode="after")
    def _any(self) -> TasksConfig:
        if not any(getattr(self, n) for n in TASKS):
            raise ValueError("every task is switched off; give at least one a weight above 0")
        return self


TASKS = tuple(k for k, f in TasksConfig.model_fields.items() if mark(f, "task"))
"""The weights of tasks."""
OBJECT_TASKS = tuple(k for k, f in TasksConfig.model_fields.items() if mark(f, "task") == "object")
"""Tasks of the multi-task backbone [11] (Georgescu et al., CVPR 2021), which are about clips of objects."""


class TrainConfig(_Strict):
    """Optimisation of the encoder and the heads."""

    steps: int = network(300, "Optimiser steps", ge=1, le=10_000_000)
    batch: int = network(12, "Clip pairs per step; at object level see objects.batch", ge=2, le=4096)
    crop: int | None = network(96, "Side of the square crops in resized pixels; null = whole frame", ge=16, le=1024)
    dense: bool = network(
        True, "Continuity and localisation are judged at every moving place of a frame; false: once per crop (the paper)"
    )
    lr: float = network(3e-3, "Peak learning rate of AdamW, decayed by a cosine to 0", gt=0.0, le=1.0)
    warmup: Weight = network(0.1, "Share of the steps over which the learning rate rises first")
    weight_decay: float = network(0.01, "Weight decay of AdamW", ge=0.0, le=1.0)
    clip_norm: float = network(5.0, "Gradient norm is clipped to this", gt=0.0)
    precision: Literal["auto", "fp32", "bf16"] = network("auto", "auto: measured at the start, the faster one")
    checkpoint_s: float = run(30.0, "Seconds between checkpoints; a kill loses at most this much", gt=0.0)
    holdout: float = network(0.2, "Share of the normal video kept for validation and calibration", gt=0.0, lt=0.9)
    workers: int = run(0, "Loader processes; 0 = in the training process", ge=0, le=64)
    devices: int = run(1, "Processors (with a GPU: GPUs) that share every batch; it must divide train.batch", ge=1, le=64)
    threads: int | None = run(None, "Torch threads; null = all cores", ge=1, le=256)
    exemplars: int = run(
        200,
        "Small pictures of normal objects, at most, that the model folder keeps, and of each scene some, to show what an "
        "event was compared with; 0 = the model folder holds no picture",
        ge=0,
        le=5000,
    )


class DecoderConfig(_Strict):
    """Stage 2: the decoder that the psnr readout needs."""

    steps: int = network(0, "Optimiser steps; 0 = no decoder, no psnr readout", ge=0, le=10_000_000)
    batch: int = network(8, "Clips per step", ge=1, le=4096)
    lr: float = network(1e-3, "Peak learning rate of AdamW, decayed by a cosine to 0", gt=0.0, le=1.0)
    width: int = network(32, "Channels of the widest decoder layer", ge=4, le=1024)
    freeze_encoder: bool = network(True, "Train the decoder alone")


ReadoutName = Literal["psnr", "feature", "proxy", "density", "frame_density", "continuity", "motion", "velocity"]


class ScoringConfig(_Strict):
    """From features to a score for every frame."""

    readouts: tuple[ReadoutName, ...] = calibration(
        ("density", "frame_density", "velocity"), "What the score is made of; see docs/method.md", min_length=1
    )
    density_of: Literal["clip", "pair"] = calibration(
        "pair", "Densities are about the features of a window's two middle frames (pair), or of all of it (clip)"
    )
    stride: int = score(1, "Clip frames between two scored windows", ge=1, le=64)
    batch: int = speed(8, "Windows per forward pass; 1 for the lowest delay", ge=1, le=512)
    bands: int = calibration(8, "Bands of image rows that normal statistics are kept for; 1 = whole frame", ge=1, le=64)
    columns: int = calibration(1, "Zones that each band is divided into, for a fixed camera; 1 = rows alone", ge=1, le=64)
    lanes: int = calibration(16, "velocity: columns of zones that velocities are counted in; 1 = rows alone", ge=1, le=64)
    top: float = calibration(0.01, "Share of a map's places whose mean is the window's value", gt=0.0, le=1.0)
    normalise: Literal["train", "per_video"] = score(
        "train", "train: normal training video (default); per_video: min-max over each test video (the paper's)"
    )
    smoothing: Literal["none", "gaussian", "ema"] = score("gaussian", "gaussian is centred, ema causal")
    sigma_s: float = score(0.7, "Width of the smoothing in seconds", ge=0.0, le=60.0)
    precision: Literal["fp32", "bf16", "auto"] = score(
        "fp32",
        "bf16 changes scores slightly, and is faster on some processors; auto: bf16 where it is, measured once on each machine",
    )


ObjectReadoutName = Literal[
    "continuity", "localisation", "estimation", "arrow", "irregularity", "middle", "distillation", "density", "flow"
]
OBJECT_READOUTS: tuple[ObjectReadoutName, ...] = get_args(ObjectReadoutName)
"""What can be read off an object: the score of each task, the density of its features, its motion."""


class ObjectsConfig(_Strict):
    """Where the objects are, and their crops. Used where something works on objects instead of whole frames."""

    method: Literal["untrained", "tubes"] = network(
        "untrained",
        "untrained: looks, speed, gait, place and more of each object against normal ones of its place; tubes: proxy tasks on "
        "crops (the paper's object level)",
    )
    cues: tuple[CueName, ...] | None = calibration(
        None, f"untrained: what an object's score is made of; null: all of them. {choices(CUES)}", min_length=1
    )
    track_s: float = calibration(
        1.0, "untrained: width in seconds of the mean that is taken of an object's values along its track", gt=0.0, le=60.0
    )
    detector: DetectorName = network("auto", choices(DETECTORS))
    weights: str | None = place(
        None, "onnx, both: a YOLOX-layout .onnx file by path, or yolox_nano (fetched once); null: yolox_nano where it is"
    )
    encoder: str | None = place(
        "auto",
        "untrained: an image encoder that crops of objects are compared by: an .onnx file by path, or mobilenet_v2; auto: "
        "mobilenet_v2 where it is and there is a detector; null: none",
    )
    boxes: str | None = place(None, "file: folder of NAME.csv or NAME.npz per video, or one such file")
    min_score: Weight = network(0.15, "onnx, both: boxes that the model is less sure of are left out")
    nms: Weight = network(0.6, "onnx, both: of boxes that overlap by more (IoU) the surest stays")
    short_side: int | None = network(
        None,
        "onnx, both: frames are enlarged or shrunk to this short side; null: chosen from the training video, so that people "
        "are about 60 pixels high",
        ge=64,
        le=4096,
    )
    tiles: int = network(1, "onnx: frames are also searched in so many tiles each way, for small objects", ge=1, le=8)
    threads: int = speed(1, "onnx: threads; a second one saves little on such small models", ge=1, le=256)
    boxes_fps: float | None = network(5.0, "Boxes are looked for so often in a second; null: in every frame", gt=0.0, le=240.0)
    min_area: float = network(16.0, "motion: smaller regions are left out, square pixels", ge=0.0)
    motion_threshold: float = network(
        4.0, "motion: how far a pixel leaves the background, in standard deviations of noise", gt=0.0, le=100.0
    )
    left_s: float = network(
        60.0,
        "motion: what came in moving and stopped keeps its box for so many seconds; 0: what stops loses it",
        ge=0.0,
        le=600.0,
    )
    side: int = network(32, "Side of an object's crop in pixels", ge=16, le=512)
    batch: int = network(64, "Pairs of tubes per training step", ge=2, le=4096)
    margin: float = network(0.2, "Share of a box's size that a crop shows beyond it, in all", ge=0.0, le=4.0)
    tracked: bool = network(False, "Crops follow the object's track; false: they stay where its box is")
    resolution: int = network(360, "Crops are cut from frames shrunk to at most this short side", ge=32, le=4096)
    fps: float | None = network(
        10.0,
        "Frames per second of an object's clip, whose box has to hold the object all the while; null, or clip.fps "
        "null: as clip has it",
        gt=0.0,
        le=240.0,
    )
    stride: int = calibration(2, "Clip frames between two frames whose objects are scored", ge=1, le=64)
    memory_s: float = calibration(
        0.0, "Time constant in seconds that an object's values are averaged with along its track", ge=0.0, le=60.0
    )
    sizes: int = calibration(3, "Size classes of objects, beside scoring.bands, that normal is kept for", ge=1, le=16)
    readouts: tuple[ObjectReadoutName, ...] | None = calibration(
        None, "What an object's score is made of; null: every task that is on, density and flow", min_length=1
    )


class AlarmConfig(_Strict):
    """When a run of high scores becomes an event."""

    budget_per_hour: float = score(1.0, "False alarms per hour that the user accepts", gt=0.0, le=3600.0)
    release: Weight = score(0.8, "An event ends when the score falls below this share of the threshold")
    min_s: float = score(0.2, "Shorter events are dropped", ge=0.0, le=3600.0)
    merge_s: float = score(1.0, "Events closer than this are one", ge=0.0, le=3600.0)


class Config(_Strict):
    """Everything that decides what a model is and how it scores. Stored in the model folder."""

    preset: str = run("cpu", "The preset this configuration started from")
    seed: int = network(0, "Seed of everything random", ge=0, lt=2**31)
    level: Literal["frame", "object", "both"] = network(
        "both", "What is looked at: places of the frame, the objects in it, or both, fused; see docs/object-level.md"
    )
    video: VideoConfig = VideoConfig()
    input: InputConfig = InputConfig()
    clip: ClipConfig = ClipConfig()
    encoder: EncoderConfig = EncoderConfig()
    heads: HeadsConfig = HeadsConfig()
    tasks: TasksConfig = TasksConfig()
    train: TrainConfig = TrainConfig()
    decoder: DecoderConfig = DecoderConfig()
    scoring: ScoringConfig = ScoringConfig()
    objects: ObjectsConfig = ObjectsConfig()
    alarm: AlarmConfig = AlarmConfig()

    @property
    def level_fps(self) -> float | None:
        """Frames per second of a clip at this level, of frames or of objects; None: every ``clip.step``-th frame."""
        if self.level != "object" or self.clip.fps is None or self.objects.fps is None:
            return self.clip.fps
        return self.objects.fps

    @property
    def judges_places(self) -> bool:
        """Whether continuity and localisation are judged place by place. The crop of one object is judged as a whole."""
        return self.train.dense and self.level != "object"

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if "psnr" in self.scoring.readouts and not (self.decoder.steps or self.tasks.frame_prediction):
            raise ValueError("readout psnr needs a decoder: set decoder.steps above 0")
        if self.level == "frame":
            on = [n for n in OBJECT_TASKS if getattr(self.tasks, n)]
            if on:
                raise ValueError(f"tasks.{on[0]} is a task about objects: set level=object or both")
        alone = self.level == "object" or (self.level == "both" and self.objects.method == "tubes")
        if alone and (self.tasks.frame_prediction or self.decoder.steps):
            raise ValueError(
                "frame prediction and the decoder of the psnr readout exist at level=frame, and with objects.method=untrained "
                "at level=both"
            )
        for name in self.objects.readouts or ():
            if name in TASKS and not getattr(self.tasks, name):
                raise ValueError(f"objects.readouts names {name}, and tasks.{name} is off")
        if self.tasks.distillation and not DETECTORS[self.objects.detector].classes:
            able = ", ".join(name for name, d in DETECTORS.items() if d.classes)
            raise ValueError(f"tasks.distillation needs a detector with class scores: objects.detector={able}")
        return self


@cache
def fields() -> dict[str, FieldInfo]:
    """Dotted key -> field of every setting, branches left out, in definition order."""

    def leaves(model: type[BaseModel], prefix: str) -> dict[str, FieldInfo]:
        out: dict[str, FieldInfo] = {}
        for name, field in model.model_fields.items():
            branch = field.annotation
            if isinstance(branch, type) and issubclass(branch, BaseModel):
                out |= leaves(branch, f"{prefix}{name}.")
            else:
                out[prefix + name] = field
        return out

    return leaves(Config, "")


def deciding(*kinds: Decides) -> tuple[str, ...]:
    """Dotted keys of the settings that decide one of these, in definition order. One without a mark counts as ``network``."""
    return tuple(k for k, f in fields().items() if (mark(f, "decides") or "network") in kinds)


def values(cfg: Config, *kinds: Decides) -> dict[str, Any]:
    """Dotted key -> plain value of the settings that decide one of these; of all settings if none is named."""
    tree = cfg.model_dump(mode="json")
    return {k: reduce(getitem, k.split("."), tree) for k in (deciding(*kinds) if kinds else fields())}
