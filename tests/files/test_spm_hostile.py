"""Scanning-probe files that are damaged or lie: a sentence that names the file, no crash, no hang."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_atomai.data.shaping import as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import AtomAIError, BadImage, CannotRead, TooLarge
from napari_atomai.files import spm
from napari_atomai.files.guard import Limits
from tests.files import probes

COUNT = int(os.environ.get("NAPARI_ATOMAI_MUTATIONS", "30"))
LIMITS = Limits(bytes_in_memory=64 << 20, bytes_at_once=32 << 20)
READERS = {
    ".sxm": spm.read_sxm,
    ".3ds": spm.read_3ds,
    ".ibw": spm.read_ibw,
    ".gwy": spm.read_gwy,
    ".asd": spm.read_asd,
}
REAL = {
    ".sxm": "stm_moire_10nm.sxm",
    ".3ds": "sts_grid_nanonis.3ds",
    ".ibw": "pfm_domains_asylum.ibw",
    ".gwy": "pfm_PTO110.gwy",
    ".asd": "movie_hsafm_32frames.asd",
}


def _gwy(path: Path) -> None:
    values = {f"/{i}/data": probes.gwy_field(probes.picture() + i) for i in range(2)}
    probes.gwy(path, {**values, "/0/data/title": "Height", "/0/meta": ("GwyContainer", {"a": "b"})})


MAKERS: dict[str, Callable[[Path], None]] = {
    ".sxm": lambda path: probes.sxm(path, probes.picture(), direction="up"),
    ".3ds": lambda path: probes.grid(path, np.ones((4, 6, 5), np.float32)),
    ".ibw": lambda path: probes.ibw(path, probes.picture(), note=b"ScanSize: 1\r"),
    ".gwy": _gwy,
    ".asd": lambda path: probes.asd(path, {"TP": np.ones((3, 20, 30), np.int16)}),
}


def read_or_refuse(path: Path) -> bool:
    """Whether it was read; datasets that hold together, or an error that names the file."""
    message = path.name
    try:
        items = [as_dataset(part, load=np.asarray) for part in READERS[path.suffix](path, LIMITS)]
    except AtomAIError as error:
        items, message = [], str(error)
    assert path.name in message
    for item in items:
        values = item.values if isinstance(item, Spectrum) else item.pixels
        assert values.size
        assert values.dtype.kind in "buif"
        assert values.dtype.isnative
        assert len(item.axes) == values.ndim
        assert all(np.isfinite([axis.scale, axis.offset]).all() for axis in item.axes)
    return bool(items)


@pytest.mark.parametrize("suffix", list(READERS))
def test_damaged_files_made_here_each_give_an_error_or_a_dataset(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    path = tmp_path / f"damaged{suffix}"
    MAKERS[suffix](path)
    content = path.read_bytes()
    outcomes = []
    for damaged in attacks.mutations(content, COUNT, seed=3):
        path.write_bytes(damaged)
        outcomes.append(read_or_refuse(path))
    assert not all(outcomes)


@pytest.mark.parametrize("suffix", list(READERS))
def test_damaged_copies_of_a_real_file_each_give_an_error_or_a_dataset(
    shared_data: Path, tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    content = (shared_data / REAL[suffix]).read_bytes()
    path = tmp_path / f"damaged{suffix}"
    start = time.process_time()
    for damaged in attacks.mutations(content, COUNT, seed=4):
        path.write_bytes(damaged)
        read_or_refuse(path)
    assert time.process_time() - start < COUNT * 0.5


def test_damaged_waves_whose_checksum_is_right_each_give_an_error_or_a_dataset(
    tmp_path: Path, attacks: ModuleType
) -> None:
    path = tmp_path / "damaged.ibw"
    labels = (2, ("HeightTrace", "PhaseTrace"))
    probes.ibw(path, np.dstack([probes.picture()] * 2), labels=labels, note=b"ScanSize: 1\r")
    content = path.read_bytes()
    outcomes = []
    for damaged in attacks.mutations(content[:384], 4 * COUNT, seed=5):
        if len(damaged) == 384:
            header = probes.checked(b"\x05\x00" + damaged[2:], "<", 2)
            path.write_bytes(header + content[384:])
            outcomes.append(read_or_refuse(path))
    assert True in outcomes
    assert False in outcomes


@pytest.mark.parametrize("suffix", [".sxm", ".ibw", ".gwy", ".asd"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"short{suffix}"
    MAKERS[suffix](path)
    content = path.read_bytes()
    end = len(content) - (len(b"ScanSize: 1\r") if suffix == ".ibw" else 0)  # the note may be lost
    for length in [*range(0, end, 37), end - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(CannotRead, match=rf"short\{suffix}"):
            READERS[suffix](path, LIMITS)


def test_a_grid_cut_short_within_its_header_or_its_first_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.3ds"
    MAKERS[".3ds"](path)
    content = path.read_bytes()
    data = content.index(b":HEADER_END:\r\n") + len(b":HEADER_END:\r\n")
    for length in (0, 10, data - 1, data, data + 59):  # a place takes 60 bytes
        path.write_bytes(content[:length])
        with pytest.raises(CannotRead, match=r"short\.3ds"):
            spm.read_3ds(path, LIMITS)


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    return path


def refused(reader: Callable[[Path, Limits], object], path: Path) -> None:
    """Refused without taking the memory that the file declares."""
    tracemalloc.start()
    try:
        with pytest.raises((CannotRead, TooLarge)) as caught:
            reader(path, Limits(bytes_in_memory=1 << 30))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    "pixels", ["9999999 9999999", "0 20", "-30 20", "1e400 20", "nan 20", "30", "a b", "31 20"]
)
def test_a_scan_that_lies_about_its_pixels_is_refused(tmp_path: Path, pixels: str) -> None:
    MAKERS[".sxm"](tmp_path / "lie.sxm")
    refused(spm.read_sxm, replaced(tmp_path / "lie.sxm", b"30       20", pixels.encode()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"FLOAT", b"INT16"),
        (b":SCANIT_END:", b":SCANIT_ENDE"),
        (b"DATA_INFO", b"DATA_INFA"),
        (b"both", b"none"),
        (b"\x1a\x04", b"\x1a\x05"),
    ],
)
def test_a_scan_whose_header_is_spoilt_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    MAKERS[".sxm"](tmp_path / "lie.sxm")
    refused(spm.read_sxm, replaced(tmp_path / "lie.sxm", old, new))


@pytest.mark.parametrize("field", [b"1.000000E-07", b"3.000000E-08"])
@pytest.mark.parametrize("value", [b"nan", b"inf", b"word", b"-1e-8"])
def test_a_scan_of_impossible_size_is_shown_without_it(tmp_path: Path, field: bytes, value: bytes) -> None:
    MAKERS[".sxm"](tmp_path / "lie.sxm")
    assert read_or_refuse(replaced(tmp_path / "lie.sxm", field, value))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"6 x 4", b"60000000 x 4"),
        (b"6 x 4", b"99999999 x 99999999"),
        (b"6 x 4", b"6 x -4"),
        (b"6 x 4", b"6 x 1"),
        (b"Points=5", b"Points=999999999"),
        (b"Points=5", b"Points=4"),
        (b"byte)=5", b"byte)=999999999"),
        (b"bytes)=40", b"bytes)=44"),
        (b":HEADER_END:", b":HEADER_ENDE"),
    ],
)
def test_a_grid_that_lies_about_its_size_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    MAKERS[".3ds"](tmp_path / "lie.3ds")
    refused(spm.read_3ds, replaced(tmp_path / "lie.3ds", old, new))


def test_a_wave_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    for at, form, value in (
        (64 + 68, "<i", 1 << 30),  # first dimension
        (64 + 12, "<i", 1 << 30),  # points
        (64 + 16, "<h", 77),  # type
        (12, "<i", -1),  # note
        (12, "<i", 1 << 30),
        (0, "<h", 4),  # version
    ):
        path = tmp_path / "lie.ibw"
        probes.ibw(path, probes.picture())
        content = path.read_bytes()
        changed = content[:at] + struct.pack(form, value) + content[at + struct.calcsize(form) :]
        path.write_bytes(probes.checked(changed[:384], "<", 2) + changed[384:])
        refused(spm.read_ibw, path)
    probes.ibw(path, probes.picture())
    refused(spm.read_ibw, replaced(path, b"scan0001", b"scan0002"))  # the checksum is that of the other name


def test_a_wave_of_text_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "text.ibw"
    probes.ibw(path, probes.picture())
    content = path.read_bytes()
    header = probes.checked(content[: 64 + 16] + b"\x00\x00" + content[64 + 18 : 384], "<", 2)
    path.write_bytes(header + content[384:])
    with pytest.raises(BadImage, match="holds text"):
        spm.read_ibw(path, LIMITS)


def test_gwyddion_objects_that_reach_beyond_each_other_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.gwy"
    _gwy(path)
    content = path.read_bytes()
    field = content.index(b"GwyDataField\x00") + 13
    array = content.index(b"data\x00D") + 6
    for at in (17, field, array):
        for length in (0xFFFFFFFF, int.from_bytes(content[at : at + 4], "little") + 1):
            path.write_bytes(content[:at] + struct.pack("<I", length) + content[at + 4 :])
            refused(spm.read_gwy, path)
    for old, new in ((b"xres\x00i", b"xres\x00z"), (b"GWYP", b"GWYO"), (b"yres\x00i\x14", b"yres\x00i\x15")):
        path.write_bytes(content)
        refused(spm.read_gwy, replaced(path, old, new))


def test_gwyddion_objects_nested_without_end_are_refused(tmp_path: Path) -> None:
    inner = probes.gwy_object("GwyContainer", {})
    for _ in range(3000):
        body = b"a\x00o" + inner
        inner = b"C\x00" + struct.pack("<I", len(body)) + body
    path = tmp_path / "deep.gwy"
    path.write_bytes(b"GWYP" + inner)
    refused(spm.read_gwy, path)


def test_a_gwyddion_file_of_countless_values_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "many.gwy"
    count = 2_000_000
    body = b"a\x00S" + struct.pack("<I", count) + bytes(count)
    path.write_bytes(b"GWYP" + b"C\x00" + struct.pack("<I", len(body)) + body)
    start = time.process_time()
    with pytest.raises(CannotRead, match=r"many\.gwy.*more than 100,000 values"):
        spm.read_gwy(path, LIMITS)
    assert time.process_time() - start < 2


def test_a_gwyddion_file_beyond_the_budget_is_not_read(tmp_path: Path) -> None:
    _gwy(tmp_path / "large.gwy")
    with pytest.raises(TooLarge, match=r"large\.gwy"):
        spm.read_gwy(tmp_path / "large.gwy", Limits(bytes_in_memory=1000))


def test_a_movie_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    # version, header, frame header, name, comment, frames, columns, rows
    for at, value in (
        (0, 3),
        (4, 1),
        (4, 1 << 30),
        (8, -1),
        (16, -5),
        (20, 1 << 30),
        (36, 4),
        (36, 0),
        (48, 1 << 20),
    ):
        path = tmp_path / "lie.asd"
        MAKERS[".asd"](path)
        content = path.read_bytes()
        path.write_bytes(content[:at] + struct.pack("<i", value) + content[at + 4 :])
        refused(spm.read_asd, path)


def test_a_movie_of_endless_frames_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "endless.asd"
    MAKERS[".asd"](path)
    content = path.read_bytes()
    path.write_bytes(content[:36] + struct.pack("<i", 0x7FFFFFFF) + content[40:])
    refused(spm.read_asd, path)


def test_a_frame_of_a_movie_of_two_gigabytes_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "long.asd"
    probes.asd(path, {"TP": np.full((1, 200, 200), 7, np.int16)})
    content, frame = path.read_bytes(), 32 + 2 * 200 * 200
    frames, header = 25_000, len(content) - frame
    with path.open("wb") as file:
        file.write(content[:36] + struct.pack("<i", frames) + content[40:])
        file.truncate(header + frames * frame)
    tracemalloc.start()
    try:
        (part,) = spm.read_asd(path, Limits(bytes_in_memory=1 << 30))
        movie = as_dataset(part)
        first, last = (np.asarray(movie.pixels[i]) for i in (0, -1))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert movie.pixels.shape == (frames, 200, 200)
    assert first[0, 0] == pytest.approx((2.5 - 5 * 7 / 4096) * 20)
    assert last[0, 0] == pytest.approx(2.5 * 20)


def test_nothing_is_read_where_not_one_picture_fits(tmp_path: Path) -> None:
    for suffix, make in MAKERS.items():
        make(tmp_path / f"a{suffix}")
        with pytest.raises(TooLarge):
            READERS[suffix](tmp_path / f"a{suffix}", Limits(bytes_in_memory=100))
