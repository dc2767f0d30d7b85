from __future__ import annotations

from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image, Source
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.plugin import results
from napari_atomai.plugin.layers import (
    KEY,
    calibrate,
    contrast_limits,
    first_look,
    follow,
    geometry_of_image,
    image_layer_data,
    image_of,
    is_plain_image,
    pixel_size_nm,
    uid_of,
    world_of,
)
from napari_atomai.plugin.points import atoms_of


def axes(unit_y="nm", unit_x="nm", scale=0.02, offset=0.0, *leading):
    return (*leading, Axis("y", scale, offset, unit_y), Axis("x", scale * 2, offset, unit_x))


def add(viewer, image):
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("pm", 1e-3), ("Å", 0.1), ("nm", 1.0), ("µm", 1e3)],
    ids=["pm", "angstrom", "nm", "um"],
)
def test_every_length_becomes_nanometres_on_the_screen(unit, factor):
    image = Image(np.zeros((4, 5)), axes(unit, unit, 0.5, offset=3.0))

    geometry = geometry_of_image(image)

    assert geometry["units"] == ("nm", "nm")
    assert geometry["scale"] == pytest.approx((0.5 * factor, 1.0 * factor))
    assert geometry["translate"] == pytest.approx((3.0 * factor, 3.0 * factor))


@pytest.mark.parametrize(("y", "x"), [("pixel", "pixel"), ("nm", "pixel"), ("counts per bin", "nm")])
def test_an_image_calibrated_in_part_or_not_at_all_is_in_pixels_along_both_axes(y, x):
    geometry = geometry_of_image(Image(np.zeros((4, 5)), axes(y, x)))

    assert geometry["units"] == ("pixel", "pixel")
    assert geometry["scale"] == (1.0, 1.0)


def test_a_reciprocal_axis_keeps_its_own_unit():
    geometry = geometry_of_image(Image(np.zeros((4, 5)), axes("1/nm", "1/nm")))

    assert geometry["units"] == ("1/nm", "1/nm")
    assert geometry["scale"] == pytest.approx((0.02, 0.04))


def test_a_movie_keeps_its_time_axis():
    image = Image(np.zeros((3, 4, 5)), axes("nm", "nm", 0.02, 0.0, Axis("t", 0.5, 2.0, "s")))

    geometry = geometry_of_image(image)

    assert geometry["units"] == ("s", "nm", "nm")
    assert geometry["scale"] == pytest.approx((0.5, 0.02, 0.04))
    assert geometry["axis_labels"] == ("t", "y", "x")


def test_an_image_millimetres_away_is_drawn_at_the_origin_and_keeps_its_place():
    image = Image(np.zeros((4, 5)), axes("µm", "µm", 2e-5, offset=3e3))
    layer = add(ViewerModel(), image)

    assert tuple(layer.translate) == (0, 0)  # float32 would put points 0.1 nm beside their pixels of 0.02 nm
    assert image_of(layer).origin == pytest.approx((3e6, 3e6))
    assert geometry_of_image(Image(np.zeros((4, 5)), axes(offset=300.0)))["translate"] == (300, 300)


def test_what_a_layer_shows_comes_back_as_the_same_image():
    pixels = np.random.default_rng(0).random((3, 4, 5))
    image = Image(pixels, axes("Å", "Å", 0.2, 1.0, Axis("t", 0.5, 2.0, "s")), name="film")

    back = image_of(add(ViewerModel(), image))

    assert back.pixels is pixels
    assert back.name == "film"
    assert back.pixel_size == pytest.approx(image.pixel_size)
    assert back.origin == pytest.approx(image.origin)
    assert back.axes[0] == image.axes[0]


def test_a_calibration_changed_in_napari_is_the_one_that_counts():
    layer = add(ViewerModel(), Image.from_array(np.zeros((4, 5)), 0.02))

    layer.scale, layer.units = (0.3, 0.3), ("angstrom", "angstrom")

    assert image_of(layer).pixel_size == pytest.approx((0.03, 0.03))


