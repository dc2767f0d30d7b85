"""Lazy reading: whatever is asked for is what NumPy gives, and no more than that is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

from napari_atomai.files.formats import READERS
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read
from napari_atomai.files.slabs import Box, Records, Sliced, Spectra, Turned, lazy

STORED = np.random.default_rng(0).poisson(3, (20, 37, 64)).astype(np.uint16)  # (y, x, E)


class Remembering(Sliced):
    """Remembers how much was read."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        super().__init__(values.shape, values.dtype)
        self.values, self.read = values, 0

    def box(self, box: Box) -> np.ndarray[Any, Any]:
        self.read += math.prod(part.stop - part.start for part in box)
        return self.values[box]


@given(key=basic_indices((7, 5, 6), max_dims=3, allow_newaxis=False))
@settings(max_examples=100, deadline=None)
def test_slices_are_those_of_numpy(key: Any) -> None:
    values = np.arange(7 * 5 * 6).reshape(7, 5, 6)
    plain = key if isinstance(key, tuple) else (key,)
    if Ellipsis in plain:  # dask never hands one down
        at = plain.index(Ellipsis)
        plain = (*plain[:at], *[slice(None)] * (3 - len(plain) + 1), *plain[at + 1 :])
    np.testing.assert_array_equal(Remembering(values)[plain], values[plain])


@given(st.lists(st.integers(0, 6), max_size=5))
@settings(max_examples=30, deadline=None)
def test_a_list_of_places_is_read_too(places: list[int]) -> None:
    values = np.arange(7 * 5 * 6).reshape(7, 5, 6)
    found = Remembering(values)[np.array(places, dtype=int), 1:3]
    np.testing.assert_array_equal(found, values[np.array(places, dtype=int), 1:3])


def test_dask_reads_no_more_than_the_slice() -> None:
    source = Remembering(np.arange(100 * 50 * 60).reshape(100, 50, 60))
    pixels = lazy(source, 1)
    np.testing.assert_array_equal(pixels[3].compute(scheduler="synchronous"), source.values[3])
    assert source.read == 50 * 60
    np.testing.assert_array_equal(pixels[:, 4, 5].compute(scheduler="synchronous"), source.values[:, 4, 5])
    assert source.read == 50 * 60 + 100


@pytest.fixture(
    params=[
        "file",
        "gzip",
        "gzip shuffle",
        "lzf",
        "none",
        "none shuffle",
        "gzip checked",
        "contiguous",
        "split",
    ]
)
def turned(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    kind: str = request.param
    if kind == "file":
        (tmp_path / "a.raw").write_bytes(b"head" + STORED.tobytes())
        yield Spectra(tmp_path / "a.raw", 4, STORED.shape, STORED.dtype)
        return
    packing = {"compression": kind.split()[0]} if kind[0] in "gl" else {}
    chunks = {"contiguous": None, "split": (8, 8, 16)}.get(kind, (8, 8, 64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = (
            {"chunks": chunks, "shuffle": "shuffle" in kind, "fletcher32": "checked" in kind}
            if chunks
            else {}
        )
        file.create_dataset("data", data=STORED, **packing, **options)
    with h5py.File(tmp_path / "a.h5") as file:
        yield Turned(file["data"])


def test_spectra_on_the_disk_are_maps_in_front(turned: Sliced) -> None:
    maps = np.moveaxis(STORED, -1, 0)
    for key in (
        (5,),
        (slice(None), 3, 4),
        (slice(60, 64), slice(7, 19), slice(5, 30)),
        (slice(0, 64, 9), slice(None, None, 5)),
        (0, 19, 36),
        (slice(None),),
    ):
        np.testing.assert_array_equal(turned[key], maps[key])


def test_parts_that_were_never_written_are_zero(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", STORED.shape, "u2", chunks=(8, 8, 64), compression="gzip")
        data[:8] = STORED[:8]
        turned = Turned(data)
        np.testing.assert_array_equal(turned[5][:8], STORED[:8, :, 5])
        assert not turned[5][8:].any()


def test_records_with_marks_between_them_are_picked_out(tmp_path: Path) -> None:
    record = np.dtype([("mark", "u1", 3), ("data", ">i2", (4, 5))])
    stored = np.zeros((3, 6), record)
    stored["data"] = np.arange(3 * 6 * 20).reshape(3, 6, 4, 5)
    (tmp_path / "a").write_bytes(b"head" + stored.tobytes())
    records = Records(tmp_path / "a", 4, (3, 6), record)
    np.testing.assert_array_equal(records[:], stored["data"])
    np.testing.assert_array_equal(records[2, 1:5, 0, ::2], stored["data"][2, 1:5, 0, ::2])


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_large_hyperspy_spectrum_image_is_read_as_a_small_one(
    tmp_path: Path, compression: str | None
) -> None:
    from rsciio.hspy import file_writer

    axes = [
        {"name": name, "size": size, "scale": 0.5, "offset": 1.0, "units": unit, "navigate": name != "E",
         "_type": "UniformDataAxis", "is_binned": False}
        for name, size, unit in zip("yxE", STORED.shape, ("nm", "nm", "eV"), strict=True)
    ]  # fmt: skip
    signal = {"data": STORED, "axes": axes, "metadata": {"General": {"title": "", "x": [1]}, "Signal": {}}}
    rest = {"original_metadata": {}, "tmp_parameters": {}, "learning_results": {}, "models": {}}
    package = {"package_info": {"package": "a", "package_version": "1"}, "attributes": {"_lazy": False}}
    file_writer(str(tmp_path / "a.hspy"), signal | rest | package, compression=compression)
    (whole,) = read(tmp_path / "a.hspy")
    (large,) = read(tmp_path / "a.hspy", limits=Limits(bytes_at_once=1000))
    assert not isinstance(large.pixels, np.ndarray)
    assert large.axes == whole.axes
    for key in ((7,), (slice(None), 3, 4), (slice(3, 9), slice(5), 2)):
        computed = large.pixels[key].compute(scheduler="synchronous")
        np.testing.assert_array_equal(computed, whole.pixels[key])


def test_every_format_has_a_name_and_a_mark() -> None:
    assert all(form.description and form.marks for form in READERS.values())
