"""NPZ and ZIP: what lies inside is checked before it is unpacked, and names inside are never paths."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from napari_atomai.errors import AtomAIError, BadImage, CannotRead, TooLarge
from napari_atomai.files.guard import Limits, check_size, in_words

Part = dict[str, Any]

_MOST_MEMBERS = 1000
_MOST_FILES = 8
_SHORTEST_SPECTRUM = 32


def read_npz(path: Path, as_part: Callable[[Any], Part], limits: Limits) -> list[Part]:
    """Read the arrays of a NumPy archive without ever unpickling.

    Parameters
    ----------
    path : Path
        The archive.
    as_part : callable
        Makes a part of an array.
    limits : Limits
        What all arrays together may take.

    Returns
    -------
    list of dict
        One for every array of numbers with rows and columns; where there is none, those of one dimension.

    Raises
    ------
    BadImage
        If there is no array of numbers.
    CannotRead, TooLarge
        If a member is not what it says, or all of them together exceed the budget.
    """
    with zipfile.ZipFile(path) as archive:
        members = [item for item in _members(archive, path) if item.filename.endswith(".npy")]
        headers = {item.filename: _header(archive, item, path) for item in members}
        numeric = {name: head for name, head in headers.items() if head[1].kind in "buifc"}
        check_size(path.name, (sum(_nbytes(*head) for head in numeric.values()),), 1, limits)
        wide = [name for name, (shape, _) in numeric.items() if len(shape) >= 2]
        long = [name for name, (shape, _) in numeric.items() if shape[-1:] >= (_SHORTEST_SPECTRUM,)]
        chosen = wide or long
        if not chosen:
            raise BadImage(
                f"{path.name} holds {len(headers)} array(s) and none of numbers with rows and columns.",
                why="Python objects are not loaded, because loading them can run code.",
                remedy="Save plain arrays: np.savez(name, image=array.astype(float)).",
            )
        left = sorted(set(headers) - set(chosen))
        note = f"Left out, as no images: {', '.join(name.removesuffix('.npy') for name in left[:5])}."
        parts = []
        for name in chosen:
            with archive.open(name) as file:
                part = as_part(np.lib.format.read_array(file, allow_pickle=False))
            part["metadata"] = {"General": {"title": name.removesuffix(".npy")}}
            part["notes"] = (note,) if left else ()
            parts.append(part)
    return parts


def _header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(member) as file:
        shape, dtype = npy_header(file)
    numbers = dtype.kind in "buifc"
    if numbers and _nbytes(shape, dtype) > member.file_size:
        raise CannotRead(
            f"{path.name}: its array {member.filename!r} declares {in_words(_nbytes(shape, dtype))} and "
            f"is {in_words(member.file_size)} long.",
            why="It is damaged.",
            remedy="Save it again with numpy.savez.",
        )
    return shape, dtype


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of a .npy stream, and leave it where the numbers begin."""
    version = np.lib.format.read_magic(file)
    one = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _nbytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    count = 1
    for length in shape:
        count *= int(length)
    return count * dtype.itemsize


def read_zip(
    path: Path,
    known: Collection[str],
    companions: Mapping[str, str],
    reader: Callable[[Path, Limits], list[Part]],
    limits: Limits,
) -> list[Part]:
    """Read the microscope files of a ZIP archive, which are unpacked into a folder that is removed again.

    Parameters
    ----------
    path : Path
        The archive.
    known : collection of str
        Name endings that can be read.
    companions : mapping
        Name ending -> name ending of the second file that the format consists of.
    reader : callable
        Reads one unpacked file.
    limits : Limits
        What reading may take.

    Returns
    -------
    list of dict
        The datasets of all files, in memory.

    Raises
    ------
    CannotRead
        If there is no such file inside, or more than a few.
    TooLarge
        If what is inside is more than can be read at once.
    """
    with zipfile.ZipFile(path) as archive:
        inside = _members(archive, path)
        chosen = [item for item in inside if _suffix(item) in known]
        if not 1 <= len(chosen) <= _MOST_FILES:
            raise CannotRead(
                f"{path.name} holds {len(chosen)} files that can be opened, of {len(inside)} in all.",
                why=f"One to {_MOST_FILES} microscope files can be read out of an archive.",
                remedy="Unpack it and open what is inside.",
            )
        wanted = [(item, _with_companion(item, inside, companions)) for item in chosen]
        total = sum(item.file_size for _, group in wanted for item in group)
        if total > limits.at_once:
            raise _unpack_first(path, f"it unpacks to {in_words(total)}")
        parts: list[Part] = []
        with _folder() as folder:
            for number, (item, group) in enumerate(wanted):
                for member in group:
                    _unpack(archive, member, folder / f"item{number}{_suffix(member)}", path)
                for part in _read(reader, folder / f"item{number}{_suffix(item)}", item, path, limits):
                    parts.append(_loaded(_named(part, item, len(wanted)), path, limits))
    return parts


