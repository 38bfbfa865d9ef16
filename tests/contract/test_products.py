"""What every product of a scored video keeps: run over the whole table, so a new one is held to it by its line there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fakes import moving_square_video, write_video
from made_results import context, write_products
from normalcy.results.product import Product
from normalcy.results.products import PRODUCTS, products_for
from normalcy.results.series import Series
from normalcy.types import Event, FrameScore, ObjectScore

EVENT = Event(3, 8, 5, 0.12, 0.32, 0.2, 4.5, (8.0, 8.0, 24.0, 24.0), "density")
OBJECT = ObjectScore(1, (8.0, 8.0, 24.0, 24.0), 1.5, 0, "density")
N = 12


def frames() -> list[FrameScore]:
    score_map = np.linspace(0, 4, 48, dtype=np.float32).reshape(6, 8)
    readouts = {"density": 1.0, "motion": 0.5}
    return [FrameScore(i, i / 25, 0.5 * i, readouts, score_map, (OBJECT,) if i % 2 else ()) for i in range(N)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("v") / "v.mp4", moving_square_video(N, 48, 64))


def with_needs(product: type[Product]) -> Sequence[type[Product]]:
    return [*product.needs, product]


@pytest.mark.parametrize("level", ["frame", "both"])
@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.name)
def test_leaves_its_file_and_no_other(product: type[Product], level: str, video: Path, tmp_path: Path) -> None:
    products = list(dict.fromkeys([*products_for(level), *with_needs(product)]))
    write_products(tmp_path / "v", frames(), products, [EVENT], video=video, sets=[f"level={level}"])
    assert {p.name for p in (tmp_path / "v").iterdir()} == {p.name for p in products}
    assert (tmp_path / "v" / product.name).stat().st_size > 0


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.name)
def test_an_interrupt_leaves_nothing_open_and_nothing_behind(product: type[Product], video: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), context(tmp_path / "v", ["density", "motion"], video) as c:
        made, series = [p(c) for p in with_needs(product)], Series(c.model.names)
        for s in frames():
            series.add(s)
            for p in made:
                p.write(s)
        raise KeyboardInterrupt
    assert not (tmp_path / "v").exists()


def test_the_table_is_in_order() -> None:
    names = [p.name for p in PRODUCTS]
    assert len(set(names)) == len(names)
    for i, product in enumerate(PRODUCTS):
        assert all(needed in PRODUCTS[:i] for needed in product.needs), f"{product.name} is finished before what it needs"


def test_what_is_asked_for_is_there() -> None:
    assert [p.name for p in products_for("frame")] == ["scores.csv", "timeline.png", "events.json"]
    assert [p.name for p in products_for("object", overlay=True, maps=True)] == [p.name for p in PRODUCTS]
