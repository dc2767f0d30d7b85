"""Local order: from an image of two lattices to maps, amplitudes with axes, and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_atomai.data.image import Image
from napari_atomai.data.progress import finish
from napari_atomai.data.recipe import LocalOrder, Record
from napari_atomai.errors import BadImage, BadOption
from napari_atomai.files.reading import read
from napari_atomai.workflow.component_results import write_order
from napari_atomai.workflow.local_order import mapping_order

pytest.importorskip("sklearn")

NM, PERIODS = 0.05, (0.4, 0.25)


def two_lattices() -> Image:
    """Return fringes of 0.4 nm down the rows on the left, of 0.25 nm along the columns on the right."""
    rows, cols = np.indices((128, 160)) * NM
    left = np.cos(2 * np.pi * rows / PERIODS[0])
    right = np.cos(2 * np.pi * cols / PERIODS[1])
    pixels = np.where(cols < 80 * NM, left, right) + np.random.default_rng(0).normal(0, 0.1, rows.shape)
    return Image.from_array(pixels.astype(np.float32), NM, name="two")


@pytest.fixture(scope="module")
def found() -> object:
    return finish(mapping_order(two_lattices(), LocalOrder(components=2, window=1.6, stride=0.4)))


def test_noise_is_not_counted_as_order_and_two_lattices_are_two() -> None:
    noise = np.random.default_rng(0).normal(10, 1, (256, 256)).astype(np.float32)
    alone = finish(mapping_order(Image.from_array(noise, NM), LocalOrder(components=0)))
    assert alone.order.suggested <= 2  # opposite frequencies and overlapping windows share their noise
    both = finish(mapping_order(two_lattices(), LocalOrder(components=0, window=1.6, stride=0.4)))
    assert 1 <= both.order.suggested <= 2
    assert len(both.order.components.components) == both.order.suggested + 1


def test_each_lattice_has_its_frequency_in_1_per_nm_and_its_place(found: object) -> None:
    order = found.order
    assert (order.window, order.step) == ((32, 32), (8, 8))
    left = [maps[:, :4].mean() for maps in order.maps.pixels]
    which = int(np.argmax(left))  # of the two components, the left lattice's
    for k, (direction, period) in ((which, (0, PERIODS[0])), (1 - which, (1, PERIODS[1]))):
        picture = order.components.components[k]
        spot = np.unravel_index(np.argmax(picture), picture.shape)
        axes = order.frequencies
        frequency = [abs(axis.offset + axis.scale * at) for axis, at in zip(axes, spot, strict=True)]
        assert frequency[direction] == pytest.approx(1 / period, abs=1 / 1.6)
        assert frequency[1 - direction] == pytest.approx(0, abs=1e-9)
    assert {axis.unit for axis in order.frequencies} == {"1/nm"}
    maps = np.asarray(order.maps.pixels)
    assert maps[which][:, :5].min() > maps[which][:, -5:].max()
    assert order.maps.axes[1].offset == pytest.approx(15.5 * NM)  # the middle of the first window
    assert order.maps.axes[2].scale == pytest.approx(0.4)
    left_edge, right_edge, bottom, top = order.edges
    assert (left_edge, top) == pytest.approx((-right_edge, -bottom))


def test_the_number_can_follow_from_the_noise_and_is_recorded(found: object) -> None:
    automatic = finish(mapping_order(two_lattices(), LocalOrder(components=0, window=1.6, stride=0.4)))
    assert automatic.order.suggested == found.order.suggested
    assert len(automatic.order.components.components) == min(automatic.order.suggested + 1, 12)
    assert automatic.record.step(LocalOrder).components == 0
    assert automatic.record.measured["window_rows_px"] == 32


def test_a_frame_of_a_movie_is_mapped_as_it_would_be_alone(found: object) -> None:
    image = two_lattices()
    movie = Image.from_array(np.stack([image.pixels[::-1, ::-1], image.pixels]), NM)
    recipe = LocalOrder(components=2, window=1.6, stride=0.4, frame=1)
    assert np.allclose(finish(mapping_order(movie, recipe)).order.maps.pixels, found.order.maps.pixels)
    with pytest.raises(BadOption, match="the image has 2"):
        finish(mapping_order(movie, LocalOrder(frame=2)))


def test_files_have_axes_and_the_record_is_written_last(found: object, tmp_path: Path) -> None:
    paths = write_order(found, tmp_path)
    assert all(path.exists() for path in paths)
    assert paths[-1].name == "local_order.json"
    assert Record.from_json(paths[-1].read_text()).step(LocalOrder).window == 1.6
    (amplitudes,) = read(tmp_path / "amplitudes.hspy")
    assert amplitudes.shape == found.order.components.components.shape
    assert [axis.scale for axis in amplitudes.axes[-2:]] == pytest.approx([1 / 1.6] * 2)
    maps = read(tmp_path / "maps.hspy")
    assert maps[1].pixel_size == pytest.approx((0.4, 0.4))
    assert np.allclose(maps[1].pixels, found.order.maps.pixels[1])


def test_what_cannot_be_mapped_is_said(found: object) -> None:
    image = two_lattices()
    with pytest.raises(BadOption, match="do not fit an image of 128 x 160"):
        finish(mapping_order(image, LocalOrder(window=20.0)))
    broken = image.pixels.copy()
    broken[3, 4] = np.nan
    with pytest.raises(BadImage, match="1 pixels are not finite"):
        finish(mapping_order(Image.from_array(broken, NM)))