def _read(
    reader: Callable[[Path, Limits], list[Part]],
    unpacked: Path,
    member: zipfile.ZipInfo,
    path: Path,
    limits: Limits,
) -> list[Part]:
    try:
        return reader(unpacked, limits)
    except AtomAIError as error:  # it speaks of the unpacked file, which nobody knows
        name = f"{path.name}, {PurePosixPath(member.filename).name}"
        said = (text.replace(unpacked.name, name) for text in (error.what, error.why, error.remedy))
        what, why, remedy = said
        raise type(error)(what, why=why, remedy=remedy) from error


def _members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    members = [item for item in archive.infolist() if not item.is_dir()]
    members = [item for item in members if not _hidden(item.filename)]
    if len(members) > _MOST_MEMBERS:
        raise CannotRead(
            f"{path.name} holds {len(members)} files.", remedy="Unpack it and open what is inside."
        )
    for item in members:
        if item.flag_bits & 1:
            raise CannotRead(
                f"{path.name}: {item.filename!r} is encrypted.", remedy="Unpack it with its password first."
            )
    return members


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part.strip(".") for part in parts)


def _suffix(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).suffix.lower()


def _with_companion(
    member: zipfile.ZipInfo, inside: list[zipfile.ZipInfo], companions: Mapping[str, str]
) -> list[zipfile.ZipInfo]:
    other = companions.get(_suffix(member))
    stem = PurePosixPath(member.filename).with_suffix("")
    same = [item for item in inside if PurePosixPath(item.filename).with_suffix("") == stem]
    return [member, *(item for item in same if other and _suffix(item) == other)]


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, path: Path) -> None:
    # The declared size may lie: no more than that is ever written.
    left = member.file_size
    with archive.open(member) as file, target.open("wb") as out:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            out.write(piece)
            left -= len(piece)
        if left or file.read(1):
            raise CannotRead(
                f"{path.name}: {member.filename!r} is not as long as the archive says.",
                why="The archive is damaged.",
                remedy="Copy it again.",
            )


def _named(part: Part, member: zipfile.ZipInfo, count: int) -> Part:
    stem = PurePosixPath(member.filename).stem
    general = (part.get("metadata") or {}).get("General", {})
    title = str(general.get("title") or "").strip()
    if count > 1:
        title = f"{stem}: {title}" if title else stem
    metadata = {**(part.get("metadata") or {}), "General": {**general, "title": title}}
    return {**part, "metadata": metadata, "notes": (*part.get("notes", ()), f"Unpacked from {stem}.")}


def _loaded(part: Part, path: Path, limits: Limits) -> Part:
    data = part["data"]
    if getattr(data, "nbytes", 0) > limits.at_once:
        raise _unpack_first(path, f"one of its datasets takes {in_words(data.nbytes)}")
    if hasattr(data, "compute"):
        data = data.compute(scheduler="synchronous")
    return {**part, "data": np.array(data)}


def _unpack_first(path: Path, what: str) -> TooLarge:
    return TooLarge(
        f"{path.name} cannot be read as an archive: {what}.",
        why="What is larger is read piece by piece, which an archive does not allow.",
        remedy="Unpack it first and open the file inside.",
    )


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="napari-atomai-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
