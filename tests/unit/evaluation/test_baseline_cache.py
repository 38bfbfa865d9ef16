"""Motion and interpolation error of a data set's videos: measured once, post-processed like the model's scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes import cut, moving_square_video, numbered_frames, write_video
from normalcy.config import VideoConfig
from normalcy.errors import VideoError
from normalcy.evaluation import baseline_cache
from normalcy.evaluation.baseline_cache import raw_motion
from normalcy.evaluation.motion import BY_ROW, GLOBAL, INTERPOLATION, PICTURE
from normalcy.video.source import VideoRef, as_ref


def ref(folder: Path, name: str, seed: int, frames: int = 12, speed: float = 2.0) -> VideoRef:
    path = write_video(folder / f"{name}.mp4", moving_square_video(frames, 48, 64, seed=seed, speed=speed))
    return VideoRef(name, path, "file")


def test_each_video_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = [ref(tmp_path, "n", 0)], [ref(tmp_path, "a", 1), ref(tmp_path, "b", 2)]
    first = raw_motion(train, test, tmp_path / "kept")
    lengths = {m: {n: len(v) for n, v in videos.items()} for m, videos in first.items()}
    assert lengths == {m: {"a": 12, "b": 12} for m in PICTURE}
    with monkeypatch.context() as patch:
        patch.setattr(baseline_cache, "fit_rows", None)
        patch.setattr(baseline_cache, "change_scores", None)
        again = raw_motion(train, test, tmp_path / "kept")
    for method, videos in first.items():
        for name, values in videos.items():
            np.testing.assert_array_equal(again[method][name], values)


def test_other_training_video_is_measured_anew(tmp_path: Path) -> None:
    test = [ref(tmp_path, "a", 1)]
    slow = raw_motion([ref(tmp_path, "slow", 0, speed=0.5)], test, tmp_path / "kept")
    fast = raw_motion([ref(tmp_path, "fast", 0, speed=8.0)], test, tmp_path / "kept")
    np.testing.assert_array_equal(slow[GLOBAL]["a"], fast[GLOBAL]["a"])
    assert not np.allclose(slow[BY_ROW]["a"], fast[BY_ROW]["a"])


def test_damaged_file_is_measured_again(tmp_path: Path) -> None:
    test = [ref(tmp_path, "a", 1)]
    first = raw_motion(test, test, tmp_path / "kept")
    (kept,) = (tmp_path / "kept").glob("*.npy")
    kept.write_bytes(b"\x93NUMPY")
    np.testing.assert_array_equal(raw_motion(test, test, tmp_path / "kept")[GLOBAL]["a"], first[GLOBAL]["a"])


def test_without_normal_video_there_is_no_row_to_compare_with(tmp_path: Path) -> None:
    test = [ref(tmp_path, "a", 1)]
    alone = raw_motion([], test, tmp_path / "kept")
    assert list(alone) == [GLOBAL, INTERPOLATION]
    both = raw_motion(test, test, tmp_path / "kept")
    for method in alone:
        np.testing.assert_array_equal(alone[method]["a"], both[method]["a"])


def test_a_damaged_test_video_is_refused_where_the_method_refuses_it(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "v.mkv", numbered_frames(60)), 0.6)
    damaged, refuse = as_ref(path), VideoConfig(damage="refuse")
    kept = raw_motion([], [damaged], tmp_path / "kept")
    assert 5 < len(kept[GLOBAL]["v"]) < 60
    with pytest.raises(VideoError, match=r"v\.mkv"):
        raw_motion([], [damaged], tmp_path / "kept", config=refuse)
    sound = as_ref(write_video(tmp_path / "w.mkv", numbered_frames(20)))
    assert len(raw_motion([damaged], [sound], tmp_path / "kept", config=refuse)[GLOBAL]["w"]) == 20  # training skips damage
