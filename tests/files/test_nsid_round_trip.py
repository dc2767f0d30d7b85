"""NSID and HSPY files written here come back as they were: order, names, units, directions, tags."""

from __future__ import annotations

import json
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
from napari_atomai.data.understood import understood
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read_all
from napari_atomai.files.writing import write_hspy, write_nsid

Y, X, E = Axis("y", 0.1, 0.5, "nm"), Axis("x", 0.2, -1, "nm"), Axis("E", 0.5, 100, "eV")
PIECES = Limits(bytes_at_once=64)

IMAGES = {
    "picture": (Y, X),
    "picture (x, z)": (Axis("x", 0.1, 0, "nm"), Axis("z", 0.3, 0, "nm")),
    "picture (x, y)": (Axis("x", 0.1, 0, "nm"), Axis("y", 0.3, 0, "nm")),
    "picture without names": (Axis(""), Axis("")),
    "picture of one name": (Axis("y", 0.1, 0, "nm"), Axis("y", 0.2, 0, "nm")),
    "picture of energies and angles": (Axis("q", 0.1, 0, "mrad"), Axis("E", 0.2, 0, "eV")),
    "diffraction pattern": (Axis("ky", 0.1, -1, "1/nm"), Axis("kx", 0.2, -2, "1/nm")),
    "descending": (Axis("y", -0.1, 7.5, "nm"), Axis("x", -0.2, 3, "nm")),
    "one row": (Y, X),
    "movie": (Axis("t", 0.25, 3, "s"), Y, X),
    "movie without a unit": (Axis("t"), Axis("y"), Axis("x")),
    "stack without names": (Axis(""), Axis(""), Axis("")),
    "stack (y, x, z)": (Axis("y", 1, 0, "nm"), Axis("x", 2, 0, "nm"), Axis("z", 3, 0, "nm")),
    "stack (x, y, t)": (Axis("x", 1, 0, "nm"), Axis("y", 2, 0, "nm"), Axis("t", 3, 0, "s")),
    "stack of one frame": (Axis("t", 0.25, 3, "s"), Y, X),
    "stack (z, x, y)": (Axis("z", 1, 0, "nm"), Axis("x", 1, 0, "nm"), Axis("y", 2, 0, "nm")),
    "spectrum image": (E, Y, X),
    "spectrum image, descending": (Axis("Wavelength", -0.5, 900, "nm"), Y, X),
    "spectrum image without a unit": (Axis("E"), Y, X),
    "spectrum image, bias": (Axis("bias", -0.1, 1, "V"), Y, X),
    "4D-STEM": (Y, X, Axis("ky", 0.1, -1, "1/nm"), Axis("kx", 0.2, -1, "1/nm")),
    "4D-STEM of HyperSpy": (Y, X, Axis("y", 0.1, -1, "1/nm"), Axis("x", 0.2, -1, "1/nm")),
    "4D-STEM without units": (Axis("y"), Axis("x"), Axis("ky"), Axis("kx")),
    "4D-STEM, one name twice": (Axis("x"), Axis("y"), Axis("x"), Axis("y")),
    "4D-STEM, one name only": (Axis("x"), Axis("x"), Axis("x"), Axis("x")),
    "4D-STEM in mm on the detector": (Y, X, Axis("dy", 0.1, 0, "mm"), Axis("dx", 0.1, 0, "mm")),
    "five dimensions": (Axis("t", 1, 0, "s"), E, Axis("z", 3, 0, "nm"), Y, X),
    "names that sidpy has": (Axis("T", 1, 0, "s"), Axis("shape", 1, 0, "nm"), Axis("mean", 1, 0, "nm")),
    "names that collide": (Axis("x2", 1, 0, "s"), Axis("x", 1, 0, "nm"), Axis("x", 2, 0, "nm")),
    "a unit nobody knows": (Axis("frame", 2.0, 1, "furlong"), Y, X),
    "a scale without a unit": (Axis("frame", 2.0, 1), Axis("y", 0.3, 2), Axis("x", 0.4, 2)),
    "colour-like": (Axis("y"), Axis("x"), Axis("sample")),
}
SPECTRA = {
    "spectrum": (E,),
    "spectrum without name and unit": (Axis(""),),
    "line scan": (Axis("x", 2, 1, "nm"), E),
    "line scan in time": (Axis("t", 2, 1, "s"), E),
    "line scan without units": (Axis("x"), Axis("E")),
    "line scan of one point": (Axis("x", 2, 1, "nm"), E),
    "line scan, one name": (Axis("E", 2, 1, "eV"), Axis("E", 3, 1, "eV")),
}


def _shape(case: str, ndim: int) -> tuple[int, ...]:
    if case == "colour-like":
        return (9, 8, 3)
    first = {"one row": 1, "stack of one frame": 1, "line scan of one point": 1}.get(case, 5)
    return (first, *range(6, 5 + ndim))


def _dataset(case: str) -> Image | Spectrum:
    axes = IMAGES.get(case) or SPECTRA[case]
    values = np.random.default_rng(0).random(_shape(case, len(axes)), np.float32)
    if case in SPECTRA:
        return Spectrum(values, axes, case)
    return Image(values, axes, case, quantity="counts", value_unit="e")


