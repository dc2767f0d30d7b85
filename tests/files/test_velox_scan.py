"""Velox: images and maps of one scan lie where they were scanned, in the middle of the same field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_atomai.data.image import Image
from napari_atomai.files.reading import read
from napari_atomai.files.velox_scan import BY_THE_FIELD, placed, plane, scanned

PIXEL = 2e-10


def tags(**changes: Any) -> dict[str, Any]:
    """Tags of the lower right quarter of a scan of 100 x 200 pixels, as Velox writes them."""
    found = {
        "BinaryResult": {
            "PixelSize": {"width": str(PIXEL), "height": str(PIXEL)},
            "Offset": {"x": "0", "y": "0"},
            "PixelUnitX": "m",
        },
        "Scan": {
            "ScanSize": {"width": "200", "height": "100"},
            "ScanArea": {"left": "0.5", "top": "0.5", "right": "1", "bottom": "1"},
        },
        "Optics": {"FullScanFieldOfView": {"x": str(200 * PIXEL), "y": str(100 * PIXEL)}},
    }
    return {**found, **changes}


def part(given: dict[str, Any], rows: int = 50, columns: int = 100) -> dict[str, Any]:
    axes = [{"name": name, "size": size} for name, size in (("y", rows), ("x", columns))]
    return {"original_metadata": given, "axes": axes}


def begins(axes: list[dict[str, Any]]) -> list[float]:
    return [axis["offset"] for axis in axes]


def test_an_area_begins_where_it_was_scanned_whatever_its_detector_says() -> None:
    assert scanned(tags()) == (50, 100)
    quarter = plane(tags(), (50, 100))
    assert begins(quarter) == pytest.approx([0, 0])
    whole = tags()
    whole["Scan"]["ScanArea"] = {"left": "0", "top": "0", "right": "1", "bottom": "1"}
    assert begins(plane(whole, (100, 200))) == pytest.approx([-10, -20])  # its middle is zero
    assert [(axis["scale"], axis["units"]) for axis in quarter] == [(pytest.approx(0.2), "nm")] * 2


def test_an_image_that_was_cut_or_binned_since_keeps_its_own_offset() -> None:
    given = tags()
    given["BinaryResult"]["Offset"] = {"x": "3e-9", "y": "-4e-9"}
    assert begins(plane(given, (25, 50))) == pytest.approx([-4, 3])
    assert begins(plane({**given, "Scan": {}}, (50, 100))) == pytest.approx([-4, 3])


def test_a_map_without_a_pixel_size_has_that_of_its_scan_and_says_so() -> None:
    made = placed(part(tags(BinaryResult={"Detector": "Zebra"})))
    assert [(axis["scale"], axis["units"]) for axis in made["axes"]] == [(pytest.approx(0.2), "nm")] * 2
    assert made["notes"] == (BY_THE_FIELD,)
    assert placed(part(tags()))["notes"] == ()


@pytest.mark.parametrize(
    "field",
    [
        None,
        {},
        {"x": "1e-8"},
        {"x": "1e-8", "y": "1e-8"},
        {"x": "nan", "y": "nan"},
        {"x": "-1", "y": "-1"},
        {"x": "inf", "y": "inf"},
    ],
)
def test_a_field_that_gives_no_square_pixels_is_not_believed(field: Any) -> None:
    given = tags(BinaryResult={"Detector": "Zebra"}, Optics={"FullScanFieldOfView": field})
    assert placed(part(given)) == part(given)


def test_the_frames_of_a_movie_keep_their_time() -> None:
    movie = part(tags())
    movie["axes"].insert(0, {"name": "Time", "scale": 2.0, "units": "s"})
    assert placed(movie)["axes"][0] == movie["axes"][0]
    assert begins(placed(movie)["axes"][1:]) == pytest.approx([0, 0])


def test_all_maps_of_a_real_scan_lie_in_one_place_of_its_overview(shared_data: Path) -> None:
    images = read(shared_data / "eels_EDS_velox_SI.zip")
    places = {
        item.shape[-2:]: [(i.axes[-2:]) for i in images if i.shape[-2:] == item.shape[-2:]] for item in images
    }
    assert {shape: len(found) for shape, found in places.items()} == {(16, 20): 11, (128, 128): 1}
    for found in places.values():
        assert all(
            (axis.scale, axis.offset, axis.unit) == pytest.approx((first.scale, first.offset, first.unit))
            for axes in found
            for axis, first in zip(axes, found[0], strict=True)
        )
    (overview,), maps = places[128, 128], places[16, 20]
    first = [
        round((axis.offset - whole.offset) / whole.scale)
        for axis, whole in zip(maps[0], overview, strict=True)
    ]
    assert first == [39, 29]  # 0.3046875 and 0.2265625 of 128
    assert all(isinstance(image, Image) and image.pixel_size for image in images)
