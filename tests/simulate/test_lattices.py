"""Lattices have the spacing they promise and fill the frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.simulate.lattices import PROTOTYPES, random_lattice


@pytest.mark.parametrize("name", PROTOTYPES)
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_the_nearest_neighbour_lies_at_the_spacing_asked_for(name: str, angle: float) -> None:
    positions, _ = PROTOTYPES[name].scaled(12.0).tile((100, 140), angle, margin=20)
    distances, _ = cKDTree(positions).query(positions, k=2)
    assert distances[:, 1].min() == pytest.approx(12.0)


def test_a_square_lattice_fills_a_frame_that_is_not_square() -> None:
    positions, _ = PROTOTYPES["square"].scaled(10.0).tile((100, 200), 0.3, margin=0)
    assert len(positions) == pytest.approx(100 * 200 / 100, rel=0.03)
    assert positions.max(axis=0) == pytest.approx([99.5, 199.5], abs=8)
    assert (positions >= -0.5 - 1e-9).all()


@pytest.mark.parametrize("seed", range(20))
def test_columns_of_a_random_lattice_stay_apart(seed: int) -> None:
    lattice = random_lattice(np.random.default_rng(seed))
    density = len(lattice.motif) / abs(np.linalg.det(lattice.cell))
    assert lattice.neighbour_distance() > 0.5 * density**-0.5
    assert lattice.amplitudes.max() == 1.0
