"""Distances between atoms, from positions and from the image alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_atomai.errors import BadAtoms, BadImage
from napari_atomai.locate.neighbours import autocorrelation_spacing, nearest_distances, typical_spacing


def test_nearest_distances_are_those_of_brute_force():
    where = np.random.default_rng(0).uniform(0, 100, (60, 2))
    every = np.hypot(*(where[:, None] - where).transpose(2, 0, 1))
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(nearest_distances(where), every.min(1))


@pytest.mark.parametrize("count", [0, 1])
def test_a_lone_atom_has_no_neighbour(count):
    where = np.zeros((count, 2))
    assert nearest_distances(where).shape == (count,)
    assert np.isinf(nearest_distances(where)).all()
    assert np.isnan(typical_spacing(where))


def test_positions_that_are_not_numbers_have_no_neighbour():
    found = nearest_distances([[0, 0], [3, 4], [np.nan, 1]])
    np.testing.assert_allclose(found, [5, 5, np.inf])


def test_typical_spacing_is_that_of_most_atoms(lattice):
    where = lattice("square", 10.0, (100, 100))
    stray = np.concatenate([where, where[:5] + 1.0, [[500.0, 500.0]]])
    assert typical_spacing(stray) == pytest.approx(10, rel=1e-6)


def test_tables_of_other_shapes_are_refused():
    with pytest.raises(BadAtoms):
        nearest_distances(np.zeros((4, 3)))


@pytest.mark.parametrize("kind", ["square", "hexagonal", "honeycomb"])
@pytest.mark.parametrize(("spacing", "angle"), [(3.4, 0.1), (6.0, 0.5), (14.0, 0.3), (33.0, 0.0)])
def test_the_spacing_of_a_crystal_is_seen_in_its_image(make_scene, lattice, kind, spacing, angle):
    shape = (384, 320)
    where = lattice(kind, spacing, shape, angle)
    scene = make_scene(where, shape=shape, counts=20, sigma=0.22 * spacing, background=5)
    assert autocorrelation_spacing(scene.image) == pytest.approx(spacing, rel=0.07)


def test_background_noise_hot_pixels_and_holes_do_not_disturb(make_scene, lattice):
    where = lattice("square", 11.0, (300, 300))
    where += np.random.default_rng(1).normal(0, 0.3, where.shape)
    image = make_scene(where, shape=(300, 300), counts=2, sigma=2.4, background=1).image
    image += np.linspace(0, 30, 300)[:, None]
    image[7, 9], image[100:110, 50:90] = 1e7, np.nan
    assert autocorrelation_spacing(image) == pytest.approx(11, rel=0.05)


def test_a_crystal_that_fills_a_part_of_the_image_is_seen(make_scene, lattice):
    where = lattice("hexagonal", 9.0, (300, 300))
    part = where[np.hypot(*(where - 130).T) < 70]
    image = make_scene(part, shape=(300, 300), counts=50, sigma=2, background=10).image
    assert autocorrelation_spacing(image) == pytest.approx(9, rel=0.05)


def test_a_large_image_gives_the_same_spacing(make_scene, lattice):
    tile = make_scene(lattice("square", 16.0, (256, 256), 0.0), sigma=3.5).image
    for repeat in (5, 8):
        assert autocorrelation_spacing(np.tile(tile, (repeat, repeat))) == pytest.approx(16, rel=0.03)


def smooth_noise(width):
    return ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(300, 300)), width)


NO_LATTICE = {
    "counting noise": lambda: np.random.default_rng(0).poisson(3, (300, 256)),
    "electronic noise": lambda: np.random.default_rng(1).normal(size=(256, 256)),
    "fine amorphous film": lambda: smooth_noise(1.5),
    "coarse amorphous film": lambda: smooth_noise(6),
    "film with a preferred length": lambda: smooth_noise(2) - smooth_noise(3),
    "constant": lambda: np.full((100, 100), 3.0),
    "edge": lambda: (np.arange(300)[:, None] > 130) + smooth_noise(0.5) * 0.1 + np.zeros((1, 300)),
    "grating": lambda: np.sin(np.arange(300) / 3.0) + 0.3 * smooth_noise(0.0),
    "all holes": lambda: np.full((64, 64), np.nan),
    "tiny": lambda: np.random.default_rng(1).normal(size=(8, 200)),
    "scattered atoms": lambda: ndimage.gaussian_filter(
        (np.random.default_rng(5).random((300, 300)) < 4e-4) * 50.0, 2.5
    ),
}


@pytest.mark.parametrize("name", NO_LATTICE)
def test_without_a_lattice_there_is_no_answer(name):
    assert autocorrelation_spacing(NO_LATTICE[name]()) is None


def test_noise_is_hardly_ever_taken_for_a_lattice():
    rng = np.random.default_rng(7)
    assert [autocorrelation_spacing(rng.normal(size=(96, 128))) for _ in range(60)] == [None] * 60


def test_stacks_are_refused():
    with pytest.raises(BadImage):
        autocorrelation_spacing(np.zeros((3, 64, 64)))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        # Distances of nearest columns in pixels; that of MoS2 follows from its field of view of 9 nm.
        ("stem_MoS2_Vdoped_000.npy", 9.0, 11.0),
        ("stem_graphene_Si_3frames.npy", 12.5, 15.5),
        ("stem_Fe_grain-boundary.npy", 14.0, 19.0),
    ],
)
def test_real_crystals_give_their_spacing(shared_data, name, low, high):
    image = np.load(shared_data / name, allow_pickle=False)
    found = autocorrelation_spacing(image if image.ndim == 2 else image[0])
    assert low < found < high
