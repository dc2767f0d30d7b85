"""Ring centres are told from atoms, and the atoms between them are those that were there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.graphx import find_bonds, find_rings
from napari_atomai.graphx.centres import between, is_triangular
from tests.graphx.test_rings import defective, honeycomb


@pytest.mark.parametrize("noise", [0.0, 0.12])
def test_a_honeycomb_is_told_from_the_centres_of_its_rings(noise: float) -> None:
    atoms = honeycomb(12, 8)
    rng = np.random.default_rng(0)
    centres = find_rings(find_bonds(atoms)).centres
    for scale in (1.0, 30.0):
        assert not is_triangular(scale * (atoms + rng.normal(0, noise, atoms.shape)))
        assert is_triangular(scale * (centres + rng.normal(0, noise, centres.shape)))
        assert not is_triangular(scale * rng.uniform(0, 30, (400, 2)))


def test_atoms_lie_between_the_centres_of_their_rings_whatever_their_sizes() -> None:
    atoms = defective(0)
    rings = find_rings(find_bonds(atoms))
    rings = rings.keep(rings.sizes < 12)
    made = between(rings.centres)
    distance, nearest = cKDTree(made).query(atoms)
    inside = rings.per_atom() == 3
    assert distance[inside].max() < 0.45  # Å
    assert len(set(nearest[inside].tolist())) == inside.sum()
    counts = find_rings(find_bonds(made)).counts()
    assert counts[5] == counts[7] == 16


@pytest.mark.parametrize("where", [np.empty((0, 2)), np.zeros((2, 2)), np.arange(60.0).reshape(30, 2)])
def test_too_few_points_and_points_on_a_line_have_nothing_between_them(where: np.ndarray) -> None:
    assert len(between(where)) == 0
    assert not is_triangular(where[:10])
