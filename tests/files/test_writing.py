"""HSPY and NSID files: what was written is read again by us and by the libraries they are for."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, SaveFailed
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read_all
from napari_atomai.files.writing import WRITERS, write_hspy, write_nsid

Y, X, E = Axis("y", 0.1, 0.5, "nm"), Axis("x", 0.2, -1, "nm"), Axis("E", 0.5, 100, "eV")
TAGS = {
    "original": {
        "a/b": {"c": [1, 2], "list": [{"e": 1}, {"f": "µ"}]},
        "none": None,
        "yes": True,
        "huge": 2**70,
    },
    "understood": {"General": {"title": "T"}, "Signal": {"signal_type": "EELS"}},
}
BOTH = pytest.mark.parametrize("name", list(WRITERS))


def _values(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, np.float32)


def _datasets() -> list[Image | Spectrum]:
    return [
        Image(_values(3, 20, 17), (E, Y, X), "SI", metadata=TAGS, quantity="counts", value_unit="e"),
        Image(da.from_array(_values(20, 17)), (Axis("y"), Axis("x")), "bare"),
        Image(_values(4, 20, 17), (Axis("t", 0.25, 0, "s"), Y, X), "movie"),
        Spectrum(_values(9), (Axis("E", 0.01, 0, "keV"),), "spectrum"),
        Spectrum(_values(4, 9), (Axis("x", 2, 1, "nm"), E), "line scan"),
    ]


def _stored(dataset: Image | Spectrum) -> Any:
    return np.asarray(dataset.pixels if isinstance(dataset, Image) else dataset.values)


def _write(name: str, datasets: Any, path: Path, **options: Any) -> Path:
    suffix, write = WRITERS[name]
    where = path.with_suffix(suffix)
    write(datasets, where, **options)
    return where


@BOTH
def test_every_kind_of_dataset_comes_back(tmp_path: Path, name: str) -> None:
    given_sets = _datasets()
    back = {item.name.partition(": ")[2]: item for item in read_all(_write(name, given_sets, tmp_path / "a"))}
    assert len(back) == len(given_sets)
    for dataset in given_sets:
        again = back[dataset.name]
        assert type(again) is type(dataset)
        np.testing.assert_array_equal(_stored(again), _stored(dataset))
        assert _stored(again).dtype == _stored(dataset).dtype
        assert again.axes == dataset.axes


@BOTH
def test_tags_come_back(tmp_path: Path, name: str) -> None:
    (image,) = read_all(_write(name, _datasets()[:1], tmp_path / "a"))
    original = image.metadata["original"]
    np.testing.assert_array_equal(original["a-b"]["c"], [1, 2])
    assert original["a-b"]["list"] == [{"e": 1}, {"f": "µ"}]
    assert original["yes"]
    assert original["huge"] == str(2**70)
    assert image.metadata["understood"]["Signal"]["signal_type"] == "EELS"


@BOTH
def test_long_texts_and_tables_in_the_tags_are_whole(tmp_path: Path, name: str) -> None:
    text = "".join(f"{i}µ," for i in range(40_000))
    tags = {"original": {"text": text, "table": np.arange(4000.0), "empty": []}}
    path = _write(name, [Image(_values(20, 17), (Y, X), metadata=tags)], tmp_path / "a")
    (image,) = read_all(path)
    again = image.metadata["original"]
    assert "".join(again["text"]) == text
    np.testing.assert_array_equal(again["table"], np.arange(4000.0))


def test_nsid_keeps_the_quantity_and_its_unit(tmp_path: Path) -> None:
    (image,) = read_all(_write("nsid", _datasets()[:1], tmp_path / "a"))
    assert (image.quantity, image.value_unit) == ("counts", "e")


@BOTH
@settings(max_examples=15)
@given(
    name_of_axis=st.text(min_size=1, max_size=6),
    title=st.text(max_size=12),
    key=st.text(max_size=8),
    scale=st.floats(1e-6, 1e6),
    offset=st.floats(-1e3, 1e3),
)
def test_any_name_can_be_written(
    tmp_path_factory: Any, name: str, name_of_axis: str, title: str, key: str, scale: float, offset: float
) -> None:
    try:
        (name_of_axis + title + key).encode()
    except UnicodeEncodeError:
        return
    axes = (Axis(name_of_axis, scale, offset, "s"), Y, X)
    image = Image(_values(2, 20, 17), axes, title, metadata={"original": {key: {key: "value"}}})
    path = _write(name, [image, image], tmp_path_factory.mktemp("any") / "a")
    datasets = read_all(path)
    assert len(datasets) == 2
    for again in datasets:
        np.testing.assert_array_equal(_stored(again), image.pixels)
        assert again.axes[1:] == (Y, X)


@BOTH
def test_a_file_that_is_there_stays(tmp_path: Path, name: str) -> None:
    path = _write(name, _datasets()[:1], tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(SaveFailed, match="there already"):
        _write(name, _datasets()[1:2], tmp_path / "a")
    assert path.read_bytes() == before
    _write(name, _datasets()[1:2], tmp_path / "a", overwrite=True)
    assert path.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@BOTH
def test_the_file_that_was_read_is_never_replaced(tmp_path: Path, name: str) -> None:
    path = _write(name, _datasets()[:1], tmp_path / "a")
    datasets = read_all(path)
    with pytest.raises(SaveFailed, match="was read from"):
        _write(name, datasets, tmp_path / "a", overwrite=True)


@BOTH
def test_a_failure_on_the_way_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = _write(name, _datasets()[:1], tmp_path / "a")
    before = path.read_bytes()

    def fail(block: Any) -> Any:
        raise OSError("the disk is full")

    broken = da.map_blocks(fail, da.zeros((20, 17)), dtype="f8", meta=np.empty((0, 0)))
    with pytest.raises(SaveFailed, match="disk is full"):
        _write(name, [Image(broken, (Y, X))], tmp_path / "a", overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@BOTH
def test_nothing_to_write_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadImage, match="nothing to write"):
        _write(name, [], tmp_path / "a")


@BOTH
def test_lazy_pixels_are_written_piece_by_piece(tmp_path: Path, name: str) -> None:
    seen: list[int] = []

    def watched(block: Any) -> Any:
        seen.append(block.nbytes)
        return block

    pixels = da.from_array(_values(8, 20, 17), chunks=(1, 20, 17)).map_blocks(
        watched, dtype="f4", meta=_values(0, 0, 0)
    )
    path = _write(name, [Image(pixels, (Axis("t"), Y, X))], tmp_path / "a")
    assert max(seen) == 20 * 17 * 4
    (again,) = read_all(path, limits=Limits(bytes_at_once=100))
    np.testing.assert_array_equal(np.asarray(again.pixels), _values(8, 20, 17))


def test_hyperspy_opens_what_was_written(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hs = pytest.importorskip("hyperspy.api")
    path = tmp_path / "a.hspy"
    write_hspy(_datasets(), path)
    signals = {signal.metadata.General.title: signal for signal in hs.load(str(path))}
    image = signals["SI"]
    assert isinstance(image, hs.signals.Signal1D)
    np.testing.assert_array_equal(image.data, np.moveaxis(_values(3, 20, 17), 0, -1))
    assert [(a.name, a.scale, a.offset, a.units) for a in image.axes_manager._axes] == [
        ("y", 0.1, 0.5, "nm"),
        ("x", 0.2, -1.0, "nm"),
        ("E", 0.5, 100.0, "eV"),
    ]
    assert image.metadata.Signal.quantity == "counts (e)"
    assert isinstance(signals["movie"], hs.signals.Signal2D)
    assert signals["line scan"].axes_manager.navigation_dimension == 1


def test_odd_axes_survive_hyperspy_and_a_new_calibration_counts(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hs = pytest.importorskip("hyperspy.api")
    axes = (Axis("y", -0.1, 7.5, "nm"), Axis("x", -0.2, 3, "nm"))
    write_hspy([Image(_values(20, 17), axes, "upside down")], tmp_path / "a.hspy")
    signal = hs.load(str(tmp_path / "a.hspy"))
    signal.save(str(tmp_path / "b.hspy"))
    (again,) = read_all(tmp_path / "b.hspy")
    assert again.axes == axes
    assert Image.from_hyperspy(signal).axes == axes
    for axis in signal.axes_manager.signal_axes:
        axis.scale = 0.7
    signal.save(str(tmp_path / "c.hspy"))
    (calibrated,) = read_all(tmp_path / "c.hspy")
    assert [axis.scale for axis in calibrated.axes] == [0.7, 0.7]


def test_pynsid_takes_every_dataset_for_a_main_one(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_nsid(_datasets(), path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyNSID
    except ImportError:
        _check_as_pynsid_does(path)
        return
    with warnings.catch_warnings(), h5py.File(path, "r") as file:
        warnings.simplefilter("ignore")
        mains = pyNSID.hdf_utils.get_all_main(file)
        assert len(mains) == 5
        image = pyNSID.hdf_utils.read_h5py_dataset(mains[0])
        assert image.data_type.name == "SPECTRAL_IMAGE"
        np.testing.assert_array_equal(np.asarray(image), _values(3, 20, 17).transpose(2, 1, 0))
        np.testing.assert_allclose(np.asarray(image.x), -1 + 0.2 * np.arange(17))
        assert image.E.units == "eV"


def _check_as_pynsid_does(path: Path) -> None:
    # What pyNSID 0.0.7 asks of a main dataset, for where it is not installed.
    needed = ("quantity", "units", "main_data_name", "pyNSID_version", "data_type", "modality", "source")
    with h5py.File(path, "r") as file:
        mains = [channel[name][name] for channel in file["Measurement_000"].values() for name in channel]
        assert len(mains) == 5
        for main in mains:
            assert all(isinstance(main.attrs[name], str) for name in needed)
            for i, dim in enumerate(main.dims):
                scale = main.parent[dim.label]
                assert dim[0] == scale
                assert scale.shape == (main.shape[i],)
                assert all(scale.attrs[key] for key in ("dimension_type", "name", "quantity", "units"))


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_one_image_is_written_as_a_list_of_one(kind: str, tmp_path: Path) -> None:
    ending, write = WRITERS[kind]
    image = Image.from_array(_values(20, 17), 0.02)
    write(image, tmp_path / f"one{ending}")
    (back,) = read_all(tmp_path / f"one{ending}")
    assert np.asarray(back.pixels).tolist() == np.asarray(image.pixels).tolist()
    assert back.pixel_size == pytest.approx(image.pixel_size)
