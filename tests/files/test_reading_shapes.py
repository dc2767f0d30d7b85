"""Order, units and honesty of what comes in: axes, calibration, colour, byte order."""

from __future__ import annotations

import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from napari_atomai.data.image import Source
from napari_atomai.data.shaping import as_dataset
from napari_atomai.data.tags import plain
from napari_atomai.errors import BadImage, TooLarge
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read

SOURCE = Source(Path("/somewhere/file.xyz"))


def image_of(data: Any, axes: list[dict[str, Any]], **more: Any) -> Any:
    return as_dataset({"data": data, "axes": axes, **more}, SOURCE, "name")


def axis(name: str | None, scale: float = 1.0, units: object = "nm", **more: Any) -> dict[str, Any]:
    return {"name": name, "scale": scale, "units": units, "offset": 0.0, **more}


@pytest.mark.parametrize(
    ("scale", "units", "nm"),
    [
        (0.2, "Å", 0.02),
        (20, "pm", 0.02),
        (2e-11, "m", 0.02),
        (2e-5, "um", 0.02),
        (2e-9, "cm", 0.02),
        (0.02, b"nm", 0.02),
    ],
)
def test_pixel_sizes_in_any_length_unit_come_out_in_nm(scale: float, units: object, nm: float) -> None:
    image = image_of(np.ones((4, 5)), [axis("y", scale, units), axis("x", 2 * scale, units)])
    assert image.pixel_size == pytest.approx((nm, 2 * nm))
    assert image.notes == ()


@pytest.mark.parametrize("scale", [0.0, -0.1, 2e-11, 1e12, float("nan"), float("inf"), "text"])
def test_impossible_pixel_sizes_are_not_used_and_said(scale: Any) -> None:
    image = image_of(np.ones((4, 5)), [axis("y", scale), axis("x", 0.1)])
    assert image.pixel_size is None
    assert [axis.unit for axis in image.axes] == ["pixel", "pixel"]
    assert "not possible" in image.notes[0]
    assert "No calibration" in image.notes[-1]


@pytest.mark.parametrize("units", ["", None, "<undefined>", "px", "M", "a.u."])
def test_a_scale_without_a_unit_is_not_taken_for_a_length(units: object) -> None:
    image = image_of(np.ones((4, 5)), [axis("y", 0.0093, units), axis("x", 0.0093, units)])
    assert image.pixel_size is None
    assert [(axis.scale, axis.unit) for axis in image.axes] == [(1.0, "pixel")] * 2
    assert "0.0093" in image.notes[0]


def test_missing_keys_of_an_axis_do_no_harm() -> None:
    image = image_of(np.ones((4, 5)), [{"size": 4}, {"size": 5}])
    assert [axis.name for axis in image.axes] == ["y", "x"]


def test_axes_named_x_y_are_turned_into_rows_and_columns() -> None:
    data = np.arange(20.0).reshape(4, 5)
    image = image_of(data, [axis("x", 0.1), axis("y", 0.3)])
    np.testing.assert_array_equal(image.pixels, data.T)
    assert image.pixel_size == pytest.approx((0.3, 0.1))


def test_the_spectral_axis_of_a_spectrum_image_goes_to_the_front() -> None:
    data = np.arange(4 * 5 * 7).reshape(4, 5, 7)
    axes = [
        axis("y", 0.1, navigate=True),
        axis("x", 0.2, navigate=True),
        axis("Energy", 5.0, "eV", offset=100.0),
    ]
    image = image_of(data, [*axes[:2], {**axes[2], "navigate": False}])
    np.testing.assert_array_equal(image.pixels, np.moveaxis(data, -1, 0))
    assert [axis.name for axis in image.axes] == ["E", "y", "x"]
    assert (image.axes[0].scale, image.axes[0].offset, image.axes[0].unit) == (5.0, 100.0, "eV")
    assert image.pixel_size == pytest.approx((0.1, 0.2))


