"""EDS and EELS of Velox, and Bruker maps, against the counts in the file and RosettaSciIO's own reading."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_atomai.data.image import Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import CannotRead, TooLarge
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read, read_all
from napari_atomai.files.velox import Counts


@pytest.fixture
def velox(shared_data: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(shared_data / "eels_EDS_velox_SI.zip") as archive:
        (tmp_path / "velox.emd").write_bytes(archive.read(archive.namelist()[0]))
    return tmp_path / "velox.emd"


def by_hand(path: Path, shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Count the streams one X-ray after the other."""
    channels, rows, columns = shape
    counted = np.zeros((channels, rows * columns), dtype=np.uint16)
    with h5py.File(path) as file:
        for group in file["Data/SpectrumStream"].values():
            pixel = 0
            for value in group["Data"][:, 0].tolist():
                if value == 65535:
                    pixel += 1
                else:
                    counted[value, pixel % (rows * columns)] += 1
    return counted.reshape(shape)


def named(datasets: list[Image | Spectrum], title: str) -> list[Any]:
    return [item for item in datasets if item.name.endswith(f": {title}")]


def test_an_eds_stream_becomes_the_spectrum_image_of_the_scanned_area(velox: Path) -> None:
    (eds,) = named(read_all(velox), "EDS")
    assert eds.shape == (4096, 16, 20)
    np.testing.assert_array_equal(eds.pixels, by_hand(velox, (4096, 16, 20)))
    assert [axis.name for axis in eds.axes] == ["E", "y", "x"]
    assert (eds.axes[0].unit, eds.axes[0].scale, eds.axes[0].offset) == ("keV", 0.01, pytest.approx(-0.2))
    assert eds.pixel_size == pytest.approx((158.65803795969113,) * 2)
    assert (eds.quantity, eds.value_unit) == ("X-rays", "counts")


def test_the_counts_of_the_map_are_those_of_the_detectors_spectra(velox: Path) -> None:
    # RosettaSciIO takes the overview's 128 x 128 for the shape of this map, which passes 16 x 20 pixels.
    datasets = read_all(velox)
    (eds,) = named(datasets, "EDS")
    spectra = [item.values for item in datasets if isinstance(item, Spectrum)]
    np.testing.assert_array_equal(eds.pixels.sum(axis=(1, 2)), np.sum(spectra, axis=0))


def test_images_come_first_and_spectra_of_the_detectors_last(velox: Path) -> None:
    datasets = read_all(velox)
    assert [type(item).__name__ for item in datasets] == ["Image"] * 12 + ["Spectrum"] * 6
    assert [len(item.shape) for item in datasets] == [2] * 8 + [3] * 4 + [1] * 6
    assert len({item.name for item in datasets[-6:]}) == 6
    assert all("UltraX" in item.name for item in datasets[-6:])


def test_eels_spectrum_images_are_read_as_rosettasciio_turns_them(velox: Path) -> None:
    eels = [item for item in read_all(velox) if "EELS from" in item.name]
    assert [item.shape for item in eels] == [(2048, 16, 20)] * 3
    assert [round(item.axes[0].offset, 2) for item in eels] == [800, 480, -21.5]
    assert {(item.axes[0].scale, item.axes[0].unit) for item in eels} == {(0.1692, "eV")}
    with h5py.File(velox) as file:
        for item, group in zip(eels, file["Data/EelsSpectrumImage"].values(), strict=True):
            reported = group["Data"][()].transpose(2, 0, 1)  # (y, x, E)
            np.testing.assert_array_equal(item.pixels, np.moveaxis(reported, -1, 0))


def test_a_large_stream_is_counted_slice_by_slice(velox: Path) -> None:
    (whole,) = named(read_all(velox), "EDS")
    (lazy,) = named(read_all(velox, limits=Limits(bytes_at_once=1 << 20)), "EDS")
    assert not isinstance(lazy.pixels, np.ndarray)
    for key in ((600,), (slice(None), 3, 4), (slice(590, 700, 7), slice(2, 9), slice(None, None, -2))):
        computed = lazy.pixels[key].compute(scheduler="synchronous")
        np.testing.assert_array_equal(computed, np.asarray(whole.pixels)[key])