def _values(dataset: Image | Spectrum) -> Any:
    return np.asarray(dataset.pixels if isinstance(dataset, Image) else dataset.values)


def _back(dataset: Image | Spectrum, path: Path, limits: Limits | None = None) -> Image | Spectrum:
    write = write_hspy if path.suffix == ".hspy" else write_nsid
    write([dataset], path, overwrite=True)
    (again,) = read_all(path, limits=limits)
    return again


def _assert_same(again: Image | Spectrum, dataset: Image | Spectrum) -> None:
    assert type(again) is type(dataset)
    np.testing.assert_array_equal(_values(again), _values(dataset))
    assert again.axes == dataset.axes
    assert (again.quantity, again.value_unit) == (dataset.quantity, dataset.value_unit)


BOTH_FORMATS = pytest.mark.parametrize("suffix", [".h5", ".hspy"])


@BOTH_FORMATS
@pytest.mark.parametrize("limits", [None, PIECES], ids=["at once", "lazy"])
@pytest.mark.parametrize("case", [*IMAGES, *SPECTRA])
def test_a_dataset_comes_back_as_it_was(tmp_path: Path, case: str, limits: Any, suffix: str) -> None:
    dataset = _dataset(case)
    again = _back(dataset, tmp_path / f"a{suffix}", limits)
    _assert_same(again, dataset)
    assert "napari_atomai" not in repr(again.metadata)
    _assert_same(_back(again, tmp_path / f"b{suffix}", limits), dataset)  # and once more


NAMES = st.sampled_from(
    ["", " ", "x", "y", "z", "t", "E", "kx", "ky", "q", "sample", "channel", "x1", "/", "ü."]
)
UNITS = st.sampled_from(["pixel", "nm", "µm", "Å", "s", "eV", "1/nm", "mrad", "V", "furlong"])
AXES = st.builds(
    Axis,
    NAMES,
    st.floats(0.01, 10).flatmap(lambda step: st.sampled_from([step, -step])),
    st.floats(-50, 50),
    UNITS,
)


@BOTH_FORMATS
@settings(max_examples=25)
@given(axes=st.lists(AXES, min_size=2, max_size=5), data=st.data())
def test_whatever_the_axes_they_come_back(
    tmp_path_factory: Any, suffix: str, axes: list[Axis], data: Any
) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=len(axes), max_size=len(axes))))
    values = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    image = Image(values, tuple(axes), "any")
    _assert_same(_back(image, tmp_path_factory.mktemp("any") / f"a{suffix}"), image)


def test_a_calibration_given_after_reading_is_written(tmp_path: Path) -> None:
    for case in ("4D-STEM of HyperSpy", "movie without a unit", "picture (x, z)"):
        image = _back(_dataset(case), tmp_path / "a.h5")
        assert isinstance(image, Image)
        new = image.calibrated((0.3, 0.4))
        _assert_same(_back(new, tmp_path / "b.h5"), new)