def test_a_scale_without_a_unit_is_no_calibration():
    layer = ViewerModel().add_image(np.zeros((4, 5)), scale=(0.1, 0.1))

    assert pixel_size_nm(layer) is None
    assert image_of(layer).pixel_size is None


def test_calibrating_gives_the_layer_nanometres_and_zero_takes_them_away():
    layer = add(ViewerModel(), Image.from_array(np.zeros((2, 4, 5))))

    calibrate(layer, 0.05)
    assert pixel_size_nm(layer) == pytest.approx((0.05, 0.05))
    assert [str(unit) for unit in layer.units] == ["pixel", "nanometer", "nanometer"]
    calibrate(layer, 0.0)

    assert pixel_size_nm(layer) is None


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_an_impossible_pixel_size_is_refused(wrong):
    layer = add(ViewerModel(), Image.from_array(np.zeros((4, 5)), 0.02))

    with pytest.raises(BadOption, match="pixel size"):
        calibrate(layer, wrong)

    assert pixel_size_nm(layer) == pytest.approx((0.02, 0.02))


def test_a_colour_picture_becomes_luminance():
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[..., 1] = 100

    image = image_of(ViewerModel().add_image(picture, rgb=True))

    assert image.shape == (20, 30)
    assert np.asarray(image.pixels) == pytest.approx(71.52, rel=1e-4)
    assert "luminance" in " ".join(image.notes)


def test_a_colour_movie_is_refused_in_words():
    layer = ViewerModel().add_image(np.zeros((2, 20, 30, 3), np.uint8), rgb=True, name="film")

    with pytest.raises(BadImage, match="'film' is a movie in colour"):
        image_of(layer)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((20, 20)),
        np.full((20, 20), 7, np.uint8),
        np.full((20, 20), -1e300),
        np.full((20, 20), np.nan),
        np.full((20, 20), np.inf),
        np.zeros((3, 3), bool),
        np.full((20, 20), 5.0, ">f8"),
        np.full((20, 20), 2**63, np.uint64),
        np.eye(20, dtype=np.float16),
    ],
    ids=["zeros", "uint8", "huge", "nan", "inf", "bool", "big-endian", "uint64", "float16"],
)
def test_display_limits_are_finite_and_never_equal(pixels):
    low, high = contrast_limits(pixels)

    assert np.isfinite([low, high]).all()
    assert np.float32(low) < np.float32(high)
    add(ViewerModel(), Image.from_array(pixels))


def test_one_hot_pixel_does_not_set_the_contrast():
    pixels = np.random.default_rng(0).random((100, 100))
    pixels[50, 50] = 1e6

    assert contrast_limits(pixels)[1] == pytest.approx(1.0, abs=0.02)


def test_a_lazy_movie_is_read_in_one_frame_only():
    seen = []

    def block(block_id=None):
        seen.append(block_id[0])
        return np.full((1, 8, 8), float(block_id[0]))

    movie = da.map_blocks(block, chunks=((1,) * 50, 8, 8), dtype=float, meta=np.empty((0, 0, 0)))

    with dask.config.set(scheduler="synchronous"):
        data, _, _ = image_layer_data(Image.from_array(movie))

    assert data is movie
    assert set(seen) == {25}


def test_the_file_is_forgotten_once_the_layer_shows_other_pixels(tmp_path):
    pixels = np.random.default_rng(0).random((20, 20))
    image = Image(pixels, axes(), source=Source(tmp_path / "a.dm4", 2, "dm"))
    layer = add(ViewerModel(), image)

    assert image_of(layer).source == Source(Path(tmp_path / "a.dm4"), 2, "dm")
    layer.data = pixels + 1

    assert image_of(layer).source is None


