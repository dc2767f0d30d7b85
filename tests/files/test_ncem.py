"""NCEM EMD as scripts write it: dimensions are told by their names, in whatever order they are stored."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read

SIZES = {"t": 3, "E": 5, "y": 6, "x": 7, "Ry": 4, "Rx": 5, "Qy": 6, "Qx": 7}
UNITS = {"t": "s", "E": "eV", "Qy": "[n_m^-1]", "Qx": "[n_m^-1]"}


def emd(path: Path, names: tuple[str, ...], **positions: Any) -> np.ndarray[Any, Any]:
    """Write a dataset whose first dimension is dim1, as ncempy does; return its values."""
    values = np.arange(np.prod([SIZES[name] for name in names]), dtype=np.float32)
    values = values.reshape([SIZES[name] for name in names])
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = values
        for i, name in enumerate(names, start=1):
            samples = 10 + 0.5 * np.arange(SIZES[name]) * i
            group[f"dim{i}"] = positions.get(name, samples)
            group[f"dim{i}"].attrs["name"] = np.bytes_(name)
            group[f"dim{i}"].attrs["units"] = np.bytes_(UNITS.get(name, "[n_m]"))
    return values


@pytest.mark.parametrize("limits", [None, Limits(bytes_at_once=64)], ids=["at once", "lazy"])
@pytest.mark.parametrize(
    "names",
    [
        *itertools.permutations(("t", "y", "x")),
        *itertools.permutations(("E", "y", "x")),
        *itertools.permutations(("y", "x")),
        ("Ry", "Rx", "Qy", "Qx"),
    ],
)
def test_dimensions_are_told_by_their_names(
    tmp_path: Path, names: tuple[str, ...], limits: Limits | None
) -> None:
    values = emd(tmp_path / "a.emd", names)
    wanted = [name for name in ("t", "E", "Ry", "Rx", "y", "x", "Qy", "Qx") if name in names]
    (image,) = read(tmp_path / "a.emd", limits=limits)
    assert [axis.name for axis in image.axes] == wanted
    np.testing.assert_array_equal(image.pixels, values.transpose([names.index(name) for name in wanted]))
    for axis in image.axes:
        assert axis.scale == pytest.approx(0.5 * (names.index(axis.name) + 1))
        assert axis.unit == {"E": "eV", "t": "s", "Qy": "1/nm", "Qx": "1/nm"}.get(axis.name, "nm")
    assert image.notes == ()


def test_samples_at_uneven_distances_are_said(tmp_path: Path) -> None:
    emd(tmp_path / "a.emd", ("y", "x"), y=np.arange(6.0) ** 2)
    (image,) = read(tmp_path / "a.emd")
    assert image.pixel_size == pytest.approx((5.0, 1.0))
    assert image.notes == ("Samples along y are not evenly spaced: their mean distance is used.",)


def test_names_of_detectors_are_no_positions(tmp_path: Path) -> None:
    emd(tmp_path / "a.emd", ("t", "y", "x"), t=np.array([b"HAADF", b"ABF", b"BF"]))
    (image,) = read(tmp_path / "a.emd")
    assert image.shape == (3, 6, 7)
    assert image.pixel_size == pytest.approx((1.0, 1.5))
