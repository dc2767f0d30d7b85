"""Microscope file -> calibrated images and spectra: the door through which every file comes."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_atomai.data.image import Image, Source
from napari_atomai.data.pixels import native_type
from napari_atomai.data.shaping import Part, as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import AtomAIError, BadImage, CannotRead
from napari_atomai.files import failures, guard
from napari_atomai.files.endings import FORMATS
from napari_atomai.files.formats import READERS, Format
from napari_atomai.files.guard import Limits

COMPLEX = "Complex numbers: their amplitude and their phase are two datasets."

_LOG = logging.getLogger(__name__)
_ONE_AT_A_TIME = threading.RLock()  # catching warnings changes the state of the whole process


def read(path: str | os.PathLike[str], *, limits: Limits | None = None) -> list[Image]:
    """Read every image of a microscope file.

    Parameters
    ----------
    path : path-like
        A file of one of the `FORMATS`.
    limits : Limits, optional
        How much memory may be taken; half of what is free by default.

    Returns
    -------
    list of Image
        Images (y, x), movies (t, y, x) and spectrum images (E, y, x) in the order of the file. Small
        ones are in memory, large ones are read piece by piece when they are looked at (dask).
        ``metadata["original"]`` holds the file's own tags, ``metadata["understood"]`` what the reader
        made of them.

    Raises
    ------
    CannotRead
        If the file is missing, damaged, of another format than its name says, or points outside itself.
    TooLarge
        If it declares more than the budget.
    BadImage
        If it holds no image: single spectra (`read_all` gives them), complex numbers only.
    MissingExtra
        If a package is needed that is not installed.
    """
    datasets = read_all(path, limits=limits)
    images = [item for item in datasets if isinstance(item, Image)]
    if not images:
        count = len(datasets)
        raise BadImage(
            f"{Path(path).name} holds {count} single spectr{'um' if count == 1 else 'a'} and no image.",
            why="Spectra and line scans are no pictures.",
            remedy="Look at them in the Spectrum panel, or read them with read_all.",
        )
    return images


def read_all(path: str | os.PathLike[str], *, limits: Limits | None = None) -> list[Image | Spectrum]:
    """Read every dataset of a microscope file: images as `read` gives them, and spectra.

    Parameters
    ----------
    path : path-like
        A file of one of the `FORMATS`.
    limits : Limits, optional
        How much memory may be taken; half of what is free by default.

    Returns
    -------
    list of Image or Spectrum
        In the order of the file. ``source.dataset`` counts images and spectra together.

    Raises
    ------
    CannotRead, TooLarge, BadImage, MissingExtra
        As `read`.
    """
    limits = limits or Limits()
    where = guard.check_path(path, folders=(".zspy",))
    form = _format_of(where)
    guard.check_content(where, form.marks, form.description)
    status = where.stat()  # before reading: what is changed meanwhile is not what was read
    stamp = (status.st_mtime_ns, status.st_size)
    with _ONE_AT_A_TIME, _listening() as said:
        try:
            parts = form.reader(where, limits)
            datasets = _datasets(parts, where, stamp, limits)
        except AtomAIError:
            raise
        except Exception as error:
            failures.let_go(error, form.marks)
            raise failures.explained(where, form.description, error, limits) from error
        finally:
            parts = []
    for message in dict.fromkeys(said):
        _LOG.info("%s: the reader says: %s", where.name, message)
    return datasets


def can_read(path: str | os.PathLike[str]) -> bool:
    """Tell by name and first bytes whether `read` would try; never raises."""
    try:
        where = Path(path)
        form = READERS.get(where.suffix.lower())
        return form is not None and guard.sniff(where) in form.marks
    except (OSError, ValueError, TypeError):
        return False


def _format_of(path: Path) -> Format:
    form = READERS.get(path.suffix.lower())
    if form is not None:
        return form
    kind = guard.sniff(path)
    known = ", ".join(f"*{suffix}" for suffix in FORMATS)
    if remedy := guard.renaming(kind):
        raise CannotRead(
            f"The name of {path.name} has no ending that is known; its content is {kind}.",
            why="A file is read by what its name says.",
            remedy=remedy,
        )
    raise CannotRead(
        f"{path.name} is of no format that can be opened{f' (its content is {kind})' if kind else ''}.",
        remedy=f"Known: {known}.",
    )


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect what readers warn and log, instead of letting it out."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = Listener(logging.WARNING)
    loggers = [logging.getLogger("rsciio"), logging.getLogger("tifffile")]
    before = [logger.propagate for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Recording them would keep the unclosed file that a ResourceWarning is about.
        warnings.showwarning = lambda message, *_: said.append(str(message))
        for logger in loggers:
            logger.addHandler(listener)
            logger.propagate = False
        try:
            yield said
        finally:
            for logger, propagate in zip(loggers, before, strict=True):
                logger.removeHandler(listener)
                logger.propagate = propagate


def _datasets(
    parts: list[Part], path: Path, stamp: tuple[int, int], limits: Limits
) -> list[Image | Spectrum]:
    datasets: list[Image | Spectrum] = []
    left_out: list[BadImage] = []
    load = partial(_in_memory, name=path.name, limits=limits)
    parts = [shown for part in parts for shown in _real(part)]
    for part in parts:
        source = Source(path, len(datasets), str(part.get("reader", "")), stamp)
        try:
            name, take = _name(part, path, len(parts)), part.get("take", _all)
            datasets.append(as_dataset(part, source, name, partial(_taken, take, load)))
        except CannotRead as error:
            raise CannotRead(f"{path.name}: {error.what}", why=error.why, remedy=error.remedy) from error
        except BadImage as error:  # complex maps beside ordinary ones
            left_out.append(BadImage(f"{path.name}: {error.what}", why=error.why, remedy=error.remedy))
    if not datasets and left_out:
        raise left_out[0]
    if left_out:
        said = tuple(f"Left out of {error.what}" for error in left_out)
        datasets[0] = dataclasses.replace(datasets[0], notes=(*datasets[0].notes, *said))
    if not datasets:
        raise BadImage(f"{path.name} holds no image and no spectrum.", remedy="Choose another file.")
    return datasets


def _real(part: Part) -> list[Part]:
    """Return a dataset as it is; of complex numbers, which no picture shows, amplitude and phase."""
    if part["data"].dtype.kind != "c":
        return [part]
    metadata = part.get("metadata") or {}
    general = metadata.get("General") or {}
    whole = str(general.get("title") or "").strip()
    halves = []
    for what, unit, take in (("amplitude", part.get("value_unit"), np.abs), ("phase", "rad", np.angle)):
        named = {"metadata": {**metadata, "General": {**general, "title": f"{whole} {what}".strip()}}}
        notes = (*part.get("notes", ()), COMPLEX)
        halves.append({**part, **named, "notes": notes, "quantity": what, "value_unit": unit, "take": take})
    return halves


def _all(pixels: Any) -> Any:
    return pixels


def _taken(take: Callable[[Any], Any], load: Callable[[Any], Any], pixels: Any) -> Any:
    return take(load(pixels))


def _in_memory(pixels: Any, name: str, limits: Limits) -> Any:
    guard.check_size(name, pixels.shape[-2:], pixels.dtype.itemsize, limits)
    native = native_type(pixels.dtype)
    if pixels.nbytes <= limits.at_once:
        if hasattr(pixels, "compute"):  # dask would leave a pool of threads behind for one small image
            pixels = pixels.compute(scheduler="synchronous")
        if isinstance(pixels, np.memmap):  # a mapped file that is cut short takes the whole program with it
            return np.array(pixels, dtype=native, order="C", subok=False)
        return np.ascontiguousarray(np.asarray(pixels), dtype=native)
    if pixels.dtype == native and native.kind != "c" and not _is_mapped_colour(pixels):
        return pixels
    import dask.array as da

    if isinstance(pixels, np.ndarray):  # mapped from the file: one frame at a time, or all would be copied
        tail = 3 if _is_mapped_colour(pixels) else 2
        chunks = (*(1,) * (pixels.ndim - tail), *(-1,) * tail)
        pixels = da.from_array(pixels, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
    return pixels.astype(native)


def _is_mapped_colour(pixels: Any) -> bool:
    return isinstance(pixels, np.ndarray) and pixels.ndim == 4 and pixels.shape[-1] in (3, 4)


def _name(part: Part, path: Path, count: int) -> str:
    title = str((part.get("metadata") or {}).get("General", {}).get("title") or "").strip()
    if count == 1 or not title:
        return path.stem
    return f"{path.stem}: {title}"
