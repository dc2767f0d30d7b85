"""A signal is the same dataset whether it is handed over, read at once, or read piece by piece."""

from __future__ import annotations

import importlib
import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_atomai.data.exchange import of_hyperspy
from napari_atomai.data.image import SPECTRUM_IMAGE, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read_all

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    hs = pytest.importorskip("hyperspy.api", reason="pip install hyperspy")

PIECES = Limits(bytes_at_once=1)
SCANNED = {"named": ["t", "y", "x"], "backwards": ["t", "x", "y"], "bare": [None] * 3}
SIGNAL = {
    1: {"named": ["E"], "backwards": ["E"], "bare": [None]},
    2: {"named": ["ky", "kx"], "bare": [None] * 2},
}


def _signal(shape: tuple[int, ...], dimension: int, names: str) -> Any:
    scanned = len(shape) - dimension
    named = SIGNAL[dimension].get(names, SIGNAL[dimension]["named"])
    labels = [*SCANNED[names][3 - scanned :], *named] if scanned else named
    axes: list[dict[str, Any]] = []
    for i, (size, label) in enumerate(zip(shape, labels, strict=True)):
        units = {None: None, "E": "eV", "t": "s", "ky": "1/nm", "kx": "1/nm"}.get(label, "nm")
        axes.append({"size": size, "name": label, "units": units, "navigate": i < scanned})
        axes[-1] |= {"scale": 0.1 * (i + 1), "offset": i} if label else {}
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    kind = {1: hs.signals.Signal1D, 2: hs.signals.Signal2D}[dimension]
    return kind(values, axes=axes, metadata={"General": {"title": "a"}})


def _saved(signal: Any, path: Path) -> Path:
    signal.save(str(path), overwrite=True)
    return path


def _told(dataset: Image | Spectrum) -> tuple[Any, ...]:
    values = dataset.pixels if isinstance(dataset, Image) else dataset.values
    return type(dataset), dataset.axes, dataset.notes, values.shape, np.asarray(values).tobytes()


CASES = [
    (shape, dimension, names)
    for names in SCANNED
    for dimension in (1, 2)
    for ndim in range(dimension, dimension + 4)
    for shape in itertools.product(*((1, 4 + i) for i in range(ndim)))
    if names in SIGNAL[dimension] and ndim < (5 if names == "named" else 4)
]


@pytest.mark.parametrize("names", SCANNED)
@pytest.mark.parametrize("dimension", [1, 2])
def test_a_signal_is_the_same_handed_over_at_once_and_in_pieces(
    tmp_path: Path, dimension: int, names: str
) -> None:
    for shape, _, _ in (case for case in CASES if case[1:] == (dimension, names)):
        signal = _signal(shape, dimension, names)
        path = _saved(signal, tmp_path / "a.hspy")
        expected = _told(of_hyperspy(signal))
        assert _told(read_all(path)[0]) == expected, shape
        assert _told(read_all(path, limits=PIECES)[0]) == expected, shape
        assert _told(of_hyperspy(signal.as_lazy())) == expected, shape


@pytest.mark.parametrize(
    ("shape", "kind", "becomes"),
    [
        ((4, 5, 6), Image, (6, 4, 5)),
        ((1, 5, 6), Spectrum, (5, 6)),  # one row is a line scan,
        ((4, 1, 6), Spectrum, (4, 6)),  # and so is one column
        ((1, 1, 6), Spectrum, (1, 6)),
        ((1, 6), Spectrum, (1, 6)),
        ((4, 5, 1), Image, (4, 5)),  # one channel is a map
        ((1, 5, 1), Image, (1, 5)),
        ((1, 1, 1), Image, (1, 1)),
        ((3, 4, 1, 6), Image, (6, 3, 4)),
        ((1, 4, 5, 6), Image, (6, 4, 5)),
        ((3, 4, 5, 6), Image, (3, 6, 4, 5)),
        ((3, 1, 1, 6), Spectrum, (3, 6)),
        ((3, 4, 5, 1), Image, (3, 4, 5)),
    ],
)
def test_what_one_sample_along_an_axis_makes_of_spectra(
    shape: tuple[int, ...], kind: type, becomes: tuple[int, ...]
) -> None:
    signal = _signal(shape, 1, "named")
    dataset = of_hyperspy(signal)
    assert (type(dataset), dataset.shape) == (kind, becomes)
    assert (SPECTRUM_IMAGE in dataset.notes) == (kind is Image and 6 in becomes)
    back = dataset.to_hyperspy()
    assert back.data.shape == signal.data.shape
    np.testing.assert_array_equal(back.data, signal.data)


@pytest.mark.parametrize("limits", [None, PIECES])
def test_three_samples_are_no_colours_unless_the_reader_says_so(tmp_path: Path, limits: Any) -> None:
    signal = _signal((8, 9, 3), 1, "named")
    signal.axes_manager[-1].name, signal.axes_manager[-1].units = "sample", ""
    image = of_hyperspy(signal)
    assert image.shape == (3, 8, 9)
    assert _told(read_all(_saved(signal, tmp_path / "a.hspy"), limits=limits)[0]) == _told(image)


def test_spectra_scanned_along_x_before_y_are_turned_into_rows_and_columns() -> None:
    signal = _signal((4, 5, 6), 1, "backwards")
    image = of_hyperspy(signal)
    assert [axis.name for axis in image.axes] == ["E", "y", "x"]
    np.testing.assert_array_equal(image.pixels, signal.data.transpose(2, 1, 0))


@pytest.mark.parametrize("rows", [5, 1])
def test_ripple_spectra_are_the_same_at_once_and_in_pieces(tmp_path: Path, rows: int) -> None:
    writer = importlib.import_module("rsciio.ripple").file_writer
    signal = _signal((rows, 6, 7), 1, "named")
    writer(str(tmp_path / "a.rpl"), signal._to_dictionary())
    at_once, in_pieces = (read_all(tmp_path / "a.rpl", limits=limits)[0] for limits in (None, PIECES))
    assert _told(at_once) == _told(in_pieces)
    assert (SPECTRUM_IMAGE in at_once.notes) == (rows > 1)
