"""Images and spectra as files that HyperSpy (HSPY) and sidpy (NSID) open."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_atomai.data import signals
from napari_atomai.data.image import Image
from napari_atomai.data.into_sid import of_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, SaveFailed
from napari_atomai.files import h5tags, nsid
from napari_atomai.files.atomic import replacing

Dataset = Image | Spectrum

_LONGEST = 16_000
"""Characters of a text in an HSPY file: HDF5's old attributes take 64 KiB, and a character up to 4 bytes."""


def write_hspy(
    datasets: Dataset | Sequence[Dataset], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a HyperSpy file; ``hyperspy.api.load`` gives one signal for each dataset.

    Parameters
    ----------
    datasets : Image or Spectrum, or a sequence of them
        What to write; lazy pixels are read piece by piece.
    path : path-like
        Where the file shall be, ending in ``.hspy``.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    SaveFailed
        If the file is there already, is one the datasets come from, or cannot be written.
    """
    several = _checked(datasets, path, overwrite)
    with replacing(path) as part, tempfile.TemporaryDirectory() as folder:
        _hspy(signals.signal_dict(several[0]), part)
        for number, dataset in enumerate(several[1:], 1):
            # RosettaSciIO's writer begins a new file each time, so the others are copied into the first.
            other = Path(folder) / f"{number}.hspy"
            _hspy(signals.signal_dict(dataset), other)
            _add(other, part)
            other.unlink()


def write_nsid(
    datasets: Dataset | Sequence[Dataset], path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write an NSID file, which sidpy, pyNSID and SciFiReaders open.

    Read again here, everything has the order, the axes and the tags it had: a note among the metadata,
    ``napari_atomai``, says what types and names of dimensions cannot.

    Parameters
    ----------
    datasets : Image or Spectrum, or a sequence of them
        What to write, each in a channel of its own; lazy pixels are read piece by piece.
    path : path-like
        Where the file shall be, ending in ``.h5`` or ``.hf5``.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    SaveFailed
        If the file is there already, is one the datasets come from, or cannot be written.
    """
    several = _checked(datasets, path, overwrite)
    with replacing(path) as part:
        nsid.write([of_dataset(dataset) for dataset in several], part)


WRITERS: Mapping[str, tuple[str, Callable[..., None]]] = MappingProxyType(
    {"hspy": (".hspy", write_hspy), "nsid": (".h5", write_nsid)}
)
"""Formats by name: the ending of their files, and what writes them."""


def _checked(
    datasets: Dataset | Sequence[Dataset], path: str | os.PathLike[str], overwrite: bool
) -> Sequence[Dataset]:
    """Return what is to be written, as a sequence, if it may be written there."""
    where = Path(os.path.realpath(path))
    several = (datasets,) if isinstance(datasets, Image | Spectrum) else datasets
    if not several:
        raise BadImage("There is nothing to write.", remedy="Give an image or a spectrum.")
    for dataset in several:
        if dataset.source is not None and Path(os.path.realpath(dataset.source.path)) == where:
            raise SaveFailed(
                f"{where.name} is the file that {dataset.name!r} was read from.",
                why="The measurement would be replaced by a copy of it.",
                remedy="Choose another name.",
            )
    if where.exists() and not overwrite:
        raise SaveFailed(f"{where} is there already.", remedy="Choose another name, or allow overwriting.")
    return several


# --- HSPY ---------------------------------------------------------------------------------------


def _hspy(signal: dict[str, Any], path: Path) -> None:
    writer = importlib.import_module("rsciio.hspy").file_writer
    signal["package_info"] = {"package": "", "package_version": ""}  # no class but HyperSpy's own is needed
    for branch in ("axes", "metadata", "original_metadata"):
        signal[branch] = _writable(signal[branch])
    writer(str(path), signal, show_progressbar=False)


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {h5tags.key(name): _writable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_writable(item) for item in value])
    if isinstance(value, str) and len(value) > _LONGEST:
        return [value[at : at + _LONGEST] for at in range(0, len(value), _LONGEST)]
    if isinstance(value, str):
        return value.replace("\x00", "")
    return str(value) if isinstance(value, int) and not h5tags.fits(value) else value


def _add(other: Path, path: Path) -> None:
    import h5py

    with h5py.File(other, "r") as source, h5py.File(path, "a") as target:
        experiments = target["Experiments"]
        for name, group in source["Experiments"].items():
            source.copy(group, experiments, name=h5tags.free(name, experiments))
