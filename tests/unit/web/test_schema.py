"""Requests that no person would think of, made from the API's own description: none may end in an error of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from made_events import Media, fill
from normalcy.api.live import CameraCard, write_card
from normalcy.scoring.threshold import Threshold
from normalcy.web.app import create_app
from normalcy.web.jobs import Jobs

schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis: pip install schemathesis")
TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    out = tmp_path_factory.mktemp("out")
    fill(out, 3, media=Media(tmp_path_factory.mktemp("media")))
    threshold = Threshold(2.0, 0.1, 10.0, 60, 1.2, 0.8, "exponential").to_dict()
    write_card(out, CameraCard("gate", "rtsp://host", "m", "h", "frame", threshold, "", {}, []))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jobs, "start", lambda self: None)
        app = create_app(out, token=TOKEN, folders=[out], most_upload=10_000)
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.slow
def test_no_request_ends_in_an_error_of_ours(described: Any) -> None:
    tried: Counter[str] = Counter()
    for operation in (found.ok() for found in described.get_all_operations()):
        if operation.path.endswith("/stream"):
            continue  # it does not end by itself

        @given(case=operation.as_strategy())
        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        def ask(case: Any) -> None:
            response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
            tried[case.operation.path] += 1
            assert response.status_code < 500, (case, response.text)

        ask()
    assert len(tried) >= 20 and min(tried.values()) >= 1
