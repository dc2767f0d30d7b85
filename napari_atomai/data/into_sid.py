"""An Image or a Spectrum in the form of sidpy: dimensions that have a type and a name of their own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from napari_atomai.data.dimensions import (
    CHANNEL,
    DIFFRACTION,
    RECIPROCAL,
    SPATIAL,
    SPECTRAL,
    TEMPORAL,
    TIMES,
    UNKNOWN,
    Dimension,
    promoted,
)
from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED, Axis, Image
from napari_atomai.data.layout import Layout
from napari_atomai.data.sid import RECORD, Sid, as_it_was, said, same
from napari_atomai.data.spectrum import Spectrum

_SPECTRAL_NAMES = frozenset({"e", "energy", "energy loss", "wavelength", "wavenumber", "bias"})
_QUANTITIES = {
    SPATIAL: "distance",
    RECIPROCAL: "reciprocal distance",
    SPECTRAL: "energy",
    TEMPORAL: "time",
    CHANNEL: "channel",
    UNKNOWN: "generic",
}


DEFAULT_NAMES = ("signal", "dataset")
"""What objects without a title are called here."""


def of_dataset(dataset: Image | Spectrum) -> Sid:
    """Bring an Image or a Spectrum into the form of sidpy.

    What came from sidpy goes back in the order it had, and with the calibration it had unless that was
    changed here. Everything else is written as sidpy's own readers do it: x before y, spectra last.
    """
    data = dataset.pixels if isinstance(dataset, Image) else dataset.values
    understood = dict(dataset.metadata.get("understood") or {})
    record = dict(understood.pop(RECORD, None) or {})
    back = _back(dataset, data, record)
    data, dimensions, order = back or _fresh(dataset, data)
    tags = not record.get("metadata")
    noted = back is None or bool(record.get("layout"))
    return Sid(
        data,
        dimensions,
        title=title_of(dataset),
        quantity=_unless_changed(dataset.quantity, record.get("quantity")),
        unit=_unless_changed(dataset.value_unit, record.get("unit")),
        data_type=str(record.get("data_type", "")) if back else _data_type(dimensions),
        modality=str(record.get("modality", "")),
        source=str(record.get("source", "")),
        metadata=_foreign(understood) if tags else record["metadata"],
        original=dict(dataset.metadata.get("original") or {}),
        layout=Layout.of(dataset, order, tags) if noted else None,
    )


def _unless_changed(now: str, given: object) -> str:
    return str(given) if given and now == said(given) else now


def title_of(dataset: Image | Spectrum) -> str:
    """Return the title that a file gave a dataset, unless it has been renamed since."""
    general = (dataset.metadata.get("understood") or {}).get("General") or {}
    title = str(general.get("title") or "")
    stem = dataset.source.path.stem if dataset.source else ""
    if not title and "title" in general and dataset.name in DEFAULT_NAMES:
        return ""
    named_after_it = dataset.name in (title, stem) or dataset.name == f"{stem}: {title}"
    return title if title and named_after_it else dataset.name


def _foreign(understood: Mapping[str, Any]) -> dict[str, Any]:
    only_title = set(understood) <= {"General"} and set(understood.get("General") or {}) <= {"title"}
    return {} if only_title else dict(understood)


def _back(
    dataset: Image | Spectrum, data: Any, record: Mapping[str, Any]
) -> tuple[Any, tuple[Dimension, ...], list[int]] | None:
    try:
        given = [Dimension(**entry) for entry in record["dimensions"]]
        order = [int(i) for i in record["order"]]
        there = len(order) == data.ndim and [given[i].size for i in order] == [int(n) for n in data.shape]
    except (KeyError, TypeError, ValueError, IndexError):  # no record, or not ours
        return None
    if not there:
        return None
    kinds = promoted(given)
    dimensions = list(given)
    for axis, i in zip(dataset.axes, order, strict=True):
        as_noted = record.get("layout") and isinstance(as_it_was(axis, given[i], []), Axis)
        if not as_noted and not same(axis, given[i], kinds[i]):
            dimensions[i] = _of_axis(axis, given[i].size, kinds[i], given[i].name)
    data = data.transpose([order.index(i) for i in sorted(order)])
    return data.reshape([d.size for d in given]), tuple(dimensions), order


def _fresh(dataset: Image | Spectrum, data: Any) -> tuple[Any, tuple[Dimension, ...], list[int]]:
    axes = dataset.axes
    if isinstance(dataset, Spectrum):
        kinds = [*([SPATIAL] * (len(axes) - 1)), SPECTRAL]
        order = list(range(len(axes)))
    else:
        leading = [_leading_kind(axis) for axis in axes[:-2]]
        kinds = [*leading, *_plane_kinds(axes[-2:], scanned=leading[-2:] == [SPATIAL, SPATIAL])]
        order = _sidpy_order(kinds)
    names = _names(axes, kinds)
    made = [_of_axis(axes[i], int(data.shape[i]), kinds[i], names[i]) for i in order]
    return data.transpose(order), tuple(made), [order.index(i) for i in range(len(order))]


def _sidpy_order(kinds: Sequence[str]) -> list[int]:
    # sidpy draws its first spatial dimension to the right: columns come before rows.
    ndim = len(kinds)
    spectral = [i for i in range(ndim - 2) if kinds[i] == SPECTRAL]
    leading = [i for i in range(ndim - 2) if i not in spectral]
    if kinds[-1] == RECIPROCAL and kinds[ndim - 4 : ndim - 2] == [SPATIAL, SPATIAL]:
        leading[-2:] = leading[:-3:-1]
    return [*leading, ndim - 1, ndim - 2, *spectral]


def _plane_kinds(plane: Sequence[Axis], scanned: bool) -> list[str]:
    """Type rows and columns; those of a picture at each point of a scan are those of a detector."""
    if all(_is_reciprocal(axis) for axis in plane):
        return [RECIPROCAL, RECIPROCAL]
    detector = scanned and (
        all(axis.name.casefold() in DIFFRACTION for axis in plane)
        or all(axis.unit not in LENGTHS_IN_NM for axis in plane)
    )
    return [RECIPROCAL, RECIPROCAL] if detector else [SPATIAL, SPATIAL]


def _is_reciprocal(axis: Axis) -> bool:
    return axis.unit.startswith("1/") or axis.unit in ("mrad", "rad")


def _leading_kind(axis: Axis) -> str:
    name = axis.name.casefold()
    if axis.unit in TIMES or name.rstrip("0123456789") == "t":
        return TEMPORAL
    if name in _SPECTRAL_NAMES or name.endswith(" sweep"):  # a sweep of the tip's height is in nm, too
        return SPECTRAL
    if axis.unit in LENGTHS_IN_NM or name in ("x", "y", "z"):
        return SPATIAL
    if axis.unit.startswith("1/"):
        return RECIPROCAL
    if name == "channel":
        return CHANNEL
    return SPECTRAL if axis.unit != UNCALIBRATED else UNKNOWN


def _names(axes: Sequence[Axis], kinds: Sequence[str]) -> list[str]:
    names: list[str] = []
    for axis, kind in zip(axes, kinds, strict=True):
        name = axis.name.strip() or "axis"
        usual = (name, f"k{name}") if kind == RECIPROCAL else (name,)
        numbered = itertools.chain(usual, (f"{name}{i}" for i in itertools.count(len(names))))
        names.append(next(one for one in numbered if one not in names))
    return names


def _of_axis(axis: Axis, size: int, kind: str, name: str) -> Dimension:
    return Dimension(name, size, kind, axis.offset, axis.scale, axis.unit, _QUANTITIES[kind])


def _data_type(dimensions: Sequence[Dimension]) -> str:
    kinds = [d.kind for d in dimensions]
    planes = kinds.count(SPATIAL) + kinds.count(RECIPROCAL)
    if len(kinds) == 1:
        return "SPECTRUM"
    if len(kinds) == 2:
        return "LINE_PLOT_FAMILY" if SPECTRAL in kinds else "IMAGE"
    if len(kinds) == 3:
        return "SPECTRAL_IMAGE" if SPECTRAL in kinds else "IMAGE_STACK"
    return "IMAGE_4D" if len(kinds) == 4 and planes == 4 else "UNKNOWN"
