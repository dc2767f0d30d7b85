"""Spectrum images unmixed, local order mapped, loadings interpolated: against what they were made of."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.stat.loading_maps import interpolated
from napari_atomai.stat.unmixing import unmix
from napari_atomai.stat.windows import local_order

pytest.importorskip("sklearn")


def made_cube() -> tuple[Image, np.ndarray, np.ndarray]:
    """Return counts (E, y, x) of two phases, one a disc, with their spectra and shares."""
    energy = 100 + 2.0 * np.arange(80)
    spectra = np.stack([np.exp(-(((energy - centre) / 8) ** 2)) for centre in (140, 210)]) + 0.02
    rows, cols = np.indices((20, 24))
    disc = 1 / (1 + np.exp(np.hypot(rows - 9, cols - 11) - 5))
    shares = np.stack([1 - disc, disc])
    counts = np.random.default_rng(0).poisson(60 * np.tensordot(spectra, shares, axes=(0, 0)))
    axes = (Axis("E", 2.0, 100.0, "eV"), Axis("y", 0.5, unit="nm"), Axis("x", 0.5, unit="nm"))
    return Image(counts.astype(np.uint16), axes), spectra, shares


@pytest.mark.parametrize("noise", ["uniform", "poisson"])
@pytest.mark.parametrize("lazy", [False, True])
def test_two_phases_come_back_as_spectra_and_maps(noise: str, lazy: bool) -> None:
    image, spectra, shares = made_cube()
    if lazy:
        image = Image(da.from_array(image.pixels, chunks=(40, 7, 24)), image.axes)
    found = unmix(image, "nmf", 2, noise=noise)
    order = np.argsort(found.spectra.argmax(axis=1))
    for k, truth, share in zip(order, spectra, shares, strict=True):
        assert np.corrcoef(found.spectra[k], truth)[0, 1] > 0.97
        assert np.corrcoef(found.maps.pixels[k].ravel(), share.ravel())[0, 1] > 0.97
    assert found.energy[0] == 100
    assert found.energy[-1] == 258
    assert found.unit == "eV"
    assert found.maps.axes[-1] == image.axes[-1]


def test_only_chosen_pixels_and_energies_are_decomposed() -> None:
    image, _, _ = made_cube()
    pixels = image.pixels.astype(float)
    pixels[15, 0, 0] = np.nan
    mask = np.ones((20, 24), bool)
    mask[5] = False
    found = unmix(Image(pixels, image.axes), "pca", 2, window=(120, 180), mask=mask)
    assert (found.energy.min(), found.energy.max()) == (120, 180)
    left_out = np.isnan(found.maps.pixels[0])
    assert left_out[0, 0]
    assert left_out[5].all()
    assert left_out.sum() == 25
    assert np.isnan(found.reconstruct()).sum() == 25 * 31


def test_what_is_no_spectrum_image_is_refused() -> None:
    image, _, _ = made_cube()
    with pytest.raises(BadImage, match="no spectrum image"):
        unmix(Image.from_array(np.ones((8, 8))))
    with pytest.raises(BadOption, match="No channel lies between 1 and 2 eV"):
        unmix(image, window=(1, 2))
    with pytest.raises(BadImage, match="mask"):
        unmix(image, mask=np.ones((3, 3), bool))
    with pytest.raises(BadImage, match="No pixel"):
        unmix(image, mask=np.zeros((20, 24), bool))


def test_local_order_finds_two_lattices_their_places_and_their_frequencies() -> None:
    rows, cols = np.indices((128, 160))
    left, right = 2 + np.cos(2 * np.pi * rows / 8), 2 + np.cos(2 * np.pi * cols / 5)
    pixels = np.where(cols < 80, left, right) + 0.1 * np.random.default_rng(0).standard_normal(rows.shape)
    found = local_order(Image.from_array(pixels, 0.1), 2, window=(40, 32), step=(8, 8))
    maps, pictures = found.maps.pixels, found.components.components
    first = int(np.argmax([each[:, 0].mean() - each[:, -1].mean() for each in maps]))
    assert maps[first][:, :4].min() > 5 * maps[first][:, -4:].max()
    row, column = found.frequencies
    v, u = np.unravel_index(pictures[first].argmax(), pictures[first].shape)
    assert abs(row.offset + v * row.scale) == pytest.approx(1 / 0.8)
    assert column.offset + u * column.scale == pytest.approx(0)
    v, u = np.unravel_index(pictures[1 - first].argmax(), pictures[first].shape)
    assert abs(column.offset + u * column.scale) == pytest.approx(1 / 0.5, abs=column.scale / 2)
    assert (row.unit, found.maps.axes[1].offset) == ("1/nm", pytest.approx(0.1 * 39 / 2))


def test_windows_that_do_not_fit_are_refused() -> None:
    image = Image.from_array(np.random.default_rng(0).random((40, 40)))
    with pytest.raises(BadOption, match="64 x 64"):
        local_order(image, window=(64, 64))
    with pytest.raises(BadOption, match="zoom"):
        local_order(image, zoom=0.5)


def test_a_plane_of_values_is_interpolated_exactly_and_stays_unknown_far_from_atoms() -> None:
    rng = np.random.default_rng(0)
    at = rng.uniform(0, 40, (300, 2))
    found = interpolated(at, np.stack([at @ (2, 3), at[:, 0]], axis=1), (60, 40), reach=4)
    rows, cols = np.indices((60, 40))
    known = np.isfinite(found[0])
    assert np.allclose(found[0][known], (2 * rows + 3 * cols)[known], atol=1e-3)
    assert known[5:35, 5:35].mean() > 0.98
    assert not known[45:].any()
    with pytest.raises(BadAtoms):
        interpolated([(0, 0), (1, 1), (2, 2)], [1, 2, 3], (4, 4))
