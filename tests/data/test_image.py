"""Image: pixels, axes and honest calibration."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image, first_picture
from napari_atomai.errors import BadImage, BadOption


def test_a_pixel_size_in_angstrom_is_told_in_nm() -> None:
    image = Image.from_array(np.zeros((10, 12)), 0.5, unit="Å")
    assert image.pixel_size == pytest.approx((0.05, 0.05))
    assert image.frame_shape == (10, 12)


def test_rows_and_columns_may_have_different_sizes() -> None:
    assert Image.from_array(np.zeros((10, 12)), (0.1, 0.2)).pixel_size == pytest.approx((0.1, 0.2))


def test_an_uncalibrated_image_says_so() -> None:
    image = Image.from_array(np.zeros((10, 12)))
    assert image.pixel_size is None
    assert {axis.unit for axis in image.axes} == {"pixel"}


def test_a_colour_picture_becomes_luminance_and_says_so() -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[..., 1] = 100
    image = Image.from_array(colour)
    assert image.shape == (20, 30)
    assert np.asarray(image.pixels) == pytest.approx(71.52)
    assert "luminance" in image.notes[0]


def test_three_frames_are_not_taken_for_colours() -> None:
    image = Image.from_array(np.zeros((3, 20, 30)))
    assert (image.n_frames, image.frame_shape) == (3, (20, 30))


def test_a_lazy_movie_is_read_frame_by_frame() -> None:
    movie = da.arange(2 * 4 * 5).reshape(2, 4, 5)
    image = Image.from_array(movie, 0.1)
    assert isinstance(image.pixels, da.Array)
    np.testing.assert_array_equal(image.frame(1), np.arange(20, 40).reshape(4, 5))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), "1 dimension"),
        (np.zeros((0, 4)), "empty"),
        (np.zeros((4, 4), complex), "complex"),
        (np.array([["a", "b"], ["c", "d"]]), "not numbers"),
        (np.array([[None, 1], [2, 3]], dtype=object), "not numbers"),
    ],
)
def test_what_cannot_be_an_image_is_refused_in_words(array: np.ndarray, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        Image.from_array(array)


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan, np.inf, (1, 2, 3), "abc"])
def test_an_impossible_pixel_size_is_refused(size: object) -> None:
    with pytest.raises(BadOption, match="pixel size"):
        Image.from_array(np.zeros((4, 4)), size)


def test_an_axis_needs_a_finite_scale() -> None:
    with pytest.raises(BadOption, match="scale"):
        Axis("x", scale=0.0)


def test_as_many_axes_as_dimensions() -> None:
    with pytest.raises(BadImage, match="1 axes"):
        Image(np.zeros((4, 4)), (Axis("x"),))


def test_calibrating_says_how_and_taking_away_says_so_too() -> None:
    image = Image.from_array(np.zeros((3, 4)), (0.03, 0.02))
    new = image.calibrated(0.5, "Å")
    assert new.pixel_size == pytest.approx((0.05, 0.05))
    assert (new.calibration.method, new.calibration.before_nm) == ("given", (0.03, 0.02))
    bare = new.calibrated(None)
    assert bare.pixel_size is None
    assert bare.calibration.pixel_size_nm is None
    assert image.calibration is None


@pytest.mark.parametrize(
    ("axes", "ratio"),
    [
        ((Axis("y", 0.3, unit="nm"), Axis("x", 2.0, unit="Å")), 1.5),
        ((Axis("y", -3.0), Axis("x", 2.0)), 1.5),
        ((Axis("y", 3.0, unit="V"), Axis("x", 2.0, unit="nm")), 1.0),
    ],
)
def test_the_ratio_of_a_pixel_is_that_of_its_sides(axes, ratio) -> None:
    assert Image(np.zeros((3, 4)), axes).pixel_ratio == pytest.approx(ratio)


def test_of_a_files_images_the_large_calibrated_picture_is_looked_at_first() -> None:
    spectra = Image(np.zeros((8, 64, 64)), (Axis("E", unit="eV"), Axis("y"), Axis("x")))
    element_map = Image.from_array(np.zeros((64, 64)))
    small = Image.from_array(np.zeros((16, 20)), 0.1)
    survey, twin = (Image.from_array(np.zeros((32, 32)), 0.1) for _ in range(2))

    assert first_picture([spectra, element_map, small, survey, twin]) is survey
    assert first_picture([spectra, element_map]) is element_map
    assert first_picture([spectra]) is spectra
