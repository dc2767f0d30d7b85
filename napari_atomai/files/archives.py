"""NPZ and ZIP: what lies inside is checked before it is unpacked, and names inside are never paths."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from napari_atomai.errors import AtomAIError, BadImage, CannotRead, TooLarge
from napari_atomai.files.flat import npy_header
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
        headers = [_header(archive, item, path) for item in members]
        check_size(path.name, (sum(_nbytes(*head) for head in headers if _numeric(head)),), 1, limits)
        wide = [i for i, (shape, _) in enumerate(headers) if _numeric(headers[i]) and len(shape) >= 2]
        long = [i for i, (shape, _) in enumerate(headers) if _numeric(headers[i]) and _is_spectrum(shape)]
        chosen = wide or long
        if not chosen:
            raise _no_arrays(path, [dtype for _, dtype in headers])
        titles = _numbered([members[i].filename.removesuffix(".npy") for i in range(len(members))])
        left = sorted(title for i, title in enumerate(titles) if i not in chosen)
        note = (f"Left out, as no images: {', '.join(left[:5])}.",) if left else ()
        parts = []
        for i in chosen:
            with archive.open(members[i]) as file:
                part = as_part(np.lib.format.read_array(file, allow_pickle=False))
            part["metadata"] = {"General": {"title": titles[i]}}
            part["notes"] = (*part.get("notes", ()), *note)
            parts.append(part)
    return parts


def _numeric(head: tuple[tuple[int, ...], np.dtype[Any]]) -> bool:
    return head[1].kind in "buifc"


def _is_spectrum(shape: tuple[int, ...]) -> bool:
    return shape[-1:] >= (_SHORTEST_SPECTRUM,)


def _no_arrays(path: Path, types: list[np.dtype[Any]]) -> BadImage:
    objects = any(dtype.hasobject for dtype in types)
    return BadImage(
        f"{path.name} holds {len(types)} array(s) and none of numbers with rows and columns.",
        why="Python objects are not loaded, because loading them can run code." if objects else "",
        remedy="Save plain arrays: np.savez(name, image=array.astype(float)).",
    )


def _numbered(names: list[str]) -> list[str]:
    """Tell apart what has the same name: map, map (2) ..."""
    made: list[str] = []
    for name in names:
        tries = (f"{name} ({number})" for number in itertools.count(2))
        made.append(next(one for one in itertools.chain([name], tries) if one not in made))
    return made


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
        If there is no such file inside, or more than a few, or none of them can be read; of others a note
        says which were left out, and why.
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
        names = _numbered([PurePosixPath(item.filename).stem for item in chosen])
        parts: list[Part] = []
        failed: list[AtomAIError] = []
        with _folder() as folder:
            for number, (item, group) in enumerate(wanted):
                stem = folder / f"item{number}"
                try:
                    for member in group:
                        _unpack(archive, member, stem.with_suffix(_suffix(member)), path)
                    found = reader(stem.with_suffix(_suffix(item)), limits)
                    named = [_named(part, item, names[number], len(wanted)) for part in found]
                    parts += [_loaded(part, path, limits) for part in named]
                except AtomAIError as error:
                    failed.append(_of_member(error, stem, item, path))
    if failed and not parts:
        raise failed[0]
    if failed:
        notes = tuple(f"Left out: {error}" for error in failed)
        parts[0]["notes"] = (*parts[0]["notes"], *notes)
    return parts


def _of_member(error: AtomAIError, unpacked: Path, member: zipfile.ZipInfo, path: Path) -> AtomAIError:
    """Return an error that speaks of a member, not of the unpacked file, which nobody knows."""
    inside = PurePosixPath(member.filename)
    itself, others = unpacked.with_suffix(_suffix(member)).name, f"{unpacked.name}."

    def said(text: str) -> str:
        text = text.replace(f"{unpacked.parent}{os.sep}", "").replace(str(unpacked.parent), path.name)
        return text.replace(itself, f"{path.name}, {inside.name}").replace(others, f"{inside.stem}.")

    return type(error)(said(error.what), why=said(error.why), remedy=said(error.remedy))


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
    found = [item for item in same if other and _suffix(item) == other]
    place = [item for item in same if _suffix(item) == _suffix(member)].index(member)
    return [member, *found[place : place + 1]]  # of several of one name, the one that lies in the same place


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, path: Path) -> None:
    try:
        whole = _unpacked(archive, member, target)
    except Exception as error:  # of the codecs, each has its own kinds
        raise CannotRead(
            f"{path.name}: {member.filename!r} could not be unpacked: {error}.",
            why="The archive is damaged, or packed in a way that is not known.",
            remedy="Copy it again, or pack it again as an ordinary ZIP.",
        ) from error
    if not whole:
        raise CannotRead(
            f"{path.name}: {member.filename!r} is not as long as the archive says.",
            why="The archive is damaged.",
            remedy="Copy it again.",
        )


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> bool:
    # The declared size may lie: no more than that is ever written.
    left = member.file_size
    with archive.open(member) as file, target.open("wb") as out:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            out.write(piece)
            left -= len(piece)
        return not left and not file.read(1)


def _named(part: Part, member: zipfile.ZipInfo, name: str, count: int) -> Part:
    file = PurePosixPath(member.filename)
    general = dict((part.get("metadata") or {}).get("General", {}))
    title = str(general.get("title") or "").strip()
    if count > 1:
        title = f"{name}: {title}" if title else name
    general["title"] = title
    if "original_filename" in general:
        general["original_filename"] = file.name
    metadata = {**(part.get("metadata") or {}), "General": general}
    notes = (*part.get("notes", ()), f"Unpacked from {file.stem}.")
    return {**part, "metadata": metadata, "notes": notes}


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
