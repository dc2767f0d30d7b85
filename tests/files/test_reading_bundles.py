"""Formats of several parts: blockfiles, Ripple, EMI, ZSPY, NPZ, ZIP and pictures, read and refused."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_atomai.data.image import Axis
from napari_atomai.data.understood import understood
from napari_atomai.errors import BadImage, CannotRead, TooLarge
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import can_read, read, read_all

ONE_GIB = Limits(bytes_in_memory=1 << 30)


def computed(pixels: Any) -> Any:
    return pixels.compute(scheduler="synchronous")


def test_a_blockfile_is_read_as_rosettasciio_reads_it(shared_data: Path) -> None:
    from rsciio.blockfile import file_reader

    path = shared_data / "blo_diffraction_3x2.blo"
    (image,), (part,) = read(path), file_reader(str(path))
    np.testing.assert_array_equal(image.pixels, part["data"])
    assert image.shape == (3, 2, 144, 144)
    assert [axis.name for axis in image.axes] == ["y", "x", "ky", "kx"]
    scales = [axis["scale"] for axis in part["axes"]]
    assert image.axes[:2] == (Axis("y", scales[0], 0, "nm"), Axis("x", scales[1], 0, "nm"))
    assert image.axes[2:] == (Axis("ky"), Axis("kx"))  # centimetres of the detector are none of the sample
    assert image.pixel_size is None
    assert not any(fact.name in ("Field of view", "Pixel size") for fact in understood(image))
    said = [note for note in image.notes if "on the detector" in note]
    assert f"{10 * scales[2]:.4g} mm" in said[0]
    header = part["original_metadata"]["blockfile_header"]
    tags = image.metadata["original"]
    assert {tag: header[tag] for tag in tags if tag != "Note"} == {t: tags[t] for t in tags if t != "Note"}
    assert tags["Note"] == header["Note"]


def test_a_blockfile_without_a_detector_scale_says_nothing_of_it(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.blo(tmp_path / "a.blo")
    content = bytearray((tmp_path / "a.blo").read_bytes())
    struct.pack_into("<H", content, 50, 0)  # SDP
    (tmp_path / "a.blo").write_bytes(content)
    (image,) = read(tmp_path / "a.blo")
    assert [axis.unit for axis in image.axes[2:]] == ["pixel", "pixel"]
    assert not any("detector" in note for note in image.notes)


def test_patterns_of_a_large_blockfile_are_read_one_by_one(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.blo(tmp_path / "a.blo")
    (image,) = read(tmp_path / "a.blo", limits=Limits(bytes_at_once=1000))
    patterns = attacks.blo_patterns()
    assert image.pixels.shape == patterns.shape
    assert [axis.scale for axis in image.axes[:2]] == [3.0, 2.0]  # rows from SY, columns from SX
    for key in ((1, 2), (2,), (slice(1, 3), slice(0, 4, 2), 5, slice(3, None)), (..., 7)):
        np.testing.assert_array_equal(computed(image.pixels[key]), patterns[key])


@pytest.mark.parametrize(
    ("at", "field", "value", "said"),
    [(24, "<H", 60_000, "asks for"), (26, "<H", 60_000, "asks for"), (20, "<H", 0, "0 × 0"),
     (20, "<H", 60_000, "too|3.4 GiB|asks for"), (12, "<I", 1 << 31, "asks for")],
)  # fmt: skip
def test_a_blockfile_that_declares_more_than_it_holds_is_refused(
    tmp_path: Path, attacks: ModuleType, at: int, field: str, value: int, said: str
) -> None:
    attacks.blo(tmp_path / "a.blo")
    content = bytearray((tmp_path / "a.blo").read_bytes())
    struct.pack_into(field, content, at, value)
    (tmp_path / "a.blo").write_bytes(content)
    with pytest.raises((CannotRead, TooLarge), match=said):
        read(tmp_path / "a.blo", limits=ONE_GIB)


@pytest.mark.parametrize("at_once", [1 << 20, 1000])
def test_spectra_of_a_ripple_file_come_with_the_energy_in_front(
    tmp_path: Path, attacks: ModuleType, at_once: int
) -> None:
    attacks.rpl(tmp_path / "a.rpl", "vector")
    (image,) = read(tmp_path / "a.rpl", limits=Limits(bytes_at_once=at_once))
    assert isinstance(image.pixels, np.ndarray) == (at_once > 5000)
    np.testing.assert_array_equal(np.asarray(image.pixels), np.moveaxis(attacks.spectra(), -1, 0))
    assert [(axis.name, axis.unit, axis.scale) for axis in image.axes] == [
        ("E", "eV", 10.0),
        ("y", "nm", pytest.approx(attacks.PIXEL_NM)),
        ("x", "nm", pytest.approx(attacks.PIXEL_NM)),
    ]


@pytest.mark.parametrize("change", ["missing", "short", "long", "vast"])
def test_a_ripple_header_and_its_numbers_must_fit(tmp_path: Path, attacks: ModuleType, change: str) -> None:
    path, raw = tmp_path / "a.rpl", tmp_path / "a.raw"
    attacks.rpl(path)
    expected: tuple[type[Exception], str] = (CannotRead, r"asks for 4.7 KiB \(4800 bytes\) and a.raw holds")
    if change == "missing":
        raw.unlink()
        expected = (CannotRead, "a.raw, which is not beside it")
    elif change == "vast":
        path.write_text(path.read_text().replace("width\t60", "width\t99999999"))
        expected = (TooLarge, "40 × 99999999")
    else:
        raw.write_bytes(raw.read_bytes()[:-1] if change == "short" else raw.read_bytes() + b"\0")
    with pytest.raises(expected[0], match=expected[1]):
        read(path, limits=ONE_GIB)


def test_tags_of_tia_open_the_series_beside_them(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.emi(tmp_path / "scan[1].emi")  # brackets mean something to a search for names
    attacks.ser(tmp_path / "other_1.ser")
    (tmp_path / "scan[1]_2.ser").write_bytes((tmp_path / "other_1.ser").read_bytes())
    images = read(tmp_path / "scan[1].emi")
    assert len(images) == 2
    for image in images:
        np.testing.assert_array_equal(image.pixels, attacks.picture())
    for path in tmp_path.glob("scan*.ser"):
        path.unlink()
    with pytest.raises(CannotRead, match=r"scan\[1\]_1.ser, which is not beside it"):
        read(tmp_path / "scan[1].emi")


@pytest.mark.parametrize("name", ["archive.zspy", "folder.zspy"])
def test_zspy_is_read_from_a_folder_and_an_archive(tmp_path: Path, attacks: ModuleType, name: str) -> None:
    attacks.zspy(tmp_path / name)
    assert can_read(tmp_path / name)
    for limits in (Limits(), Limits(bytes_at_once=1000)):
        (image,) = read(tmp_path / name, limits=limits)
        np.testing.assert_array_equal(np.asarray(image.pixels), attacks.picture())
        assert image.pixel_size == pytest.approx((attacks.PIXEL_NM,) * 2)


@pytest.mark.parametrize("name", ["archive.zspy", "folder.zspy"])
@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"dtype": "|O", "filters": [{"id": "pickle"}]}, CannotRead, "packed by"),
        ({"filters": [{"id": "json2"}]}, CannotRead, "packed by"),
        ({"compressor": {"id": "pickle"}}, CannotRead, "packed by 'pickle'"),
        ({"shape": [1 << 40, 60]}, TooLarge, "1099511627776 × 60"),
        ({"chunks": [1 << 30, 1 << 30]}, TooLarge, "1073741824 × 1073741824"),
        ({"chunks": [0, 60]}, CannotRead, "chunks"),
        ({"chunks": [10, 60]}, CannotRead, "unpacks to"),
    ],
)
def test_zspy_of_objects_or_absurd_sizes_is_refused(
    tmp_path: Path, attacks: ModuleType, name: str, changes: dict[str, Any], kind: type[Exception], said: str
) -> None:
    attacks.zspy(tmp_path / name, **changes)
    tracemalloc.start()
    with pytest.raises(kind, match=said):
        read(tmp_path / name, limits=ONE_GIB)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_zspy_that_links_out_of_its_folder_is_refused(tmp_path: Path, attacks: ModuleType) -> None:
    path = tmp_path / "folder.zspy"
    attacks.zspy(path)
    chunk = path / "Experiments/made here/data/0/0"
    chunk.rename(tmp_path / "secret")
    chunk.symlink_to(tmp_path / "secret")
    with pytest.raises(CannotRead, match=r"is a link to .*secret"):
        read(path)
    (tmp_path / "no.zspy").mkdir()
    with pytest.raises(CannotRead, match=r"no.zspy is not a .* a folder"):
        read(tmp_path / "no.zspy")


def test_chunks_that_were_never_written_are_filled(tmp_path: Path, attacks: ModuleType) -> None:
    path = tmp_path / "folder.zspy"
    attacks.zspy(path, fill_value=9)
    (path / "Experiments/made here/data/1/0").unlink()
    (image,) = read(path)
    assert (image.pixels[20:] == 9).all()
    np.testing.assert_array_equal(image.pixels[:20], attacks.picture()[:20])


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"dtype": [["A", "|u1"], ["B", "|u1"]], "fill_value": "AQI="}, (1, 2)),
        ({"dtype": "<c8", "shape": [40, 15], "chunks": [20, 15], "fill_value": [0, -3]}, (3, -np.pi / 2)),
        ({"dtype": "<f2", "fill_value": "NaN"}, (np.nan,)),
    ],
    ids=["records", "complex", "NaN"],
)
def test_zspy_fills_with_numbers_of_every_kind(
    tmp_path: Path, attacks: ModuleType, changes: dict[str, Any], values: tuple[float, ...]
) -> None:
    path = tmp_path / "folder.zspy"
    attacks.zspy(path, **changes)
    (path / "Experiments/made here/data/1/0").unlink()
    pixels = np.concatenate(
        [np.atleast_3d(image.pixels).reshape(-1, *image.frame_shape) for image in read(path)]
    )
    assert len(pixels) == len(values)
    for found, value in zip(pixels, values, strict=True):
        np.testing.assert_allclose(found[20:], value, rtol=1e-6)


def test_uneven_samples_and_missing_names_of_zspy_are_understood(tmp_path: Path, attacks: ModuleType) -> None:
    path = tmp_path / "folder.zspy"
    attacks.zspy(path)
    signal = path / "Experiments/made here"
    rows = {"_type": "DataAxis", "name": "_None_", "units": "nm", "navigate": False}
    (signal / "axis-0/.zattrs").write_text(json.dumps(rows))
    uneven = np.arange(40.0) ** 2
    form = {"zarr_format": 2, "shape": [40], "chunks": [40], "dtype": "<f8", "order": "C", "filters": None}
    (signal / "axis-0/axis").mkdir()
    (signal / "axis-0/axis/.zarray").write_text(json.dumps({**form, "fill_value": 0, "compressor": None}))
    (signal / "axis-0/axis/0").write_bytes(uneven.tobytes())
    for name in ("_list_3_parts/.zgroup", "_list_3_parts/1/.zgroup"):
        (signal / "metadata" / name).parent.mkdir(parents=True, exist_ok=True)
        (signal / "metadata" / name).write_text('{"zarr_format": 2}')
    (signal / "metadata/_list_3_parts/.zattrs").write_text('{"0": "_None_", "2": 7}')
    (image,) = read(path)
    assert image.axes[0] == Axis("y", 39.0, 0.0, "nm")
    assert "not evenly spaced" in " ".join(image.notes)
    assert image.metadata["understood"]["parts"] == [None, {}, 7]


def test_the_arrays_of_a_numpy_archive_are_read_by_name(shared_data: Path) -> None:
    path = shared_data / "edx_PTO-trilayer_maps.npz"
    images = read(path)
    assert [image.name.split(": ")[1] for image in images] == ["HAADF", "Sc", "Dy", "O"]
    with np.load(path) as arrays:
        for image in images:
            np.testing.assert_array_equal(image.pixels, arrays[image.name.split(": ")[1]])


def test_what_is_no_image_in_a_numpy_archive_is_named(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.npz(tmp_path / "a.npz")
    (image,) = read(tmp_path / "a.npz")
    assert "Left out, as no images: label, row." in image.notes
    np.savez(tmp_path / "rows.npz", spectrum=np.arange(100.0), number=np.array(3.0))
    (spectrum,) = read_all(tmp_path / "rows.npz")
    assert spectrum.shape == (100,)
    np.savez(tmp_path / "none.npz", number=np.array(3.0), text=np.array(["a"]))
    with pytest.raises(BadImage, match="holds 2 array"):
        read_all(tmp_path / "none.npz")


def test_a_numpy_archive_never_unpickles_nor_explodes(tmp_path: Path, attacks: ModuleType) -> None:
    witness = tmp_path / "it-ran"
    attacks.pickled_npy(tmp_path / "evil.npy", witness)
    header = struct.pack("<6sBBH", b"\x93NUMPY", 1, 0, 118)
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1048576, 1048576)}"
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "evil.npy", "evil.npy")
    with pytest.raises(BadImage, match="none of numbers"):
        read(tmp_path / "a.npz")
    assert not witness.exists()
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", header + text.ljust(117).encode() + b"\n" + bytes(1 << 22))
    with pytest.raises(CannotRead, match=r"declares 8\.0 TiB"):
        read(tmp_path / "b.npz", limits=ONE_GIB)
    np.savez_compressed(tmp_path / "c.npz", zeros=np.zeros((1024, 1024)))
    with pytest.raises(TooLarge, match=r"8\.0 MiB; 4\.0 MiB"):
        read(tmp_path / "c.npz", limits=Limits(bytes_in_memory=4 << 20))


def test_a_zip_of_a_few_files_is_read_and_nothing_stays_behind(
    tmp_path: Path, attacks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    attacks.rpl(tmp_path / "spectra.rpl", "vector")
    attacks.hspy(tmp_path / "image.hspy")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("spectra.rpl", "spectra.raw", "image.hspy"):
            archive.write(tmp_path / name, f"/../{name}")
    spectra, image = read(tmp_path / "a.zip")
    assert (spectra.name, image.name) == ("a: spectra", "a: image: made here")
    np.testing.assert_array_equal(image.pixels, attacks.picture())
    assert spectra.shape == (50, 6, 7)
    assert os.listdir(tmp_path / "temporary") == []
    assert not (tmp_path.parent / "image.hspy").exists()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("made.hspy", b"nothing of the kind")
    with pytest.raises(CannotRead, match=r"b.zip, made.hspy is not a HyperSpy file"):
        read(tmp_path / "b.zip")
    assert os.listdir(tmp_path / "temporary") == []


def test_a_zip_that_is_too_large_too_full_or_lies_is_refused(tmp_path: Path, attacks: ModuleType) -> None:
    attacks.tif(tmp_path / "a.tif")
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for i in range(9):
            archive.write(tmp_path / "a.tif", f"{i}.tif")
    with pytest.raises(CannotRead, match="9 files that can be opened"):
        read(tmp_path / "many.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(20 << 20))
    with pytest.raises(TooLarge, match=r"unpacks to 20\.0 MiB.*Unpack it first"):
        read(tmp_path / "bomb.zip", limits=Limits(bytes_at_once=10 << 20))
    content = (tmp_path / "bomb.zip").read_bytes().replace((20 << 20).to_bytes(4, "little"), b"\0\1\0\0")
    (tmp_path / "liar.zip").write_bytes(content)
    with pytest.raises(CannotRead, match=r"liar\.zip"):
        read(tmp_path / "liar.zip")
    attacks.zipped(tmp_path / "nested.zip")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(tmp_path / "nested.zip", "nested.zip")
    with pytest.raises(CannotRead, match="0 files that can be opened"):
        read(tmp_path / "outer.zip")


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("stem_Si110_dumbbells.png", np.uint8, (512, 512)),
        ("tem_nanoparticles_0.png", np.float32, (512, 512)),
        ("tem_nanoparticles_0_mask.png", np.float32, (512, 512)),
    ],
)
def test_real_pictures_are_read(shared_data: Path, name: str, dtype: type, shape: tuple[int, int]) -> None:
    (image,) = read(shared_data / name)
    stored = np.asarray(Pillow.open(shared_data / name))
    grey = stored if stored.ndim == 2 else stored[..., :3] @ [0.2126, 0.7152, 0.0722]
    assert (image.pixels.dtype, image.shape) == (dtype, shape)
    np.testing.assert_allclose(image.pixels, grey, atol=1e-3)
    assert image.pixel_size is None


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("1", ".png"), ("L", ".png"), ("P", ".png"), ("LA", ".png"), ("RGB", ".png"), ("RGBA", ".png"),
     ("I;16", ".png"), ("L", ".bmp"), ("RGB", ".bmp"), ("L", ".jpg"), ("RGB", ".jpeg"), ("CMYK", ".jpg")],
)  # fmt: skip
def test_pictures_of_every_mode_become_grey(tmp_path: Path, mode: str, suffix: str) -> None:
    pixels = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    wide = mode == "I;16"
    picture = Pillow.fromarray(pixels.astype(np.uint16) * 500 if wide else pixels)
    picture = picture if wide else picture.convert(mode)
    picture.save(tmp_path / f"a{suffix}", **({"quality": 100} if suffix.startswith(".j") else {}))
    (image,) = read(tmp_path / f"a{suffix}")
    assert image.shape == (40, 60)
    if mode == "1":
        assert set(np.unique(image.pixels)) <= {0, 1}
        return
    expected = pixels.astype(float) * (500 if wide else 1)
    np.testing.assert_allclose(image.pixels, expected, atol=4 if suffix.startswith(".j") else 1e-3)
    assert image.pixels.dtype == (np.uint16 if wide else np.uint8 if mode in ("L", "LA") else np.float32)


def test_a_picture_that_declares_a_billion_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    for side, said in ((100_000, "pixels"), (12_000, "12000 × 12000")):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
        body = chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + body)
        with pytest.raises(TooLarge, match=said):
            read(tmp_path / "bomb.png", limits=Limits(bytes_in_memory=256 << 20))
