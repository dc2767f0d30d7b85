"""Objects of HyperSpy and sidpy <-> Image and Spectrum: the only door to both libraries.

What comes in is known by its attributes, so nothing is imported; what goes out needs its library.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_atomai.data import into_sid, layout, sid, signals
from napari_atomai.data.arrangement import arrange
from napari_atomai.data.dimensions import Dimension
from napari_atomai.data.image import Image
from napari_atomai.data.pixels import native
from napari_atomai.data.shaping import as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.units import split_quantity
from napari_atomai.errors import BadImage, BadOption, MissingExtra

# --- HyperSpy -----------------------------------------------------------------------------------


def of_hyperspy(signal: Any) -> Image | Spectrum:
    """Make an Image or a Spectrum of a HyperSpy signal; lazy signals stay lazy.

    Numbers are not copied unless they are in another byte order than the computer's: what is done to the
    signal in place is seen in the dataset.

    Parameters
    ----------
    signal : hyperspy.signals.BaseSignal
        Pictures (y, x), stacks (t | y, x), spectrum images (y, x | E), line scans (x | E), spectra (E).

    Returns
    -------
    Image or Spectrum
        Spectrum images as (E, y, x). ``metadata["understood"]`` is the signal's metadata, whole.

    Raises
    ------
    BadOption
        If it is no HyperSpy signal.
    BadImage
        If its values are not real numbers.
    """
    if not (hasattr(signal, "axes_manager") and hasattr(signal, "original_metadata")):
        raise _not_one(signal, "HyperSpy signal")
    given = signals.axes_of(signal)
    notes: list[str] = []
    understood = signals.kept(signals.tree(signal.metadata), notes)
    understood.pop("_HyperSpy", None)  # how HyperSpy has folded it: it writes that itself
    quantity, unit = split_quantity(str(signals.section(understood, "Signal").get("quantity") or ""))
    part = {"data": native(signal.data), "axes": given, "quantity": quantity, "value_unit": unit}
    part = signals.as_it_was({**part, "metadata": understood})
    understood = part["metadata"]
    general = understood["General"] = dict(signals.section(understood, "General"))
    title = str(general.setdefault("title", "") or "")
    dataset = as_dataset(part, name=title or into_sid.DEFAULT_NAMES[0])
    metadata = {
        "original": signals.kept(signals.tree(signal.original_metadata), notes),
        "understood": understood,
    }
    if "kind" not in part:
        order = list(arrange(given, signal.data.shape).order)
        metadata[signals.RECORD] = {"order": order, "axes": given}
    return dataclasses.replace(dataset, metadata=metadata, notes=(*dataset.notes, *notes))


def to_hyperspy(dataset: Image | Spectrum) -> Any:
    """Make a HyperSpy signal, which owns its numbers: what is done to it in place leaves the dataset alone.

    Lazy pixels make a lazy signal, and so do pixels that are mapped from a file: nothing is read for it.

    Returns
    -------
    hyperspy.signals.BaseSignal
        Spectrum images and spectra as Signal1D, pictures and movies as Signal2D; of its signal type
        (EELS, EDS_TEM ...) where the library that knows it is installed, such as exspy.

    Raises
    ------
    MissingExtra
        If HyperSpy is not installed.
    """
    library = _imported("hyperspy.api", "HyperSpy", "hyperspy").signals
    made = signals.signal_dict(dataset)
    dimension = sum(not axis["navigate"] for axis in made["axes"])
    kind = {1: library.Signal1D, 2: library.Signal2D}.get(dimension, library.BaseSignal)
    signal_type = made["metadata"]["Signal"].pop("signal_type", "")
    options = {name: made[name] for name in ("axes", "metadata", "original_metadata")}
    data = _owned(made["data"])
    signal = kind(data, **options)
    if hasattr(data, "compute"):
        signal = signal.as_lazy()
    if signal_type:
        signal.set_signal_type(signal_type)
    return signal


def _owned(data: Any) -> Any:
    if not isinstance(data, np.ndarray):
        return data
    if not isinstance(data, np.memmap):
        return np.array(data)
    import dask.array as da

    return da.from_array(data, name=False)  # type: ignore[no-untyped-call]


# --- sidpy --------------------------------------------------------------------------------------


def of_sidpy(dataset: Any) -> Image | Spectrum:
    """Make an Image or a Spectrum of a sidpy Dataset, which stays lazy.

    Parameters
    ----------
    dataset : sidpy.Dataset
        Its dimensions may come in any order: their types say which are rows, columns and energy.

    Returns
    -------
    Image or Spectrum
        (y, x), (t, y, x), (E, y, x), (y, x, ky, kx), (x, E) or (E,).

    Raises
    ------
    BadOption
        If it is no sidpy Dataset.
    BadImage
        If its values are not real numbers.
    """
    if not (hasattr(dataset, "_axes") and hasattr(dataset, "data_type") and hasattr(dataset, "modality")):
        raise _not_one(dataset, "sidpy Dataset")
    notes: list[str] = []
    given = sid.Sid(
        native(_plain_array(dataset)),
        tuple(_dimension(dataset._axes[i]) for i in range(dataset.ndim)),
        title=str(dataset.title),
        quantity=str(dataset.quantity),
        unit=str(dataset.units),
        data_type=_enum_name(dataset.data_type),
        modality=str(dataset.modality),
        source=str(dataset.source),
        metadata=signals.kept(getattr(dataset, "metadata", None) or {}, notes),
        original=signals.kept(getattr(dataset, "original_metadata", None) or {}, notes),
    )
    given = sid.with_note(given)
    part = sid.to_part(given)
    made = as_dataset(part, name=given.title or into_sid.DEFAULT_NAMES[1])
    metadata = {"original": part["original_metadata"], "understood": part["metadata"]}
    return dataclasses.replace(made, metadata=metadata, notes=(*made.notes, *notes))


def to_sidpy(dataset: Image | Spectrum) -> Any:
    """Make a sidpy Dataset; lazy pixels are not read.

    Returns
    -------
    sidpy.Dataset
        With typed dimensions. What came from sidpy has the order it had; everything else is (x, y),
        (t, x, y), (x, y, E), as sidpy's own readers have it.

    Raises
    ------
    MissingExtra
        If sidpy is not installed.
    """
    library = _imported("sidpy", "sidpy", "sid")
    given = into_sid.of_dataset(dataset)
    made = library.Dataset.from_array(given.data, title=given.title or "generic")
    made.units, made.quantity = given.unit or "generic", given.quantity or "generic"
    made.modality, made.source = given.modality or "generic", given.source or "generic"
    made.data_type = given.data_type or "UNKNOWN"
    names = _sidpy_names(given.dimensions, type(made))
    for i, (name, dimension) in enumerate(zip(names, given.dimensions, strict=True)):
        made.set_dimension(i, _sidpy_dimension(library, name, dimension))
    made.metadata, made.original_metadata = dict(given.metadata), dict(given.original)
    if given.layout is not None:
        made.metadata[layout.KEY] = given.layout.note(names)
    return made


def _sidpy_names(dimensions: Sequence[Dimension], owner: type) -> list[str]:
    # sidpy makes an attribute of each name, and "T" or "shape" would be lost.
    names: list[str] = []
    for i, dimension in enumerate(dimensions):
        name = dimension.name or f"dimension_{i}"
        while hasattr(owner, name) or name in names:
            name = f"{name}_axis"
        names.append(name)
    return names


def _sidpy_dimension(library: Any, name: str, dimension: Dimension) -> Any:
    return library.Dimension(
        dimension.positions,
        name=name,
        quantity=dimension.quantity or "generic",
        units=dimension.unit or "generic",
        dimension_type=dimension.kind.upper(),
    )


def _dimension(given: Any) -> Dimension:
    kind = _enum_name(given.dimension_type)
    return Dimension.of(str(given.name), np.asarray(given), kind, str(given.units), str(given.quantity))


def _enum_name(value: Any) -> str:
    return str(getattr(value, "name", value))


def _plain_array(dataset: Any) -> Any:
    # A Dataset is a dask array with its own ideas of transposing; the bare array has none.
    import dask.array as da

    return da.Array(  # type: ignore[no-untyped-call]
        dataset.dask, dataset.name, dataset.chunks, dtype=dataset.dtype
    )


# --- both ---------------------------------------------------------------------------------------


def _imported(module: str, name: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{name} is not installed.",
            remedy=f'To hand data over to it: pip install "napari-atomai[{extra}]".',
        ) from error


def _not_one(given: Any, wanted: str) -> BadOption:
    return BadOption(
        f"This is a {type(given).__module__}.{type(given).__qualname__}, not a {wanted}.",
        remedy="For a plain array use Image.from_array.",
    )


def only_image(dataset: Image | Spectrum) -> Image:
    """Return an Image.

    Raises
    ------
    BadImage
        If it is a Spectrum.
    """
    if isinstance(dataset, Spectrum):
        raise BadImage(
            f"{dataset.name!r} holds spectra of shape {dataset.shape}, not a picture.",
            remedy="Use Spectrum.from_hyperspy or Spectrum.from_sidpy.",
        )
    return dataset


def only_spectrum(dataset: Image | Spectrum) -> Spectrum:
    """Return a Spectrum.

    Raises
    ------
    BadImage
        If it is an Image.
    """
    if isinstance(dataset, Image):
        raise BadImage(
            f"{dataset.name!r} is a picture or spectrum image of shape {dataset.shape}, not a spectrum.",
            remedy="Use Image.from_hyperspy or Image.from_sidpy.",
        )
    return dataset
