"""Events survive the trip through events.json; at object level each has the tracks that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_results import write_products
from normalcy.results.events_json import EventsJson, event_from_dict, event_to_dict, read_events
from normalcy.results.objects_csv import ObjectsCsv
from normalcy.scoring.settings import Alarm
from normalcy.types import Event, FrameScore, ObjectScore

number = st.floats(-1e6, 1e6)
box = st.none() | st.tuples(number, number, number, number)
events = st.builds(Event, *[st.integers(0, 10**6)] * 3, *[number] * 4, box, st.sampled_from(["density", "motion"]))
EVENT = Event(1, 2, 2, 0.04, 0.08, 0.08, 3.0, None, "density")


@given(events)
def test_event_there_and_back(e: Event) -> None:
    assert event_from_dict(json.loads(json.dumps(event_to_dict(e)))) == e


@pytest.mark.parametrize("wrong", [{}, {"start_s": 1}, event_to_dict(Event(0, 1, 1, 0, 1, 1, 2, None, "a")) | {"region": [1]}])
def test_not_an_event(wrong: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        event_from_dict(wrong)


def test_threshold_and_what_it_rests_on(tmp_path: Path) -> None:
    frames = [FrameScore(i, i / 25, 1.0, {"density": 1.0}) for i in range(3)]
    write_products(tmp_path / "a", frames, [EventsJson], [EVENT])
    content = json.loads((tmp_path / "a" / "events.json").read_text())
    assert (content["threshold"], content["note"], content["video"]) == (2.0, "made up", "nowhere")
    assert read_events(tmp_path / "a" / "events.json") == [EVENT]
    sets = ["scoring.normalise=per_video"]
    write_products(tmp_path / "b", frames, [EventsJson], sets=sets, alarm=Alarm(None, "none can be set"))
    content = json.loads((tmp_path / "b" / "events.json").read_text())
    assert content["threshold"] is None and "in this video" in content["units"]


def test_an_event_has_the_tracks_that_made_it(tmp_path: Path) -> None:
    """Those above 1 in it and the highest of a frame, with their boxes within the event and no others."""

    def seen(track: int, score: float) -> ObjectScore:
        return ObjectScore(track, (1.0, 2.0, 3.0, 4.0), score, 0, "flow")

    objects = [[seen(1, 9.0)], [seen(2, 0.5), seen(3, 0.4)], [seen(2, 0.1), seen(4, 1.5), seen(5, 2.0)], [seen(6, 9.0)]]
    frames = [FrameScore(i, i / 25, 1.0, {"density": 1.0}, objects=tuple(o)) for i, o in enumerate(objects)]
    write_products(tmp_path / "v", frames, [ObjectsCsv, EventsJson], [EVENT], sets=["level=object"])
    ((event,),) = [json.loads((tmp_path / "v" / "events.json").read_text())["events"]]
    assert [t["track"] for t in event["tracks"]] == [2, 4, 5]
    two = event["tracks"][0]
    assert two["boxes"] == [[1, 1.0, 2.0, 3.0, 4.0, 0.5], [2, 1.0, 2.0, 3.0, 4.0, 0.1]]
    assert (two["peak"], two["peak_frame"], two["label"], two["readout"]) == (0.5, 1, 0, "flow")
