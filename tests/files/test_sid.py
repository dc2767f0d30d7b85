"""NSID and USID files: ordered by the type of their dimensions, refused in words where they do not hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_atomai.data.image import Axis
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import CannotRead, TooLarge
from napari_atomai.files import sid
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read, read_all
from tests.files.sid_files import nsid, usid

X = ("x", "spatial", "nm", 0.1, 1.0)
Y = ("y", "spatial", "nm", 0.2, -3.0)
E = ("Energy", "spectral", "eV", 0.5, 400.0)
T = ("frame", "temporal", "s", 2.0, 0.0)
SIZES = {X: 20, Y: 18, E: 6, T: 3}
PIECES = Limits(bytes_at_once=500)


def _values(shape: Any) -> Any:
    return np.arange(np.prod(shape), dtype="f4").reshape(shape)


@pytest.mark.parametrize("limits", [None, PIECES], ids=["at once", "lazy"])
@pytest.mark.parametrize("order", list(itertools.permutations((X, Y, E))))
def test_nsid_is_ordered_by_type_and_never_by_position(tmp_path: Path, order: Any, limits: Any) -> None:
    values = _values([SIZES[d] for d in order])
    (image,) = read(nsid(tmp_path / "a.h5", values, order), limits=limits)
    assert hasattr(image.pixels, "compute") == (limits is PIECES)
    np.testing.assert_array_equal(image.pixels, values.transpose([order.index(d) for d in (E, Y, X)]))
    np.testing.assert_array_equal(image.frame(4), np.asarray(image.pixels)[4])
    assert image.axes == (Axis("E", 0.5, 400, "eV"), Axis("y", 0.2, -3, "nm"), Axis("x", 0.1, 1, "nm"))
    assert (image.quantity, image.value_unit) == ("intensity", "counts")


def test_nsid_tags_come_along(tmp_path: Path) -> None:
    path = nsid(tmp_path / "a.h5", _values((18, 20)), (Y, X), title="lattice", data_type="IMAGE")
    (image,) = read(path)
    assert image.metadata["original"] == {
        "kV": 200.0,
        "name": "µ",
        "list": ["a", "b"],
        "deeper": {"answer": 42},
    }
    understood = image.metadata["understood"]
    assert understood["General"]["title"] == "lattice"
    assert (understood["sid"]["modality"], understood["sid"]["data_type"]) == ("STEM", "IMAGE")


def test_channels_spectra_and_line_scans_of_a_file_all_come(tmp_path: Path) -> None:
    path = tmp_path / "a.hf5"
    for dimensions in ((Y, X), (E,), (E, X), (T, X, Y)):
        nsid(path, _values([SIZES[d] for d in dimensions]), dimensions)
    datasets = read_all(path)
    assert [type(d).__name__ for d in datasets] == ["Image", "Spectrum", "Spectrum", "Image"]
    assert [d.shape for d in datasets] == [(18, 20), (6,), (20, 6), (3, 18, 20)]
    line = datasets[2]
    assert isinstance(line, Spectrum)
    np.testing.assert_array_equal(line.values, _values((6, 20)).T)
    assert line.energy[0] == 400


@pytest.mark.parametrize("name", ["pfm_PTO_nsid.h5", "stem_SrTiO3_NSID.hf5"])
def test_real_nsid_files_lie_as_their_dimension_labels_say(shared_data: Path, name: str) -> None:
    path = shared_data / name
    images = read(path)
    stored: list[Any] = []

    def collect(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "data_type" in item.attrs:
            labels = [dim.label for dim in item.dims]
            scale = item.dims[labels.index("x")][0][()] if item.dims[0] else None
            nm = {"nm": 1.0, "m": 1e9}.get(
                item.dims[0][0].attrs.get("units", "") if item.dims[0] else "", 1.0
            )
            stored.append((item[()], labels, scale, nm, item.attrs["quantity"]))

    with h5py.File(path) as file:
        file.visititems(collect)
    assert len(images) == len(stored)
    for image, (values, labels, scale, nm, quantity) in zip(images, stored, strict=True):
        np.testing.assert_array_equal(image.pixels, values if labels == ["y", "x"] else values.T)
        assert image.quantity == quantity
        if image.pixel_size is not None:
            assert image.pixel_size[1] == pytest.approx((scale[1] - scale[0]) * nm, rel=1e-6)


def test_a_scale_in_degrees_is_no_pixel_size_and_says_so(shared_data: Path) -> None:
    phase = read(shared_data / "pfm_PTO_nsid.h5")[3]
    assert phase.pixel_size is None
    assert any("deg" in note for note in phase.notes)


# --- USID ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [None, PIECES], ids=["at once", "lazy"])
@pytest.mark.parametrize("rows", [(Y, X), (X, Y)], ids=["y x", "x y"])
def test_usid_becomes_a_spectrum_image(tmp_path: Path, rows: Any, limits: Any) -> None:
    shape = (*(SIZES[d] for d in rows), SIZES[E])
    values = _values(shape)
    path = usid(tmp_path / "a.h5", values.reshape(-1, SIZES[E]), rows, (E,), shape)
    (image,) = read(path, limits=limits)
    expected = np.moveaxis(values if rows == (Y, X) else values.swapaxes(0, 1), -1, 0)
    np.testing.assert_array_equal(image.pixels, expected)
    np.testing.assert_array_equal(image.frame(2), expected[2])
    assert image.axes == (Axis("E", 0.5, 400, "eV"), Axis("y", 0.2, -3, "nm"), Axis("x", 0.1, 1, "nm"))
    assert (image.quantity, image.value_unit) == ("Current", "nA")
    assert image.metadata["original"] == {"Measurement_000": {"microscope": "X"}}


def test_usid_pictures_measured_in_one_go_are_pictures(tmp_path: Path) -> None:
    table, one = _values((1, 360)), ("arb", "", "a. u.", 1.0, 0.0)
    (image,) = read(usid(tmp_path / "a.h5", table, (one,), (Y, X), (1, 18, 20)))
    np.testing.assert_array_equal(image.pixels, table.reshape(18, 20))
    assert image.pixel_size == pytest.approx((0.2, 0.1))


def test_usid_components_become_a_dataset_each(tmp_path: Path) -> None:
    kind = np.dtype([("Amplitude [V]", "f4"), ("Phase (rad)", "f4")])
    table = np.zeros((360, 1), kind)
    table["Amplitude [V]"][:, 0], table["Phase (rad)"][:, 0] = np.arange(360), -np.arange(360)
    one = ("arb", "", "a. u.", 1.0, 0.0)
    path = usid(tmp_path / "a.h5", table, (Y, X), (one,), (18, 20, 1))
    amplitude, phase = read(path)
    np.testing.assert_array_equal(amplitude.pixels, np.arange(360).reshape(18, 20))
    np.testing.assert_array_equal(phase.pixels, -amplitude.pixels)
    assert (amplitude.quantity, amplitude.value_unit) == ("Amplitude", "V")
    assert (phase.quantity, phase.value_unit) == ("Phase", "rad")


def _usual(path: Path) -> Path:
    return usid(path, _values((360, 6)), (Y, X), (E,), (18, 20, 6))


def _swap_rows(channel: Any) -> None:
    indices = channel["Position_Indices"]
    indices[:2] = indices[:2][::-1]


def _fewer_rows(channel: Any) -> None:
    indices = channel["Position_Indices"]
    indices[-1] = (40, 0)


def _short_table(channel: Any) -> None:
    main = channel["Raw_Data"]
    main.attrs["Position_Indices"] = channel.create_dataset("short", data=np.zeros((3, 2), "u4")).ref


def _points_at_itself(channel: Any) -> None:
    main = channel["Raw_Data"]
    main.attrs["Spectroscopic_Values"] = main.ref


def _points_nowhere(channel: Any) -> None:
    channel["Raw_Data"].attrs["Spectroscopic_Indices"] = h5py.Reference()


def _texts(channel: Any) -> None:
    channel["Raw_Data"].attrs["Position_Values"] = "not a reference"


def _no_numbers(channel: Any) -> None:
    table = channel.create_dataset("nan", data=np.full((360, 2), np.nan))
    channel["Raw_Data"].attrs["Position_Indices"] = table.ref


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_swap_rows, "no complete grid"),
        (_fewer_rows, "no complete grid"),
        (_short_table, "Position_Indices is missing or does not fit"),
        (_points_at_itself, "Spectroscopic_Values is missing or does not fit"),
        (_points_nowhere, "Spectroscopic_Indices is missing or does not fit"),
        (_texts, "Position_Values is missing or does not fit"),
        (_no_numbers, "no numbers"),
    ],
)
def test_usid_tables_that_do_not_hold_are_refused_in_words(
    tmp_path: Path, harm: Callable[[Any], None], says: str
) -> None:
    path = _usual(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        harm(file["Measurement_000/Channel_000"])
    with pytest.raises(CannotRead, match=says):
        read(path)


def test_values_that_are_no_numbers_cost_the_calibration_only(tmp_path: Path) -> None:
    path = _usual(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["Measurement_000/Channel_000/Position_Values"][3, 1] = np.nan
    (image,) = read(path)
    assert image.pixel_size is None
    np.testing.assert_array_equal(image.pixels, np.moveaxis(_values((18, 20, 6)), -1, 0))


# --- hostile NSID -------------------------------------------------------------------------------


def _damaged(path: Path, change: Callable[[Any], None]) -> Path:
    nsid(path, _values((18, 20)), (Y, X))
    with h5py.File(path, "a") as file:
        change(file["Measurement_000/Channel_000/data"])
    return path


def _detach(group: Any) -> None:
    group["data"].dims[0].detach_scale(group["y"])
    del group["y"]


def _wrong_length(group: Any) -> None:
    _detach(group)
    group["y"] = np.arange(5.0)


def _a_group(group: Any) -> None:
    _detach(group)
    group.create_group("y")


def _no_label(group: Any) -> None:
    group["data"].dims[0].label = "elsewhere"


def _infinite(group: Any) -> None:
    group["y"][3] = np.inf


@pytest.mark.parametrize("change", [_detach, _wrong_length, _a_group, _no_label, _infinite])
def test_a_scale_that_is_missing_or_wrong_leaves_the_image_uncalibrated(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    (image,) = read(_damaged(tmp_path / "a.h5", change))
    assert image.pixel_size is None
    assert image.notes
    np.testing.assert_array_equal(image.pixels, _values((18, 20)))


def test_groups_that_contain_themselves_are_refused(tmp_path: Path) -> None:
    def cycle(group: Any) -> None:
        group["original_metadata"]["again"] = group["original_metadata"]

    with pytest.raises(CannotRead, match="contains itself"):
        read(_damaged(tmp_path / "a.h5", cycle))


def test_a_huge_declared_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        main = file.create_dataset("data", (1 << 20, 1 << 20), "f8", chunks=(64, 64))
        for name in ("data_type", "quantity", "units", "modality", "source"):
            main.attrs[name] = "generic"
        for i, name in enumerate("yx"):
            scale = file.create_dataset(name, (1 << 20,), "f8", chunks=(64,))
            scale.make_scale(name)
            main.dims[i].label = name
            main.dims[i].attach_scale(scale)
    with pytest.raises(TooLarge):
        read(path, limits=Limits(bytes_in_memory=1 << 28))


def test_a_long_scale_is_not_read_whole(tmp_path: Path) -> None:
    path = nsid(tmp_path / "a.h5", np.zeros(3000, "u1"), (("E", "spectral", "eV", 0.5, 100.0),))
    (spectrum,) = read_all(path, limits=Limits(bytes_at_once=8000))
    assert spectrum.axes == (Axis("E", 0.5, 100, "eV"),)


def test_a_dataset_that_does_not_hold_is_left_out_and_named_beside_a_good_one(tmp_path: Path) -> None:
    path = _usual(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        channel = file["Measurement_000/Channel_000"]
        bad = channel.create_dataset("Worse", data=np.zeros((7, 6)))
        for name, reference in channel["Raw_Data"].attrs.items():
            bad.attrs[name] = reference
    (image,) = read(path)
    assert any("Worse" in note and "Position_Indices" in note for note in image.notes)


def test_complex_values_are_shown_as_amplitude_and_phase(tmp_path: Path) -> None:
    amplitude, phase = read(nsid(tmp_path / "b.h5", np.full((18, 20), -2j), (Y, X)))
    assert (amplitude.pixels == 2).all()
    np.testing.assert_allclose(phase.pixels, -np.pi / 2)
    assert amplitude.axes == phase.axes
    assert amplitude.pixel_size is not None


def test_a_plain_hdf5_file_is_neither(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((20, 20))
        assert sid.layout(file) == ""
