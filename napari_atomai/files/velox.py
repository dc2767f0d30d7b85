"""Velox EMD: EDS streams and EELS spectrum images, read with h5py alone.

An EDS stream lists the channel of every X-ray in the order of its arrival; 65535 means "next pixel". It is
kept as the sorted list of its counts, and a slice of the spectrum image is counted when it is looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import CannotRead
from napari_atomai.files.guard import Limits, check_size
from napari_atomai.files.slabs import Box, Sliced, lazy
from napari_atomai.files.velox_scan import number, plane, scanned

Part = dict[str, Any]

_NEXT_PIXEL = 65535
_MOST_CHANNELS = 65535
_MOST_TEXT = 4 << 20
_BYTES_PER_COUNT = 32
"""What sorting takes for each count, at its peak."""


class Counts(Sliced):
    """A spectrum image as the sorted list of its counts.

    Parameters
    ----------
    places : array of uint64, shape (n,)
        ``channel * rows * columns + row * columns + column`` of every count, sorted.
    shape : (int, int, int)
        Channels, rows and columns.
    """

    def __init__(self, places: NDArray[np.uint64], shape: tuple[int, int, int]) -> None:
        edges = np.flatnonzero(np.diff(places)) if places.size else np.zeros(0, dtype=np.int64)
        runs = np.diff(np.concatenate([[-1], edges, [places.size - 1]]))
        fullest = int(runs.max()) if runs.size else 0
        super().__init__(shape, np.dtype(np.uint16 if fullest < 1 << 16 else np.uint32))
        self.places = places

    def box(self, box: Box) -> NDArray[Any]:
        """Count the channels of the box over the whole area, and cut the area."""
        _, rows, columns = self.shape
        first, last = box[0].start, box[0].stop
        area = rows * columns
        low, high = np.searchsorted(self.places, np.array([first * area, last * area], dtype=np.uint64))
        where = (self.places[low:high] - np.uint64(first * area)).astype(np.int64)
        counted = np.zeros((last - first) * area, dtype=self.dtype)
        places, counts = np.unique(where, return_counts=True)
        counted[places] = counts
        return counted.reshape(last - first, rows, columns)[(slice(None), *box[1:])]


def spectrum_images(file: Any, path: Path, limits: Limits) -> list[Part]:
    """Read the EDS and EELS spectrum images of an open Velox file.

    Parameters
    ----------
    file : h5py.File
        Stays in use by the arrays that are larger than `limits.at_once`.
    path : Path
        For messages.
    limits : Limits
        What reading may take.

    Returns
    -------
    list of dict
        In the form that RosettaSciIO uses, with the energy in front: (E, y, x).

    Raises
    ------
    CannotRead
        If a stream does not fit the scan that the file describes.
    TooLarge
        If the counts do not fit into the budget.
    """
    return [*_eds(file["Data"], path, limits), *_eels(file["Data"], limits)]


def named_by_detector(part: Part) -> Part:
    """Put the detector of a single spectrum into its title: all of them are called EDS."""
    detector = (part["original_metadata"].get("BinaryResult") or {}).get("Detector")
    if not detector:
        return part
    general = {**part["metadata"].get("General", {}), "title": f"EDS {detector}"}
    return {**part, "metadata": {**part["metadata"], "General": general}}


def _eds(data: Any, path: Path, limits: Limits) -> Iterator[Part]:
    streams = [group for group in data.get("SpectrumStream", {}).values() if "Data" in group]
    streams = [group for group in streams if group["Data"].size]
    if not streams or not ("Image" in data or "SpectrumImage" in data):  # spectra of a point: no map
        return
    needed = sum(group["Data"].size for group in streams)
    check_size(f"{path.name}, its EDS streams,", (needed,), _BYTES_PER_COUNT, limits)
    tags = _tags(streams[0])
    channels = _whole(_json(streams[0]["AcquisitionSettings"]).get("bincount"), path)
    raw = [np.asarray(group["Data"][:, 0], dtype=np.uint16) for group in streams]
    rows, columns = _scanned(data, tags, raw, path)
    counts = _counts(raw, (channels, rows, columns), path)
    axes = [_energy(tags, channels), *plane(tags, (rows, columns))]
    names = ", ".join(str(_tags(group).get("BinaryResult", {}).get("Detector", "?")) for group in streams)
    yield {
        "data": _image(counts, limits),
        "axes": axes,
        "metadata": {"General": {"title": "EDS"}, "Signal": {"signal_type": "EDS_TEM"}},
        "original_metadata": tags,
        "notes": (f"EDS: the counts of {len(streams)} detector(s) are added up ({names}).",),
        "quantity": "X-rays",
        "value_unit": "counts",
    }


def _scanned(data: Any, tags: Mapping[str, Any], streams: list[NDArray[Any]], path: Path) -> tuple[int, int]:
    """Rows and columns of the scanned area, the first guess that fits the number of pixels passed."""
    marks = [int(np.count_nonzero(stream == _NEXT_PIXEL)) for stream in streams]
    guesses = [scanned(tags)]
    guesses += [tuple(image["Data"].shape[:2]) for image in data.get("Image", {}).values() if "Data" in image]
    frames = _frames(data)
    for shape in guesses:
        pixels = math.prod(shape) * frames if shape else 0
        # The mark after the last pixel may be missing, and a scan may have been stopped.
        if pixels and all(pixels - 1 <= passed <= pixels for passed in marks):
            return int(shape[0]), int(shape[1])
    for shape in guesses:
        pixels = math.prod(shape) if shape else 0
        if pixels and max(marks) >= pixels - 1:
            return int(shape[0]), int(shape[1])
    for shape in guesses:
        if shape and math.prod(shape) >= max(marks):
            return int(shape[0]), int(shape[1])
    raise CannotRead(
        f"{path.name}: its EDS stream passes {max(marks)} pixels, and no scan of that size is described.",
        why="The counts cannot be put into their places.",
        remedy="Open it in Velox and export the spectrum image again.",
    )


def _frames(data: Any) -> int:
    for group in data.get("SpectrumImage", {}).values():
        if "SpectrumImageSettings" in group:
            settings = _json(group["SpectrumImageSettings"])
            try:
                return max(1, int(settings["endFramePosition"]) - int(settings["startFramePosition"]) + 1)
            except (KeyError, TypeError, ValueError):
                return 1
    return 1


def _counts(streams: list[NDArray[Any]], shape: tuple[int, int, int], path: Path) -> Counts:
    channels, rows, columns = shape
    area = rows * columns
    found = []
    for stream in streams:
        mark = stream == _NEXT_PIXEL
        pixel = np.cumsum(mark, dtype=np.int64)[~mark] % area  # frame after frame is added
        channel = stream[~mark].astype(np.uint64)
        if channel.size and int(channel.max()) >= channels:
            raise CannotRead(
                f"{path.name}: its EDS stream counts in channel {int(channel.max())} of {channels}.",
                why="It is damaged.",
                remedy="Copy the file from the microscope again.",
            )
        found.append(channel * np.uint64(area) + pixel.astype(np.uint64))
    return Counts(np.sort(np.concatenate(found)), shape)


def _image(counts: Counts, limits: Limits) -> Any:
    return counts[:] if counts.nbytes <= limits.at_once else lazy(counts, 0)


def _eels(data: Any, limits: Limits) -> Iterator[Part]:
    where: Mapping[str, Any] = {}
    for group in data.get("SpectrumImage", {}).values():
        where = _tags(group)
        break
    for group in data.get("EelsSpectrumImage", {}).values():
        stored = group["Data"]  # (x, E, y), or (E, x) for a line
        if stored.ndim not in (2, 3):
            continue
        pixels = stored[()] if stored.nbytes <= limits.at_once else _lazy(stored)
        pixels = pixels.transpose(1, 2, 0) if stored.ndim == 3 else pixels.transpose(1, 0)
        scale = _json(group["AcquisitionMetadata"]).get("Data", {})
        energy = {"name": "Energy loss", "units": "eV", "navigate": False}
        energy |= {"scale": number(scale.get("dispersion"), 1), "offset": number(scale.get("offset"), 0)}
        if stored.ndim == 3:
            axes = [energy, *plane(where, pixels.shape[1:])]
        else:
            axes = [plane(where, (1, pixels.shape[0]))[1], energy]
        title = f"EELS from {energy['offset']:g} eV"
        yield {
            "data": pixels,
            "axes": axes,
            "metadata": {"General": {"title": title}, "Signal": {"signal_type": "EELS"}},
            "original_metadata": _tags(group),
        }


def _lazy(dataset: Any) -> Any:
    import dask.array as da

    return da.from_array(dataset, chunks=dataset.chunks or "auto")  # type: ignore[no-untyped-call]


def _energy(tags: Mapping[str, Any], channels: int) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": "Energy", "size": channels, "navigate": False}
    wanted = (tags.get("BinaryResult") or {}).get("Detector")
    for detector in (tags.get("Detectors") or {}).values():
        if wanted and wanted in detector.get("DetectorName", "") and "Dispersion" in detector:
            scale, offset = detector["Dispersion"], detector.get("OffsetEnergy", 0)
            axis |= {"scale": number(scale, 1) / 1e3, "offset": number(offset, 0) / 1e3, "units": "keV"}
            break
    return axis


def _tags(group: Any) -> dict[str, Any]:
    return _json(group["Metadata"]) if "Metadata" in group else {}


def _json(dataset: Any) -> dict[str, Any]:
    """One JSON text: the first element of a list of texts, or the first column of a table of bytes."""
    if dataset.nbytes > _MOST_TEXT:
        return {}
    if dataset.ndim == 2 and dataset.dtype.kind == "u":
        text = bytes(np.asarray(dataset[:, 0], dtype=np.uint8)).split(b"\0", 1)[0]
    else:
        text = dataset[0]
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _whole(value: Any, path: Path) -> int:
    count = number(value, 0)
    if not 1 <= count <= _MOST_CHANNELS:
        raise CannotRead(
            f"{path.name}: its EDS stream says {value!r} for the number of channels.",
            why="It is damaged, or of a variant that is not known.",
            remedy="Open it in Velox and export the spectrum image again.",
        )
    return int(count)
