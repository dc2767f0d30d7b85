"""Training pairs: marks lie on columns that can be seen, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.simulate.imaging import Columns, draw
from napari_atomai.simulate.scenes import training_pair
from napari_atomai.simulate.truth import Tally, match, tally
from napari_atomai.simulate.visible import Scene, marks


@pytest.mark.parametrize("seed", range(25))
def test_a_pair_is_whole_and_its_marks_lie_on_columns(seed: int) -> None:
    pair = training_pair(np.random.default_rng([7, seed]), 96)
    assert pair.image.shape == pair.target.shape == pair.weight.shape == (96, 96)
    assert np.isfinite(pair.image).all()
    assert 0 <= pair.target.min() <= pair.target.max() <= 1
    if len(pair.positions):
        where = np.clip(np.round(pair.positions).astype(int), 0, 95)
        assert (pair.target[where[:, 0], where[:, 1]] == 1).all()
        assert (pair.weight[where[:, 0], where[:, 1]] == 1).all()


def test_the_same_stream_gives_the_same_pair() -> None:
    first, second = (training_pair(np.random.default_rng(5), 64) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.target, second.target)


def test_a_column_below_the_noise_is_not_asked_for() -> None:
    where = np.array([[20.0, 20.0], [44.0, 44.0]])
    columns = Columns(where, np.array([1.0, 0.02]), np.full((2, 2), 3.0))
    scene = Scene(columns, draw(columns, (64, 64)) + 0.5, 13.0, lattice=True)
    target, _, seen = marks(scene, dose=5.0, read_noise=0.0)
    np.testing.assert_array_equal(seen, [True, False])
    assert target[44, 44] == 0


def test_matching_is_one_to_one_and_as_large_as_possible() -> None:
    true = np.array([[0.0, 0.0], [0.0, 3.0]])
    found = np.array([[0.0, 1.4], [0.0, -1.5], [50.0, 50.0]])
    of_found, of_true = match(found, true, within=2.0)
    assert dict(zip(of_found.tolist(), of_true.tolist(), strict=True)) == {0: 1, 1: 0}


def test_a_tally_counts_what_lies_where_nobody_could_say_neither_way() -> None:
    pair = training_pair(np.random.default_rng([7, 0]), 96)
    assert tally(pair.positions, pair) == Tally(len(pair.positions), 0, 0)
    assert tally(np.empty((0, 2)), pair).missed == len(pair.positions)
