"""Microscope file -> calibrated images. The only door to RosettaSciIO."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_atomai.data.image import Image, Source
from napari_atomai.data.shaping import Part, as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import AtomAIError, BadImage, CannotRead, TooLarge
from napari_atomai.files import flat, gatan, guard, hdf5, tiff
from napari_atomai.files.guard import Limits

_LOG = logging.getLogger(__name__)
_ONE_AT_A_TIME = threading.RLock()  # catching warnings changes the state of the whole process


@dataclass(frozen=True)
class _Format:
    description: str
    marks: tuple[str, ...]
    reader: Callable[[Path, Limits], list[Part]]


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
    CannotRead, TooLarge, BadImage
        As `read`.
    """
    limits = limits or Limits()
    where = guard.check_path(path)
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
            _let_go(error, form)
            raise _cannot_read(where, form, error, limits) from error
        finally:
            parts = []
    for message in dict.fromkeys(said):
        _LOG.info("%s: the reader says: %s", where.name, message)
    return datasets


def _let_go(error: BaseException | None, form: _Format) -> None:
    # The frames of an error hold open files; they are closed here, while their complaints are caught.
    # For those who look into it, the traceback goes to the log.
    _LOG.debug("The reader failed: %s", "".join(traceback.format_exception(error)))
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
    if "TIFF" in form.marks:  # its objects refer to each other; those of other readers go by themselves
        gc.collect()


def can_read(path: str | os.PathLike[str]) -> bool:
    """Tell by name and first bytes whether `read` would try; never raises."""
    try:
        where = Path(path)
        form = _READERS.get(where.suffix.lower())
        return form is not None and where.is_file() and guard.sniff(where) in form.marks
    except (OSError, ValueError, TypeError):
        return False


