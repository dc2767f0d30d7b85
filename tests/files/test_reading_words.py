"""What is said of a file that is not opened: true, whole sentences, with the thing to do."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_atomai.errors import BadImage, BadOption, CannotRead
from napari_atomai.files.endings import FORMATS
from napari_atomai.files.guard import check_content
from napari_atomai.files.reading import read, read_all


@pytest.mark.parametrize(
    ("suffix", "says"),
    [
        (".zip", "a.zip is not a ZIP archive:"),
        (".npy", "a.npy is not a NumPy array:"),
        (".npz", "a.npz is not a NumPy archive:"),
        (".mrc", "a.mrc is not an MRC file:"),
        (".emd", "a.emd is not an EMD file:"),
        (".hdf5", "a.hdf5 is not an HDF5 file:"),
        (".ibw", "a.ibw is not an Igor binary wave:"),
        (".sxm", "a.sxm is not a Nanonis scan:"),
        (".asd", "a.asd is not a high-speed AFM movie:"),
        (".blo", "a.blo is not a NanoMegas blockfile:"),
        (".ser", "a.ser is not an FEI TIA series:"),
        (".rpl", "a.rpl is not a Ripple header:"),
        (".dm4", "a.dm4 is not a Gatan DigitalMicrograph 4 file:"),
        (".3ds", "a.3ds is not a Nanonis grid spectroscopy file:"),
    ],
)
def test_a_wrong_content_is_said_in_a_sentence(tmp_path: Path, suffix: str, says: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"%PDF-1.4" + bytes(3000))
    with pytest.raises(CannotRead) as caught:
        read(tmp_path / f"a{suffix}")
    assert caught.value.what == f"{says} its content is PDF."


@pytest.mark.parametrize("usual", sorted(set(FORMATS.values())))
def test_no_format_is_called_a_file_twice(tmp_path: Path, usual: str) -> None:
    (tmp_path / "a").write_bytes(b"%PDF-1.4")
    with pytest.raises(CannotRead) as caught:
        check_content(tmp_path / "a", (), usual)
    words = caught.value.what.partition(":")[0].split()
    assert words.count("file") + words.count("archive") + words.count("blockfile") <= 1
    assert "(" not in caught.value.what


@pytest.mark.parametrize("name", ["image", "image.dat", "image.001"])
def test_a_file_without_its_ending_is_told_how_to_be_named(
    tmp_path: Path, attacks: ModuleType, name: str
) -> None:
    attacks.tif(tmp_path / "made.tif")
    (tmp_path / "made.tif").rename(tmp_path / name)
    with pytest.raises(CannotRead, match="its content is TIFF") as caught:
        read(tmp_path / name)
    assert "Rename it to *.tif and open it again." in caught.value.remedy


@pytest.mark.parametrize("part", [0.3, 0.97])
def test_a_tiff_that_was_cut_is_called_cut(tmp_path: Path, part: float) -> None:
    pixels, header = bytes(20 * 30 * 2), b"II*\x00"  # as most programs, with the directory at the end
    whole = header + (8 + len(pixels)).to_bytes(4, "little") + pixels + bytes(200)
    (tmp_path / "cut.tif").write_bytes(whole[: int(part * (8 + len(pixels)))])
    with pytest.raises(CannotRead, match=r"cut\.tif could not be read as TIFF.*not within its") as caught:
        read(tmp_path / "cut.tif")
    assert "not copied completely" in caught.value.why


@pytest.mark.parametrize("path", [None, 5, ["a.dm4", "b.dm4"]])
def test_what_is_no_path_is_refused_in_words(path: Any) -> None:
    with pytest.raises(BadOption, match="is not the name of a file"):
        read_all(path)


def test_a_file_of_no_known_content_is_told_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(CannotRead) as caught:
        read(tmp_path / "notes.txt")
    assert "Known: *.dm3" in caught.value.remedy


@pytest.mark.parametrize(
    ("array", "says", "why"),
    [
        (np.float64(3), "holds a single number: no image and no spectrum", ""),
        (np.zeros((4, 5), [("a", "f4"), ("b", "f4")]), "holds records of a, b", "Which of them"),
        (np.array([{}], object), "holds Python objects", "can run code"),
        (np.array([["a", "b"]]), "holds text, not numbers", ""),
        (np.zeros((3, 4), "M8[s]"), "holds dates", ""),
    ],
)  # fmt: skip
def test_numpy_files_that_are_no_image_are_called_what_they_are(
    tmp_path: Path, array: Any, says: str, why: str
) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(BadImage) as caught:
        read_all(tmp_path / "a.npy")
    assert says in caught.value.what
    assert why in caught.value.why
    assert ("Python objects" in str(caught.value)) == ("objects" in says)
    assert "np.save" in caught.value.remedy


def _zarr(path: Path, version: int) -> Path:
    """A zarr folder, or an archive of one, as the versions 2 and 3 of its library begin them."""
    names = {2: {".zgroup": {"zarr_format": 2}}, 3: {"zarr.json": {"zarr_format": 3, "node_type": "group"}}}
    for name, content in names[version].items():
        if path.name.startswith("packed"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name, json.dumps(content))
        else:
            path.mkdir()
            (path / name).write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("name", ["folder.zspy", "packed.zspy"])
def test_zarr_3_is_called_zarr_3(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotRead, match="is in zarr 3") as caught:
        read(_zarr(tmp_path / name, 3))
    assert "version 2" in caught.value.why
    assert ".hspy" in caught.value.remedy
    (tmp_path / "other").mkdir()
    with pytest.raises(CannotRead, match="no ZSPY"):
        read(_zarr(tmp_path / "other" / name, 2))


@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_folder_of_another_name_is_no_folder_of_files(tmp_path: Path, version: int) -> None:
    with pytest.raises(CannotRead, match=r"data\.zarr is a zarr folder") as caught:
        read(_zarr(tmp_path / "data.zarr", version))
    assert "*.zspy" in caught.value.remedy
    assert "inside it" not in caught.value.remedy
