"""Checks before a file is read: it exists, it is what its name says, and it fits into memory."""

from __future__ import annotations

import importlib
import math
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from napari_atomai.errors import BadOption, CannotRead, TooLarge

_FALLBACK_FREE = 4 << 30
_HEAD = 2048 + 8
_ZARR = (".zgroup", ".zarray", "zarr.json")
"""What the folders of zarr 2 and 3 begin with."""


@dataclass(frozen=True)
class Limits:
    """How much reading may take.

    Parameters
    ----------
    bytes_in_memory : int, optional
        Budget of one reading; half of the free memory when left out, measured when first asked for.
    bytes_at_once : int
        Datasets up to this size are read at once, larger ones piece by piece when they are looked at.
    objects : int
        Groups and datasets that an HDF5 file may have.
    nesting : int
        Depth of its groups.
    """

    bytes_in_memory: int | None = None
    bytes_at_once: int = 256 << 20
    objects: int = 100_000
    nesting: int = 32

    @cached_property
    def budget(self) -> int:
        """Bytes that one reading may hold in memory."""
        return free_memory() // 2 if self.bytes_in_memory is None else self.bytes_in_memory

    @property
    def at_once(self) -> int:
        """Bytes that are read at once rather than lazily."""
        return min(self.bytes_at_once, self.budget)


def free_memory() -> int:
    """Bytes of memory this process can still take, the limit of a container included."""
    free = [n for n in (_meminfo(), _container()) if n is not None]
    if free:
        return min(free)
    try:
        memory = importlib.import_module("psutil").virtual_memory()  # comes with napari
    except ImportError:
        return _FALLBACK_FREE
    return int(memory.available)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = (folder / "memory.max").read_text(), (folder / "memory.current").read_text()
        stats = (folder / "memory.stat").read_text().split()
        cache = int(stats[stats.index("inactive_file") + 1])
        return max(0, int(most) - int(used) + cache)
    except (OSError, ValueError):  # no container, or "max"
        return None


def check_path(path: str | os.PathLike[str], *, folders: Sequence[str] = ()) -> Path:
    """Return the absolute path of a file that has content.

    Parameters
    ----------
    path : path-like
        Where the file should be.
    folders : sequence of str
        Name endings of formats that are folders.

    Raises
    ------
    BadOption
        If it is no path at all, such as a list of them.
    CannotRead
        If it is missing, a folder, empty, not an ordinary file or not readable by this user.
    """
    try:
        where = Path(os.path.abspath(os.path.expanduser(path)))
    except TypeError as error:
        raise BadOption(
            f"{path!r} is not the name of a file.", remedy="Give one name, as text or as a pathlib.Path."
        ) from error
    try:
        info = where.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotRead(
            f"{where.name} cannot be opened: {reason}.", remedy="Check the name and the folder."
        ) from error
    if stat.S_ISDIR(info.st_mode):
        if where.suffix.lower() in folders:
            return where
        if sniff(where) == "ZARR":
            raise CannotRead(
                f"{where.name} is a zarr folder.",
                why="Zarr does not say what its numbers are; HyperSpy does, in folders named *.zspy.",
                remedy="If HyperSpy wrote it, rename it to *.zspy. Else save the image as TIFF or .hspy.",
            )
        raise CannotRead(f"{where.name or where} is a folder.", remedy="Choose a file inside it.")
    if not stat.S_ISREG(info.st_mode):  # a pipe would block for ever
        raise CannotRead(f"{where.name} is not an ordinary file.", remedy="Copy the data into a file first.")
    if info.st_size == 0:
        raise CannotRead(
            f"{where.name} is empty (0 bytes).",
            why="The copy or the acquisition was probably interrupted.",
            remedy="Copy the file from the microscope again.",
        )
    if not os.access(where, os.R_OK):
        raise CannotRead(f"{where.name} may not be read by this user.", remedy="Ask for permission.")
    return where


