"""The object level's calibration and its scorer: pushed frames against known boxes, empty frames, crowds, in-between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fakes import moving_square_video
from made_models import stream, video_info
from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.errors import DataError, ModelError, ShortVideoError, TrainingError, VideoError
from normalcy.nn.build import build_network
from normalcy.objects.model import GRID, ObjectModel, Regions, region_size
from normalcy.objects.statistics import ObjectValues, fused
from normalcy.presets import load_config
from normalcy.scoring.scorer import Scorer
from normalcy.types import FrameScore
from objects_help import boxes

W, H, FPS = 64, 48, 25.0
INFO = video_info((W, H), FPS)
ALL = ("continuity", "localisation", "estimation", "arrow", "irregularity", "middle", "distillation")


def config(*sets: str) -> Config:
    base = ["level=object", "objects.side=16", "objects.stride=1", "scoring.smoothing=none", "heads.classes=3"]
    return load_config("tiny", environ={}, sets=[*base, *sets])


def square_boxes(images: np.ndarray, extra: int = 0) -> list[Boxes]:
    """Where the bright square is, and as many random boxes more."""
    rng = np.random.default_rng(0)
    out = []
    for image in images:
        ys, xs = np.nonzero((image > 178).all(axis=-1))
        found = [(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)] if len(xs) else []
        low = rng.uniform(0, 30, (extra, 2))
        found += [(*p, *(p + rng.uniform(4, 16, 2))) for p in low]
        out.append(boxes(*found))
    return out


def with_scores(found: list[Boxes]) -> list[Boxes]:
    rng = np.random.default_rng(1)
    return [Boxes(b.xyxy_N4, b.score_N, b.label_N, rng.random((len(b), 3)).astype(np.float32)) for b in found]


def fitted(cfg: Config, seed: int = 0) -> tuple[ObjectModel, np.ndarray, list[Boxes]]:
    torch.manual_seed(seed)
    model = ObjectModel(cfg, build_network(cfg).eval())
    images = moving_square_video(60, H, W, seed=3)
    found = square_boxes(images, extra=3)
    if cfg.tasks.distillation:
        found = with_scores(found)
    t = cfg.clip.length
    regions = [model.regions(images[i - t // 2 : i - t // 2 + t], found[i], 1 / FPS) for i in range(t // 2, 60 - t)]
    extracts = [model.extract(clips) for clips in model.batches(regions, (W, H))]
    for x in extracts:
        model.observe(x)
    model.fit()
    raw = np.concatenate([model.raw(x) for x in extracts])
    model.calibrate([ObjectValues(raw, [r.boxes for r in regions], (W, H), FPS)])
    return model, images, found


@pytest.fixture(scope="module")
def model() -> tuple[ObjectModel, np.ndarray, list[Boxes]]:
    return fitted(config())


def run(scorer: Scorer, images: np.ndarray) -> list[FrameScore]:
    out = [s for frame in stream(images, FPS) for s in scorer.push(frame)]
    return out + scorer.finish()


def scores(model: ObjectModel, images: np.ndarray, found: list[Boxes], maps: bool = False) -> list[FrameScore]:
    return run(model.scorer(INFO, maps, boxes=found), images)


def test_normal_objects_are_standard_in_their_cell(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    """With one cell, the calibrated values of what was calibrated on have mean 0 and spread 1."""
    m, images, found = fitted(config("scoring.bands=1", "objects.sizes=1"))
    t = m.cfg.clip.length
    regions = [m.regions(images[i - t // 2 : i - t // 2 + t], found[i], 1 / FPS) for i in range(t // 2, 60 - t)]
    (clips,) = m.batches(regions, (W, H))
    raw, z = m.raw(m.extract(clips)), m.read(clips)
    by_hand = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    two = [r.two_sided for r in m.readouts]
    np.testing.assert_allclose(z, np.where(two, np.abs(by_hand), by_hand), rtol=1e-3, atol=1e-3)


def test_fusion_by_hand() -> None:
    z = np.array([[1.0, -3.0], [0.0, 2.0]])
    np.testing.assert_allclose(fused(z, ["density", "flow"]), [np.arcsinh(1.0) / 2, np.arcsinh(2.0) / 2])
    np.testing.assert_allclose(fused(z, ["tasks", "tasks"]), [np.arcsinh(1.0) / 2, np.arcsinh(2.0) / 2])
    three = np.array([[1.0, 3.0, 2.0]])
    one_voice = (np.arcsinh(1.0) + np.arcsinh(3.0)) / 2
    np.testing.assert_allclose(fused(three, ["tasks", "tasks", "flow"]), [(one_voice + np.arcsinh(2.0)) / 2])


def test_a_frames_values_are_those_of_its_highest_object(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m = model[0]
    z = np.random.default_rng(0).normal(size=(5, len(m.names)))
    assert m.normal is not None
    tops = np.append(z.max(axis=0), fused(z, m.voices).max())
    np.testing.assert_allclose(m.frame_values(z), (tops - m.normal.centre_R) / m.normal.scale_R)
    assert m.frame_values(z[:0]).tolist() == [0.0] * (len(m.names) + 1)


def test_every_readout_gives_a_value_for_every_object_that_it_knows() -> None:
    on = [f"tasks.{n}=1" for n in ALL]
    m, images, found = fitted(config(*on, "objects.detector=file", "objects.boxes=x"))
    assert m.names == [*ALL, "density", "flow"]
    clips = next(iter(m.batches([m.regions(images[:4], found[2], 1 / FPS)], (W, H))))
    assert np.isfinite(m.raw(m.extract(clips))).all()
    assert clips.teacher_NK is not None
    clips.teacher_NK[0] = 0.0  # a box of the motion detector
    raw = m.raw(m.extract(clips))
    assert np.isnan(raw[0, 6]) and np.isfinite(raw[1:, 6]).all()
    assert m.read(clips)[0, 6] == 0.0


def test_state_there_and_back(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m, images, found = model
    again = ObjectModel.from_state(m.cfg, m.network, *m.state())
    a, b = scores(m, images, found), scores(again, images, found)
    assert [x.score for x in a] == [x.score for x in b]
    arrays, scalars = m.state()
    with pytest.raises(ModelError, match="holds nothing on"):
        ObjectModel.from_state(m.cfg, m.network, {k: v for k, v in arrays.items() if k != "edges"}, scalars)
    with pytest.raises(ModelError, match=r"holds nothing on 'scenes'.*train anew"):
        ObjectModel.from_state(m.cfg, m.network, arrays, {k: v for k, v in scalars.items() if k != "scenes"})
    with pytest.raises(ModelError, match="readouts"):
        ObjectModel.from_state(config("objects.readouts=[flow]"), m.network, arrays, scalars)


def test_without_objects_in_normal_video_there_is_no_model() -> None:
    cfg = config("objects.readouts=[continuity]")
    m = ObjectModel(cfg, build_network(cfg).eval())
    with pytest.raises(TrainingError, match="found no object"):
        m.calibrate([ObjectValues(np.zeros((0, 1)), [Boxes.none()], (W, H), FPS)])
    with pytest.raises(ModelError, match="not calibrated"):
        m.read(next(iter(m.batches([m.regions(np.zeros((4, H, W, 3), np.uint8), Boxes.none(), 0.04)], (W, H)))))


@pytest.mark.parametrize("batch", [1, 8, 100])
def test_every_frame_has_a_score_whatever_the_batch(model: tuple[ObjectModel, np.ndarray, list[Boxes]], batch: int) -> None:
    m, images, found = model
    m.cfg = m.cfg.model_copy(update={"scoring": m.cfg.scoring.model_copy(update={"batch": batch})})
    out = scores(m, images, found)
    assert [s.frame for s in out] == list(range(60))
    assert np.isfinite([s.score for s in out]).all()
    reference = scores(m, images, found)
    np.testing.assert_allclose([s.score for s in out], [s.score for s in reference])
    assert set(out[10].readouts) == set(m.names)


def test_a_stream_gives_what_known_boxes_give(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    """The detector of the model, frame by frame, against its boxes found beforehand."""
    from normalcy.detection.base import build_detector
    from normalcy.detection.cache import boxes_of

    m, images, _ = model
    found = boxes_of(stream(images, FPS), build_detector(m.cfg.objects), fps=FPS)
    assert sum(len(b) for b in found) > 20
    live = run(m.scorer(INFO), images)
    known = scores(m, images, found)
    assert [(s.frame, s.score, s.objects) for s in live] == [(s.frame, s.score, s.objects) for s in known]


def test_frames_without_objects_are_typical_of_normal(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m, images, _ = model
    out = scores(m, images, [Boxes.none()] * 60, maps=True)
    assert all(s.score == 0.0 and s.objects == () for s in out)
    assert all(s.map is not None and not s.map.any() for s in out)


def test_a_crowd_is_scored_object_by_object(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    """A hundred boxes in a frame: each gets the score that it gets alone."""
    m, images, _ = model
    many = square_boxes(images[:12], extra=100)
    out = scores(m, images[:12], many)
    assert all(len(s.objects) == len(many[s.frame]) for s in out[2:-2])
    one = [b.select(np.array([5])) for b in many]
    alone = scores(m, images[:12], one)
    box = alone[5].objects[0].box
    same = [o for o in out[5].objects if o.box == box]
    assert len(same) == 1 and same[0].score == pytest.approx(alone[5].objects[0].score, abs=1e-4)


def test_the_map_is_painted_where_the_objects_are(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m, images, _ = model
    found = [boxes((8, 8, 24, 24), (40, 20, 60, 40))] * 60
    s = scores(m, images, found, maps=True)[20]
    assert s.map is not None and s.map.shape == (H // GRID, W // GRID)
    painted = np.zeros_like(s.map, dtype=bool)
    painted[2:6, 2:6] = painted[5:10, 10:15] = True
    assert not s.map[~painted].any()
    for o in s.objects:
        x1, y1, x2, y2 = (int(v) // GRID for v in o.box)
        assert (s.map[y1:y2, x1:x2] == np.float32(max(o.score, 0.0))).all()


def test_between_two_looks_objects_move_along_their_tracks() -> None:
    m, images, _ = fitted(config("objects.stride=4"))
    moving = [boxes((4 + t * 0.5, 10, 20 + t * 0.5, 30)) for t in range(60)]
    out = scores(m, images, moving)
    middle = m.cfg.clip.length // 2
    looked = middle + 4 * 5
    a, b = out[looked].objects[0], out[looked + 4].objects[0]
    assert a.track == b.track and a.box == pytest.approx(tuple(moving[looked].xyxy_N4[0]))
    for k in (1, 2, 3):
        o = out[looked + k].objects[0]
        assert o.box == pytest.approx(tuple(moving[looked + k].xyxy_N4[0]), abs=1e-3)
        assert o.score == pytest.approx(a.score + (b.score - a.score) * k / 4)


def test_large_frames_are_shrunk_and_boxes_given_in_source_pixels() -> None:
    m, images, found = fitted(config("objects.resolution=48"))
    assert region_size(W, H, m.cfg) == (W, H) and region_size(4 * W, 4 * H, m.cfg) == (W, H)
    large = images.repeat(4, axis=1).repeat(4, axis=2)
    out = run(m.scorer(video_info((4 * W, 4 * H)), boxes=[b.scaled(4, 4) for b in found]), large)
    small = scores(m, images, found)
    np.testing.assert_allclose([s.score for s in out], [s.score for s in small], atol=1e-3)
    assert out[20].objects[0].box == pytest.approx(tuple(4 * v for v in small[20].objects[0].box))


def test_wrong_sizes_and_missing_boxes_are_errors(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m, images, found = model
    with pytest.raises(VideoError, match="is 32x24, the video was 64x48"):
        run(m.scorer(INFO), images[:, ::2, ::2])
    with pytest.raises(DataError, match="boxes are known for 10 frames"):
        scores(m, images, found[:10])


def test_what_is_odd_scores_higher(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    """A flickering square among walking ones."""
    m, images, found = model
    odd = images.copy()
    rng = np.random.default_rng(0)
    for t in range(25, 40):
        x1, y1, x2, y2 = found[t].xyxy_N4[0].astype(int)
        odd[t, y1:y2, x1:x2] = rng.integers(0, 255, (y2 - y1, x2 - x1, 3))
    at = {t: tuple(map(float, found[t].xyxy_N4[0])) for t in range(27, 38)}
    plain, strange = (
        [next(o.score for o in s.objects if o.box == at[s.frame]) for s in scores(m, video, found)[27:38]]
        for video in (images, odd)
    )
    assert min(strange) > max(plain)


def test_a_video_shorter_than_a_clip_follows_the_named_policy(model: tuple[ObjectModel, np.ndarray, list[Boxes]]) -> None:
    m, images, found = model
    with pytest.raises(ShortVideoError, match=r"clip\.short=repeat"):
        scores(m, images[:2], found[:2])
    m.cfg = m.cfg.model_copy(update={"clip": m.cfg.clip.model_copy(update={"short": "repeat"})})
    out = scores(m, images[:2], found[:2])
    assert [s.frame for s in out] == [0, 1] and all(np.isfinite(s.score) and s.objects for s in out)


@pytest.mark.parametrize("length", [3, 4, 5])
def test_any_clip_length_and_time_step(length: int) -> None:
    """Tubes lie around the frame whose boxes they are cut by, whatever T and the step between clip frames."""
    m, images, found = fitted(config(f"clip.length={length}", "clip.step=2"))
    seen: list[tuple[np.ndarray, Boxes]] = []
    cut = m.regions

    def noted(frames: np.ndarray, boxes: Boxes, seconds: float, path: None) -> Regions:
        assert seconds == pytest.approx(2 / FPS)
        seen.append((frames[length // 2], boxes))
        return cut(frames, boxes, seconds)

    m.regions = noted  # type: ignore[method-assign]
    out = scores(m, images[:30], found[:30])
    assert [s.frame for s in out] == list(range(30))
    at = [next(i for i in range(30) if np.array_equal(image, images[i])) for image, _ in seen]
    assert at[:2] == [2 * (length // 2), 2 * (length // 2) + 2]
    assert all(b.xyxy_N4.tolist() == found[i].within(W, H).xyxy_N4.tolist() for i, (_, b) in zip(at, seen, strict=True))


def test_crops_that_follow_the_track() -> None:
    """A square that is in the middle of its box in every frame looks the same in every frame of its tube."""
    m, _, _ = fitted(config("objects.tracked=true", "objects.margin=0", "objects.readouts=[continuity]"))
    images = np.full((20, H, W, 3), 60, np.uint8)
    found = []
    for t in range(20):
        images[t, 16:24, 4 + 2 * t : 12 + 2 * t] = 255
        found.append(boxes((2 + 2 * t, 14, 14 + 2 * t, 26)))
    tubes: list[np.ndarray] = []
    cut = m.regions

    def noted(*given: Any) -> Regions:
        out = cut(*given)
        tubes.append(out.tubes_NTHWC)
        return out

    m.regions = noted  # type: ignore[method-assign]
    out = scores(m, images, found)
    assert [s.frame for s in out] == list(range(20))
    assert len(tubes) > 10 and all((tube[0] == tube[0][0]).all() for tube in tubes)
