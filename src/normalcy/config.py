"""The whole configuration as one strict tree. Every field has a range and says what it means; its default is the preset cpu.

How a configuration comes about, from presets, files and flags, is normalcy.presets.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Weight = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class InputConfig(_Strict):
    """How a decoded frame becomes network input."""

    short_side: int | None = Field(160, ge=16, le=2048, description="Resize so that the shorter side has this many pixels")
    size: tuple[int, int] | None = Field(None, description="Exact (width, height) instead of short_side; changes the aspect")
    multiple: int = Field(8, ge=1, le=64, description="Both sides are rounded to a multiple of this (the encoder's stride)")
    channels: Literal["rgb", "grey_diff", "rgb_diff"] = Field(
        "grey_diff", description="rgb: pixels in [0,1]; *_diff: pixels beside 2 x the difference to the frame before"
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

    length: int = Field(5, ge=3, le=64, description="T, frames of a continuous clip")
    fps: float | None = Field(
        5.0,
        gt=0.0,
        le=240.0,
        description="Frames per second of a clip: each video's step follows from its own rate; null = step",
    )
    step: int = Field(1, ge=1, le=32, description="Source frames between two frames of a clip, where fps is null")
    match_lengths: bool = Field(
        True, description="Crop V_c to the T-1 frames of V_d, so that length cannot give continuity away; paper: false"
    )
    short: Literal["error", "repeat"] = Field(
        "error", description="A video shorter than a clip: an error, or its last frame repeated"
    )


class EncoderConfig(_Strict):
    """F."""

    name: Literal["light", "i3d"] = Field("light", description="light trains on two CPU cores; i3d is the paper's")
    width: int = Field(16, ge=4, le=128, description="light: channels of the first layer")
    endpoint: str = Field("Mixed_5c", description="i3d: last layer that is run")
    weights: str | None = Field(None, description="i3d: path of Kinetics-400 weights (.safetensors)")
    frozen: bool = Field(False, description="Keep the encoder as it is and train the heads alone")


class HeadsConfig(_Strict):
    """P1, P2, P3."""

    projection: int = Field(128, ge=4, le=2048, description="Dimensions of P3's output")
    hidden: int = Field(128, ge=0, le=4096, description="Hidden units of each head; 0 = one linear layer")
    keep_time: bool = Field(True, description="P2 keeps the time axis instead of the paper's pooling over time")
    classes: int = Field(80, ge=1, le=10_000, description="Class scores of the detector, for the distillation task")


class TasksConfig(_Strict):
    """The joint loss, equation 8. A weight of 0 switches the task off."""

    continuity: Weight = Field(1.0, description="w1, continuity judgment (CJ), eq. 1")
    localisation: Weight = Field(1.0, description="w2, discontinuity localisation (DL), eq. 2")
    estimation: Weight = Field(1.0, description="w3, missing frame estimation (MFE), eq. 3-7")
    frame_prediction: Weight = Field(0.0, description="Frame prediction baseline (FP of Table 2): intensity + gradient loss")
    arrow: Weight = Field(0.0, description="Arrow of time [11], at object level: is the clip played backward?")
    irregularity: Weight = Field(0.0, description="Motion irregularity [11], at object level: do frames lie at uneven steps?")
    middle: Weight = Field(0.0, description="Middle frame of the object [11], painted from the features of the others")
    distillation: Weight = Field(0.0, description="The detector's class scores [11], told from the object's middle frame")
    continuity_of: Literal["clip", "pair"] = Field(
        "pair",
        description="pair: continuity is judged of two frames, with a gap between them or none, where only how far things "
        "moved can tell; clip: of whole clips, as in the paper",
    )
    widest_gap: int = Field(
        4,
        ge=2,
        le=64,
        description="pair: frames from the first to the second at most (below T); 2 = one is missing, the paper's",
    )
    omega: Weight = Field(0.5, description="Motion (triplet) against appearance (contrastive) in eq. 3")
    gamma: float = Field(0.5, gt=0.0, le=2.0, description="Margin of the triplet term; the paper gives none")
    tau: float = Field(0.1, gt=0.0, le=10.0, description="Temperature of the contrastive term")

    @model_validator(mode="after")
    def _any(self) -> TasksConfig:
        if not any(v for k, v in self if k not in ("continuity_of", "widest_gap", "omega", "gamma", "tau")):
            raise ValueError("every task is switched off; give at least one a weight above 0")
        return self


OBJECT_TASKS = ("arrow", "irregularity", "middle", "distillation")
"""Tasks of the multi-task backbone [11] (Georgescu et al., CVPR 2021), which are about clips of objects."""


class TrainConfig(_Strict):
    """Optimisation of the encoder and the heads."""

    steps: int = Field(300, ge=1, le=10_000_000, description="Optimiser steps")
    batch: int = Field(12, ge=2, le=4096, description="Clip pairs per step; at object level see objects.batch")
    crop: int | None = Field(96, ge=16, le=1024, description="Side of the square crops in resized pixels; null = whole frame")
    dense: bool = Field(
        True,
        description="Continuity and localisation are judged at every moving place of a frame; false: once per crop (the paper)",
    )
    lr: float = Field(3e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW, decayed by a cosine to 0")
    warmup: Weight = Field(0.1, description="Share of the steps over which the learning rate rises first")
    weight_decay: float = Field(0.01, ge=0.0, le=1.0, description="Weight decay of AdamW")
    clip_norm: float = Field(5.0, gt=0.0, description="Gradient norm is clipped to this")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: measured at the start, the faster one")
    checkpoint_s: float = Field(30.0, gt=0.0, description="Seconds between checkpoints; a kill loses at most this much")
    holdout: float = Field(0.2, gt=0.0, lt=0.9, description="Share of the normal video kept for validation and calibration")
    workers: int = Field(0, ge=0, le=64, description="Loader processes; 0 = in the training process")
    threads: int | None = Field(None, ge=1, le=256, description="Torch threads; null = all cores")


class DecoderConfig(_Strict):
    """Stage 2: the decoder that the psnr readout needs."""

    steps: int = Field(0, ge=0, le=10_000_000, description="Optimiser steps; 0 = no decoder, no psnr readout")
    batch: int = Field(8, ge=1, le=4096, description="Clips per step")
    lr: float = Field(1e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW, decayed by a cosine to 0")
    width: int = Field(32, ge=4, le=1024, description="Channels of the widest decoder layer")
    freeze_encoder: bool = Field(True, description="Train the decoder alone")


ReadoutName = Literal["psnr", "feature", "proxy", "density", "frame_density", "continuity", "motion", "velocity"]


class ScoringConfig(_Strict):
    """From features to a score for every frame."""

    readouts: tuple[ReadoutName, ...] = Field(
        ("density", "frame_density", "velocity"),
        min_length=1,
        description="What the score is made of; see docs/method.md",
    )
    density_of: Literal["clip", "pair"] = Field(
        "pair", description="Densities are about the features of a window's two middle frames (pair), or of all of it (clip)"
    )
    stride: int = Field(1, ge=1, le=64, description="Clip frames between two scored windows")
    batch: int = Field(8, ge=1, le=512, description="Windows per forward pass; 1 for the lowest delay")
    bands: int = Field(8, ge=1, le=64, description="Bands of image rows that normal statistics are kept for; 1 = whole frame")
    columns: int = Field(1, ge=1, le=64, description="Zones that each band is divided into, for a fixed camera; 1 = rows alone")
    lanes: int = Field(16, ge=1, le=64, description="velocity: columns of zones that velocities are counted in; 1 = rows alone")
    top: float = Field(0.01, gt=0.0, le=1.0, description="Share of a map's places whose mean is the window's value")
    normalise: Literal["train", "per_video"] = Field(
        "train", description="train: normal training video (default); per_video: min-max over each test video (the paper's)"
    )
    smoothing: Literal["none", "gaussian", "ema"] = Field("gaussian", description="gaussian is centred, ema causal")
    sigma_s: float = Field(0.7, ge=0.0, le=60.0, description="Width of the smoothing in seconds")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 is faster and changes scores slightly")


ObjectReadoutName = Literal[
    "continuity", "localisation", "estimation", "arrow", "irregularity", "middle", "distillation", "density", "flow"
]
OBJECT_READOUTS: tuple[ObjectReadoutName, ...] = get_args(ObjectReadoutName)
"""What can be read off an object: the score of each task, the density of its features, its motion."""


class ObjectsConfig(_Strict):
    """Where the objects are, and their crops. Used where something works on objects instead of whole frames."""

    detector: Literal["motion", "onnx", "both", "file"] = Field(
        "motion", description="motion: what moves, no weights; onnx: a YOLOX model; both: their union; file: boxes of your own"
    )
    weights: str | None = Field(
        None, description="onnx, both: path of a YOLOX-layout .onnx file, or yolox_nano (downloaded once)"
    )
    boxes: str | None = Field(None, description="file: folder of NAME.csv or NAME.npz per video, or one such file")
    min_score: Weight = Field(0.25, description="onnx, both: boxes that the model is less sure of are left out")
    nms: Weight = Field(0.5, description="onnx, both: of boxes that overlap by more (IoU) the surest stays")
    short_side: int = Field(
        480, ge=64, le=4096, description="onnx: frames are enlarged or shrunk to this short side, if the model takes any size"
    )
    tiles: int = Field(1, ge=1, le=8, description="onnx: frames are also searched in so many tiles each way, for small objects")
    threads: int = Field(2, ge=1, le=256, description="onnx: threads")
    boxes_fps: float | None = Field(
        5.0, gt=0.0, le=240.0, description="Boxes are looked for so often in a second; null: in every frame"
    )
    min_area: float = Field(16.0, ge=0.0, description="motion: smaller regions are left out, square pixels")
    motion_threshold: float = Field(
        4.0, gt=0.0, le=100.0, description="motion: how far a pixel leaves the background, in standard deviations of noise"
    )
    side: int = Field(32, ge=16, le=512, description="Side of an object's crop in pixels")
    batch: int = Field(64, ge=2, le=4096, description="Pairs of tubes per training step")
    margin: float = Field(0.2, ge=0.0, le=4.0, description="Share of a box's size that a crop shows beyond it, in all")
    tracked: bool = Field(False, description="Crops follow the object's track; false: they stay where its box is")
    resolution: int = Field(360, ge=32, le=4096, description="Crops are cut from frames shrunk to at most this short side")
    fps: float | None = Field(
        10.0,
        gt=0.0,
        le=240.0,
        description="Frames per second of an object's clip, whose box has to hold the object all the while; null, or clip.fps "
        "null: as clip has it",
    )
    stride: int = Field(2, ge=1, le=64, description="Clip frames between two frames whose objects are scored")
    memory_s: float = Field(
        0.0, ge=0.0, le=60.0, description="Time constant in seconds that an object's values are averaged with along its track"
    )
    sizes: int = Field(3, ge=1, le=16, description="Size classes of objects, beside scoring.bands, that normal is kept for")
    readouts: tuple[ObjectReadoutName, ...] | None = Field(
        None, min_length=1, description="What an object's score is made of; null: every task that is on, density and flow"
    )


class AlarmConfig(_Strict):
    """When a run of high scores becomes an event."""

    budget_per_hour: float = Field(1.0, gt=0.0, le=3600.0, description="False alarms per hour that the user accepts")
    release: Weight = Field(0.8, description="An event ends when the score falls below this share of the threshold")
    min_s: float = Field(0.2, ge=0.0, le=3600.0, description="Shorter events are dropped")
    merge_s: float = Field(1.0, ge=0.0, le=3600.0, description="Events closer than this are one")


class Config(_Strict):
    """Everything that decides what a model is and how it scores. Stored in the model folder."""

    preset: str = Field("cpu", description="The preset this configuration started from")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything random")
    level: Literal["frame", "object", "both"] = Field(
        "frame",
        description="What is looked at: places of the frame, the objects in it, or both, fused; see docs/object-level.md",
    )
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
    def clips(self) -> ClipConfig:
        """Clips as they are at this level."""
        if self.level != "object" or self.clip.fps is None or self.objects.fps is None:
            return self.clip
        return self.clip.model_copy(update={"fps": self.objects.fps})

    @property
    def judges_places(self) -> bool:
        """Whether continuity and localisation are judged place by place. The crop of one object is judged as a whole."""
        return self.train.dense and self.level != "object"

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if "psnr" in self.scoring.readouts and not (self.decoder.steps or self.tasks.frame_prediction):
            raise ValueError("readout psnr needs a decoder: set decoder.steps above 0")
        if self.level == "frame":
            alone = [n for n in OBJECT_TASKS if getattr(self.tasks, n)]
            if alone:
                raise ValueError(f"tasks.{alone[0]} is a task about objects: set level=object or both")
        if self.level != "frame" and (self.tasks.frame_prediction or self.decoder.steps):
            raise ValueError("frame prediction and the decoder of the psnr readout exist at level=frame only")
        for name in self.objects.readouts or ():
            if name not in ("density", "flow") and not getattr(self.tasks, name):
                raise ValueError(f"objects.readouts names {name}, and tasks.{name} is off")
        if self.tasks.distillation and self.objects.detector == "motion":
            raise ValueError("tasks.distillation needs a detector with class scores: objects.detector=onnx, both or file")
        return self