def test_spectra_without_a_map_stay_spectra(shared_data: Path) -> None:
    datasets = read_all(shared_data / "eds_SrTiO3_velox.emd")
    assert [item.shape for item in datasets] == [(4096,)] * 5
    assert all(isinstance(item, Spectrum) for item in datasets)
    with h5py.File(shared_data / "eds_SrTiO3_velox.emd") as file:
        stored = [group["Data"][:, 0] for group in file["Data/Spectrum"].values()]
    for item, values in zip(datasets, stored, strict=True):
        np.testing.assert_array_equal(item.values, values)  # type: ignore[union-attr]
        assert (item.axes[0].unit, item.axes[0].scale) == ("keV", 0.005)


def test_a_stream_that_no_scan_fits_is_refused(velox: Path) -> None:
    with h5py.File(velox, "r+") as file:
        del file["Data/Image"]
        for group in file["Data/SpectrumStream"].values():
            metadata = json.loads(bytes(group["Metadata"][:, 0]).rstrip(b"\0"))
            metadata["Scan"]["ScanSize"] = {"width": "0", "height": "0"}
            group["Metadata"][:, 0] = np.frombuffer(
                json.dumps(metadata).encode().ljust(60000, b"\0"), np.uint8
            )
    with pytest.raises(CannotRead, match="passes 319 pixels"):
        read_all(velox)


def test_a_count_in_a_channel_that_does_not_exist_is_refused(velox: Path) -> None:
    with h5py.File(velox, "r+") as file:
        next(iter(file["Data/SpectrumStream"].values()))["Data"][3, 0] = 5000
    with pytest.raises(CannotRead, match="channel 5000 of 4096"):
        read_all(velox)


def test_counts_do_not_overflow_in_a_full_cell() -> None:
    counts = Counts(np.sort(np.concatenate([np.full(70_000, 5), [0, 11]]).astype(np.uint64)), (2, 2, 3))
    assert counts[:].sum() == 70_002
    assert counts[0, 1, 2] == 70_000
    assert counts[1].tolist() == [[0, 0, 0], [0, 0, 1]]


def test_a_bruker_map_and_its_image_are_as_rosettasciio_reads_them(shared_data: Path) -> None:
    from rsciio.bruker import file_reader

    path = shared_data / "eds_TEM_bruker.bcf"
    image, spectra = read(path)
    for item, part in zip((image, spectra), file_reader(str(path)), strict=True):
        data = part["data"] if part["data"].ndim == 2 else np.moveaxis(part["data"], -1, 0)
        np.testing.assert_array_equal(item.pixels, data)
        assert item.pixels.dtype == data.dtype
        assert item.pixel_size == pytest.approx((part["axes"][0]["scale"] * 1e3,) * 2)
    assert [axis.name for axis in spectra.axes] == ["E", "y", "x"]
    assert spectra.axes[0].unit == "keV"
    assert spectra.axes[0].scale == pytest.approx(0.01, rel=1e-2)


def test_a_bruker_map_beyond_the_budget_is_too_large(shared_data: Path) -> None:
    with pytest.raises(TooLarge, match="64 × 64 × 2048"):
        read(shared_data / "eds_TEM_bruker.bcf", limits=Limits(bytes_in_memory=1 << 20))


@pytest.mark.parametrize(("column", "said"), [(64, "column 64 of 64"), (1 << 31, "column 2147483648")])
def test_a_point_outside_a_bruker_map_is_refused_before_it_is_unpacked(
    shared_data: Path, tmp_path: Path, column: int, said: str
) -> None:
    # The compiled unpacker writes wherever a point says that it lies.
    path = tmp_path / "evil.bcf"
    content = bytearray((shared_data / "eds_TEM_bruker.bcf").read_bytes())
    head = (64).to_bytes(4, "little") * 2  # rows and columns, where the map begins
    at = content.index(head) + 0x1A0 + 4
    content[at : at + 4] = column.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(CannotRead, match=said):
        read(path)
