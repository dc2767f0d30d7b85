"""sidpy Datasets become images by the type of their dimensions, and come back equal.

sidpy is heavy, so a stand-in with its attributes is used where it is not installed; where it is, the
same tests run on the real one.
"""

from __future__ import annotations

import enum
import itertools
import sys
import types
import warnings
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.understood import understood
from napari_atomai.errors import BadImage, BadOption, MissingExtra

Kind = enum.Enum("Kind", "SPATIAL RECIPROCAL SPECTRAL TEMPORAL CHANNEL POINT_CLOUD UNKNOWN")


class Dimension(np.ndarray):
    """What is used of a sidpy Dimension."""

    def __new__(
        cls,
        values: Any,
        name: str = "none",
        quantity: str = "generic",
        units: str = "generic",
        dimension_type: str = "UNKNOWN",
    ) -> Dimension:
        made = np.asarray(values, dtype=float).view(cls)
        made.name, made.quantity, made.units = name, quantity, units
        made.dimension_type = Kind[str(dimension_type).upper()]
        return made


class Dataset(da.Array):
    """What is used of a sidpy Dataset."""

    @classmethod
    def from_array(cls, array: Any, title: str = "generic") -> Dataset:
        lazy = array if isinstance(array, da.Array) else da.from_array(array)
        made = cls(lazy.dask, name=lazy.name, chunks=lazy.chunks, dtype=lazy.dtype)
        made.title, made.quantity, made.units, made.modality, made.source = title, *["generic"] * 4
        made.data_type, made._axes, made.metadata, made.original_metadata = "UNKNOWN", {}, {}, {}
        return made

    def set_dimension(self, index: int, dimension: Dimension) -> None:
        self._axes[index] = dimension


@pytest.fixture
def sidpy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, or its stand-in."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import sidpy as real
    except ImportError:
        stand_in = types.ModuleType("sidpy")
        stand_in.Dataset, stand_in.Dimension = Dataset, Dimension  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "sidpy", stand_in)
        return stand_in
    return real


X = ("x", "spatial", "nm", 0.1, 0.0)
Y = ("y", "spatial", "Angstrom", 0.2, -3.0)
E = ("energy_loss", "spectral", "eV", 0.5, 400.0)
T = ("frame", "temporal", "s", 0.1, 0.0)
U = ("u", "reciprocal", "1/nm", 0.1, -1.0)
V = ("v", "reciprocal", "1/nm", 0.2, -1.0)
BIAS = ("bias", "spectral", "V", 0.1, -1.0)


def _dataset(sidpy: Any, dimensions: Any, data_type: str = "UNKNOWN", sizes: Any = (4, 5, 6, 7)) -> Any:
    shape = tuple(sizes[: len(dimensions)])
    values = np.random.default_rng(1).random(shape).astype("f4")
    made = sidpy.Dataset.from_array(da.from_array(values), title="scan")
    made.quantity, made.units, made.modality, made.source = "current", "nA", "STM", "Nanonis"
    made.data_type = data_type
    for i, (name, kind, units, step, first) in enumerate(dimensions):
        positions = first + step * np.arange(shape[i])
        made.set_dimension(i, sidpy.Dimension(positions, name, f"quantity of {name}", units, kind))
    made.metadata = {"experiment": {"acceleration_voltage": 200000}}
    made.original_metadata = {"a": {"b": [1, 2]}, "table": np.arange(4.0)}
    return made


def _same(one: Any, other: Any) -> None:
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    for i in range(one.ndim):
        a, b = one._axes[i], other._axes[i]
        assert (a.name, a.quantity, a.units) == (b.name, b.quantity, b.units)
        assert getattr(a.dimension_type, "name", "") == getattr(b.dimension_type, "name", "")
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)
    for name in ("title", "quantity", "units", "modality", "source", "data_type"):
        assert getattr(one, name) == getattr(other, name), name
    np.testing.assert_equal(one.metadata, other.metadata)
    np.testing.assert_equal(one.original_metadata, other.original_metadata)


ALL = {
    "image (x, y)": ((X, Y), "IMAGE"),
    "image (y, x)": ((Y, X), "IMAGE"),
    "stack": ((T, X, Y), "IMAGE_STACK"),
    "stack, time last": ((X, Y, T), "IMAGE_STACK"),
    "spectral image": ((X, Y, E), "SPECTRAL_IMAGE"),
    "spectral image, energy between": ((X, E, Y), "SPECTRAL_IMAGE"),
    "grid spectroscopy": ((X, Y, BIAS), "SPECTRAL_IMAGE"),
    "4D": ((X, Y, U, V), "IMAGE_4D"),
    "diffraction pattern": ((U, V), "IMAGE"),
    "spectrum": ((E,), "SPECTRUM"),
    "line scan": ((E, X), "LINE_PLOT_FAMILY"),
    "four dimensions": ((T, X, Y, E), "UNKNOWN"),
}


