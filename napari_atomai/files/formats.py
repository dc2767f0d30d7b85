"""The table of formats: name ending, content, reader. The only door to RosettaSciIO."""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_atomai.data import signals
from napari_atomai.data.arrangement import COLOURS
from napari_atomai.data.shaping import Part
from napari_atomai.errors import AtomAIError, BadImage
from napari_atomai.files import (
    archives,
    bruker,
    bundles,
    failures,
    flat,
    gatan,
    guard,
    hdf5,
    mrc,
    ncem,
    pictures,
    sid,
    slabs,
    spm,
    tiff,
    tiff_tags,
    velox,
    velox_scan,
    zspy,
)
from napari_atomai.files.endings import FORMATS
from napari_atomai.files.guard import Limits
from napari_atomai.files.stored import Stored

_BCF_HEADER = 512 << 20


@dataclass(frozen=True)
class Format:
    """A format that can be opened.

    Parameters
    ----------
    description : str
        What to call it.
    marks : tuple of str
        What `guard.sniff` may say of such a file; "" where the format has no mark of its own.
    reader : callable
        Path and limits -> datasets.
    """

    description: str
    marks: tuple[str, ...]
    reader: Callable[[Path, Limits], list[Part]]


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


def _emi(path: Path, limits: Limits) -> list[Part]:
    series = bundles.series_of(path, limits)
    parts = _rsciio("tia", path, lazy=False)
    # It leaves out series that it cannot make sense of, and all of them where the name has brackets.
    return parts or [part for one in series for part in _ser(one, limits)]


def _mrc(path: Path, limits: Limits) -> list[Part]:
    header = mrc.check(path, limits)
    # Without metadata_file=None, a name with "movie" in it makes it read the files beside it.
    parts = _rsciio("mrc", path, lazy=True, metadata_file=None, endianness=header.order)
    for part in parts:  # it takes the header in that order, but not the pixels, and no byte for signed
        part["data"] = mrc.pixels(path, header, part["data"].shape)
        part["notes"] = header.notes
        if not header.calibrated:
            part["axes"] = [{**axis, "units": None} for axis in part["axes"]]
    return parts


def _hdf5(path: Path, limits: Limits) -> list[Part]:
    found = hdf5.inspect(path, limits)
    lazy = found.nbytes > limits.at_once  # a lazy reading keeps the file open
    if found.layout == "HyperSpy":
        return _hyperspy(path, lazy)
    if found.layout == "NCEM":
        return _ncem(path, lazy)
    if found.layout == "Velox":
        return _velox(path, lazy, limits)
    if found.layout == "NSID":
        return sid.read_nsid(path, limits)
    if found.layout == "USID":
        return sid.read_usid(path, limits)
    if not found.images:
        raise BadImage(
            f"{path.name} holds no dataset of numbers with at least 16 rows and 16 columns.",
            remedy="Choose a file with an image in it.",
        )
    return [{**part, "reader": "h5py"} for part in hdf5.read_plain(path, found, limits)]


def _hyperspy(path: Path, lazy: bool) -> list[Part]:
    parts = _rsciio("hspy", path, lazy=lazy)
    if lazy:
        for part, dataset in zip(parts, hdf5.signals(hdf5.opened(path)), strict=False):
            scanned = [axis.get("navigate") for axis in part["axes"]]
            if scanned == [True, True, False] and dataset.shape == part["data"].shape:
                part["data"] = Stored(dataset, slabs.Turned(dataset), 1)
    return [signals.as_it_was(part) for part in parts]


def _ncem(path: Path, lazy: bool) -> list[Part]:
    parts = _rsciio("emd", path, lazy=lazy)
    with contextlib.closing(hdf5.opened(path)) as file:
        return [ncem.by_names(ncem.with_positions(part, file)) for part in parts]


def _velox(path: Path, lazy: bool, limits: Limits) -> list[Part]:
    file = hdf5.opened(path)
    streams = velox.spectrum_images(file, path, limits)
    parts = [
        *map(velox_scan.placed, _velox_kind(file, "images", lazy)),
        *({**part, "reader": "napari-atomai velox"} for part in streams),
        *map(velox.named_by_detector, _velox_kind(file, "single_spectrum", lazy)),
    ]
    if not lazy:
        file.close()
    return parts


def _velox_kind(file: Any, kind: str, lazy: bool) -> list[Part]:
    module = importlib.import_module("rsciio.emd._emd_velox")
    reader = module.FeiEMDReader(select_type=kind, lazy=lazy)
    # It asks for "sparse" once images and spectra are read, even where no stream is wanted. Streams are
    # read here: it takes the shape of the overview for that of the map, and needs numba to be fast.
    with contextlib.suppress(ModuleNotFoundError):
        reader.read_file(file)
    return [{**part, "reader": "rosettasciio emd"} for part in reader.dictionaries]


def _blo(path: Path, limits: Limits) -> list[Part]:
    return [bundles.read_blo(path, limits)]


