"""TIFF as microscopes write it: the calibration of FEI, Zeiss, JEOL and Gatan, every kind of pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_atomai.data.image import Axis
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read

FEI = "[Scan]\r\nPixelWidth=2.5e-9\r\nPixelHeight=3.5e-9\r\nDwelltime=1e-6\r\n[Beam]\r\nHV=30000\r\n"
FEI_BEAM = "[IRBeam]\r\nHFW=120e-9\r\nVFW=160e-9\r\n[Image]\r\nResolutionX=60\r\nResolutionY=40\r\n"
ZEISS = "\r\n".join(
    ["0", "0", "0", "2.5e-9", "0", "AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 2.5 nm",
     "AP_ACTUALKV", "EHT = 5.00 kV", ""]
)  # fmt: skip
JEOL = (
    "<TemReporter><Eos><EosMode>eosTEM</EosMode></Eos>"
    "<IlluminationSystem><ImageField>xxxxBright</ImageField></IlluminationSystem>"
    "<ImageFormingSystem><ImageFormingMode>xxxxMag</ImageFormingMode><ModeString>MAG</ModeString>"
    "<SelectorString>X100k</SelectorString><SelectorValue>100000</SelectorValue></ImageFormingSystem>"
    "</TemReporter>"
)


def picture(dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return (np.add.outer(100 * np.arange(40), np.arange(60)) % 250).astype(dtype)


@pytest.mark.parametrize("at_once", [1 << 20, 100])
@pytest.mark.parametrize(
    ("tag", "text", "size"),
    [
        (34682, FEI, (3.5, 2.5)),
        (34680, FEI, (3.5, 2.5)),
        (34682, FEI_BEAM, (4.0, 2.0)),
        (34118, ZEISS, (2.5 * 1024 / 60,) * 2),
    ],
)
def test_scanning_microscopes_say_their_pixel_size(
    tmp_path: Path, tag: int, text: str, size: tuple[float, float], at_once: int
) -> None:
    # The resolution tags that stand beside it speak of paper.
    options: dict[str, Any] = {"resolution": (72, 72), "resolutionunit": 2, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", picture(), extratags=[(tag, "s", 0, text, True)], **options)
    (image,) = read(tmp_path / "a.tif", limits=Limits(bytes_at_once=at_once))
    assert image.pixel_size == pytest.approx(size)
    np.testing.assert_array_equal(np.asarray(image.pixels), picture())


def test_fei_tags_are_kept_for_the_reader(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(), extratags=[(34682, "s", 0, FEI, True)], metadata=None)
    (image,) = read(tmp_path / "a.tif")
    assert image.metadata["original"]["fei_metadata"]["Beam"]["HV"] == 30000


def test_jeol_says_its_pixel_size_by_magnification_and_resolution(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        picture(),
        description=JEOL,
        resolution=(1000, 1000),  # per centimetre of the detector
        resolutionunit=3,
        extratags=[(271, "s", 0, "JEOL Ltd.", True)],
        metadata=None,
    )
    (image,) = read(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx((0.1, 0.1))


def test_gatan_says_its_pixel_size_in_tags_of_its_own(tmp_path: Path) -> None:
    tags = [(tag, "s", 0, "nm", True) for tag in (65003, 65004)]
    tags += [(65009, "d", 1, 0.02, True), (65010, "d", 1, 0.03, True)]  # type: ignore[list-item]
    tifffile.imwrite(tmp_path / "a.tif", picture("float32"), extratags=tags, metadata=None)
    (image,) = read(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx((0.03, 0.02))


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32", "float64", ">u2", ">f4"])
def test_every_kind_of_pixel_and_packing_comes_back(
    tmp_path: Path, dtype: str, compression: str | None
) -> None:
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "a.tif", picture(dtype), compression=compression, byteorder=order)
    for at_once in (1 << 20, 100):
        (image,) = read(tmp_path / "a.tif", limits=Limits(bytes_at_once=at_once))
        np.testing.assert_array_equal(np.asarray(image.pixels), picture(dtype))
        assert image.pixels.dtype == np.dtype(dtype).newbyteorder("=")


def test_tiled_and_multi_scale_pictures_are_read_at_full_size(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(picture(), tile=(16, 16), subifds=1, metadata=None)
        file.write(picture()[::2, ::2].copy(), tile=(16, 16), subfiletype=1, metadata=None)
    (image,) = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, picture())


def test_each_series_of_an_ome_tiff_has_its_own_pixel_size(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        for size, shape in ((0.1, (20, 30)), (0.7, (24, 40))):
            units = {f"PhysicalSize{axis}Unit": "nm" for axis in "YX"}
            sizes = {f"PhysicalSize{axis}": size for axis in "YX"}
            file.write(np.zeros(shape, np.uint16), metadata={"axes": "YX", **units, **sizes})
    sizes_read = [image.pixel_size for image in read(tmp_path / "two.ome.tif")]
    assert sizes_read == [pytest.approx((0.1, 0.1)), pytest.approx((0.7, 0.7))]


SMALL = Limits(bytes_at_once=100)
BOTH_WAYS = pytest.mark.parametrize("limits", [None, SMALL], ids=["at once", "lazy"])


@BOTH_WAYS
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", ">u2"])
def test_white_that_is_stored_as_zero_comes_out_bright(
    tmp_path: Path, dtype: str, compression: str | None, limits: Limits | None
) -> None:
    seen = np.stack([picture(dtype)] * 3)
    stored = (np.iinfo(seen.dtype).max - seen).astype(dtype)
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="miniswhite", compression=compression, byteorder=order
    )
    (image,) = read(tmp_path / "a.tif", limits=limits)
    np.testing.assert_array_equal(np.asarray(image.pixels), seen)
    assert image.pixels.dtype == seen.dtype.newbyteorder("=")
    assert any("stores white as 0" in note for note in image.notes)


def test_a_mask_that_is_stored_inverted_comes_out_as_it_looks(tmp_path: Path) -> None:
    seen = picture("uint8") > 100
    tifffile.imwrite(tmp_path / "a.tif", ~seen, photometric="miniswhite")
    (image,) = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, seen)


def test_measured_floats_are_never_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture("float32"), photometric="miniswhite")
    (image,) = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, picture("float32"))
    assert any("white as the smallest" in note for note in image.notes)


def palette(tmp_path: Path, colours: Any, **options: Any) -> Path:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.stack([picture("uint8")] * 2),
        photometric="palette",
        colormap=colours,
        **options,
    )
    return tmp_path / "a.tif"


@BOTH_WAYS
def test_a_palette_gives_the_luminance_of_its_colours(tmp_path: Path, limits: Limits | None) -> None:
    colours = np.random.default_rng(0).integers(0, 1 << 16, (3, 256)).astype(np.uint16)
    (image,) = read(palette(tmp_path, colours), limits=limits)
    expected = (np.array([0.2126, 0.7152, 0.0722]) @ colours)[picture("uint8")] / 257
    np.testing.assert_allclose(np.asarray(image.pixels)[1], expected, rtol=1e-5)
    assert any("luminance" in note for note in image.notes)


@BOTH_WAYS
def test_a_palette_of_greys_gives_the_greys_it_shows(tmp_path: Path, limits: Limits | None) -> None:
    greys = np.arange(256)[::-1].astype(np.uint16) * 257
    (image,) = read(palette(tmp_path, np.stack([greys] * 3)), limits=limits)
    np.testing.assert_allclose(np.asarray(image.pixels)[0], 255 - picture("float32"))


@BOTH_WAYS
def test_the_lookup_table_of_imagej_colours_the_screen_and_not_the_values(
    tmp_path: Path, limits: Limits | None
) -> None:
    colours = np.random.default_rng(0).integers(0, 1 << 16, (3, 256)).astype(np.uint16)
    (image,) = read(
        palette(tmp_path, colours, description="ImageJ=1.54f\nimages=2\n", metadata=None), limits=limits
    )
    np.testing.assert_array_equal(np.asarray(image.pixels)[0], picture("uint8"))
    assert any("lookup table" in note for note in image.notes)


def movie(tmp_path: Path, **more: Any) -> Path:
    path = tmp_path / ("a.ome.tif" if more.get("ome") else "a.tif")
    tifffile.imwrite(path, np.zeros((3, 2, 30, 20), np.uint16), **more)
    return path


@BOTH_WAYS
@pytest.mark.parametrize("unit", ["nm", "micron"])
def test_imagej_says_intervals_spacing_and_origin(tmp_path: Path, unit: str, limits: Limits | None) -> None:
    said = {
        "axes": "TZYX",
        "unit": unit,
        "spacing": 4.0,
        "finterval": 0.25,
        "xorigin": 3,
        "yorigin": 5,
        "zorigin": 1,
    }
    (image,) = read(movie(tmp_path, imagej=True, resolution=(0.5, 0.25), metadata=said), limits=limits)
    name = {"micron": "µm"}.get(unit, unit)
    by_nm = 1000 if unit == "micron" else 1
    rows, columns = image.axes[2:]
    assert image.axes[:2] == (Axis("t", 0.25, 0, "s"), Axis("z", 4, -4, name))
    assert (rows.nm, columns.nm) == pytest.approx((4 * by_nm, 2 * by_nm))
    assert (rows.offset_nm, columns.offset_nm) == pytest.approx((-20 * by_nm, -6 * by_nm))
    assert not any("no known unit" in note for note in image.notes)


@BOTH_WAYS
def test_imagej_that_says_nothing_of_time_leaves_it_open(tmp_path: Path, limits: Limits | None) -> None:
    (image,) = read(movie(tmp_path, imagej=True, metadata={"axes": "TZYX", "spacing": 4.0}), limits=limits)
    assert image.axes[:2] == (Axis("t"), Axis("z"))
    notes = [note for note in image.notes if "no known unit" in note]
    assert len(notes) == 1
    assert "along z" in notes[0]


@BOTH_WAYS
def test_ome_says_intervals_spacing_and_position(tmp_path: Path, limits: Limits | None) -> None:
    lengths = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (2.0, 3.0, 4.0), strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    places = {
        "PositionX": [5.0] * 6,
        "PositionXUnit": ["nm"] * 6,
        "PositionY": [6.0] * 6,
        "PositionYUnit": ["µm"] * 6,
    }
    said = {
        "axes": "TZYX",
        "TimeIncrement": 0.5,
        "TimeIncrementUnit": "ms",
        "Plane": places,
        **lengths,
        **units,
    }
    (image,) = read(movie(tmp_path, ome=True, metadata=said), limits=limits)
    assert image.axes[:2] == (Axis("t", 0.5, 0, "ms"), Axis("z", 4, 0, "nm"))
    assert image.pixel_size == pytest.approx((3, 2))
    assert image.origin == pytest.approx((6000, 5))


@pytest.mark.parametrize(
    "said",
    [
        {"finterval": 0, "spacing": -1},
        {"finterval": "x", "spacing": "nan", "xorigin": "inf", "yorigin": "-nan"},
        {"finterval": 1e400, "spacing": 0, "xorigin": "?"},
    ],
)
def test_what_imagej_cannot_mean_is_left_out(tmp_path: Path, said: dict[str, Any]) -> None:
    more = {"axes": "TZYX", "unit": "nm", **said}
    (image,) = read(movie(tmp_path, imagej=True, resolution=(0.5, 0.25), metadata=more))
    assert [axis.unit for axis in image.axes] == ["pixel", "pixel", "nm", "nm"]
    assert image.origin == (0, 0)


@BOTH_WAYS
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "axis 0"),
        ({"metadata": {"axes": "QYX"}}, "axis 0"),
        ({"metadata": {"axes": "CYX"}, "imagej": True}, "channel"),
        ({"metadata": {"axes": "CYX"}, "ome": True}, "channel"),
        ({"metadata": {"axes": "TYX"}, "imagej": True}, "t"),
        ({"metadata": None}, "t"),
    ],
)
def test_axes_have_names_that_people_use(
    tmp_path: Path, options: dict[str, Any], name: str, limits: Limits | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((5, 30, 20), np.float32), photometric="minisblack", **options
    )
    (image,) = read(tmp_path / "a.tif", limits=limits)
    assert [axis.name for axis in image.axes] == [name, "y", "x"]
