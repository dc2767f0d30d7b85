"""Objects of HyperSpy and sidpy <-> Image and Spectrum: the only door to both libraries.

What comes in is known by its attributes, so nothing is imported; what goes out needs its library.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import numpy as np

from napari_atomai.data import sid, signals
from napari_atomai.data.dimensions import Dimension
from napari_atomai.data.image import Image
from napari_atomai.data.shaping import as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.units import split_quantity
from napari_atomai.errors import BadImage, BadOption, MissingExtra

# --- HyperSpy -----------------------------------------------------------------------------------


def of_hyperspy(signal: Any) -> Image | Spectrum:
    """Make an Image or a Spectrum of a HyperSpy signal; lazy signals stay lazy, pixels are not copied.

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
    order = signals.picture_order(given)
    notes: list[str] = []
    understood = signals.kept(signals.tree(signal.metadata), notes)
    understood.pop("_HyperSpy", None)  # how HyperSpy has folded it: it writes that itself
    quantity, unit = split_quantity(str(signals.section(understood, "Signal").get("quantity") or ""))
    left_out = [i for i in range(len(given)) if i not in order]
    data = signal.data.transpose([*left_out, *order])
    part = {
        "data": data.reshape(data.shape[len(left_out) :]),
        "axes": signals.part_axes([given[i] for i in order]),
        "quantity": quantity,
        "value_unit": unit,
    }
    title = str(signals.section(understood, "General").get("title") or "")
    dataset = as_dataset(part, name=title or "signal")
    metadata = {
        "original": signals.kept(signals.tree(signal.original_metadata), notes),
        "understood": understood,
        signals.RECORD: {"order": order, "axes": given},
    }
    return dataclasses.replace(dataset, metadata=metadata, notes=(*dataset.notes, *notes))


def to_hyperspy(dataset: Image | Spectrum) -> Any:
    """Make a HyperSpy signal; lazy pixels make a lazy signal.

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
    signal = kind(made["data"], **options)
    if made["attributes"]["_lazy"]:
        signal = signal.as_lazy()
    if signal_type:
        signal.set_signal_type(signal_type)
    return signal


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
        _plain_array(dataset),
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
    part = sid.to_part(given)
    made = as_dataset(part, name=given.title or "dataset")
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
    given = sid.of_dataset(dataset)
    made = library.Dataset.from_array(given.data, title=given.title or "generic")
    made.units, made.quantity = given.unit or "generic", given.quantity or "generic"
    made.modality, made.source = given.modality or "generic", given.source or "generic"
    made.data_type = given.data_type or "UNKNOWN"
    for i, dimension in enumerate(given.dimensions):
        made.set_dimension(i, _sidpy_dimension(library, dimension, type(made), i))
    made.metadata, made.original_metadata = dict(given.metadata), dict(given.original)
    return made


def _sidpy_dimension(library: Any, dimension: Dimension, owner: type, index: int) -> Any:
    name = dimension.name or f"dimension_{index}"
    if hasattr(owner, name):  # sidpy makes an attribute of it, and "T" or "shape" would be lost
        name = f"{name}_axis"
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
