"""Batches of tubes: which boxes may meet, and what is cut."""

from __future__ import annotations

import numpy as np
import pytest

from normalcy.config import Config
from normalcy.detection.boxes import Boxes
from normalcy.detection.tracks import track
from normalcy.errors import TrainingError
from normalcy.objects.sampler import TubeSampler, teacher_of
from normalcy.objects.tubes import cut
from normalcy.presets import load_config
from normalcy.types import Piece
from objects_help import boxes

T, SIDE, STEP = 5, 16, 2
REACH = (T - 1) * STEP + 1


def config(*sets: str) -> Config:
    base = ["level=object", f"clip.length={T}", f"objects.side={SIDE}", "objects.margin=0"]
    return load_config("tiny", environ={}, sets=[*base, *sets])


def counting(n: int, h: int = 48, w: int = 64) -> np.ndarray:
    """(n, h, w, 3): frame t is t everywhere in red, and the column in green."""
    out = np.zeros((n, h, w, 3), np.uint8)
    out[..., 0] = np.arange(n)[:, None, None]
    out[..., 1] = np.arange(w)[None, None]
    return out


def everywhere(n: int) -> list[Boxes]:
    """Two boxes of side 16 in every frame, side by side."""
    return [boxes((0, 0, 16, 16), (32, 16, 48, 32)) for _ in range(n)]


def drawn(sampler: TubeSampler, size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    b = sampler.batch(0, size)
    return b.v[:, :, 0, 0, 0].astype(int), b.c[:, :, 0, 0, 0].astype(int), b.m


def test_clips_share_no_time_and_stay_in_their_piece() -> None:
    piece = Piece(0, 10, 70, STEP)
    sampler = TubeSampler([counting(90)], [everywhere(90)], [piece], config(), 0)
    v, c, m = drawn(sampler)
    assert (np.diff(v, axis=1) == STEP).all() and (np.diff(c, axis=1) == STEP).all()
    assert v.min() >= 10 and v.max() < 70 and c.min() >= 10 and c.max() < 70
    starts = c[:, 0] - (c.shape[1] == T - 1) * 0
    assert (np.abs(v[:, 0] - starts) >= REACH - STEP).all()  # matched lengths take one frame off either end of V_c
    assert set(m) <= {1, 2, 3} and len(set(m)) == 3
    assert set(sampler.batch(0, 8).video) == {0}


def test_literal_lengths_do_not_overlap_at_all() -> None:
    sampler = TubeSampler([counting(60)], [everywhere(60)], [Piece(0, 0, 60, STEP)], config("clip.match_lengths=false"), 0)
    v, c, _ = drawn(sampler)
    assert c.shape == v.shape
    assert ((c[:, 0] > v[:, -1]) | (c[:, -1] < v[:, 0])).all()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    def of(seed: int, step: int) -> np.ndarray:
        return TubeSampler([counting(60)], [everywhere(60)], [Piece(0, 0, 60, 1)], config(), seed).batch(step, 16).v

    assert np.array_equal(of(0, 3), of(0, 3))
    assert not np.array_equal(of(0, 3), of(0, 4))
    assert not np.array_equal(of(0, 3), of(1, 3))


def test_tubes_are_what_cut_gives_for_the_box_of_the_middle_frame() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8)
    where = [Boxes.none()] * 40
    where[8] = where[30] = boxes((10, 5, 30, 25))
    sampler = TubeSampler([frames], [where], [Piece(0, 0, 40, STEP)], config("clip.match_lengths=false"), 0)
    assert len(sampler) == 2
    b = sampler.batch(0, 4)
    clips = {t: cut(frames[t - 2 * STEP : t + 2 * STEP + 1 : STEP], where[t].xyxy_N4, SIDE, 0.0)[0] for t in (8, 30)}
    for v, c in zip(b.v, b.c, strict=True):
        first = 8 if np.array_equal(v, clips[8]) else 30
        assert np.array_equal(v, clips[first]) and np.array_equal(c, clips[38 - first])


