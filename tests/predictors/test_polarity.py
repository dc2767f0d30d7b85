"""Dark columns are told from bright ones, also where the hollows between them form a plainer lattice."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.progress import finish
from napari_atomai.models.storage import load_weights
from napari_atomai.predictors.engines import engine_for
from napari_atomai.predictors.polarity import find_scale_and_polarity, tail
from napari_atomai.prepare.normalise import finite
from napari_atomai.simulate.imaging import Columns, Conditions, draw, expose
from napari_atomai.simulate.lattices import PROTOTYPES
from tests.predictors.crystals import dumbbells


def looked_at(image: np.ndarray) -> tuple[float, bool]:
    weights = load_weights("atoms")
    scale, dark = finish(find_scale_and_polarity(engine_for(weights), weights.card, finite(image)))
    return scale.spacing, dark


@pytest.mark.parametrize("between", [10.0, 13.0, 17.0])
@pytest.mark.parametrize("dark", [False, True])
def test_dumbbells_are_seen_whichever_way_they_stand_out(between: float, dark: bool) -> None:
    image = dumbbells(between)
    spacing, told = looked_at(image.max() - image if dark else image)
    assert told is dark
    assert spacing == pytest.approx(between, rel=0.1)


@pytest.mark.parametrize("name", ["square", "hexagonal", "honeycomb"])
@pytest.mark.parametrize("dark", [False, True])
def test_crystals_are_told_by_their_columns_and_not_by_their_hollows(name: str, dark: bool) -> None:
    positions, sites = PROTOTYPES[name].scaled(13.0).tile((260, 260), 0.3, 20)
    columns = Columns(positions, PROTOTYPES[name].amplitudes[sites], np.full((len(positions), 2), 2.9))
    image = expose(draw(columns, (260, 260)) + 0.2, Conditions(dose=60), np.random.default_rng(1))
    spacing, told = looked_at(image.max() - image if dark else image)
    assert told is dark
    assert spacing == pytest.approx(13.0, rel=0.1)


def test_the_tail_turns_with_the_image() -> None:
    image = dumbbells(13.0)
    assert tail(image, 13.0) > 0.2
    assert tail(-image, 13.0) == pytest.approx(-tail(image, 13.0))
    assert tail(np.ones((40, 40), np.float32), 13.0) == 0.0
