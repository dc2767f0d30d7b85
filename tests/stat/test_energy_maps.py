"""Maps between two energies, and of what stands on a power law."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.stat.energy_maps import energy_map

ENERGY = 300 + 2.0 * np.arange(200)
EDGE = np.arange(12.0).reshape(3, 4)


def spectra(noise: bool = False) -> Image:
    """Return spectra with a power law that differs from pixel to pixel, and an edge at 500 eV."""
    height = np.linspace(500, 2000, 12).reshape(3, 4)
    exponent = np.linspace(2.2, 3.4, 12).reshape(3, 4)
    cube = height * (ENERGY[:, None, None] / 300) ** -exponent
    cube = cube + EDGE * (ENERGY >= 500)[:, None, None]
    if noise:
        cube = np.random.default_rng(0).poisson(1000 * cube) / 1000
    axes = (Axis("E", 2.0, 300.0, "eV"), Axis("y", 0.5, 0.0, "nm"), Axis("x", 0.5, 0.0, "nm"))
    return Image(cube, axes, name="si")


def test_a_map_is_the_sum_of_the_channels_between_two_energies() -> None:
    image = spectra()
    drawn = energy_map(image, 440, 460)
    assert np.allclose(drawn.pixels, image.pixels[70:81].sum(axis=0))
    assert drawn.pixel_size == (0.5, 0.5)
    assert drawn.name == "si: 440 to 460 eV"
    assert np.array_equal(drawn.pixels, energy_map(image, 460, 440).pixels)


def test_without_its_background_a_map_is_the_edge_alone() -> None:
    channels = int(((ENERGY >= 510) & (ENERGY <= 550)).sum())
    exact = energy_map(spectra(), 510, 550, background=(420, 490))
    assert np.allclose(exact.pixels, channels * EDGE, atol=0.05)
    noisy = energy_map(spectra(noise=True), 510, 550, background=(420, 490))
    assert np.corrcoef(noisy.pixels.ravel(), EDGE.ravel())[0, 1] > 0.98


def test_lazy_spectra_give_the_same_and_what_is_no_number_stays_none() -> None:
    dask = pytest.importorskip("dask.array")
    image = spectra()
    lazy = Image(dask.from_array(image.pixels, chunks=(50, 3, 2)), image.axes)
    one, other = (energy_map(each, 510, 550, background=(420, 490)).pixels for each in (image, lazy))
    assert np.array_equal(one, other)
    empty = image.pixels.copy()
    empty[:, 0, 0] = 0
    empty[100:130, 2, 1] = np.nan
    drawn = energy_map(Image(empty, image.axes), 510, 550, background=(420, 490)).pixels
    assert np.array_equal(np.argwhere(np.isnan(drawn)), [[0, 0], [2, 1]])


def test_energies_that_are_not_there_are_refused_with_those_that_are() -> None:
    with pytest.raises(BadOption, match="there are 0 channels"):
        energy_map(spectra(), 10, 20)
    with pytest.raises(BadOption, match="from 300 to 698 eV"):
        energy_map(spectra(), 510, 550, background=(420, 421))
    with pytest.raises(BadImage, match="no spectrum image"):
        energy_map(Image.from_array(np.ones((4, 4))), 0, 1)