def test_movies_and_diffraction_stacks_keep_their_order() -> None:
    movie = image_of(
        np.zeros((3, 4, 5)),
        [axis("time", 0.5, "s", navigate=True), axis("y", navigate=False), axis("x", navigate=False)],
    )
    assert movie.shape == (3, 4, 5)
    assert (movie.axes[0].name, movie.axes[0].unit, movie.axes[0].scale) == ("t", "s", 0.5)
    four = image_of(
        np.zeros((2, 3, 4, 5)),
        [
            axis(name, 1.0, unit, navigate=nav)
            for name, unit, nav in (
                ("y", "nm", True),
                ("x", "nm", True),
                ("ky", "1/Å", False),
                ("kx", "A^-1", False),
            )
        ],
    )
    assert four.shape == (2, 3, 4, 5)
    assert [(axis.unit, axis.scale) for axis in four.axes[2:]] == [("1/nm", 10.0)] * 2


def test_unevenly_spaced_samples_are_said() -> None:
    energies = np.array([1.0, 2.0, 4.0, 8.0])
    image = image_of(
        np.zeros((4, 3, 3)), [axis("Energy", units="eV", axis=energies, navigate=True), axis("y"), axis("x")]
    )
    assert "not evenly spaced" in image.notes[0]
    assert image.axes[0].scale == pytest.approx(7 / 3)