def sniff(path: Path) -> str:
    """Tell what a file holds by its first bytes: "TIFF", "HDF5", "DM4" ... or "" when it is not known."""
    if path.is_dir():
        return "ZARR" if any((path / name).is_file() for name in _ZARR) else "a folder"
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for at in (0, 512, 1024, 2048):  # HDF5 may come after a block of the user's
        if head[at : at + 8] == b"\x89HDF\r\n\x1a\n":
            return "HDF5"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[208:212] in (b"MAP ", b"MAP\x00"):
        return "MRC"
    return ""


_MAGIC = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"II\x97\x01", "SER"),
    (b"\x93NUMPY", "NPY"),
    (b"\x00\x00\x00\x03", "DM3"),
    (b"\x00\x00\x00\x04", "DM4"),
    (b"IMGBLO", "BLO"),
    (b"AAMVHFSS", "BCF"),
    (b":NANONIS_VERSION:", "SXM"),
    (b"Grid dim=", "3DS"),
    (b"GWYP", "GWY"),
    (b"BM", "BMP"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"CDF", "netCDF"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
)


def check_content(path: Path, expected: Sequence[str], usual: str) -> str:
    """Return what the file holds, if it is one of `expected`.

    Parameters
    ----------
    path : Path
        A file that exists.
    expected : sequence of str
        What `sniff` may say; "" where the format has no mark of its own.
    usual : str
        The format its name promises, for the message.

    Raises
    ------
    CannotRead
        If the content is something else.
    """
    found = sniff(path)
    if found in expected:
        return found
    what = f"its content is {found}" if found else "its beginning is something else, or damaged"
    raise CannotRead(
        f"{path.name} is not {_a(usual)}: {what}.",
        why="A file is read by what its name says.",
        remedy=renaming(found) or "Export it from the microscope's software again.",
    )


def renaming(kind: str) -> str:
    """Say how a file of a content that `sniff` knows has to be named; empty where that does not help."""
    return f"Rename it to *{_SUFFIX_OF[kind]} and open it again." if kind in _SUFFIX_OF else ""


_NOUNS = ("archive", "array", "blockfile", "header", "movie", "scan", "series", "wave")


def _a(usual: str) -> str:
    """Write the name of a format with what it needs around it: "a TIFF file", "an Igor binary wave"."""
    noun = usual.partition(" (")[0]
    spelt = noun[:2].isupper() and noun[0] in "FHLMNRSX"  # an MRC, an HDF5
    article = "an" if spelt or noun[0].upper() in "AEIO" else "a"
    return f"{article} {noun}" if noun.endswith(_NOUNS) else f"{article} {noun} file"


_SUFFIX_OF = {
    "TIFF": ".tif",
    "HDF5": ".hdf5",
    "SER": ".ser",
    "NPY": ".npy",
    "DM3": ".dm3",
    "DM4": ".dm4",
    "MRC": ".mrc",
    "PNG": ".png",
    "JPEG": ".jpg",
    "BLO": ".blo",
    "BCF": ".bcf",
    "SXM": ".sxm",
    "3DS": ".3ds",
    "GWY": ".gwy",
}


def in_words(count: float) -> str:
    """Bytes as a person reads them: 8.0 TiB."""
    names = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = min(int(math.log(max(count, 1), 1024)), len(names) - 1)
    return f"{count / 1024**power:.{0 if power == 0 else 1}f} {names[power]}"


def too_large(what: str, shape: Sequence[int], nbytes: int, limits: Limits) -> TooLarge:
    """Make the error that says how large something is and how much could be taken."""
    size = " × ".join(str(n) for n in shape)
    return TooLarge(
        f"{what} declares {size} values, {in_words(nbytes)}; {in_words(limits.budget)} can be used.",
        why="Reading it would fill the memory and stop the computer.",
        remedy="Cut out a region or bin it in the microscope's software, or close other programs.",
    )


def check_size(what: str, shape: Sequence[int], itemsize: int, limits: Limits) -> int:
    """Return the bytes that an array takes.

    Raises
    ------
    TooLarge
        If they exceed the budget.
    """
    nbytes = math.prod(int(n) for n in shape) * int(itemsize)
    if nbytes > limits.budget:
        raise too_large(what, shape, nbytes, limits)
    return nbytes
