"""Image and Labels layers saved for HyperSpy and sidpy: what lies in the file is what the viewer shows."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_atomai.data.image import Axis, Image
from napari_atomai.errors import SaveFailed
from napari_atomai.files.reading import read
from napari_atomai.plugin import writers
from napari_atomai.plugin.layers import calibrate, image_layer_data

BOTH = pytest.mark.parametrize(
    ("write", "ending"), [(writers.write_hspy, ".hspy"), (writers.write_nsid, ".h5")]
)
AXES = (Axis("t", 0.5, 0, "s"), Axis("y", 0.2, 1, "Å"), Axis("x", 0.2, 2, "Å"))


def _viewer(pixels=None, axes=AXES, **options):
    pixels = np.random.default_rng(0).random((3, 20, 17), np.float32) if pixels is None else pixels
    viewer = ViewerModel()
    data, given, _ = image_layer_data(Image(pixels, axes, "scan", **options))
    return viewer, viewer.add_image(data, **given)


def _saved(write, path, *layers):
    assert write(str(path), [layer.as_layer_data_tuple() for layer in layers]) == [str(path)]
    return {image.name.rpartition(": ")[2]: image for image in read(path)}


@BOTH
def test_pixels_calibration_and_tags_of_a_layer_are_saved(tmp_path, write, ending):
    tags = {"original": {"kV": 200}, "understood": {"General": {"title": "scan"}}}
    _, layer = _viewer(metadata=tags)
    (image,) = _saved(write, tmp_path / f"a{ending}", layer).values()
    np.testing.assert_array_equal(image.pixels, layer.data)
    assert [axis.name for axis in image.axes] == ["t", "y", "x"]
    assert image.pixel_size == pytest.approx((0.02, 0.02))
    assert image.origin == pytest.approx((0.1, 0.2))
    assert image.axes[0] == AXES[0]
    assert image.metadata["original"] == {"kV": 200}


@BOTH
def test_image_and_labels_go_into_one_file(tmp_path, write, ending):
    viewer, layer = _viewer()
    labels = np.arange(3 * 20 * 17).reshape(3, 20, 17)
    other = viewer.add_labels(labels, name="grains", scale=layer.scale, units=layer.units)
    saved = _saved(write, tmp_path / f"a{ending}", layer, other)
    np.testing.assert_array_equal(saved["grains"].pixels, labels)
    np.testing.assert_array_equal(saved["scan"].pixels, layer.data)
    assert saved["grains"].pixel_size == saved["scan"].pixel_size


@BOTH
def test_the_calibration_is_the_one_the_layer_has_now(tmp_path, write, ending):
    _, layer = _viewer()
    calibrate(layer, 0.5)
    assert _saved(write, tmp_path / f"a{ending}", layer)["a"].pixel_size == pytest.approx((0.5, 0.5))
    calibrate(layer, 0)
    assert _saved(write, tmp_path / f"b{ending}", layer)["b"].pixel_size is None


@BOTH
def test_lazy_layers_are_saved(tmp_path, write, ending):
    values = np.random.default_rng(1).random((3, 20, 17))
    _, layer = _viewer(da.from_array(values, chunks=(1, -1, -1)))
    np.testing.assert_array_equal(_saved(write, tmp_path / f"a{ending}", layer)["a"].pixels, values)


@BOTH
def test_the_file_a_layer_came_from_is_not_replaced(tmp_path, write, ending):
    _, layer = _viewer()
    path = tmp_path / f"a{ending}"
    _saved(write, path, layer)
    viewer = ViewerModel()
    data, options, _ = image_layer_data(read(path)[0])
    again = viewer.add_image(data, **options)
    with pytest.raises(SaveFailed, match="was read from"):
        write(str(path), [again.as_layer_data_tuple()])
