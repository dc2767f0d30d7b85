"""What goes out opens in the tools of colleagues with the same numbers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadImage, BadOption, CannotRead, SaveFailed
from napari_atomai.files.export import read_csv, write_csv, write_tiff, write_xyz
from napari_atomai.files.reading import read


def some_atoms(pixel_size: tuple[float, float] | None = (0.02, 0.03), count: int = 7) -> Atoms:
    random = np.random.default_rng(3)
    score = random.random(count)
    score[1:2] = np.nan
    return Atoms.make(
        random.random((count, 2)) * 512,
        np.arange(count) % 2,
        np.arange(count) // 4,
        {"intensity": random.random(count) * 1e5, "score": score, "edge": np.arange(count) % 3 == 0},
        class_names=("Sr, or La", "Ti «é»"),
        pixel_size=pixel_size,
        origin=(1.5, -2.0) if pixel_size else (0.0, 0.0),
    )


def assert_same(one: Atoms, other: Atoms) -> None:
    """Equal to the last bit, columns in nm to rounding."""
    left, right = one.table(), other.table()
    assert set(left) == set(right)
    for name, column in left.items():
        if name in ("x_nm", "y_nm"):
            np.testing.assert_allclose(column, right[name], rtol=1e-12)
        else:
            np.testing.assert_array_equal(column, right[name])


def test_csv_has_the_promised_columns_and_pandas_reads_the_same_numbers(tmp_path: Path) -> None:
    atoms = some_atoms()
    write_csv(atoms, tmp_path / "atoms.csv")
    table = pd.read_csv(tmp_path / "atoms.csv")
    assert list(table) == [
        "id",
        "frame",
        "row_px",
        "col_px",
        "x_nm",
        "y_nm",
        "class",
        "score",
        "intensity",
        "edge",
    ]
    for name, column in atoms.table().items():
        if column.dtype.kind == "f":
            np.testing.assert_allclose(table[name].to_numpy(), column, rtol=1e-15)
        else:
            np.testing.assert_array_equal(table[name].to_numpy(), column)
    assert table["score"].isna().sum() == 1
    assert table["edge"].dtype == bool


@pytest.mark.parametrize("pixel_size", [(0.02, 0.03), None])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 300])
def test_a_table_comes_back_as_it_was(
    tmp_path: Path, pixel_size: tuple[float, float] | None, count: int
) -> None:
    atoms = some_atoms(pixel_size, count)
    write_csv(atoms, tmp_path / "a.csv")
    back = read_csv(tmp_path / "a.csv")
    if count >= 2 or pixel_size is None:
        assert back.pixel_size == pixel_size
        assert back.origin == pytest.approx(atoms.origin)
        assert_same(atoms, back)
    np.testing.assert_array_equal(back.positions, atoms.positions)
    np.testing.assert_array_equal(back.ids, atoms.ids)
    assert [back.class_names[i] for i in back.classes] == [atoms.class_names[i] for i in atoms.classes]


@settings(max_examples=20)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_every_float_survives_the_table(numbers: list[float]) -> None:
    import tempfile

    atoms = Atoms.make(np.zeros((len(numbers), 2)), features={"measured": np.array(numbers)})
    with tempfile.TemporaryDirectory() as folder:
        write_csv(atoms, Path(folder) / "a.csv")
        back = read_csv(Path(folder) / "a.csv")
    np.testing.assert_array_equal(back.features["measured"].astype(float), numbers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a CSV table"),
        ("a,b\n1,2\n", "'row_px' is missing"),
        ("row_px,col_px\n1,2\n3\n", "line 3"),
        ("row_px,col_px\n1,two\n", "could not convert"),
        ("row_px,col_px,id\n1,2,x\n", "invalid literal"),
    ],
)
def test_other_tables_are_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text or "\n\n", encoding="utf-8")
    if not text:
        (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CannotRead, match=said):
        read_csv(tmp_path / "a.csv")


def test_a_table_of_positions_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("row_px,col_px\n1.5,2\n3,4\n")
    atoms = read_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(atoms.positions, [[1.5, 2], [3, 4]])
    assert atoms.class_names == ("column",)
    assert atoms.pixel_size is None


def test_ase_opens_the_structure_in_angstrom_frame_by_frame(tmp_path: Path) -> None:
    atoms = some_atoms()
    write_xyz(atoms, tmp_path / "a.xyz", {"Sr, or La": "Sr"})
    frames = ase.io.read(tmp_path / "a.xyz", index=":", format="extxyz")
    assert [len(frame) for frame in frames] == [4, 3]
    for number, frame in enumerate(frames):
        chosen = atoms.keep(atoms.frames == number)
        expected = np.column_stack([chosen.positions_nm[:, ::-1] * 10, np.zeros(len(chosen))])
        np.testing.assert_array_equal(frame.positions, expected)
        np.testing.assert_array_equal(frame.arrays["class"], chosen.classes)
        np.testing.assert_array_equal(frame.arrays["score"], chosen.features["score"])
        assert frame.get_chemical_symbols() == ["Sr" if i == 0 else "X" for i in chosen.classes]
        assert frame.info["position_unit"] == "angstrom"
        assert frame.info["frame"] == number
        assert frame.info["class_names"] == "Sr, or La,Ti «é»"
        assert not frame.pbc.any()


def test_an_uncalibrated_structure_says_that_it_is_in_pixels(tmp_path: Path) -> None:
    atoms = some_atoms(None)
    write_xyz(atoms, tmp_path / "a.xyz")
    frame = ase.io.read(tmp_path / "a.xyz", index=0, format="extxyz")
    assert frame.info["position_unit"] == "pixel"
    np.testing.assert_array_equal(frame.positions[:, 1], atoms.positions[:4, 0])
    np.testing.assert_array_equal(frame.positions[:, 0], atoms.positions[:4, 1])


def test_no_atoms_at_all_give_files_that_open(tmp_path: Path) -> None:
    empty = Atoms.make(np.empty((0, 2)), pixel_size=(0.1, 0.1))
    write_xyz(empty, tmp_path / "a.xyz")
    write_csv(empty, tmp_path / "a.csv")
    assert len(ase.io.read(tmp_path / "a.xyz", format="extxyz")) == 0
    assert len(pd.read_csv(tmp_path / "a.csv")) == 0
    assert len(read_csv(tmp_path / "a.csv")) == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(30, 40), (3, 30, 40), (4, 30, 40), (30, 3), (1, 1), (2, 30, 4)])
@pytest.mark.parametrize("size", [0.013, (0.0123456, 0.027), 1500.0, None])
def test_tiff_is_read_back_alike_by_tifffile_rosettasciio_and_ourselves(
    tmp_path: Path, dtype: str, shape: tuple[int, ...], size: Any
) -> None:
    from rsciio.tiff import file_reader

    array = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    write_tiff(array, tmp_path / "a.tif", size)
    expected = None if size is None else tuple(np.broadcast_to(size, 2))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.asarray().reshape(shape), array)
        tags = file.pages.first.tags
        if expected:
            per = [tags[name].value[1] / tags[name].value[0] for name in ("YResolution", "XResolution")]
            assert per == pytest.approx(expected, rel=1e-6)
            assert (file.imagej_metadata or {})["unit"] == "nm"
    part = file_reader(str(tmp_path / "a.tif"))[0]
    np.testing.assert_array_equal(part["data"].reshape(shape), array)
    if expected:
        assert [axis["units"] for axis in part["axes"][-2:]] == ["nm", "nm"]
        assert [axis["scale"] for axis in part["axes"][-2:]] == pytest.approx(expected, rel=1e-6)
    (image,) = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels.dtype == dtype
    assert image.pixel_size == (None if expected is None else pytest.approx(expected, rel=1e-6))


def test_beyond_four_gigabytes_the_calibration_is_kept_without_imagej(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_atomai.files import tiff

    monkeypatch.setattr(tiff, "_IMAGEJ_BYTES", 100)
    movie = np.arange(2 * 30 * 40, dtype=np.float32).reshape(2, 30, 40)
    write_tiff(movie, tmp_path / "big.tif", (0.02, 0.03))
    with tifffile.TiffFile(tmp_path / "big.tif") as file:
        assert file.is_bigtiff
    (image,) = read(tmp_path / "big.tif")
    np.testing.assert_array_equal(image.pixels, movie)
    assert image.pixel_size == pytest.approx((0.02, 0.03), rel=1e-6)


def test_masks_are_written_as_black_and_white(tmp_path: Path) -> None:
    mask = np.eye(20, dtype=bool)
    write_tiff(mask, tmp_path / "m.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), mask * 255)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4)), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8), np.zeros((2, 2, 2, 2), np.uint8)],
)
def test_arrays_that_a_tiff_cannot_hold_are_refused(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(BadImage, match="cannot be written as TIFF"):
        write_tiff(array, tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, -1.0, float("nan"), float("inf"), (0.1, 0.0)])
def test_impossible_pixel_sizes_are_refused(tmp_path: Path, size: Any) -> None:
    with pytest.raises(BadOption, match="not possible"):
        write_tiff(np.zeros((4, 4), np.uint8), tmp_path / "a.tif", size)


def test_a_failed_export_leaves_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiff(np.ones((4, 4), np.uint8), tmp_path / "a.tif", 0.1)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk gone")

    monkeypatch.setattr(tifffile, "imwrite", broken)
    with pytest.raises(SaveFailed, match="disk gone"):
        write_tiff(np.zeros((4, 4), np.uint8), tmp_path / "a.tif", 0.1)
    assert tifffile.imread(tmp_path / "a.tif").all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_text_is_not_changed_on_its_way(tmp_path: Path) -> None:
    write_csv(some_atoms(), tmp_path / "a.csv")
    raw = (tmp_path / "a.csv").read_bytes()
    assert b"\r" not in raw
    assert pd.read_csv(io.BytesIO(raw))["class"][1] == "Ti «é»"
