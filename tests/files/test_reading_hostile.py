"""Files that are damaged, lie or were made to hurt: a sentence, never a crash, never another file."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from napari_atomai.errors import BadImage, CannotRead, TooLarge
from napari_atomai.files.endings import FORMATS
from napari_atomai.files.guard import Limits, check_path, free_memory, in_words
from napari_atomai.files.reading import can_read, read

ONE_GIB = Limits(bytes_in_memory=1 << 30)
HDF5 = (".hspy", ".emd", ".hdf5")
FLAT = (".npy", ".tif", ".mrc", ".ser", ".png", ".npz", ".blo", ".zspy", ".zip")


@pytest.mark.parametrize("suffix", [*FLAT, *HDF5])
def test_a_file_cut_in_half_is_refused_by_name_and_reason(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    path = tmp_path / f"cut{suffix}"
    attacks.MAKERS[suffix](path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CannotRead, match=r"cut.* could not be read.*damaged or was not|cut.*damaged"):
        read(path)


def test_eight_tebibytes_in_a_small_file_are_refused_before_allocation(
    tmp_path: Path, attacks: ModuleType
) -> None:
    path = tmp_path / "bomb.hdf5"
    attacks.eight_tebibytes(path)
    assert path.stat().st_size < 3000
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(TooLarge, match=r"1048576 × 1048576 values, 8.0 TiB; 1.0 GiB can be used"):
        read(path, limits=ONE_GIB)
    assert time.process_time() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_movie_that_was_never_written_is_refused_for_its_size(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.endless_movie(tmp_path / "movie.hspy")
    with pytest.raises(TooLarge, match=r"32\.0 TiB"):
        read(tmp_path / "movie.hspy", limits=ONE_GIB)


@pytest.mark.parametrize("suffix", [".hdf5", ".h5", ".emd", ".hspy"])
@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("external_storage", "points to another file, '.*secret.txt'"),
        ("external_link", "points to another file, '.*other.h5'"),
        ("virtual_dataset", "points to another file, '.*other.h5'"),
        ("link_loop", "contains itself"),
        ("group_in_itself", "contains itself"),
        ("deep", "nested deeper"),
    ],
)
def test_hdf5_that_reaches_outside_or_goes_in_circles_is_refused(
    tmp_path: Path, attacks: ModuleType, attack: str, said: str, suffix: str
) -> None:
    path = tmp_path / f"attack{suffix}"
    getattr(attacks, attack)(path)
    with pytest.raises(CannotRead, match=said):
        read(path)


def test_a_pickled_object_in_a_numpy_file_is_refused_and_does_nothing(
    tmp_path: Path, attacks: ModuleType
) -> None:
    witness = tmp_path / "it-ran"
    attacks.pickled_npy(tmp_path / "evil.npy", witness)
    with pytest.raises(BadImage, match="Python objects"):
        read(tmp_path / "evil.npy")
    attacks.bare_pickle(tmp_path / "bare.npy", witness)
    with pytest.raises(CannotRead, match="content is pickle"):
        read(tmp_path / "bare.npy")
    assert not witness.exists()
    pickle.loads((tmp_path / "bare.npy").read_bytes())
    assert witness.exists()  # the attack does work where it is let


def test_a_numpy_file_that_declares_more_than_the_budget_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "big.npy").open("wb") as file:
        header = {"shape": (1 << 20, 1 << 20), "fortran_order": False, "descr": "<f8"}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(TooLarge, match=r"8\.0 TiB"):
        read(tmp_path / "big.npy", limits=ONE_GIB)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.parametrize("content", ["TIFF", "HDF5", "PNG", "text"])
def test_a_name_that_lies_about_the_content_is_refused(
    tmp_path: Path, attacks: ModuleType, suffix: str, content: str
) -> None:
    path = tmp_path / f"lies{suffix}"
    if content == "TIFF":
        attacks.tif(path.with_suffix(".tif"))
        shutil.move(path.with_suffix(".tif"), path)
    elif content == "HDF5":
        attacks.hdf5(path)
    else:
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000) if content == "PNG" else b"row,column\n1,2\n")
    true_to_its_name = {"TIFF": (".tif", ".tiff"), "HDF5": (".hdf5", ".h5", ".hf5", ".hspy", ".emd")}
    if suffix in true_to_its_name.get(content, ()):
        assert can_read(path)
        return
    with pytest.raises(CannotRead, match=r"lies\.\w+ (is not a|could not be read)") as caught:
        read(path)
    if content in true_to_its_name:
        assert "Rename it to" in caught.value.remedy


@pytest.mark.parametrize("name", ["data.prz", "data.nc", "data.txt", "data"])
def test_formats_that_are_not_on_the_list_are_refused_without_loading_a_reader(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"something")
    code = (
        "import sys; from napari_atomai.files.reading import read\n"
        "try: read(sys.argv[1])\n"
        "except OSError as error: print(error)\n"
        "assert 'rsciio' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, check=True)
    assert b"no format that can be opened" in done.stdout


def test_missing_empty_and_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(CannotRead, match=r"missing.tif cannot be opened: No such file"):
        read(tmp_path / "missing.tif")
    with pytest.raises(CannotRead, match=r"empty.tif is empty"):
        read(tmp_path / "empty.tif")
    with pytest.raises(CannotRead, match=r"folder.h5 is a folder"):
        read(tmp_path / "folder.h5")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(CannotRead, match="not an ordinary file"):
        read(tmp_path / "pipe.tif")


@pytest.mark.parametrize("suffix", sorted({*FLAT, *HDF5} - {".blo"}))
@pytest.mark.parametrize(
    "stem", ["with spaces and (brackets)", "原子 µ Å é", "x" * 200, "movie_of_something"]
)
def test_any_name_can_be_opened(tmp_path: Path, attacks: ModuleType, stem: str, suffix: str) -> None:
    path = tmp_path / f"{stem}{suffix}"
    attacks.MAKERS[suffix](path)
    link = tmp_path / f"link{suffix}"
    link.symlink_to(path)
    for opened in (path, link, str(path), path.rename(path.with_suffix(suffix.upper()))):
        if Path(opened).exists():
            np.testing.assert_array_equal(read(opened)[0].pixels, attacks.picture())


@pytest.mark.parametrize(
    "path", ["", "\0", "no/such.tif", "x" * 5000, None, 3, b"\xff", "/", "~nobody/x.npy"]
)
def test_can_read_answers_no_and_never_raises(path: object) -> None:
    assert can_read(path) is False  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", "\0", "x" * 5000])
def test_impossible_names_are_refused_with_words(path: str) -> None:
    with pytest.raises(CannotRead):
        check_path(path)


def test_nothing_of_the_reader_leaks_out(
    tmp_path: Path, attacks: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    attacks.mrc(tmp_path / "a.mrc")  # its reader leaves the file open, with a ResourceWarning
    attacks.tif(tmp_path / "cut.tif")
    os.truncate(tmp_path / "cut.tif", 3000)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    read(tmp_path / "a.mrc")
    with pytest.raises(CannotRead):
        read(tmp_path / "cut.tif")
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before
    assert capfd.readouterr() == ("", "")


def test_the_budget_is_half_of_the_free_memory_and_words_are_readable() -> None:
    assert 0 < Limits().budget <= free_memory()
    assert Limits(bytes_in_memory=10).budget == 10
    assert [in_words(n) for n in (0, 512, 2048, 3 << 30)] == ["0 bytes", "512 bytes", "2.0 KiB", "3.0 GiB"]


def test_a_heap_of_texts_that_never_ends_is_refused(tmp_path: Path, attacks: ModuleType) -> None:
    # The HDF5 library follows the lengths in it; an entry of length zero keeps it there for ever.
    path = tmp_path / "loop.emd"
    attacks.emd(path)
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    content[first + 8] = 255  # the length of its first text: the next entry is read out of free space
    path.write_bytes(content)
    with pytest.raises(CannotRead, match=r"loop\.emd was not opened: its texts at byte \d+ do not hold"):
        read(path)


@pytest.mark.parametrize("where", ["dataset", "attribute"])
def test_a_text_that_became_a_list_of_characters_is_refused(tmp_path: Path, where: str) -> None:
    path = tmp_path / "list.h5"
    with h5py.File(path, "w") as file:
        image = file.create_dataset("image", data=np.zeros((40, 60)))
        kind = h5py.vlen_dtype(np.dtype("S1"))
        if where == "dataset":
            file.create_dataset("Version", (1,), kind)
        else:
            letters = np.empty((), object)
            letters[()] = np.array([b"n", b"m"], "S1")
            image.attrs.create("unit", letters, dtype=kind)
    with pytest.raises(CannotRead, match="is not of a kind that is known"):
        read(path)


def test_the_name_of_a_dimension_beyond_the_end_of_a_series_is_refused(
    tmp_path: Path, attacks: ModuleType
) -> None:
    path = tmp_path / "long.ser"
    attacks.ser(path)
    content = bytearray(path.read_bytes())
    content[30 + 24 : 30 + 28] = (0x7FFFFFFF).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(CannotRead, match=r"name of a dimension takes 2\.0 GiB"):
        read(path)