def test_a_uid_outlives_renaming_and_is_not_shared_by_a_duplicate():
    viewer = ViewerModel()
    layer = add(viewer, Image.from_array(np.zeros((4, 5))))
    uid = uid_of(layer)
    layer.name = "something else"
    viewer.layers.selection = {layer}

    copy = type(layer).create(*layer.as_layer_data_tuple())
    viewer.add_layer(copy)

    assert uid_of(layer) == uid
    assert uid_of(copy) != uid
    assert uid_of(copy) == uid_of(copy)


def test_results_are_no_images_to_look_for_atoms_in(picture, find_result):
    viewer = ViewerModel()
    image = Image.from_array(picture[0], 0.02)
    layer = add(viewer, image)

    results.show(viewer.layers, find_result(image, picture[1]), layer)

    assert [x.name for x in viewer.layers if is_plain_image(x)] == [layer.name]


@pytest.mark.parametrize("leading", [(), (3,)])
@pytest.mark.parametrize("size", [None, 0.02, (0.02, 0.05)])
def test_all_layers_of_an_image_share_its_units(picture, find_result, leading, size):
    pixels = np.broadcast_to(picture[0], (*leading, *picture[0].shape)).copy()
    image = Image.from_array(pixels, size)
    viewer = ViewerModel()
    layer = add(viewer, image)

    results.show(viewer.layers, find_result(image, picture[1]), layer)

    expected = "pixel" if size is None else "nanometer"
    assert [str(unit) for unit in viewer.layers.units[-2:]] == [expected, expected]
    assert len({(tuple(x.scale), tuple(x.translate)) for x in viewer.layers}) == 1


def test_result_layers_follow_an_image_that_is_calibrated_later(picture, find_result):
    viewer = ViewerModel()
    image = Image.from_array(picture[0])
    layer = add(viewer, image)
    points = results.show(viewer.layers, find_result(image, picture[1]), layer)

    calibrate(layer, 0.03)
    for child in viewer.layers:
        follow(child, layer)

    assert atoms_of(points).positions_nm == pytest.approx(picture[1][: len(points.data)] * 0.03)
    assert [str(unit) for unit in viewer.layers.units] == ["nanometer", "nanometer"]


def test_points_lie_on_the_intensity_maxima_in_world_coordinates(find_result):
    pixels = np.zeros((40, 60))
    pixels[11, 37] = pixels[30, 8] = 1.0
    image = Image(pixels, axes("nm", "nm", 0.02, offset=5.0))
    viewer = ViewerModel()
    layer = add(viewer, image)
    found = find_result(image, np.array([[11.0, 37.0], [30.0, 8.0]])).at(0.05)

    points = results.show(viewer.layers, found, layer)

    for point in points.data:
        world = points.data_to_world(point)
        assert layer.get_value(world, world=True) == 1.0
        assert world_of(points, point, viewer.layers) == pytest.approx(tuple(world))
    expected = np.array([[11 * 0.02 + 5, 37 * 0.04 + 5], [30 * 0.02 + 5, 8 * 0.04 + 5]])
    assert [points.data_to_world(point) for point in points.data] == pytest.approx(expected)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_spectrum_image_is_first_seen_where_its_signal_is(lazy):
    pixels = np.zeros((64, 30, 20))
    pixels[5] = 3 + np.random.default_rng(0).random((30, 20))
    pixels[:, 0, 0] = np.nan
    if lazy:
        pixels = da.from_array(pixels, chunks=(8, 10, 20))
    spectra = Image(pixels, (Axis("E", 10.0, 100.0, "eV"), Axis("y"), Axis("x")))

    data, options, _ = image_layer_data(spectra)

    assert first_look(spectra) == (5,)
    assert options["metadata"][KEY]["look"] == (5,)
    assert 3 <= options["contrast_limits"][0] < options["contrast_limits"][1] <= 4
    assert data is pixels


def test_a_movie_is_first_seen_in_its_middle():
    assert first_look(Image.from_array(np.zeros((7, 20, 20)))) == (3,)
    assert first_look(Image.from_array(np.zeros((20, 20)))) == ()
