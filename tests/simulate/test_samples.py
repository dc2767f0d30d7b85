"""Samples carry the truth: elements, positions, and the defect they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_atomai.errors import UnknownOption
from napari_atomai.simulate.samples import graphene_with_si, perovskite, sample


def test_graphene_has_its_bond_length_and_its_silicon() -> None:
    made = graphene_with_si()
    distances, _ = cKDTree(made.truth.positions_nm).query(made.truth.positions_nm, k=2)
    assert np.median(distances[:, 1]) == pytest.approx(0.142, rel=0.03)
    assert made.truth.counts()["Si"] == 5
    assert made.image.pixel_size == pytest.approx((0.0125, 0.0125))


def test_the_defect_of_graphene_has_two_pentagons_and_two_heptagons() -> None:
    networkx = pytest.importorskip("networkx", reason="networkx counts the rings here")
    positions = graphene_with_si(dose=1e4).truth.positions_nm
    near = np.linalg.norm(positions - np.array([0.62, 0.40]) * 512 * 0.0125, axis=1) < 1.2
    patch = positions[near]
    bonds = cKDTree(patch).query_pairs(0.142 * 1.25)
    rings = networkx.minimum_cycle_basis(networkx.Graph(list(bonds)))
    sizes = np.bincount([len(ring) for ring in rings], minlength=9)
    assert (sizes[5], sizes[7]) == (2, 2)
    assert sizes[6] > 20
    assert sizes[[3, 4, 8]].sum() == 0


def test_bright_pixels_of_the_perovskite_are_its_strontium() -> None:
    made = perovskite()
    rows, cols = np.round(made.truth.positions).astype(int).clip(0, 511).T
    values = np.asarray(made.image.pixels)[rows, cols]
    assert values[made.truth.classes == 0].mean() > 1.4 * values[made.truth.classes == 1].mean()
    cell = 0.3905**2
    expected = (512 * 0.016) ** 2 / cell
    assert made.truth.counts()["Sr"] == pytest.approx(expected, rel=0.03)


def test_another_seed_gives_another_image_and_the_same_one_the_same() -> None:
    first, same, other = perovskite(size=64), perovskite(size=64), perovskite(size=64, seed=1)
    np.testing.assert_array_equal(first.image.pixels, same.image.pixels)
    assert not np.array_equal(first.image.pixels, other.image.pixels)


def test_an_unknown_sample_gets_a_suggestion() -> None:
    with pytest.raises(UnknownOption, match="graphene"):
        sample("graphen")
