"""What every runner does. Ray's is a real cluster of two workers on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import calls
from normalcy.errors import EngineError, UsageError, VideoError
from normalcy.runners.base import Handle, LostError, Outcome, Runner
from normalcy.runners.here import Here

SLOW = pytest.mark.slow


def nothing(handle: Handle, stage: str, done: int, total: int | None) -> None:
    return


@contextmanager
def ray_runner() -> Iterator[Runner]:
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    from normalcy.runners.ray_engine import RayRunner

    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(calls.__file__).parent)  # workers are to find the calls
        patch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
        with RayRunner(workers=2) as opened:
            yield opened


@pytest.fixture(scope="module", params=["here", pytest.param("ray", marks=SLOW)])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    if request.param == "here":
        with Here() as opened:
            yield opened
    else:
        yield request.getfixturevalue("ray")


@pytest.fixture(scope="module")
def ray() -> Iterator[Runner]:
    with ray_runner() as opened:
        yield opened


def outcome(runner: Runner, *handles: Handle) -> dict[Handle, Outcome]:
    ended = [runner.next(nothing) for _ in handles]
    assert {o.handle for o in ended} == set(handles), ended
    return {o.handle: o for o in ended}


def test_values_come_with_their_handles(runner: Runner) -> None:
    handles = [runner.submit(f"v{i}", calls.double, i) for i in range(5)]
    ended = outcome(runner, *handles)
    assert [ended[h].value for h in handles] == [0, 2, 4, 6, 8], ended
    assert [h.label for h in handles] == [f"v{i}" for i in range(5)]


def test_kept_and_shared_values_go_to_other_calls_only(runner: Runner) -> None:
    shared = runner.share(100)
    kept = [runner.submit("v", calls.double, i, keep=True) for i in (1, 2)]
    assert {o.value for o in outcome(runner, *kept).values()} == {None}
    total = runner.submit("v", calls.add, shared, *kept)
    assert outcome(runner, total)[total].value == 106


def test_an_error_ends_its_own_call_only(runner: Runner) -> None:
    bad, odd, good = (
        runner.submit("bad", calls.refuse, "bad.mp4"),
        runner.submit("odd", calls.break_down),
        runner.submit("good", calls.double, 4),
    )
    ended = outcome(runner, bad, odd, good)
    assert isinstance(ended[bad].error, VideoError) and str(ended[bad].error) == "bad.mp4: damaged"
    assert isinstance(ended[odd].error, ZeroDivisionError)
    assert ended[good].value == 8 and ended[good].error is None


def test_of_a_dropped_call_nothing_comes(runner: Runner) -> None:
    handles = [runner.submit("v", calls.double, i) for i in range(3)]
    runner.drop(handles[:2])
    assert outcome(runner, handles[2])[handles[2]].value == 4


@SLOW
def test_a_killed_worker_is_retried(ray: Runner, tmp_path: Path) -> None:
    call = ray.submit("v", calls.die_the_first_time, str(tmp_path / "mark"))
    assert outcome(ray, call)[call].value == "done"


@SLOW
def test_what_always_kills_its_worker_is_given_up_and_the_rest_is_done(ray: Runner) -> None:
    deadly, hungry, good = ray.submit("a", calls.die), ray.submit("b", calls.hog), ray.submit("c", calls.double, 1)
    ended = outcome(ray, deadly, hungry, good)
    assert isinstance(ended[deadly].error, LostError) and "died 4 times" in str(ended[deadly].error)
    assert isinstance(ended[hungry].error, LostError) and "out of memory" in str(ended[hungry].error)
    assert ended[good].value == 2


@SLOW
def test_progress_reaches_the_one_who_waits(ray: Runner) -> None:
    call, heard = ray.submit("v", calls.rest, 2.0), []
    ray.next(lambda handle, stage, done, total: heard.append((handle, stage, done)))
    assert heard and {(h, s) for h, s, _ in heard} == {(call, "rest")}


def test_an_address_where_nobody_listens_is_one_line_at_once(free_address: str) -> None:
    pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
    from normalcy.runners.ray_engine import RayRunner

    with pytest.raises(EngineError, match=f"{free_address} cannot be reached"), RayRunner(free_address):
        raise AssertionError
    with pytest.raises(UsageError, match="HOST:PORT"), RayRunner("host:port"):
        raise AssertionError


@pytest.fixture
def free_address() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"
