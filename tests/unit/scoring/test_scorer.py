"""The road from frames to scores: every frame gets one, however the stream is cut up."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_models import SIZE, again, fitted_model, square_frames, stream, tiny_config, video_info
from normalcy.errors import ShortVideoError, VideoError
from normalcy.scoring.frame_model import FrameModel, Reading
from normalcy.types import Frame, FrameScore

FPS = 25.0


@pytest.fixture(scope="module")
def model() -> FrameModel:
    return fitted_model(tiny_config())


def run(model: FrameModel, frames: Iterable[Frame], maps: bool = False) -> list[FrameScore]:
    scorer = model.scorer(video_info(), maps)
    return [s for f in frames for s in scorer.push(f)] + scorer.finish()


def values(scores: list[FrameScore]) -> np.ndarray:
    return np.array([[s.score, *s.readouts.values()] for s in scores])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(4, 40),
    stride=st.integers(1, 6),
    batch=st.integers(1, 9),
    smoothing=st.sampled_from(["none", "gaussian", "ema"]),
    normalise=st.sampled_from(["train", "per_video"]),
)
def test_every_frame_gets_one_score_in_order(
    model: FrameModel, n: int, stride: int, batch: int, smoothing: str, normalise: str
) -> None:
    m = again(
        model,
        f"scoring.stride={stride}",
        f"scoring.batch={batch}",
        f"scoring.smoothing={smoothing}",
        f"scoring.normalise={normalise}",
    )
    out = run(m, stream(square_frames(n, seed=1)))
    assert [s.frame for s in out] == list(range(n))
    assert [s.time_s for s in out] == [i / FPS for i in range(n)]
    assert all(list(s.readouts) == m.names for s in out)
    assert np.isfinite(values(out)).all()


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 64])
def test_the_batch_does_not_change_scores(model: FrameModel, batch: int) -> None:
    frames = stream(square_frames(41, seed=2))
    want = values(run(again(model, "scoring.batch=8"), frames))
    got = values(run(again(model, f"scoring.batch={batch}"), frames))
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_scores_are_those_of_the_windows_interpolated(model: FrameModel) -> None:
    """Against the definition: read every window on its own, put it at its centre, squash, interpolate."""
    m = again(model, "scoring.stride=3", "scoring.smoothing=none")
    images = square_frames(24, seed=3)
    out = values(run(m, stream(images)))[:, 1:]
    starts = [*range(0, 21, 3), 20]  # the last window ends with the video
    rows = [np.arcsinh(m.read(m.windows(images[s : s + 4], np.arange(4)[None])).values[0]) for s in starts]
    centres = np.array(starts) + 1.5
    want = np.stack([np.interp(np.arange(24), centres, column) for column in np.array(rows).T], axis=1)
    np.testing.assert_allclose(out, want, atol=1e-4)


def test_the_score_is_the_mean_over_voices_of_what_exceeds_typical(model: FrameModel) -> None:
    still = np.repeat(square_frames(1), 10, axis=0)
    out = run(model, stream(np.concatenate([square_frames(20), still])))
    assert min(min(s.readouts.values()) for s in out) < 0.0  # else nothing would be cut off
    assert set(model.voices) == {"network", "plain"} and len(model.voices) > 2  # else no voice is shared
    for s in out:
        above: dict[str, list[float]] = {"network": [], "plain": []}
        for name, voice in zip(model.names, model.voices, strict=True):
            above[voice].append(max(s.readouts[name], 0.0))
        assert s.score == pytest.approx(np.mean([np.mean(values) for values in above.values()]))


@pytest.mark.parametrize(
    ("n", "stride", "step", "starts"), [(10, 2, 1, [0, 2, 4, 6]), (11, 3, 1, [0, 3, 6, 7]), (17, 2, 3, [0, 6, 7])]
)
def test_windows_begin_every_stride_and_end_with_the_video(
    model: FrameModel, monkeypatch: pytest.MonkeyPatch, n: int, stride: int, step: int, starts: list[int]
) -> None:
    m = again(model, f"scoring.stride={stride}", f"clip.step={step}", "scoring.batch=512")
    seen: list[list[int]] = []
    numbers = np.zeros((n, 48, 64, 3), dtype=np.uint8) + np.arange(n, dtype=np.uint8)[:, None, None, None]

    def read(frames: np.ndarray, index: np.ndarray) -> Any:
        seen.extend(frames[index][:, :, 0, 0, 0].tolist())
        return m_windows(frames, index)

    m_windows = m.windows
    monkeypatch.setattr(m, "windows", read)
    assert len(run(m, stream(numbers))) == n
    assert seen == [[s + i * step for i in range(4)] for s in starts]


def test_clips_follow_time_not_frames(model: FrameModel) -> None:
    m = again(model, "clip.fps=10")
    for fps, needed in ((30.0, 3 * 3 + 1), (10.0, 4)):
        scorer = m.scorer(video_info(fps=fps))
        scorer.push(stream(square_frames(1))[0])
        with pytest.raises(ShortVideoError, match=f"one clip needs {needed};"):
            scorer.finish()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_video_shorter_than_a_clip(model: FrameModel, n: int) -> None:
    frames = stream(square_frames(8)[:n])
    with pytest.raises(ShortVideoError, match=rf"made-up: has {n} frames.*needs 4.*clip\.short=repeat"):
        run(model, frames)
    out = run(again(model, "clip.short=repeat"), frames)
    assert [s.frame for s in out] == list(range(n))
    assert np.ptp(values(out), axis=0).max() < 1e-12  # one window: one value


def test_no_frame_at_all(model: FrameModel) -> None:
    with pytest.raises(VideoError, match="made-up: no frame"):
        model.scorer(video_info()).finish()


def test_per_video_runs_from_zero_to_one(model: FrameModel) -> None:
    m = again(model, "scoring.normalise=per_video", "scoring.smoothing=none")
    scorer = m.scorer(video_info())
    frames = stream(square_frames(40, seed=4))
    assert not [s for f in frames for s in scorer.push(f)]  # nothing is final before the end
    readouts = values(scorer.finish())[:, 1:]
    np.testing.assert_allclose(readouts.min(axis=0), 0.0)
    np.testing.assert_allclose(readouts.max(axis=0), 1.0)


def test_per_video_of_a_constant_video_is_zero(model: FrameModel) -> None:
    out = run(again(model, "scoring.normalise=per_video"), stream(np.full((12, 48, 64, 3), 90, dtype=np.uint8)))
    assert values(out).min() >= 0.0 and values(out)[:, 1:].max() <= 1.0


def test_smoothing_is_that_of_the_smoother_in_seconds(model: FrameModel) -> None:
    from normalcy.scoring.smooth import smooth

    frames = stream(square_frames(40, seed=5))
    raw = values(run(again(model, "scoring.smoothing=none"), frames))
    for name in ("gaussian", "ema"):
        got = values(run(again(model, f"scoring.smoothing={name}", "scoring.sigma_s=0.12"), frames))
        np.testing.assert_allclose(got[:, 1:], smooth(raw[:, 1:], name, 0.12 * FPS), atol=1e-4)


def test_maps_belong_to_their_frames(model: FrameModel) -> None:
    out = run(again(model, "scoring.smoothing=none"), stream(square_frames(20)), maps=True)
    assert all(s.map is not None and s.map.shape == (6, 8) for s in out)
    assert out[0].map is out[1].map  # both before the first centre
    assert not np.array_equal(out[1].map, out[-1].map)  # type: ignore[arg-type]
    assert all(s.map is None for s in run(model, stream(square_frames(20))))


def test_frames_of_the_source_size_are_resized(model: FrameModel) -> None:
    big = np.repeat(np.repeat(square_frames(20), 2, axis=1), 2, axis=2)
    scorer = model.scorer(video_info((2 * SIZE[0], 2 * SIZE[1])))
    assert scorer.size == SIZE
    got = [s for f in stream(big) for s in scorer.push(f)] + scorer.finish()
    np.testing.assert_allclose(values(got), values(run(model, stream(square_frames(20)))), atol=1e-5)


def test_a_frame_of_another_size_is_an_error(model: FrameModel) -> None:
    scorer = model.scorer(video_info())
    scorer.push(stream(square_frames(1))[0])
    with pytest.raises(VideoError, match="made-up: frame 1 is 32x24, the video was 64x48"):
        scorer.push(Frame(1, 0.04, np.zeros((24, 32, 3), dtype=np.uint8)))


def test_time_that_runs_backwards_is_an_error(model: FrameModel) -> None:
    scorer = model.scorer(video_info())
    image = square_frames(1)[0]
    scorer.push(Frame(0, 1.0, image))
    scorer.push(Frame(1, 1.0, image))  # standing still is allowed
    with pytest.raises(VideoError, match=r"made-up: time runs backwards at frame 2 \(0\.500 s\)"):
        scorer.push(Frame(2, 0.5, image))


def test_memory_does_not_grow_with_length(model: FrameModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """After thousands of frames the scorer holds what it held after the first."""
    m = again(model, "scoring.batch=4", "scoring.stride=2")
    monkeypatch.setattr(m, "read", lambda w: Reading(np.zeros((len(w), len(m.names))), np.zeros((len(w), 6, 8), np.float32)))
    image = np.zeros((48, 64, 3), dtype=np.uint8)
    scorer = m.scorer(video_info(), maps=True)

    def push(first: int, stop: int) -> int:
        for i in range(first, stop):
            scorer.push(Frame(i, i / FPS, image.copy()))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early, late = push(0, 200), push(200, 900)
    finally:
        tracemalloc.stop()
    assert late - early < 10_000  # one frame alone is 9216 bytes