@pytest.mark.parametrize("case", ALL)
def test_a_dataset_comes_back_as_it_was(sidpy: Any, case: str) -> None:
    dimensions, data_type = ALL[case]
    given = _dataset(sidpy, dimensions, data_type)
    kind = Spectrum if case in ("spectrum", "line scan") else Image
    dataset = kind.from_sidpy(given)
    assert hasattr(dataset.pixels if isinstance(dataset, Image) else dataset.values, "compute")
    _same(given, dataset.to_sidpy())


@pytest.mark.parametrize("order", list(itertools.permutations((X, Y, E))))
def test_a_spectral_image_is_ordered_by_type_wherever_its_dimensions_stand(sidpy: Any, order: Any) -> None:
    sizes = {X: 4, Y: 5, E: 6}
    given = _dataset(sidpy, order, "SPECTRAL_IMAGE", [sizes[d] for d in order])
    image = Image.from_sidpy(given)
    expected = np.asarray(given).transpose([order.index(d) for d in (E, Y, X)])
    np.testing.assert_array_equal(np.asarray(image.pixels), expected)
    assert image.axes == (Axis("E", 0.5, 400, "eV"), Axis("y", 0.2, -3, "Å"), Axis("x", 0.1, 0, "nm"))
    assert (image.quantity, image.value_unit) == ("current", "nA")
    assert image.is_spectral


@pytest.mark.parametrize("order", list(itertools.permutations((X, Y, U, V))))
def test_diffraction_patterns_keep_their_reciprocal_plane_last(sidpy: Any, order: Any) -> None:
    sizes = {X: 4, Y: 5, U: 6, V: 7}
    image = Image.from_sidpy(_dataset(sidpy, order, "IMAGE_4D", [sizes[d] for d in order]))
    assert image.shape == (5, 4, 7, 6)
    assert [axis.unit for axis in image.axes] == ["Å", "nm", "1/nm", "1/nm"]


def test_dimensions_of_no_type_keep_their_order_and_stay_uncalibrated(sidpy: Any) -> None:
    bare = [(name, "unknown", "generic", 1.0, 0.0) for name in "abc"]
    given = _dataset(sidpy, bare)
    image = Image.from_sidpy(given)
    assert image.shape == given.shape
    assert image.pixel_size is None
    assert any("have no type" in note for note in image.notes)
    _same(given, image.to_sidpy())


def test_a_line_of_one_row_is_a_line_scan_and_goes_back_with_its_row(sidpy: Any) -> None:
    given = _dataset(sidpy, (X, Y, E), "SPECTRAL_IMAGE", (4, 1, 6))
    line = Spectrum.from_sidpy(given)
    assert line.shape == (4, 6)
    np.testing.assert_array_equal(np.asarray(line.values), np.asarray(given)[:, 0])
    _same(given, line.to_sidpy())


def test_a_new_pixel_size_replaces_the_old_one_and_nothing_else(sidpy: Any) -> None:
    given = _dataset(sidpy, (X, E, Y), "SPECTRAL_IMAGE")
    back = Image.from_sidpy(given).calibrated(0.25).to_sidpy()
    np.testing.assert_allclose(np.asarray(back._axes[0]), 0.25 * np.arange(4))
    np.testing.assert_allclose(np.asarray(back._axes[2]), 0.25 * np.arange(6))
    np.testing.assert_allclose(np.asarray(back._axes[1]), np.asarray(given._axes[1]))
    assert [back._axes[i].units for i in range(3)] == ["nm", "eV", "nm"]


def test_a_distance_in_degrees_is_not_taken_for_a_pixel_size(sidpy: Any) -> None:
    wrong = [("x", "spatial", "deg", 0.1, 0.0), ("y", "spatial", "deg", 0.1, 0.0)]
    image = Image.from_sidpy(_dataset(sidpy, wrong, "IMAGE"))
    assert image.pixel_size is None
    assert any("no length" in note for note in image.notes)


def test_an_image_that_sidpy_never_saw_goes_out_with_columns_first(sidpy: Any) -> None:
    axes = (Axis("E", 0.5, 100, "eV"), Axis("y", 0.1, 1, "nm"), Axis("x", 0.2, 0, "nm"))
    image = Image(np.arange(60.0).reshape(3, 4, 5), axes, name="SI", quantity="counts")
    given = image.to_sidpy()
    assert given.shape == (5, 4, 3)
    assert [given._axes[i].name for i in range(3)] == ["x", "y", "E"]
    assert getattr(given.data_type, "name", given.data_type) == "SPECTRAL_IMAGE"
    again = Image.from_sidpy(given)
    assert again.axes == axes
    np.testing.assert_array_equal(np.asarray(again.pixels), image.pixels)


