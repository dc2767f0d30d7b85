"""What is colour and what is a stack of detectors: three or four numbers per pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Image
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read

COLOUR, NUMBERS = ("u1", "u2", ">u2"), ("f4", "f8", "i2", "i4", "u4", "?", "f2", ">f4")
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def _pixels(dtype: str, channels: int) -> Any:
    return np.random.default_rng(0).integers(0, 200, (30, 20, channels)).astype(dtype)


def _saved(path: Path, pixels: Any, suffix: str, limits: Limits | None = None) -> Image:
    where = path / f"a{suffix}"
    np.save(where, pixels) if suffix == ".npy" else np.savez(where, data=pixels)
    (image,) = read(where, limits=limits)
    return image


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", COLOUR)
def test_bytes_and_words_are_colour(tmp_path: Path, dtype: str, channels: int) -> None:
    pixels = _pixels(dtype, channels)
    for image in (Image.from_array(pixels), *(_saved(tmp_path, pixels, end) for end in (".npy", ".npz"))):
        np.testing.assert_allclose(image.pixels, pixels[..., :3] @ WEIGHTS, rtol=1e-5)
        assert "luminance" in image.notes[0]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_measured_numbers_are_detectors_one_after_the_other(
    tmp_path: Path, dtype: str, channels: int
) -> None:
    pixels = _pixels(dtype, channels)
    for image in (Image.from_array(pixels), *(_saved(tmp_path, pixels, end) for end in (".npy", ".npz"))):
        assert image.shape == (channels, 30, 20)
        np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, -1, 0))
        assert [axis.name for axis in image.axes] == ["channel", "y", "x"]
        assert any(f"{channels} channels" in note and "no colour" in note for note in image.notes)


@pytest.mark.parametrize("dtype", ["f4", ">f4"])
def test_a_large_array_of_detectors_stays_on_the_disk(tmp_path: Path, dtype: str) -> None:
    pixels = _pixels(dtype, 4)
    image = _saved(tmp_path, pixels, ".npy", Limits(bytes_at_once=100))
    assert not type(image.pixels) is np.ndarray  # noqa: E714 - a memory map is a kind of ndarray
    np.testing.assert_array_equal(np.asarray(image.pixels[2]), pixels[..., 2])


def test_lazy_detectors_stay_lazy() -> None:
    pixels = _pixels("f4", 3)
    image = Image.from_array(da.from_array(pixels), 0.1)
    assert hasattr(image.pixels, "compute")
    assert image.pixel_size == (0.1, 0.1)
    np.testing.assert_array_equal(np.asarray(image.pixels), np.moveaxis(pixels, -1, 0))


def test_a_movie_of_narrow_frames_or_few_frames_is_a_movie() -> None:
    for shape in ((30, 4, 3), (3, 30, 20), (4, 30, 4)):
        image = Image.from_array(np.zeros(shape, np.float32))
        assert (image.shape, image.axes[0].name, image.notes) == (shape, "t", ())
