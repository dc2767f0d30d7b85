"""NPZ and ZIP: every member is opened or named, and what is said speaks of the archive."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from napari_atomai.errors import AtomAIError, BadImage, CannotRead
from napari_atomai.files.reading import read, read_all


def _npz(path: Path, members: list[tuple[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a second file of the same name
        for name, array in members:
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return path


def _zip(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return path


def _picture(value: float) -> Any:
    return np.full((20, 30), value, np.float32)


def _npy(tmp_path: Path, value: float) -> bytes:
    np.save(tmp_path / "one.npy", _picture(value))
    return (tmp_path / "one.npy").read_bytes()


def test_arrays_of_one_name_are_all_read(tmp_path: Path) -> None:
    path = _npz(tmp_path / "a.npz", [("map", _picture(1)), ("map", _picture(2)), ("other", _picture(3))])
    images = read(path)
    assert [image.name for image in images] == ["a: map", "a: map (2)", "a: other"]
    assert [float(image.pixels[0, 0]) for image in images] == [1, 2, 3]


def test_files_of_one_name_are_all_read_and_told_apart(tmp_path: Path) -> None:
    one, two, three = (_npy(tmp_path, value) for value in (1, 2, 3))
    path = _zip(tmp_path / "a.zip", [("map.npy", one), ("map.npy", two), ("deeper/map.npy", three)])
    images = read(path)
    assert [image.name for image in images] == ["a: map", "a: map (2)", "a: map (3)"]
    assert [float(image.pixels[0, 0]) for image in images] == [1, 2, 3]


def test_pairs_of_files_of_one_name_stay_pairs(tmp_path: Path, attacks: ModuleType) -> None:
    members = []
    for value in (1, 2):
        attacks.rpl(tmp_path / "spectra.rpl")
        raw = np.full_like(attacks.picture(), value).tobytes()
        members += [("spectra.rpl", (tmp_path / "spectra.rpl").read_bytes()), ("spectra.raw", raw)]
    images = read(_zip(tmp_path / "a.zip", members))
    assert [int(image.pixels[0, 0]) for image in images] == [1, 2]


HEADER = b"key\tvalue\nwidth\t3\nheight\t4\ndata-length\t2\ndata-type\tsigned\n"
BAD: dict[str, tuple[str, bytes]] = {
    "damaged": ("bad.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran"),
    "of another kind": ("bad.hspy", b"nothing of the kind"),
    "without its second file": ("bad.rpl", HEADER),
    "that fails in its reader": ("bad.dm3", b"\x00\x00\x00\x03" + bytes(500)),
    "of records": ("bad.npy", b""),
}  # fmt: skip


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_does_not_keep_the_good_ones_from_being_read(
    tmp_path: Path, kind: str, first: bool
) -> None:
    name, content = BAD[kind]
    if kind == "of records":
        np.save(tmp_path / "records.npy", np.zeros((4, 5), [("a", "f4")]))
        content = (tmp_path / "records.npy").read_bytes()
    members = [("good.npy", _npy(tmp_path, 7)), (name, content)]
    path = _zip(tmp_path / "a.zip", members[::-1] if first else members)
    (image,) = read(path)
    assert float(image.pixels[0, 0]) == 7
    assert image.name == "a"
    assert "Unpacked from good." in image.notes
    (note,) = [note for note in image.notes if "Left out" in note]
    assert name in note
    _speaks_of_the_archive(note)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "of records"])
def test_where_no_file_can_be_read_the_first_reason_is_given(tmp_path: Path, kind: str) -> None:
    path = _zip(tmp_path / "a.zip", [BAD[kind]])
    with pytest.raises(CannotRead, match=r"a\.zip, bad\.") as caught:
        read(path)
    _speaks_of_the_archive(str(caught.value))


def _speaks_of_the_archive(text: str) -> None:
    assert tempfile.gettempdir() not in text
    assert "napari-atomai-" not in text
    assert "item" not in text


def test_a_reader_that_names_the_unpacked_file_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_atomai.files import flat

    def fail(path: Path, limits: Any) -> Any:
        raise ValueError(f"{'x' * 150} cannot open {path} or {path.with_suffix('.aux')} in {path.parent}")

    monkeypatch.setattr(flat, "read_npy", fail)
    with pytest.raises(AtomAIError) as caught:
        read(_zip(tmp_path / "a.zip", [("one.npy", _npy(tmp_path, 1))]))
    _speaks_of_the_archive(str(caught.value))
    assert "a.zip, one.npy" in str(caught.value)


def test_the_tags_name_the_file_in_the_archive(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.tif(tmp_path / "scan.tif")
    (image,) = read(_zip(tmp_path / "a.zip", [("deeper/scan.tif", (tmp_path / "scan.tif").read_bytes())]))
    assert image.metadata["understood"]["General"]["original_filename"] == "scan.tif"
    _speaks_of_the_archive(repr(image.metadata))


def test_a_packed_signal_larger_than_is_read_at_once_is_read_or_refused(tmp_path: Path) -> None:
    # Two spectrum images: together more than is read at once, each of them less.
    from napari_atomai.data.image import Axis, Image
    from napari_atomai.files.guard import Limits
    from napari_atomai.files.writing import write_hspy

    axes = (Axis("E", 0.5, 0, "eV"), Axis("y", 1, 0, "nm"), Axis("x", 1, 0, "nm"))
    cube = np.zeros((50, 20, 30), np.float32)
    write_hspy([Image(cube + i, axes, f"cube {i}") for i in (1, 2)], tmp_path / "two.hspy")
    path = _zip(tmp_path / "a.zip", [("two.hspy", (tmp_path / "two.hspy").read_bytes())])
    images = read(path, limits=Limits(bytes_at_once=cube.nbytes + 60_000))
    assert [float(image.pixels.mean()) for image in images] == [1, 2]
    assert all(image.shape == cube.shape for image in images)


def test_records_in_a_numpy_archive_are_no_python_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", table=np.zeros(40, [("a", "f4"), ("b", "f4")]))
    with pytest.raises(BadImage) as caught:
        read_all(tmp_path / "a.npz")
    assert "Python objects" not in str(caught.value)


def test_hdf5_inside_is_looked_through_like_any_other(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "outside.hdf5", "w") as file:
        file["image"] = h5py.ExternalLink("/etc/hostname", "x")
    path = _zip(tmp_path / "a.zip", [("outside.hdf5", (tmp_path / "outside.hdf5").read_bytes())])
    with pytest.raises(CannotRead, match=r"a\.zip, outside\.hdf5 was not opened"):
        read(path)
