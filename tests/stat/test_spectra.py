"""Spectra of spectrum images: against NumPy's own means, whatever way the pixels are stored."""

from __future__ import annotations

import tracemalloc

import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.progress import Progress
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.files.slabs import Sliced, lazy
from napari_atomai.stat import spectra
from napari_atomai.stat.spectra import averaging, spectral_axis, spectrum_at, spectrum_of

ENERGY = Axis("E", 0.5, 100.0, "eV")


def cube(shape=(7, 5, 6), dtype=np.float64):
    return (1000 * np.random.default_rng(1).random(shape)).astype(dtype)


def image(pixels, axis=ENERGY):
    leading = tuple(Axis("t") for _ in range(pixels.ndim - 3))
    axes = (*leading, axis, Axis("y", 0.2, unit="nm"), Axis("x", 0.2, unit="nm"))
    return Image(pixels, axes, name="cube", quantity="counts", value_unit="e")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
def test_the_mean_is_numpys(dtype):
    pixels = cube(dtype=dtype)
    found = spectrum_of(image(pixels))
    np.testing.assert_allclose(found.values, pixels.mean(axis=(1, 2), dtype=np.float64), rtol=1e-6)


def test_many_counts_of_a_byte_do_not_overflow():
    pixels = np.full((2, 40, 50), 255, np.uint8)
    np.testing.assert_array_equal(spectrum_of(image(pixels)).values, [255, 255])


def test_energies_name_and_unit_come_with_it():
    found = spectrum_of(image(cube()))
    np.testing.assert_allclose(found.energy, 100 + 0.5 * np.arange(7))
    assert (found.name, found.quantity, found.value_unit) == ("cube: mean", "counts", "e")
    assert found.axes == (ENERGY,)


def test_a_pixel_is_its_spectrum():
    pixels = cube()
    found = spectrum_of(image(pixels), 3, 5)
    np.testing.assert_array_equal(found.values, pixels[:, 3, 5])
    assert found.name == "cube: pixel 3, 5"


def test_a_region_is_the_mean_within_it():
    pixels = cube()
    found = spectrum_of(image(pixels), slice(1, 3), slice(2, None))
    np.testing.assert_allclose(found.values, pixels[:, 1:3, 2:].mean(axis=(1, 2)))
    assert found.name == "cube: rows 1-2, columns 2-5"


def test_two_halves_have_the_mean_of_the_whole():
    whole = image(cube((4, 6, 6)))
    halves = [spectrum_of(whole, part).values for part in (slice(0, 3), slice(3, 6))]
    np.testing.assert_allclose(np.mean(halves, axis=0), spectrum_of(whole).values)


def test_pixels_that_are_no_numbers_are_left_out():
    pixels = cube()
    pixels[2, 0, :3] = np.nan
    pixels[3, 1, 1] = np.inf
    pixels[4] = np.nan
    kept = np.where(np.isfinite(pixels), pixels, np.nan)
    expected = [np.nanmean(kept[e]) if e != 4 else np.nan for e in range(7)]
    np.testing.assert_allclose(spectrum_of(image(pixels)).values, expected)


def test_frames_in_front_are_averaged():
    pixels = cube((3, 7, 5, 6))
    np.testing.assert_allclose(spectrum_of(image(pixels)).values, pixels.mean(axis=(0, 2, 3)))


@pytest.mark.parametrize("chunks", [(-1, 1, -1), (1, -1, -1), (3, 2, 4)])
def test_lazy_pixels_give_the_same(chunks, monkeypatch):
    pixels = cube()
    monkeypatch.setattr(spectra, "_BLOCK", 7 * 8 * 2)  # two spectra at once
    stored = image(da.from_array(pixels, chunks=chunks))
    np.testing.assert_allclose(spectrum_of(stored).values, pixels.mean(axis=(1, 2)))
    np.testing.assert_array_equal(spectrum_of(stored, 4, 0).values, pixels[:, 4, 0])
    region = spectrum_of(stored, slice(1, 4), slice(3, 6)).values
    np.testing.assert_allclose(region, pixels[:, 1:4, 3:6].mean(axis=(1, 2)))


class Made(Sliced):
    """A gigabyte that is nowhere."""

    largest = 0

    def box(self, box):
        sizes = [part.stop - part.start for part in box]
        self.largest = max(self.largest, int(np.prod(sizes)) * self.dtype.itemsize)
        energies = np.arange(box[0].start, box[0].stop, dtype=self.dtype)[:, None, None]
        return np.broadcast_to(energies, sizes).copy()


@pytest.mark.parametrize("split", [0, 1])
def test_a_gigabyte_is_read_within_little_memory(split):
    made = Made((512, 1024, 512), np.dtype(np.float32))
    assert made.nbytes == 1 << 30
    tracemalloc.start()
    found = spectrum_of(image(lazy(made, split)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(found.values, np.arange(512))
    assert made.largest <= 32 << 20
    assert peak < 200 << 20


def test_it_can_be_stopped_between_blocks(monkeypatch):
    monkeypatch.setattr(spectra, "_BLOCK", 7 * 8 * 6)  # a row at once
    work = averaging(image(cube()))
    told = [next(work) for _ in range(5)]
    assert [step.step for step in told] == [0, 1, 2, 3, 4]
    assert all(isinstance(step, Progress) and step.of == 5 for step in told)
    work.close()
    with pytest.raises(StopIteration):
        next(work)


def test_one_channel_is_a_spectrum():
    assert spectrum_of(image(np.ones((1, 2, 2)))).values.tolist() == [1.0]


def test_energies_may_run_downwards():
    found = spectrum_of(image(cube(), Axis("E", -0.5, 10.0, "eV")))
    np.testing.assert_allclose(found.energy, 10 - 0.5 * np.arange(7))


def test_a_picture_has_no_spectrum():
    with pytest.raises(BadImage, match="no spectrum image"):
        spectrum_of(Image.from_array(np.ones((4, 4)), 0.1))


def test_a_movie_has_no_spectrum():
    with pytest.raises(BadImage, match="no spectrum image"):
        spectral_axis(Image.from_array(np.ones((3, 4, 4)), 0.1))


@pytest.mark.parametrize("rows", [5, -1, slice(3, 3), slice(0, 9), slice(0, 4, 2)])
def test_pixels_outside_are_refused(rows):
    with pytest.raises(BadOption, match=r"no row .* the image has 5"):
        spectrum_of(image(cube()), rows)


def test_a_point_of_a_lazy_line_scan_is_read():
    values = cube((4, 7))[:, :]
    scan = Spectrum(da.from_array(values, chunks=(2, 7)), (Axis("x", 1.0, unit="nm"), ENERGY))
    np.testing.assert_array_equal(spectrum_at(scan, 2), values[2])
    np.testing.assert_array_equal(spectrum_at(Spectrum(values[0], (ENERGY,)), 0), values[0])


def test_a_real_spectrum_image(shared_data):
    from napari_atomai.files.reading import read

    spectral = next(one for one in read(shared_data / "eels_STO-film_SI.dm3") if one.is_spectral)
    found = spectrum_of(spectral)
    whole = np.asarray(spectral.pixels, dtype=np.float64)
    np.testing.assert_allclose(found.values, whole.mean(axis=(1, 2)), rtol=1e-9)
    assert found.axes[-1].unit == "eV"
