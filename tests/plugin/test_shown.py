from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image
from napari_atomai.plugin.layers import image_layer_data
from napari_atomai.plugin.shown import frame_getter, frame_shape, shown_frame


def add(viewer, image):
    data, options, _ = image_layer_data(image)
    return viewer.add_image(data, **options)


def movie(shape=(5, 8, 9), unit="s", scale=0.5, offset=2.0):
    pixels = np.arange(np.prod(shape), dtype=float).reshape(shape)
    axes = (Axis("t", scale, offset, unit), Axis("y", 0.1, unit="nm"), Axis("x", 0.1, unit="nm"))
    return Image(pixels, axes)


def test_the_frame_under_the_slider_is_the_one_that_is_given():
    viewer = ViewerModel()
    image = movie()
    layer = add(viewer, image)
    for step in range(5):
        viewer.dims.set_current_step(0, step)
        assert shown_frame(viewer, layer) == (step,)
        assert np.array_equal(frame_getter(viewer, layer)(), image.pixels[step])


def test_a_frame_of_a_shorter_movie_is_its_own_not_one_that_is_not_there():
    viewer = ViewerModel()
    short = add(viewer, movie((3, 8, 9), scale=1.0, offset=0.0))
    add(viewer, movie((9, 8, 9), scale=1.0, offset=0.0))
    viewer.dims.set_current_step(0, 7)

    assert shown_frame(viewer, short) == (2,)


def test_movies_in_different_units_of_time_are_shown_at_the_same_time():
    viewer = ViewerModel()
    slow = add(viewer, movie(unit="s", scale=0.5, offset=0.0))
    fast = add(viewer, movie(unit="ms", scale=500.0, offset=0.0))
    for step in range(5):
        viewer.dims.set_current_step(0, step)
        assert shown_frame(viewer, slow) == shown_frame(viewer, fast)


def test_a_picture_beside_a_movie_has_one_frame():
    viewer = ViewerModel()
    add(viewer, movie())
    flat = add(viewer, Image.from_array(np.ones((4, 6)), 0.1))

    assert shown_frame(viewer, flat) == ()
    assert frame_shape(flat) == (4, 6)


def test_of_a_lazy_movie_nothing_is_computed_to_get_a_frame():
    viewer = ViewerModel()
    pixels = da.ones((4, 20, 30), chunks=(1, 20, 30))
    layer = add(viewer, Image(pixels, movie().axes))
    viewer.dims.set_current_step(0, 3)

    frame = frame_getter(viewer, layer)()
    assert isinstance(frame, da.Array)
    assert frame.shape == frame_shape(layer) == (20, 30)


def test_a_colour_picture_and_a_pyramid_give_their_grey_finest_level():
    viewer = ViewerModel()
    colours = np.random.default_rng(1).integers(0, 255, (12, 10, 3)).astype(np.uint8)
    picture = viewer.add_image(colours, rgb=True)
    pyramid = viewer.add_image([np.arange(64.0).reshape(8, 8), np.ones((4, 4))], multiscale=True)

    assert frame_shape(picture) == (12, 10)
    assert frame_getter(viewer, picture)() == pytest.approx(colours @ [0.2126, 0.7152, 0.0722], rel=1e-5)
    assert np.array_equal(frame_getter(viewer, pyramid)(), np.arange(64.0).reshape(8, 8))