def test_irregular_tubes_have_uneven_steps_around_the_same_middle_frame() -> None:
    cfg = config("tasks.irregularity=1")
    sampler = TubeSampler([counting(90)], [everywhere(90)], [Piece(0, 10, 80, STEP)], cfg, 0)
    b = sampler.batch(0, 64)
    assert b.irregular is not None
    v, odd = b.v[:, :, 0, 0, 0].astype(int), b.irregular[:, :, 0, 0, 0].astype(int)
    assert (odd[:, T // 2] == v[:, T // 2]).all()
    gaps = np.diff(odd, axis=1) // STEP
    assert gaps.min() >= 1 and gaps.max() == 4 and (gaps.max(axis=1) > 1).all()
    assert odd.min() >= 10 and odd.max() < 80


def test_without_the_task_there_is_nothing_for_it() -> None:
    b = TubeSampler([counting(60)], [everywhere(60)], [Piece(0, 0, 60, 1)], config(), 0).batch(0, 4)
    assert b.irregular is None and b.teacher is None


def test_class_scores_come_with_their_box() -> None:
    cfg = config("tasks.distillation=1", "objects.detector=file", "heads.classes=3")
    probs = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]], np.float32)
    one = boxes((0, 0, 16, 16), (32, 16, 48, 32))
    known = Boxes(one.xyxy_N4, one.score_N, one.label_N, probs)
    b = TubeSampler([counting(60)], [[known] * 60], [Piece(0, 0, 60, 1)], cfg, 0).batch(0, 32)
    assert b.teacher is not None
    left = b.v[:, 0, 0, 0, 1] < 16
    assert left.any() and (~left).any()
    assert np.array_equal(b.teacher, probs[np.where(left, 0, 1)])
    with pytest.raises(TrainingError, match=r"gives 3 class scores.*set heads.classes=3"):
        teacher_of(known, 80)
    assert teacher_of(one, 3).tolist() == [[0.0] * 3] * 2


def test_what_moves_is_drawn_more_often_than_what_stands() -> None:
    frames = np.full((60, 48, 64, 3), 50, np.uint8)
    frames[:, 16:32, 32:48] = (np.arange(60) * 37 % 200)[:, None, None, None]
    b = TubeSampler([frames], [everywhere(60)], [Piece(0, 0, 60, 1)], config(), 0).batch(0, 200)
    moves = (b.v.max(axis=(1, 2, 3, 4)) > 50) | (b.v.min(axis=(1, 2, 3, 4)) < 50)
    assert moves.mean() > 0.8


@pytest.mark.parametrize("where", [[], [20], [20, 22]])
def test_too_few_objects_is_an_error_that_names_the_detector(where: list[int]) -> None:
    found = [boxes((0, 0, 16, 16)) if t in where else Boxes.none() for t in range(60)]
    with pytest.raises(TrainingError, match="detector 'motion'"):
        TubeSampler([counting(60)], [found], [Piece(0, 0, 60, 1)], config(), 0)


def test_tubes_that_follow_the_track() -> None:
    n = 40
    frames = np.full((n, 48, 64, 3), 50, np.uint8)
    where = []
    for t in range(n):
        frames[t, 10:26, t : t + 16] = 200
        where.append(boxes((t, 10, t + 16, 26)))
    ids = [track(where, 10.0)[0]]
    still = TubeSampler([frames], [where], [Piece(0, 0, n, STEP)], config("tasks.irregularity=1"), 0).batch(0, 16)
    moved = TubeSampler([frames], [where], [Piece(0, 0, n, STEP)], config("tasks.irregularity=1"), 0, ids).batch(0, 16)
    assert (moved.v == 200).all() and (moved.c == 200).all()
    assert moved.irregular is not None and (moved.irregular == 200).all()
    assert (still.v == 50).any()
