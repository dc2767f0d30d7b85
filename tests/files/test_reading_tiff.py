"""TIFF as microscopes write it: the calibration of FEI, Zeiss, JEOL and Gatan, every kind of pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

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
