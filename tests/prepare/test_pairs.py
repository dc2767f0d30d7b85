"""Pairs of structure and spectrum: at the right place for any two samplings, and parted honestly."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import BadImage, BadOption, NotCalibrated, UnknownOption
from napari_atomai.prepare.pairs import cut_patches, held_out, rebinned, structure_pairs
from napari_atomai.prepare.pairs_places import grid_of, line_of, spots_of

ENERGY = Axis("E", 0.5, 10.0, "eV")


def ramp(rows: int, columns: int, pixel: float, origin: tuple[float, float] = (0.0, 0.0)) -> Image:
    """An image whose value is its row in nm, plus a thousand times its column in nm."""
    axes = (Axis("y", pixel, origin[0], "nm"), Axis("x", pixel, origin[1], "nm"))
    at = [origin[i] + pixel * np.arange(n) for i, n in enumerate((rows, columns))]
    return Image(at[0][:, None] + 1000 * at[1][None], axes)


def cube(
    rows: int, columns: int, step: float, origin: tuple[float, float] = (0.0, 0.0), channels: int = 6
) -> Image:
    values = np.random.default_rng(0).random((channels, rows, columns)) + 1
    return Image(values, (ENERGY, Axis("y", step, origin[0], "nm"), Axis("x", step, origin[1], "nm")))


def spectra_of(image: Image) -> np.ndarray:
    return np.moveaxis(image.pixels, 0, -1)


def test_each_patch_lies_where_its_spectrum_was_taken_by_both_calibrations() -> None:
    image, si = ramp(80, 100, 0.5), cube(6, 5, 3.0, (9.0, 12.0))
    pairs = structure_pairs(image, spectra_of(si), grid_of(image, si), ENERGY, window=4.0, patch=5)
    assert pairs.patches.shape == (30, 5, 5)
    middle = pairs.patches[:, 2, 2]
    np.testing.assert_allclose(middle, (9 + 3 * pairs.places[:, 0]) + 1000 * (12 + 3 * pairs.places[:, 1]))
    # 4 nm in five pixels: 0.8 nm each, rows first.
    np.testing.assert_allclose(np.diff(pairs.patches[0, :, 2]), 0.8, rtol=1e-6)
    np.testing.assert_allclose(np.diff(pairs.patches[0, 2]), 800, rtol=1e-6)
    np.testing.assert_array_equal(pairs.spectra, spectra_of(si).reshape(30, 6))


def test_transposing_both_transposes_the_patches() -> None:
    image, si = ramp(40, 50, 0.5), cube(4, 6, 2.0, (3.0, 4.0))
    one = structure_pairs(image, spectra_of(si), grid_of(image, si), ENERGY, window=3.0, patch=4)
    flipped = Image(image.pixels.T, image.axes[::-1])
    turned = Image(si.pixels.transpose(0, 2, 1), (si.axes[0], si.axes[2], si.axes[1]))
    other = structure_pairs(
        flipped, spectra_of(turned), grid_of(flipped, turned), ENERGY, window=3.0, patch=4
    )
    swapped = other.patches.reshape(6, 4, 4, 4).transpose(1, 0, 3, 2).reshape(24, 4, 4)
    np.testing.assert_allclose(swapped, one.patches)


def test_pictures_of_the_same_field_are_laid_edge_on_edge() -> None:
    image = Image.from_array(ramp(64, 32, 1.0).pixels)
    si = Image(np.ones((3, 8, 4)), (ENERGY, Axis("y"), Axis("x")))
    with pytest.raises(NotCalibrated, match="same field"):
        grid_of(image, si)
    grid = grid_of(image, si, "same field")
    np.testing.assert_allclose(grid.positions[[0, -1]], [[3.5, 3.5], [59.5, 27.5]])
    assert grid.unit == "pixel"
    with pytest.raises(UnknownOption, match="same field"):
        grid_of(image, si, "same feld")


def test_a_line_and_spots_have_a_patch_each() -> None:
    image = ramp(60, 60, 0.5)
    grid = line_of(image, 7, [(10, 12), (40, 42)])
    spectra = np.random.default_rng(1).random((7, 4)) + 1
    pairs = structure_pairs(image, spectra, grid, ENERGY, window=3.0, patch=3)
    np.testing.assert_allclose(
        pairs.patches[:, 1, 1], 5 + 2.5 * np.arange(7) + 1000 * (6 + 2.5 * np.arange(7))
    )
    assert pairs.shape == (1, 7)
    train, test = held_out(pairs, 0.3)
    assert len(train) > 0
    assert len(test) > 0
    assert not set(train) & set(test)
    assert len(spots_of(image, [(3, 4)]).positions) == 1


@pytest.mark.parametrize(
    "ends", [[(5, 5), (5, 5)], [(5, 5), (np.nan, 9)], [(1, 2, 3), (4, 5, 6)], [1, 2, 3, 4]]
)
def test_a_line_without_length_or_ends_is_said_to_be_none(ends) -> None:
    image = Image.from_array(np.random.default_rng(0).random((60, 60)), pixel_size=0.1)
    with pytest.raises(BadImage, match="from one end to the other"):
        line_of(image, 7, ends)


def test_masked_nan_and_empty_spectra_are_left_out_and_told() -> None:
    image, si = ramp(40, 40, 1.0), cube(5, 5, 4.0, (10.0, 10.0))
    spectra = spectra_of(si).copy()
    spectra[0, 0, 2], spectra[1, 1] = np.nan, 0
    mask = np.ones((5, 5), bool)
    mask[4] = False
    pairs = structure_pairs(image, spectra, grid_of(image, si), ENERGY, window=8.0, mask=mask)
    assert len(pairs) == 25 - 1 - 1 - 5
    words = " ".join(pairs.notes)
    assert "1 of 25 spectra are left out: not finite" in words
    assert "1 of 25 spectra are left out: all zero" in words
    assert "5 of 25 spectra are left out: masked" in words
    with pytest.raises(BadImage, match="No spectrum is left"):
        structure_pairs(image, 0 * spectra, grid_of(image, si), ENERGY, window=8.0)


def test_sweeps_of_different_length_are_compared_over_what_most_of_them_have() -> None:
    image, si = ramp(40, 40, 1.0), cube(5, 5, 4.0, (10.0, 10.0), channels=40)
    spectra = spectra_of(si).copy()
    lengths = 30 + np.arange(25) % 9
    spectra[np.arange(40) >= lengths.reshape(5, 5, 1)] = np.nan
    spectra[4, 4] = np.nan  # never measured
    pairs = structure_pairs(image, spectra, grid_of(image, si), ENERGY, window=8.0)
    assert len(pairs) * pairs.spectra.shape[1] == max(
        int((lengths[:24] >= length).sum()) * length for length in range(30, 39)
    )
    assert np.isfinite(pairs.spectra).all()
    assert any(f"{len(pairs)} of the 24 spectra that were measured" in note for note in pairs.notes)
    backwards = structure_pairs(image, spectra[..., ::-1], grid_of(image, si), ENERGY, window=8.0)
    np.testing.assert_array_equal(backwards.spectra, pairs.spectra[:, ::-1])
    assert backwards.energy.offset == 10.0 + 0.5 * (40 - pairs.spectra.shape[1])


def test_an_axis_that_runs_downwards_is_turned_round() -> None:
    image, si = ramp(40, 40, 1.0), cube(3, 3, 4.0, (10.0, 10.0))
    grid = grid_of(image, si)
    up = structure_pairs(image, spectra_of(si), grid, ENERGY, window=8.0)
    down = structure_pairs(
        image, spectra_of(si)[..., ::-1], grid, Axis("E", -0.5, 10.0 + 5 * 0.5, "eV"), window=8.0
    )
    np.testing.assert_array_equal(up.spectra, down.spectra)
    assert (down.energy.scale, down.energy.offset) == (0.5, 10.0)
    assert any("downwards" in note for note in down.notes)


def test_no_overlap_and_an_impossible_window_are_refused_with_numbers() -> None:
    image, far = ramp(40, 40, 1.0), cube(3, 3, 4.0, (500.0, 10.0))
    with pytest.raises(BadImage, match=r"do not overlap.*500"):
        structure_pairs(image, spectra_of(far), grid_of(image, far), ENERGY)
    near = cube(3, 3, 4.0, (10.0, 10.0))
    for window in (0.4, 500.0):
        with pytest.raises(BadOption, match="window"):
            structure_pairs(image, spectra_of(near), grid_of(image, near), ENERGY, window=window)
    with pytest.raises(BadImage, match="9 spectra for 4 places"):
        structure_pairs(image, spectra_of(near), spots_of(image, np.ones((4, 2))), ENERGY)


def test_a_patch_coarser_than_the_image_shows_no_false_pattern() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2).astype(float)
    patches = cut_patches(Image.from_array(checks), np.array([[31.0, 31.0], [32.0, 31.0]]), 32, 8)
    np.testing.assert_allclose(patches, 0.5, atol=0.05)


def test_energies_are_chosen_and_added_up() -> None:
    image, si = ramp(40, 40, 1.0), cube(3, 3, 4.0, (10.0, 10.0), channels=10)
    pairs = structure_pairs(image, spectra_of(si), grid_of(image, si), ENERGY, window=8.0)
    part = rebinned(pairs, 11.0, 13.9, 2)  # channels at 11, 11.5, 12, 12.5, 13, 13.5
    np.testing.assert_allclose(part.spectra[:, 0], pairs.spectra[:, 2] + pairs.spectra[:, 3])
    assert part.spectra.shape == (9, 3)
    assert (part.energy.offset, part.energy.scale) == (11.25, 1.0)
    with pytest.raises(BadOption, match="leave 0 channels"):
        rebinned(pairs, 100.0, 110.0, 1)


@pytest.mark.parametrize("shape", [(30, 30), (49, 6), (12, 40)])
def test_what_is_held_out_lies_apart_from_what_is_learned(shape: tuple[int, int]) -> None:
    image, si = ramp(shape[0] * 4, shape[1] * 4, 1.0), cube(*shape, 4.0, channels=2)
    pairs = structure_pairs(image, spectra_of(si), grid_of(image, si), ENERGY, window=8.0, patch=4)
    train, test = held_out(pairs, 0.25, seed=3)
    assert not set(train) & set(test)
    assert 0.1 < len(test) / len(pairs) < 0.5
    between = np.abs(pairs.places[train][:, None] - pairs.places[test][None]).max(axis=-1)
    assert between.min() > pairs.reach / 2
    again = held_out(pairs, 0.25, seed=3)
    np.testing.assert_array_equal(test, again[1])
    # Blocks, not scattered pixels: nearly every one held out has a neighbour that is.
    inner = np.abs(pairs.places[test][:, None] - pairs.places[test][None]).max(axis=-1)
    assert ((inner == 1).any(axis=1)).all()


def test_channels_that_no_spectrum_has_are_cut_off_at_the_ends() -> None:
    image, si = ramp(40, 40, 1.0), cube(3, 3, 4.0, (10.0, 10.0))
    spectra = spectra_of(si).copy()
    spectra[..., 0] = spectra[..., 5] = np.nan
    spectra[0, 0, 2] = np.nan
    pairs = structure_pairs(image, spectra, grid_of(image, si), ENERGY, window=8.0)
    np.testing.assert_array_equal(pairs.spectra, spectra.reshape(9, 6)[1:, 1:5])
    assert pairs.energy.offset == 10.5
    assert any("2 channels" in note for note in pairs.notes)