def _format_of(path: Path) -> _Format:
    form = _READERS.get(path.suffix.lower())
    if form is not None:
        return form
    kind = guard.sniff(path)
    known = ", ".join(f"*{suffix}" for suffix in FORMATS)
    hint = "Open the .ser file that lies beside it." if path.suffix.lower() == ".emi" else f"Known: {known}."
    raise CannotRead(
        f"{path.name} is of no format that can be opened{f' (its content is {kind})' if kind else ''}.",
        remedy=hint,
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


def _cannot_read(path: Path, form: _Format, error: Exception, limits: Limits) -> AtomAIError:
    if isinstance(error, MemoryError):
        return TooLarge(
            f"{path.name} declares more data than fits into memory "
            f"({guard.in_words(limits.budget)} can be used).",
            remedy="Check that the file is complete, or close other programs.",
        )
    reason = str(error).strip() or type(error).__name__
    if len(reason) > 200:
        reason = reason[:200] + " …"
    return CannotRead(
        f"{path.name} could not be read as {form.description}: {reason}",
        why="It is damaged, was not copied completely, or is a variant that is not known.",
        remedy="Open it in the microscope's software and export it again, for instance as TIFF.",
    )


def _datasets(
    parts: list[Part], path: Path, stamp: tuple[int, int], limits: Limits
) -> list[Image | Spectrum]:
    datasets: list[Image | Spectrum] = []
    left_out: list[BadImage] = []
    load = partial(_in_memory, name=path.name, limits=limits)
    for part in parts:
        source = Source(path, len(datasets), str(part.get("reader", "")), stamp)
        try:
            datasets.append(as_dataset(part, source, _name(part, path, len(parts)), load))
        except BadImage as error:  # complex maps beside ordinary ones
            left_out.append(BadImage(f"{path.name}: {error.what}", why=error.why, remedy=error.remedy))
    if not datasets and left_out:
        raise left_out[0]
    if not datasets:
        raise BadImage(f"{path.name} holds no image and no spectrum.", remedy="Choose another file.")
    return datasets


def _in_memory(pixels: Any, name: str, limits: Limits) -> Any:
    guard.check_size(name, pixels.shape[-2:], pixels.dtype.itemsize, limits)
    native = pixels.dtype.newbyteorder("=")
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize > 8:
        native = np.dtype(np.float64)  # 80-bit floats: nothing downstream takes them
    if pixels.nbytes <= limits.at_once:
        if hasattr(pixels, "compute"):  # dask would leave a pool of threads behind for one small image
            pixels = pixels.compute(scheduler="synchronous")
        return np.ascontiguousarray(np.asarray(pixels), dtype=native)
    if pixels.dtype == native:
        return pixels
    import dask.array as da

    return da.asarray(pixels).astype(native)  # type: ignore[no-untyped-call]


def _name(part: Part, path: Path, count: int) -> str:
    title = str((part.get("metadata") or {}).get("General", {}).get("title") or "").strip()
    if count == 1 or not title:
        return path.stem
    return f"{path.stem}: {title}"


def _rsciio(plugin: str, path: Path, **options: Any) -> list[Part]:
    module = importlib.import_module(f"rsciio.{plugin}")
    parts = module.file_reader(str(path), **options)
    return [
        {**part, "reader": f"rosettasciio {plugin}"}
        for part in parts
        if hasattr(part.get("data"), "dtype")  # HyperSpy files may hold models, which are never restored
    ]


def _dm(path: Path, limits: Limits) -> list[Part]:
    del limits
    gatan.check_dm(path)
    try:
        parts = _rsciio("digitalmicrograph", path, lazy=True)
    except ValueError as error:
        if "RGBA" not in str(error):
            raise
        parts = _rsciio("digitalmicrograph", path, lazy=False)  # colour pictures are never large
    for part in parts:
        part["squeeze"] = True  # Gatan writes spectra as pictures of one row
    return parts


def _ser(path: Path, limits: Limits) -> list[Part]:
    flat.check_ser(path, limits)
    return _rsciio("tia", path, lazy=False)


def _mrc(path: Path, limits: Limits) -> list[Part]:
    header = flat.check_mrc(path, limits)
    # Without metadata_file=None, a name with "movie" in it makes it read the files beside it.
    parts = _rsciio("mrc", path, lazy=True, metadata_file=None)
    for part in parts:
        part["notes"] = header.notes
        if not header.calibrated:
            part["axes"] = [{**axis, "units": None} for axis in part["axes"]]
    return parts


def _hdf5(path: Path, limits: Limits) -> list[Part]:
    found = hdf5.inspect(path, limits)
    lazy = found.nbytes > limits.at_once  # a lazy reading keeps the file open
    if found.layout == "HyperSpy":
        return _rsciio("hspy", path, lazy=lazy)
    if found.layout == "NCEM":
        return _rsciio("emd", path, lazy=lazy)
    if found.layout == "Velox":
        return _velox(path, lazy)
    if not found.images:
        raise BadImage(
            f"{path.name} holds no dataset of numbers with at least 16 rows and 16 columns.",
            remedy="Choose a file with an image in it.",
        )
    return [{**part, "reader": "h5py"} for part in hdf5.read_plain(path, found, limits)]


def _velox(path: Path, lazy: bool) -> list[Part]:
    try:
        return _rsciio("emd", path, lazy=lazy)
    except ModuleNotFoundError:
        parts = _velox_images(path, lazy)
    note = "The file's spectrum images are left out; to read them too: pip install sparse."
    return [{**part, "reader": "rosettasciio emd", "notes": (note,)} for part in parts]


def _velox_images(path: Path, lazy: bool) -> list[Part]:
    # The public reader gives up on the images too when "sparse" is missing; its class has read them by then.
    velox = importlib.import_module("rsciio.emd._emd_velox").FeiEMDReader(select_type="images", lazy=lazy)
    file = hdf5.opened(path)
    with contextlib.suppress(ModuleNotFoundError):
        velox.read_file(file)
    if not lazy:
        file.close()
    parts: list[Part] = velox.dictionaries
    return parts


def _tiff(path: Path, limits: Limits) -> list[Part]:
    contents = tiff.inspect(path, limits)
    own_pixels = contents.planar or contents.nbytes > limits.at_once
    if contents.planar:  # RosettaSciIO takes colour channels to lie behind the pixels
        parts = tiff.bare_parts(contents)
    else:
        parts = _rsciio("tiff", path, lazy=own_pixels, _multifile=False)
    if own_pixels:
        for i, (part, series) in enumerate(zip(parts, contents.series, strict=True)):
            part["data"] = tiff.pixels(path, i, series, limits)
            if part["data"].ndim > len(part["axes"]):
                part["axes"].append({"name": "sample", "size": part["data"].shape[-1]})
        gc.collect()  # lets go of the file that the lazy reading holds, while complaints are caught
    return [tiff.calibrated(part, contents) for part in parts]


def _npy(path: Path, limits: Limits) -> list[Part]:
    return [flat.read_npy(path, limits)]


_READERS: Mapping[str, _Format] = MappingProxyType(
    {
        ".dm3": _Format("Gatan DigitalMicrograph 3", ("DM3",), _dm),
        ".dm4": _Format("Gatan DigitalMicrograph 4", ("DM4",), _dm),
        ".emd": _Format("EMD (Velox, NCEM)", ("HDF5",), _hdf5),
        ".ser": _Format("FEI TIA series", ("SER",), _ser),
        ".hspy": _Format("HyperSpy", ("HDF5",), _hdf5),
        ".hdf5": _Format("HDF5 (HyperSpy, atomap, plain)", ("HDF5",), _hdf5),
        ".h5": _Format("HDF5", ("HDF5",), _hdf5),
        ".hf5": _Format("HDF5 (NSID)", ("HDF5",), _hdf5),
        ".mrc": _Format("MRC", ("MRC", ""), _mrc),
        ".tif": _Format("TIFF", ("TIFF",), _tiff),
        ".tiff": _Format("TIFF", ("TIFF",), _tiff),
        ".npy": _Format("NumPy array", ("NPY",), _npy),
    }
)

FORMATS: Mapping[str, str] = MappingProxyType({suffix: form.description for suffix, form in _READERS.items()})
"""File name endings that `read` opens, and what they are."""
