"""What was found, as files in a folder that a colleague can open."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.data.image import Image
from napari_atomai.data.recipe import InputRecord, Record
from napari_atomai.errors import AtomAIError, SaveFailed, UnknownOption
from napari_atomai.files import export, writing
from napari_atomai.workflow.find import Found
from napari_atomai.workflow.maps import maps, with_markers

RECIPE = "recipe.json"
"""Name of the record in a folder of results; it is written last, so it says that the rest is whole."""

_ALWAYS = ("atoms.csv", "atoms.xyz", "classes.tif", "probability.tif", "overlay.png", RECIPE)
_UNCERTAINTY = "uncertainty.tif"
_FRAMES = "overlay_frame[0-9]*.png"
_ALSO = {name: f"results{ending}" for name, (ending, _) in writing.WRITERS.items()}


EDITED = "The atoms were edited by hand after they were found."
"""The note of a record whose atoms a person has changed."""


def write_results(
    found: Found,
    image: Image,
    folder: Path,
    *,
    atoms: Atoms | None = None,
    overwrite: bool = False,
    pictures: int = 5,
    formats: Sequence[str] = (),
) -> list[Path]:
    """Write tables, maps, pictures and the record of a result.

    Everything is made in a folder beside and then moved, so that a failure or a stop on the way leaves
    what was there before. Other files in `folder` are left alone.

    Parameters
    ----------
    found : Found
        The result.
    image : Image
        What it was found in.
    folder : Path
        Where to; made when it is not there.
    atoms : Atoms, optional
        The atoms as a person has edited them, written instead of the result's own; the record says so.
    overwrite : bool
        Replace results of another input. Results of the same input are always replaced.
    pictures : int
        At most so many frames of a movie are drawn, spread evenly; the first is ``overlay.png``.
    formats : sequence of str
        Also write class map, probability, atoms and record together as "hspy" (results.hspy, for
        HyperSpy) or "nsid" (results.h5, for sidpy).

    Returns
    -------
    list of Path
        The files: atoms.csv, atoms.xyz, classes.tif, probability.tif, uncertainty.tif (of an ensemble),
        overlay.png (and overlay_frame0012.png ... of a movie), recipe.json.

    Raises
    ------
    SaveFailed
        If the folder holds results of another input, or could not be written.
    UnknownOption
        If there is no such format.
    """
    check_formats(formats)
    if not overwrite:
        check_folder(folder, found.record.input)
    with _beside(folder) as part:
        record = found.record
        if atoms is not None:
            record = record.model_copy(update={"notes": (*record.notes, EDITED)})
        kept = found.atoms if atoms is None else atoms
        _write_all(found, kept, image, part, pictures)
        _write_also(maps(found, kept, image, record) if formats else [], kept, part, formats)
        export.write_text(record.to_json(), part / RECIPE)
        return _move(part, folder)


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that results cannot be written in.

    Raises
    ------
    UnknownOption
        With the formats there are.
    """
    for name in formats:
        if name not in writing.WRITERS:
            raise UnknownOption("format of results", name, writing.WRITERS)


def check_folder(folder: Path, new: InputRecord) -> None:
    """Refuse a folder that holds results of another input.

    Raises
    ------
    SaveFailed
        With the input that the folder belongs to; or if `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise SaveFailed(f"{folder} is a file, not a folder.", remedy="Choose another folder.")
    theirs = _input_of(folder)
    if not _results_in(folder) or (theirs is not None and _same(theirs, new)):
        return
    owner = "of an unknown input" if theirs is None else f"of {theirs.path or 'another input'}"
    raise SaveFailed(
        f"{folder} already holds results {owner}.",
        why=f"They would be replaced by those of {new.path or 'this image'}.",
        remedy="Choose another folder, or allow overwriting (--overwrite, overwrite=True).",
    )


def shown_frames(n_frames: int, pictures: int) -> list[int]:
    """Return which frames are drawn: the first, the last and others evenly between."""
    count = max(1, min(n_frames, pictures))
    return [int(i) for i in np.unique(np.linspace(0, n_frames - 1, count).round())] if count > 1 else [0]


def _write_all(found: Found, atoms: Atoms, image: Image, folder: Path, pictures: int) -> None:
    export.write_csv(atoms, folder / "atoms.csv")
    export.write_xyz(atoms, folder / "atoms.xyz")
    export.write_tiff(_pages(found.classes), folder / "classes.tif", image.pixel_size)
    export.write_tiff(_pages(found.probability), folder / "probability.tif", image.pixel_size)
    if found.uncertainty is not None:
        export.write_tiff(_pages(found.uncertainty), folder / _UNCERTAINTY, image.pixel_size)
    _draw(atoms, image, folder, pictures)


def _write_also(images: list[Image], atoms: Atoms, folder: Path, formats: Sequence[str]) -> None:
    for name in dict.fromkeys(formats):
        write = writing.WRITERS[name][1]
        marked = [with_markers(images[0], atoms), *images[1:]] if name == "hspy" else images
        write(marked, folder / _ALSO[name])


def _pages(maps: NDArray[Any]) -> NDArray[Any]:
    """Make all leading axes one: a TIFF has pages."""
    return maps if maps.ndim == 2 else maps.reshape(-1, *maps.shape[-2:])


def _draw(atoms: Atoms, image: Image, folder: Path, pictures: int) -> None:
    # matplotlib is loaded here, not with the module: who only reads records does not wait for it.
    from napari_atomai import plots

    for frame in shown_frames(image.n_frames, pictures):
        of = f", frame {frame} of {image.n_frames}" if image.n_frames > 1 else ""
        name = f"overlay_frame{frame:04d}.png" if frame else "overlay.png"
        figure = plots.overlay(
            image.frame(frame), atoms.keep(atoms.frames == frame), image.pixel_size, title=image.name + of
        )
        plots.save_figure(figure, folder / name)


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Give a new folder beside `folder`, which is gone afterwards whatever happened."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise _failed(folder, error) from error
    try:
        yield part
    except AtomAIError:
        raise
    except OSError as error:
        raise _failed(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move(part: Path, folder: Path) -> list[Path]:
    names = sorted((p.name for p in part.iterdir()), key=lambda name: (name == RECIPE, name))
    folder.mkdir(exist_ok=True)
    # Without its record a folder says "not whole": so it goes first and comes last.
    for old in (folder / RECIPE, *_results_in(folder)):
        if old.name == RECIPE or old.name not in names:
            old.unlink(missing_ok=True)
    return [(part / name).replace(folder / name) for name in names]


def _results_in(folder: Path) -> list[Path]:
    here = [folder / name for name in (*_ALWAYS, _UNCERTAINTY, *_ALSO.values())]
    return [p for p in here if p.exists()] + sorted(folder.glob(_FRAMES))


def _input_of(folder: Path) -> InputRecord | None:
    try:
        return Record.from_json((folder / RECIPE).read_text(encoding="utf-8")).input
    except (OSError, ValueError):  # AtomAIErrors of unusable records are ValueErrors
        return None


def _same(one: InputRecord, other: InputRecord) -> bool:
    return bool(one.sha256) and one.sha256 == other.sha256 and one.dataset == other.dataset


def _failed(folder: Path, error: OSError) -> SaveFailed:
    return SaveFailed(
        f"The results could not be written to {folder}: {error.strerror or error}.",
        why="What was there before is intact.",
        remedy="Check that the folder may be written and that the disk has room.",
    )
