"""HyperSpy signals become images and come back equal: values, axes, units, tags."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, BadOption, MissingExtra
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read, read_all
from napari_atomai.files.writing import write_hspy, write_nsid

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    hs = pytest.importorskip("hyperspy.api", reason="pip install hyperspy")

KINDS = {
    "picture": ("Signal2D", (5, 6), ("y", "x"), ("nm", "nm")),
    "stack": ("Signal2D", (3, 5, 6), ("t", "y", "x"), ("s", "um", "um")),
    "single-frame stack": ("Signal2D", (1, 5, 6), ("t", "y", "x"), ("s", "A", "A")),
    "diffraction map": ("Signal2D", (3, 4, 5, 6), ("y", "x", "ky", "kx"), ("nm", "nm", "1/A", "1/A")),
    "spectrum image": ("Signal1D", (5, 6, 9), ("y", "x", "Energy loss"), ("nm", "nm", "eV")),
    "named x before y": ("Signal2D", (5, 6), ("x", "y"), ("nm", "nm")),
    "line scan": ("Signal1D", (4, 9), ("x", "Energy"), ("nm", "keV")),
    "spectrum": ("Signal1D", (9,), ("Energy",), ("keV",)),
}


def _signal(kind: str, *, calibrated: bool = True, lazy: bool = False, dtype: str = "f4") -> Any:
    name, shape, names, units = KINDS[kind]
    dimension = int(name[-2])
    axes = []
    for i, size in enumerate(shape):
        axis = {"size": size, "navigate": i < len(shape) - dimension}
        if calibrated:
            axis |= {"name": names[i], "units": units[i], "scale": 0.1 * (i + 1), "offset": 2.5 * i - 3}
        axes.append(axis)
    metadata = {
        "General": {"title": "Test", "authors": "ü"},
        "Signal": {"quantity": "Intensity (Counts)"},
        "Acquisition_instrument": {"TEM": {"beam_energy": 200.0, "Detector": {"EDS": {"live": (1, 2)}}}},
    }
    original = {
        "ImageList": [{"a": 1}, {"b": "µ"}],
        "list": [1, 2.5, "x"],
        "table": np.arange(9.0),
        "none": None,
    }
    values = (np.random.default_rng(3).random(shape) * 100).astype(dtype)
    signal = getattr(hs.signals, name)(values, axes=axes, metadata=metadata, original_metadata=original)
    return signal.as_lazy() if lazy else signal


def _of(signal: Any) -> Image | Spectrum:
    spectra = signal.axes_manager.signal_dimension == 1 and signal.axes_manager.navigation_dimension < 2
    return (Spectrum if spectra else Image).from_hyperspy(signal)


def _pixels(dataset: Image | Spectrum) -> Any:
    return dataset.pixels if isinstance(dataset, Image) else dataset.values


def _same_signals(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert one.data.dtype == other.data.dtype
    np.testing.assert_array_equal(np.asarray(one.data), np.asarray(other.data))
    axes = [[axis.get_axis_dictionary() for axis in signal.axes_manager._axes] for signal in (one, other)]
    assert axes[0] == axes[1]
    assert one.metadata.as_dictionary() == other.metadata.as_dictionary()
    tags = [signal.original_metadata.as_dictionary() for signal in (one, other)]
    np.testing.assert_equal(tags[0], tags[1])


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "lazy"])
@pytest.mark.parametrize("calibrated", [True, False], ids=["calibrated", "uncalibrated"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_comes_back_as_it_was(kind: str, calibrated: bool, lazy: bool) -> None:
    signal = _signal(kind, calibrated=calibrated, lazy=lazy)
    dataset = _of(signal)
    assert hasattr(_pixels(dataset), "compute") == lazy
    _same_signals(signal, dataset.to_hyperspy())


def test_a_spectrum_image_lies_as_energy_row_column() -> None:
    signal = _signal("spectrum image")
    image = Image.from_hyperspy(signal)
    assert image.shape == (9, 5, 6)
    np.testing.assert_array_equal(image.pixels[4], signal.data[:, :, 4])
    assert [axis.name for axis in image.axes] == ["E", "y", "x"]
    assert [axis.unit for axis in image.axes] == ["eV", "nm", "nm"]
    assert image.axes[0].scale == pytest.approx(0.3)
    assert image.axes[0].offset == pytest.approx(2.0)
    assert image.is_spectral
    assert (image.quantity, image.value_unit) == ("Intensity", "Counts")


def test_pixels_are_not_copied() -> None:
    signal = _signal("stack")
    assert np.shares_memory(Image.from_hyperspy(signal).pixels, signal.data)


def test_an_axis_named_x_before_y_is_turned_into_rows_and_columns() -> None:
    signal = _signal("named x before y")
    image = Image.from_hyperspy(signal)
    np.testing.assert_array_equal(image.pixels, signal.data.T)
    assert [axis.name for axis in image.axes] == ["y", "x"]
    assert image.pixel_size == pytest.approx((0.2, 0.1))


def test_uncalibrated_stays_uncalibrated_both_ways() -> None:
    image = Image.from_hyperspy(_signal("picture", calibrated=False))
    assert image.pixel_size is None
    axis = Image.from_array(np.ones((4, 5))).to_hyperspy().axes_manager[0]
    assert (axis.scale, axis.offset) == (1.0, 0.0)
    assert axis.get_axis_dictionary()["units"] is None


def test_a_new_pixel_size_goes_out_and_the_other_axes_stay() -> None:
    image = Image.from_hyperspy(_signal("spectrum image")).calibrated((0.5, 0.25))
    signal = image.to_hyperspy()
    x, y, energy = (signal.axes_manager[name] for name in ("x", "y", "Energy loss"))
    assert (y.scale, x.scale, y.units, y.offset) == (0.5, 0.25, "nm", 0.0)
    assert (energy.scale, energy.offset, energy.units) == (pytest.approx(0.3), pytest.approx(2.0), "eV")


def test_calibration_taken_away_does_not_come_back() -> None:
    image = Image.from_hyperspy(_signal("picture"))
    bare = Image(image.pixels, (Axis("y"), Axis("x")), metadata=image.metadata)
    assert bare.to_hyperspy().axes_manager["x"].scale == 1.0


def test_unevenly_spaced_axes_come_back_sample_by_sample() -> None:
    energies = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    axes = [{"size": 3, "navigate": True}, {"size": 4, "navigate": True}, {"axis": energies, "units": "eV"}]
    signal = hs.signals.Signal1D(np.ones((3, 4, 5)), axes=axes)
    image = Image.from_hyperspy(signal)
    assert any("not evenly spaced" in note for note in image.notes)
    np.testing.assert_array_equal(image.to_hyperspy().axes_manager[-1].axis, energies)


@pytest.mark.parametrize("signal_type", ["EELS", "EDS_TEM"])
def test_the_signal_type_is_kept(signal_type: str) -> None:
    signal = _signal("spectrum image")
    signal.metadata.Signal.signal_type = signal_type
    assert Image.from_hyperspy(signal).to_hyperspy().metadata.Signal.signal_type == signal_type


def test_an_image_that_hyperspy_never_saw_goes_out_by_its_axes() -> None:
    axes = (Axis("E", 0.5, 100, "eV"), Axis("y", 0.1, 1, "nm"), Axis("x", 0.2, 0, "nm"))
    image = Image(np.arange(60).reshape(3, 4, 5), axes, name="SI")
    signal = image.to_hyperspy()
    assert isinstance(signal, hs.signals.Signal1D)
    assert signal.metadata.General.title == "SI"
    np.testing.assert_array_equal(signal.data, np.moveaxis(image.pixels, 0, -1))
    again = Image.from_hyperspy(signal)
    assert again.axes == axes
    np.testing.assert_array_equal(again.pixels, image.pixels)


def test_a_renamed_image_has_its_new_name_as_title() -> None:
    image = Image.from_hyperspy(_signal("picture"))
    renamed = Image(image.pixels, image.axes, name="new", metadata=image.metadata)
    assert renamed.to_hyperspy().metadata.General.title == "new"


def test_objects_in_the_metadata_are_left_out_and_named() -> None:
    signal = _signal("picture")
    signal.metadata.set_item("Sample.when", datetime(2024, 1, 2, tzinfo=UTC))
    signal.original_metadata.set_item("lazy", da.zeros(3))
    image = Image.from_hyperspy(signal)
    assert any("when" in note for note in image.notes)
    assert any("lazy" in note for note in image.notes)
    assert "lazy" not in image.metadata["original"]


@given(
    scale=st.floats(1e-12, 1e12),
    offset=st.floats(-1e12, 1e12),
    unit=st.sampled_from(["nm", "um", "A", "Angstrom", "1/A", "eV", "s", "", "furlong", "px", None]),
)
def test_whatever_the_axis_it_comes_back(scale: float, offset: float, unit: str | None) -> None:
    axis = {"size": 3, "navigate": True, "scale": scale, "offset": offset, "units": unit, "name": "q"}
    rest = [{"size": 2, "navigate": False}, {"size": 2, "navigate": False}]
    signal = hs.signals.Signal2D(np.zeros((3, 2, 2)), axes=[axis, *rest])
    back = Image.from_hyperspy(signal).to_hyperspy()
    assert back.axes_manager[0].get_axis_dictionary() == signal.axes_manager[0].get_axis_dictionary()


def test_what_is_no_signal_is_refused_by_its_kind() -> None:
    with pytest.raises(BadOption, match="ndarray"):
        Image.from_hyperspy(np.zeros((4, 4)))


def test_pictures_and_spectra_are_told_apart() -> None:
    with pytest.raises(BadImage, match=r"Spectrum\.from_hyperspy"):
        Image.from_hyperspy(_signal("spectrum"))
    with pytest.raises(BadImage, match=r"Image\.from_hyperspy"):
        Spectrum.from_hyperspy(_signal("picture"))


def test_complex_and_ragged_signals_are_refused() -> None:
    with pytest.raises(BadImage, match="complex"):
        Image.from_hyperspy(hs.signals.Signal2D(np.zeros((4, 4), complex)))
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros(2), np.zeros(3)]
    with pytest.raises(BadImage):
        Image.from_hyperspy(hs.signals.BaseSignal(ragged, ragged=True))


def test_taking_signals_needs_no_import_of_hyperspy() -> None:
    code = "import sys; from napari_atomai.data import exchange; print('hyperspy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_hyperspy_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hyperspy.api", None)
    with pytest.raises(MissingExtra, match=r'pip install "napari-atomai\[hyperspy\]"'):
        Image.from_array(np.ones((4, 4))).to_hyperspy()


@pytest.mark.parametrize("kind", KINDS)
def test_what_hyperspy_changes_does_not_change_the_image(kind: str) -> None:
    for dataset in (_of(_signal(kind)), dataclasses.replace(_of(_signal(kind)), metadata={})):
        before = np.array(_pixels(dataset))
        signal = dataset.to_hyperspy()
        assert signal.data.flags.writeable
        signal.data *= 2
        np.testing.assert_array_equal(_pixels(dataset), before)


def test_pixels_that_are_mapped_from_a_file_make_a_lazy_signal(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(60.0).reshape(3, 4, 5))
    (image,) = read(tmp_path / "a.npy", limits=Limits(bytes_at_once=1))
    assert isinstance(image.pixels, np.memmap)
    signal = image.to_hyperspy()
    assert signal._lazy
    np.testing.assert_array_equal(np.asarray(signal.data), image.pixels)


@pytest.mark.parametrize("lazy", [False, True])
def test_big_endian_signals_come_in_the_byte_order_of_the_computer(lazy: bool) -> None:
    for kind in ("picture", "spectrum image", "spectrum"):
        signal = _signal(kind, lazy=lazy, dtype=">f4")
        dataset = _of(signal)
        assert _pixels(dataset).dtype == np.dtype("f4")
        assert _pixels(dataset).dtype.isnative
        np.testing.assert_array_equal(np.asarray(dataset.to_hyperspy().data), np.asarray(signal.data))
    assert Image.from_array(np.ones((4, 5), ">i2")).pixels.dtype.isnative


def test_a_signal_without_a_title_stays_without_one() -> None:
    signal = _signal("picture")
    signal.metadata.General.title = ""
    image = Image.from_hyperspy(signal)
    assert image.name == "signal"
    assert image.to_hyperspy().metadata.General.title == ""
    assert dataclasses.replace(image, name="new").to_hyperspy().metadata.General.title == "new"
    del signal.metadata.General.title
    assert not Image.from_hyperspy(signal).to_hyperspy().metadata.General.title


def _formula(navigate: bool = False) -> Any:
    return {"expression": "a / (x + 1) + b", "a": 1240.0, "b": 100.0, "name": "Wavelength", "units": "nm",
            "navigate": navigate, "x": {"size": 5, "scale": 2.0, "offset": 1.0}}  # fmt: skip


@pytest.mark.parametrize("scanned", [(), (3,), (3, 4)])
def test_an_axis_given_by_a_formula_comes_back_as_one(scanned: tuple[int, ...]) -> None:
    axes = [{"size": size, "navigate": True, "name": name} for size, name in zip(scanned, "yx", strict=False)]
    signal = hs.signals.Signal1D(np.random.default_rng(1).random((*scanned, 5)), axes=[*axes, _formula()])
    dataset = _of(signal)
    assert any("not evenly spaced" in note for note in dataset.notes)
    back = dataset.to_hyperspy()
    np.testing.assert_array_equal(back.data, signal.data)
    axis, given_axis = (one.axes_manager.signal_axes[0] for one in (back, signal))
    assert type(axis) is type(given_axis)
    np.testing.assert_allclose(axis.axis, given_axis.axis)
    assert axis.get_axis_dictionary() == given_axis.get_axis_dictionary()


def test_signals_with_a_formula_are_written_and_opened(tmp_path: Path) -> None:
    signal = hs.signals.Signal1D(
        np.arange(15.0).reshape(3, 5), axes=[{"size": 3, "navigate": True}, _formula()]
    )
    line = Spectrum.from_hyperspy(signal)
    write_hspy([line], tmp_path / "a.hspy")
    again = hs.load(str(tmp_path / "a.hspy"))
    np.testing.assert_allclose(again.axes_manager[-1].axis, signal.axes_manager[-1].axis)
    write_nsid([line], tmp_path / "a.h5")
    (from_nsid,) = read_all(tmp_path / "a.h5")
    np.testing.assert_array_equal(from_nsid.values, signal.data)
