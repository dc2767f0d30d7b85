"""Files that are damaged, lie or were made to hurt: a sentence, never a crash, never another file."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_atomai.data.image import Image
from napari_atomai.errors import AtomAIError, BadImage, CannotRead, TooLarge
from napari_atomai.files.guard import Limits, check_path, free_memory, in_words
from napari_atomai.files.reading import FORMATS, can_read, read

ONE_GIB = Limits(bytes_in_memory=1 << 30)
HDF5 = (".hspy", ".emd", ".hdf5")
FLAT = (".npy", ".tif", ".mrc", ".ser")


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Leave what the test session holds out of garbage collection, which a refused TIFF asks for."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def read_or_refuse(path: Path) -> None:
    """A named error, or images that hold together."""
    try:
        images = read(path, limits=ONE_GIB)
    except AtomAIError as error:
        message = str(error)
    else:
        message = path.name
        for image in images:
            check(image)
    assert path.name in message


def check(image: Image) -> None:
    assert image.pixels.ndim >= 2
    assert image.pixels.dtype.kind in "buif"
    assert all(np.isfinite([axis.scale, axis.offset]).all() for axis in image.axes)


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize("suffix", FLAT)
def test_fifty_damaged_files_each_give_an_error_or_an_image(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    attacks.MAKERS[suffix](tmp_path / f"whole{suffix}")
    content = (tmp_path / f"whole{suffix}").read_bytes()
    for damaged in attacks.mutations(content, 50, seed=1):
        (tmp_path / f"damaged{suffix}").write_bytes(damaged)
        read_or_refuse(tmp_path / f"damaged{suffix}")


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize(
    "name", ["stem_BaTiO3_2.dm4", "eels_STO-film_SI.dm3", "stem_Pt-single-atoms_038.tif"]
)
def test_fifty_damaged_copies_of_a_real_file_each_give_an_error_or_an_image(
    shared_data: Path, tmp_path: Path, attacks: ModuleType, name: str
) -> None:
    content = (shared_data / name).read_bytes()
    start = time.process_time()
    for damaged in attacks.mutations(content, 50, seed=1):
        (tmp_path / name).write_bytes(damaged)
        read_or_refuse(tmp_path / name)
    assert time.process_time() - start < 20  # a damaged count once kept a reader busy for a minute


@pytest.mark.parametrize("suffix", HDF5)
def test_fifty_damaged_hdf5_files_each_give_an_error_or_an_image(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    # In a child: the HDF5 library itself can crash on a flipped bit, which must not end the tests.
    attacks.MAKERS[suffix](tmp_path / f"whole{suffix}")
    content = (tmp_path / f"whole{suffix}").read_bytes()
    for i, damaged in enumerate(attacks.mutations(content, 50, seed=1)):
        (tmp_path / f"damaged_{i}{suffix}").write_bytes(damaged)
    code = """if True:
        import sys
        from pathlib import Path
        from napari_atomai.errors import AtomAIError
        from napari_atomai.files.guard import Limits
        from napari_atomai.files.reading import read
        for path in sorted(Path(sys.argv[1]).glob("damaged_*")):
            try:
                read(path, limits=Limits(bytes_in_memory=1 << 30))
            except AtomAIError as error:
                assert path.name in str(error)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""


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


@pytest.mark.parametrize("name", ["data.prz", "data.nc", "data.txt", "data", "data.emi"])
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


@pytest.mark.parametrize("suffix", [*FLAT, *HDF5])
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