def test_frames_of_length_one_are_dropped_and_rows_of_length_one_are_not() -> None:
    assert image_of(np.zeros((1, 4, 5)), [axis("t"), axis("y"), axis("x")]).shape == (4, 5)
    assert image_of(np.zeros((1, 5)), [axis("y"), axis("x")]).shape == (1, 5)


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", ">f4", "f2", "u8", "f8", "?", "g"])
def test_every_kind_of_number_is_read_in_the_computers_byte_order(tmp_path: Path, dtype: str) -> None:
    array = (np.arange(30 * 20).reshape(30, 20) % 2).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    (image,) = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels.dtype.isnative
    assert image.pixels.dtype.itemsize <= 8


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(5), "no image"),
        (np.float64(3), "no spectrum"),
        (np.zeros((0, 5)), "empty"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.zeros((4, 5), [("a", "f4")]), "records"),
    ],
)
def test_arrays_that_are_no_image_are_refused_in_words(tmp_path: Path, array: Any, said: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(BadImage, match=said):
        read(tmp_path / "a.npy")


def test_fortran_order_and_small_pictures_come_through(tmp_path: Path) -> None:
    for array in (np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.eye(3), np.ones((1, 1))):
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(read(tmp_path / "a.npy")[0].pixels, array)


def test_a_large_array_is_mapped_and_not_read(tmp_path: Path) -> None:
    array = np.arange(40 * 50 * 60, dtype=">f4").reshape(40, 50, 60)
    np.save(tmp_path / "a.npy", array)
    (image,) = read(tmp_path / "a.npy", limits=Limits(bytes_at_once=1000))
    assert not type(image.pixels) is np.ndarray  # noqa: E714 - a memory map is a kind of ndarray
    frame = image.pixels[7]
    np.testing.assert_array_equal(frame.compute(scheduler="synchronous"), array[7])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colour_tiff_becomes_luminance(tmp_path: Path, channels: int, planar: bool, dtype: str) -> None:
    random = np.random.default_rng(0)
    colour = random.integers(0, 255, (30, 20, channels)).astype(dtype)
    stored = np.moveaxis(colour, -1, 0) if planar else colour
    tifffile.imwrite(
        tmp_path / "c.tif",
        stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        extrasamples=["unassalpha"] if channels == 4 else None,
    )
    (image,) = read(tmp_path / "c.tif")
    expected = colour[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(image.pixels, expected, rtol=1e-5)
    assert "luminance" in image.notes[0]


def test_a_colour_movie_becomes_grey_frame_by_frame(tmp_path: Path) -> None:
    movie = np.random.default_rng(0).integers(0, 255, (5, 30, 20, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "m.tif", movie, photometric="rgb")
    (image,) = read(tmp_path / "m.tif")
    np.testing.assert_allclose(image.pixels, movie @ np.array([0.2126, 0.7152, 0.0722]), rtol=1e-5)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_movies_are_read_alike_at_once_and_frame_by_frame(
    tmp_path: Path, compression: str | None, bigtiff: bool, byteorder: Any
) -> None:
    movie = np.random.default_rng(0).integers(0, 60000, (6, 40, 30)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "m.tif",
        movie,
        compression=compression,
        bigtiff=bigtiff,
        byteorder=byteorder,
        photometric="minisblack",
    )
    (at_once,) = read(tmp_path / "m.tif")
    (lazy,) = read(tmp_path / "m.tif", limits=Limits(bytes_at_once=1000))
    np.testing.assert_array_equal(at_once.pixels, movie)
    frame = lazy.pixels[4]
    np.testing.assert_array_equal(
        frame.compute(scheduler="synchronous") if hasattr(frame, "compute") else frame, movie[4]
    )
    assert lazy.shape == movie.shape


def test_ome_calibration_is_used_and_no_other_file_is_opened(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((30, 20), np.uint16),
        metadata={"axes": "YX", "PhysicalSizeX": 0.03, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 4e-5},
    )
    (image,) = read(tmp_path / "a.ome.tif")
    assert image.pixel_size == pytest.approx((0.04, 0.03))
    assert "OME" in image.notes[0]


@pytest.mark.parametrize("unit", ["nm", "micron", "Angstrom", r"\u00B5m", "inch", "pixel"])
def test_imagej_calibration_is_used_where_its_unit_is_a_length(tmp_path: Path, unit: str) -> None:
    nm = {"nm": 1.0, "micron": 1000.0, "Angstrom": 0.1, r"\u00B5m": 1000.0}.get(unit)
    tifffile.imwrite(
        tmp_path / "i.tif",
        np.zeros((30, 20), np.uint16),
        imagej=True,
        resolution=(50, 40),
        metadata={"unit": unit},
    )
    (image,) = read(tmp_path / "i.tif")
    expected = None if nm is None else pytest.approx((nm / 40, nm / 50))
    assert image.pixel_size == expected


@pytest.mark.parametrize(("per_cm", "nm"), [(72, None), (300, None), (4e8, 0.025)])
def test_resolution_tags_are_believed_below_a_micrometre_only(
    tmp_path: Path, per_cm: float, nm: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "r.tif",
        np.zeros((30, 20), np.uint16),
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
        metadata=None,
    )
    (image,) = read(tmp_path / "r.tif")
    assert image.pixel_size == (None if nm is None else pytest.approx((nm, nm)))


def test_a_tiff_of_several_pictures_gives_them_all(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(np.zeros((30, 20), np.uint16), metadata=None)
        file.write(np.ones((25, 40), np.float32), metadata=None)
    images = read(tmp_path / "two.tif")
    assert [image.shape for image in images] == [(30, 20), (25, 40)]
    assert [image.source.dataset for image in images if image.source] == [0, 1]


def test_a_compressed_tiff_larger_than_the_budget_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "big.tif", np.zeros((2000, 2000), np.uint8), compression="zlib")
    assert (tmp_path / "big.tif").stat().st_size < 20_000
    with pytest.raises(TooLarge, match=r"2000 × 2000 values, 3.8 MiB; 1.0 MiB"):
        read(tmp_path / "big.tif", limits=Limits(bytes_in_memory=1 << 20))


def test_an_mrc_without_a_cell_is_uncalibrated(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.mrc(tmp_path / "a.mrc")
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    for at in (28, 40):
        broken = bytearray(content)
        struct.pack_into("<3i", broken, at, 0, 0, 0)
        (tmp_path / "b.mrc").write_bytes(broken)
        assert read(tmp_path / "b.mrc")[0].pixel_size is None
    struct.pack_into("<3f", content, 40, 60, 40, 1)  # 1 Å per pixel
    (tmp_path / "c.mrc").write_bytes(content)
    (image,) = read(tmp_path / "c.mrc")
    assert image.pixel_size == pytest.approx((0.1, 0.1))
    assert "exactly 1 Å" in image.notes[0]


def test_hdf5_tables_and_small_arrays_are_not_taken_for_images(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["positions"] = np.zeros((141, 2))
        file["names"] = ["a", "b"]
        file["inner/movie"] = np.zeros((3, 20, 30), np.uint8)
    (image,) = read(tmp_path / "a.h5")
    assert image.shape == (3, 20, 30)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["positions"] = np.zeros((141, 2))
    with pytest.raises(BadImage, match="no dataset of numbers"):
        read(tmp_path / "b.h5")


def test_tags_become_plain_and_hold_nothing_large() -> None:
    tags = {
        1: np.float32(2),
        "b": (b"\xff", None, {"deep": np.arange(3)}),
        "long": np.zeros(10**6),
        "o": object,
    }
    made = plain(tags)
    assert made["1"] == 2.0
    assert made["b"][1] is None
    np.testing.assert_array_equal(made["b"][2]["deep"], [0, 1, 2])
    assert made["long"] == "array of shape (1000000,), float64"
    assert isinstance(made["o"], str)
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert isinstance(plain(endless), dict)


def test_a_large_big_endian_movie_is_read_frame_by_frame(tmp_path: Path) -> None:
    movie = np.arange(40 * 50 * 60, dtype=">u2").reshape(40, 50, 60)
    np.save(tmp_path / "big.npy", movie)
    (image,) = read(tmp_path / "big.npy", limits=Limits(bytes_at_once=1000))
    assert image.pixels.dtype.isnative
    assert image.pixels.chunks[0] == (1,) * 40
    np.testing.assert_array_equal(image.pixels[7].compute(scheduler="synchronous"), movie[7])


def test_a_large_colour_movie_stays_on_the_disk(tmp_path: Path) -> None:
    movie = np.random.default_rng(0).integers(0, 255, (5, 30, 20, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "m.tif", movie, photometric="rgb")
    (image,) = read(tmp_path / "m.tif", limits=Limits(bytes_at_once=1000))
    assert image.shape == (5, 30, 20)
    assert hasattr(image.pixels, "compute")
    frame = image.pixels[3].compute(scheduler="synchronous")
    np.testing.assert_allclose(frame, movie[3] @ np.array([0.2126, 0.7152, 0.0722]), rtol=1e-5)


def test_what_is_left_out_of_a_file_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", picture=np.ones((20, 30)), nothing=np.ones((0, 30)))
    (image,) = read(tmp_path / "two.npz")
    assert any("Left out of two.npz" in note and "empty" in note for note in image.notes)


@pytest.mark.parametrize("limits", [None, Limits(bytes_at_once=1000)], ids=["at once", "lazy"])
def test_complex_numbers_are_shown_as_amplitude_and_phase(tmp_path: Path, limits: Limits | None) -> None:
    rng = np.random.default_rng(0)
    wave = (rng.normal(size=(3, 20, 30)) + 1j * rng.normal(size=(3, 20, 30))).astype(">c8")
    np.save(tmp_path / "wave.npy", wave)
    amplitude, phase = read(tmp_path / "wave.npy", limits=limits)
    assert [hasattr(image.pixels, "compute") for image in (amplitude, phase)] == [limits is not None] * 2
    assert amplitude.pixels.dtype == phase.pixels.dtype == np.float32
    again = np.asarray(amplitude.pixels) * np.exp(1j * np.asarray(phase.pixels))
    np.testing.assert_allclose(again, wave, rtol=1e-5, atol=1e-5)
    assert (amplitude.name, phase.name) == ("wave: amplitude", "wave: phase")
    assert (phase.quantity, phase.value_unit) == ("phase", "rad")
    assert "two datasets" in " ".join(amplitude.notes)


def test_an_axis_given_by_a_formula_is_counted_and_said() -> None:
    energy = axis("E", 1.0, "eV", expression="1240/x")
    del energy["scale"]
    spectrum = as_dataset({"data": np.ones(5), "axes": [energy]}, SOURCE, "name")
    assert spectrum.axes[0].unit == "pixel"
    assert "formula" in spectrum.notes[0]
