"""MRC: signed and unsigned bytes, both byte orders, by the header and not by chance."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read

IMOD, FLAGS, VERSION = 152, 156, 108
SMALL = Limits(bytes_at_once=64)


def _mrc(
    path: Path,
    pixels: Any,
    mode: int,
    order: str = "<",
    numbers: dict[int, int] | None = None,
    range_of: tuple[float, float] = (0, -1),
    stamp: bytes | None = None,
) -> Path:
    """An MRC of pixels (z, y, x), 2 Å to the column and 3 Å to the row; (0, -1) is a range nobody knows."""
    frames, rows, columns = pixels.shape
    head = bytearray(1024)
    struct.pack_into(f"{order}4i", head, 0, columns, rows, frames, mode)
    struct.pack_into(f"{order}3i", head, 28, columns, rows, frames)
    struct.pack_into(f"{order}3f", head, 40, columns * 2, rows * 3, frames * 4)
    struct.pack_into(f"{order}2f", head, 76, *range_of)
    head[208:212] = b"MAP "
    head[212:216] = stamp or (b"DD\0\0" if order == "<" else b"\x11\x11\0\0")
    for at, value in (numbers or {}).items():
        struct.pack_into(f"{order}i", head, at, value)
    path.write_bytes(bytes(head) + pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
    return path


def _ramp(dtype: str, frames: int = 3) -> Any:
    return (np.arange(frames * 40 * 50).reshape(frames, 40, 50) % 250 - 125).astype(dtype)


UNSIGNED: dict[int, int] = {IMOD: 1146047817}
CASES: dict[str, tuple[dict[int, int], tuple[float, float], str]] = {
    "IMOD, flag set": ({**UNSIGNED, FLAGS: 1}, (0, 255), "i1"),
    "IMOD, flag not set": ({**UNSIGNED, FLAGS: 0}, (-125, 124), "u1"),
    "MRC2014": ({VERSION: 20140}, (0, -1), "i1"),
    "MRC2014 with negative numbers": ({VERSION: 20141}, (-125, 124), "i1"),
    "MRC2014 with numbers that no int8 can be": ({VERSION: 20140}, (0, 249), "u1"),
    "old, with negative numbers": ({}, (-125, 124), "i1"),
    "old, up to 249": ({}, (0, 249), "u1"),
    "old, nothing said": ({}, (0, -1), "u1"),
}


@pytest.mark.parametrize("limits", [None, SMALL], ids=["at once", "lazy"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("case", CASES)
def test_bytes_are_signed_where_the_file_says_so(
    tmp_path: Path, case: str, order: str, limits: Limits | None
) -> None:
    numbers, range_of, expected = CASES[case]
    pixels = _ramp("i1")
    (image,) = read(_mrc(tmp_path / "a.mrc", pixels, 0, order, numbers, range_of), limits=limits)
    np.testing.assert_array_equal(np.asarray(image.pixels), pixels.view(expected))
    assert image.pixels.dtype == expected
    unknown = [note for note in image.notes if "signed" in note]
    assert bool(unknown) == (case == "old, nothing said")


@pytest.mark.parametrize("limits", [None, SMALL], ids=["at once", "lazy"])
@pytest.mark.parametrize("stamp", [b"\x11\x11\0\0", b"\0\0\0\0", b"DD\0\0"])
@pytest.mark.parametrize(("mode", "dtype"), [(1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_big_endian_files_are_read(
    tmp_path: Path, mode: int, dtype: str, stamp: bytes, limits: Limits | None
) -> None:
    pixels = _ramp(dtype)
    (image,) = read(_mrc(tmp_path / "a.mrc", pixels, mode, ">", stamp=stamp), limits=limits)
    np.testing.assert_array_equal(np.asarray(image.pixels), pixels)
    assert image.pixels.dtype == np.dtype(dtype)
    assert image.pixel_size == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("order", ["<", ">"])
def test_one_picture_is_one_picture(tmp_path: Path, order: str) -> None:
    pixels = _ramp("i2", 1)
    (image,) = read(_mrc(tmp_path / "a.mrc", pixels, 1, order))
    np.testing.assert_array_equal(image.pixels, pixels[0])


def test_a_large_file_stays_on_the_disk(tmp_path: Path) -> None:
    path = _mrc(tmp_path / "a.mrc", _ramp("i2", 8), 1)
    (image,) = read(path, limits=SMALL)
    assert not type(image.pixels) is np.ndarray  # noqa: E714 - a memory map is a kind of ndarray
    np.testing.assert_array_equal(np.asarray(image.pixels[3]), _ramp("i2", 8)[3])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("broken", [{12: 99}, {0: -4}, {8: 0}, {92: -1}, {92: 1 << 30}, {4: 1 << 20}])
def test_a_header_that_makes_no_sense_is_refused_in_either_order(
    tmp_path: Path, broken: dict[int, int], order: str
) -> None:
    with pytest.raises(CannotRead, match=r"a\.mrc could not be read: its header"):
        read(_mrc(tmp_path / "a.mrc", _ramp("i2"), 1, order, broken))