def _bcf(path: Path, limits: Limits) -> list[Part]:
    container = bruker.Container(path, limits)
    header = container.read("HeaderData", min(limits.budget, _BCF_HEADER))
    guard.check_size(path.name, bruker.map_size(header), 4, limits)
    parts = _rsciio("bruker", path, lazy=True, index="all")
    maps = iter([name for name in container.names() if name.startswith("SpectrumData")])
    unpacker = importlib.import_module("rsciio.bruker._api")
    for part in parts:
        if not hasattr(part["data"], "compute"):
            continue
        shape, dtype = part["data"].shape, part["data"].dtype
        packed = container.hypermap(next(maps), shape[:2])
        if unpacker.fast_unbcf:
            part["data"] = unpacker.unbcf_fast.parse_to_numpy(packed, shape, dtype)
        else:
            part["data"] = unpacker.py_parse_hypermap(packed, shape, dtype)
    return parts


def _rpl(path: Path, limits: Limits) -> list[Part]:
    found = bundles.check_rpl(path, limits)
    parts = _rsciio("ripple", path, lazy=True)
    for part in parts:
        part["data"] = bundles.ripple_pixels(path, found, limits)
    return parts


def _tiff(path: Path, limits: Limits) -> list[Part]:
    contents = tiff.inspect(path, limits)
    own_pixels = contents.planar or contents.coded or contents.nbytes > limits.at_once
    if contents.planar:  # RosettaSciIO takes colour channels to lie behind the pixels
        parts = tiff.bare_parts(contents)
    else:
        parts = _rsciio("tiff", path, lazy=own_pixels, _multifile=False)
    if own_pixels:
        for i, (part, series) in enumerate(zip(parts, contents.series, strict=True)):
            part["data"] = tiff.pixels(path, i, series, limits)
            if part["data"].ndim > len(part["axes"]):
                part["axes"].append(dict(COLOURS))
        gc.collect()  # lets go of the file that the lazy reading holds, while complaints are caught
    for i, item in enumerate(contents.series):
        parts[i] = tiff_tags.calibrated(parts[i], item.said)
        if item.note:
            parts[i]["notes"] = (*parts[i].get("notes", ()), item.note)
    return parts


def _npy(path: Path, limits: Limits) -> list[Part]:
    return [flat.read_npy(path, limits)]


def _npz(path: Path, limits: Limits) -> list[Part]:
    return archives.read_npz(path, flat.array_part, limits)


def _zspy(path: Path, limits: Limits) -> list[Part]:
    return [signals.as_it_was(part) for part in zspy.read_zspy(path, limits)]


def _picture(kind: str) -> Callable[[Path, Limits], list[Part]]:
    return lambda path, limits: [pictures.read_picture(path, kind, limits)]


def _zip(path: Path, limits: Limits) -> list[Part]:
    inside = {suffix for suffix in READERS if suffix not in _NOT_IN_ARCHIVES}
    return archives.read_zip(path, inside, {".rpl": ".raw"}, _unpacked, limits)


def _unpacked(path: Path, limits: Limits) -> list[Part]:
    form = READERS[path.suffix]
    guard.check_content(path, form.marks, form.description)
    try:
        return form.reader(path, limits)
    except AtomAIError:
        raise
    except Exception as error:
        failures.let_go(error, form.marks)
        raise failures.explained(path, form.description, error, limits) from error


_NOT_IN_ARCHIVES = (".zip", ".zspy", ".npz", ".emi", ".jpg", ".jpeg", ".bmp")

_HOW: Mapping[str, tuple[tuple[str, ...], Callable[[Path, Limits], list[Part]]]] = {
    ".dm3": (("DM3",), _dm),
    ".dm4": (("DM4",), _dm),
    ".emd": (("HDF5",), _hdf5),
    ".ser": (("SER",), _ser),
    ".emi": (("",), _emi),
    ".hspy": (("HDF5",), _hdf5),
    ".zspy": (("ZARR", "ZIP"), _zspy),
    ".hdf5": (("HDF5",), _hdf5),
    ".h5": (("HDF5",), _hdf5),
    ".hf5": (("HDF5",), _hdf5),
    ".mrc": (("MRC", ""), _mrc),
    ".blo": (("BLO",), _blo),
    ".bcf": (("BCF",), _bcf),
    ".rpl": (("",), _rpl),
    ".tif": (("TIFF",), _tiff),
    ".tiff": (("TIFF",), _tiff),
    ".png": (("PNG",), _picture("PNG")),
    ".jpg": (("JPEG",), _picture("JPEG")),
    ".jpeg": (("JPEG",), _picture("JPEG")),
    ".bmp": (("BMP",), _picture("BMP")),
    ".npy": (("NPY",), _npy),
    ".npz": (("ZIP",), _npz),
    ".sxm": (("SXM",), spm.read_sxm),
    ".3ds": (("3DS",), spm.read_3ds),
    ".ibw": (("",), spm.read_ibw),
    ".gwy": (("GWY",), spm.read_gwy),
    ".asd": (("",), spm.read_asd),
    ".zip": (("ZIP",), _zip),
}

READERS: Mapping[str, Format] = MappingProxyType(
    {suffix: Format(description, *_HOW[suffix]) for suffix, description in FORMATS.items()}
)