def test_a_scale_that_was_corrected_in_the_file_counts(tmp_path: Path) -> None:
    write_nsid([_dataset("movie")], tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        group = file["Measurement_000/Channel_000/movie"]
        group["x"][()] = 3 + 0.7 * np.arange(7)
        group["x"].attrs["units"] = "um"
    (image,) = read_all(tmp_path / "a.h5")
    assert image.axes == (Axis("t", 0.25, 3, "s"), Y, Axis("x", 0.7, 3, "µm"))


def _axis_note(**changes: Any) -> dict[str, Any]:
    return {"dimension": "y", "name": "y", "scale": 1, "offset": 0, "unit": "nm", **changes}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        "[" * 5000,
        '{"axes": 3}',
        '{"axes": [{"dimension": "y"}, {"dimension": "x"}]}',
        json.dumps({"axes": [_axis_note(), _axis_note()]}),
        json.dumps({"axes": [_axis_note()]}),
        json.dumps({"axes": [_axis_note(), _axis_note(dimension="elsewhere")]}),
        json.dumps({"axes": [_axis_note(scale=0), _axis_note(dimension="x")]}),
        json.dumps({"axes": [_axis_note(offset=float("nan")), _axis_note(dimension="x")]}),
        json.dumps({"axes": [_axis_note(scale="1", offset=None), _axis_note(dimension="x", name=[])]}),
    ],
)
def test_a_note_of_ours_that_does_not_fit_is_not_believed(tmp_path: Path, text: str) -> None:
    image = _dataset("picture")
    write_nsid([image], tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        tags = file["Measurement_000/Channel_000/picture/metadata"]
        assert "napari_atomai" in tags.attrs
        tags.attrs["napari_atomai"] = text
    (again,) = read_all(tmp_path / "a.h5")
    _assert_same(again, image)  # by the types of its dimensions


def test_our_note_in_a_file_of_another_program_is_not_believed(tmp_path: Path) -> None:
    write_nsid([_dataset("picture (x, z)")], tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        group = file["Measurement_000/Channel_000/picture (x_ z)"]
        group["picture (x_ z)"].attrs["written_by"] = "somebody else"
    (again,) = read_all(tmp_path / "a.h5")
    assert [axis.name for axis in again.axes] == ["z", "x"]  # a column is a column


def test_the_note_is_no_tag_of_the_measurement(tmp_path: Path) -> None:
    again = _back(_dataset("picture"), tmp_path / "a.h5")
    assert "napari_atomai" not in repr(again.metadata)


# --- tags ---------------------------------------------------------------------------------------

LISTS = {
    "dicts": [{"a": 1.0, "deeper": [{"b": "µ"}]}, {}, {"c": [[1.0, 2.0], ["x"]]}],
    "lists": [[1.0, 2.0], [3.0]],
    "mixed": [{"a": "1"}, ["b", "c"]],
    "numbered": {"0": "a dictionary", "1": "and no list"},
    "a/b": [{"/": [{"x": "y"}]}],
}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | np.ndarray) else value


def test_lists_of_lists_and_of_dictionaries_come_back(tmp_path: Path) -> None:
    image = Image(np.ones((5, 6)), (Y, X), metadata={"original": LISTS, "understood": {"Sample": LISTS}})
    for again in (once := _back(image, tmp_path / "a.h5"), _back(once, tmp_path / "b.h5")):
        expected = {key: value for key, value in LISTS.items() if key != "a/b"}
        expected["a-b"] = [{"-": [{"x": "y"}]}]
        assert _plain(again.metadata["original"]) == expected
        assert _plain(again.metadata["understood"]["Sample"]) == expected


TREE = {
    "General": {"title": "T", "date": "2024-01-02", "time": "03:04:05"},
    "Signal": {"signal_type": "EELS"},
    "Acquisition_instrument": {
        "TEM": {
            "beam_energy": 200.0,
            "acquisition_mode": "STEM",
            "microscope": "Titan",
            "magnification": 2_000_000,
            "Detector": {"EELS": {"collection_angle": 33.0, "exposure": 0.1}},
        },
    },
}
TAGS = {
    "ImageList": {
        "TagGroup0": {"ImageTags": {"Session Info": {"Microscope": "X"}, "DigiScan": {"Sample Time": 4}}}
    },
    "CZ_SEM": {"ap_actualkv": ["EHT Target", 5.0, "kV"]},
    "DetectorMetadata": {"DetectorName": "HAADF", "CollectionAngleRange": {"begin": 0.05, "end": 0.2}},
}
BOTH: dict[str, Any] = {"understood": TREE, "original": TAGS}


@pytest.mark.parametrize(
    "metadata", [{"understood": TREE}, {"original": TAGS}, {"understood": TREE, "original": TAGS}]
)
def test_what_is_known_of_a_measurement_is_known_again(tmp_path: Path, metadata: Any) -> None:
    image = Image(np.ones((5, 6)), (Y, X), "T", metadata=metadata)
    known = {(fact.name, fact.text) for fact in understood(image)}
    assert len(known) >= 5
    again = _back(image, tmp_path / "a.h5")
    assert {(fact.name, fact.text) for fact in understood(again)} == known
    twice = _back(again, tmp_path / "b.h5")
    assert {(fact.name, fact.text) for fact in understood(twice)} == known


REAL = (
    "stem_BaTiO3_1.dm4",
    "stem_SrTiO3_TIA.ser",
    "haadf_particles_velox.emd",
    "eels_LSMO_linescan.hdf5",
    "pfm_domains_asylum.ibw",
    "stm_moire_10nm.sxm",
    "mrc_HAADF_FEI-exthdr_16x16.mrc",
    "cl_nanoparticles.hspy",
    "blo_diffraction_3x2.blo",
    "pfm_PTO_nsid.h5",
    "stem_SrTiO3_NSID.hf5",
)


@pytest.mark.parametrize("name", REAL)
def test_real_measurements_come_back_with_what_is_known_of_them(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    dataset = read_all(shared_data / name)[0]
    again = _back(dataset, tmp_path / "a.h5")
    _assert_same(again, dataset)
    known, known_again = ({(f.name, f.text) for f in understood(item)} for item in (dataset, again))
    assert known_again == known


def test_lazy_pixels_in_any_order_are_written(tmp_path: Path) -> None:
    image = _dataset("4D-STEM of HyperSpy")
    assert isinstance(image, Image)
    lazy = Image(da.from_array(image.pixels, chunks=(2, 3, 4, 5)), image.axes, image.name)
    np.testing.assert_array_equal(_values(_back(lazy, tmp_path / "a.h5", PIECES)), image.pixels)


def test_no_dimension_has_the_name_of_what_a_sidpy_dataset_is(tmp_path: Path) -> None:
    names = ("T", "mean", "title")  # sidpy makes an attribute of each, and fails at those it has
    image = Image(np.ones((2, 3, 4)), tuple(Axis(name, 1, 0, "nm") for name in names), "odd")
    assert _back(image, tmp_path / "a.h5").axes == image.axes
    with h5py.File(tmp_path / "a.h5") as file:
        labels = {dim.label for dim in file["Measurement_000/Channel_000/odd/odd"].dims}
    assert labels == {"T_axis", "mean_axis", "title_axis"}