def test_what_is_no_dataset_is_refused_by_its_kind() -> None:
    with pytest.raises(BadOption, match="ndarray"):
        Image.from_sidpy(np.zeros((4, 4)))


def test_pictures_and_spectra_are_told_apart(sidpy: Any) -> None:
    with pytest.raises(BadImage, match=r"Spectrum\.from_sidpy"):
        Image.from_sidpy(_dataset(sidpy, (E,)))
    with pytest.raises(BadImage, match=r"Image\.from_sidpy"):
        Spectrum.from_sidpy(_dataset(sidpy, (X, Y)))


def test_without_sidpy_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sidpy", None)
    with pytest.raises(MissingExtra, match=r'pip install "napari-atomai\[sid\]"'):
        Image.from_array(np.ones((4, 4))).to_sidpy()


ODD: dict[str, tuple[Axis, ...]] = {
    "(x, z)": (Axis("x", 0.1, 0, "nm"), Axis("z", 0.3, 0, "nm")),
    "no names": (Axis(""), Axis(""), Axis("")),
    "one name": (Axis("x", 0.1, 0, "nm"),) * 4,
    "names that sidpy has": (Axis("T", 1, 0, "s"), Axis("shape", 1, 0, "nm"), Axis("T_axis", 1, 0, "nm")),
    "backwards": (Axis("y", -0.1, 7.5, "nm"), Axis("x", -0.2, 3, "nm")),
    "one frame": (Axis("t", 0.25, 3, "s"), Axis("y", 0.1, 0, "nm"), Axis("x", 0.1, 0, "nm")),
    "4D-STEM": (Axis("y", 1, 0, "nm"), Axis("x", 2, 0, "nm"), Axis("y"), Axis("x")),
}


def _odd(name: str) -> Image:
    axes = ODD[name]
    shape = (1 if name == "one frame" else 4, *range(5, 4 + len(axes)))
    tags = {"understood": {"Acquisition_instrument": {"TEM": {"beam_energy": 200.0}}}}
    return Image(np.random.default_rng(2).random(shape), axes, name, metadata=tags)


@pytest.mark.parametrize("name", ODD)
def test_axes_of_any_name_come_back_from_sidpy(sidpy: Any, name: str) -> None:
    image = _odd(name)
    dataset = image.to_sidpy()
    assert len({dataset._axes[i].name for i in range(dataset.ndim)}) == dataset.ndim
    again = Image.from_sidpy(dataset)
    assert again.axes == image.axes
    np.testing.assert_array_equal(np.asarray(again.pixels), image.pixels)
    assert [fact.text for fact in understood(again) if fact.name == "Acceleration voltage"] == ["200 kV"]
    twice = Image.from_sidpy(again.to_sidpy())
    assert twice.axes == image.axes
    np.testing.assert_array_equal(np.asarray(twice.pixels), image.pixels)


def _other(sidpy: Any, dataset: Any, order: Any, renamed: str = "") -> Any:
    """The same with its dimensions in another order, as a user of sidpy may have brought them."""
    other = sidpy.Dataset.from_array(np.asarray(dataset).transpose(order), title=dataset.title)
    for place, i in enumerate(order):
        axis = dataset._axes[i]
        name = renamed if renamed and place == 0 else axis.name
        kind = axis.dimension_type.name
        other.set_dimension(place, sidpy.Dimension(np.asarray(axis), name, axis.quantity, axis.units, kind))
    other.metadata = dict(dataset.metadata)
    return other


def test_dimensions_in_another_order_are_still_known_by_their_names(sidpy: Any) -> None:
    image = _odd("(x, z)")
    again = Image.from_sidpy(_other(sidpy, image.to_sidpy(), (1, 0)))
    assert again.axes == image.axes
    np.testing.assert_array_equal(np.asarray(again.pixels), image.pixels)


def test_a_renamed_dimension_is_taken_for_what_it_is_now(sidpy: Any) -> None:
    dataset = _odd("(x, z)").to_sidpy()
    names = {dataset._axes[i].name for i in range(2)}
    again = Image.from_sidpy(_other(sidpy, dataset, (0, 1), renamed="y"))
    assert {axis.name for axis in again.axes} == {"y", *names} - {dataset._axes[0].name}


def test_dimensions_of_sidpy_files_name_the_voltage_in_their_own_way(sidpy: Any) -> None:
    given = _dataset(sidpy, (X, Y), "IMAGE")
    given.metadata = {
        "experiment": {"acceleration_voltage": np.float32(200000), "exposure_time": np.int64(2)}
    }
    facts = {fact.name: fact.text for fact in understood(Image.from_sidpy(given))}
    assert (facts["Acceleration voltage"], facts["Exposure"]) == ("200 kV", "2 s")
