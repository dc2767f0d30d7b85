"""The form in which HyperSpy and RosettaSciIO hold a signal <-> axes and metadata of an Image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_atomai.data.image import LENGTHS_IN_NM, UNCALIBRATED, Axis, Image
from napari_atomai.data.into_sid import title_of
from napari_atomai.data.layout import KEY, Layout
from napari_atomai.data.shaping import Part, as_dataset, is_pixel
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.units import preferred
from napari_atomai.errors import BadImage

RECORD = "hyperspy"
"""Where in ``metadata`` the axes of a HyperSpy signal are kept as they were given."""

_DEEPEST = 30
_NO_UNIT = (UNCALIBRATED, 1.0, 0.0)


def signal_dict(dataset: Image | Spectrum) -> dict[str, Any]:
    """Return a dataset as the dictionary in which HyperSpy and RosettaSciIO hand signals over.

    Where its axes would not be understood as they are (rows downwards, a stack of one frame), a note among
    the metadata says what they were; `as_it_was` goes by it.
    """
    data = dataset.pixels if isinstance(dataset, Image) else dataset.values
    metadata = _metadata(dataset)
    signal = _back(dataset, data)
    if signal is None:
        signal = data, axes = _fresh(dataset, data)
        if not _comes_back(dataset, axes, data.shape):
            order = _order(dataset)
            places = [order.index(i) for i in range(len(order))]
            metadata[KEY] = Layout.of(dataset, places, tags=False).note(_marks(axes))
    data, axes = signal
    return {
        "data": data,
        "axes": axes,
        "metadata": metadata,
        "original_metadata": dict(dataset.metadata.get("original") or {}),
        "attributes": {"_lazy": hasattr(data, "compute"), "ragged": False},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
        "package_info": {"package": "hyperspy", "package_version": ""},
    }


def as_it_was(part: Part) -> Part:
    """Take the note of `signal_dict` out of the metadata, and go by it if the axes are still those it names.

    Parameters
    ----------
    part : Part
        A signal as RosettaSciIO or HyperSpy describes it.
    """
    metadata = part.get("metadata") or {}
    if KEY not in metadata:
        return part
    part = {**part, "metadata": {name: value for name, value in metadata.items() if name != KEY}}
    layout = Layout.read(metadata[KEY], _marks(part["axes"]))
    if layout is None:
        return part
    kind = Spectrum if layout.spectra else Image
    return {**part, "data": part["data"].transpose(layout.order), "axes": layout.axes, "kind": kind}


def _comes_back(dataset: Image | Spectrum, axes: Sequence[Part], shape: tuple[int, ...]) -> bool:
    again = as_dataset({"data": np.broadcast_to(np.float32(0), shape), "axes": axes})
    return (type(again), again.shape, again.axes) == (type(dataset), dataset.shape, dataset.axes)


def _marks(axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the axes of a signal so that no two are alike and any change is seen."""
    return [
        f"{i} {_text(axis.get('name'))!r} {_text(axis.get('units'))!r} {size_of(axis)} "
        f"{bool(axis.get('navigate'))} {_number(axis.get('scale'))} {_number(axis.get('offset'))}"
        for i, axis in enumerate(axes)
    ]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float | np.number) else float("nan")


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value != "<undefined>" else ""


def axes_of(signal: Any) -> list[dict[str, Any]]:
    """Return the axes of a HyperSpy signal as it describes them, in the order of its array.

    Raises
    ------
    BadImage
        If they do not describe the array: ragged signals, single numbers.
    """
    manager = signal.axes_manager
    axes = sorted((*manager.navigation_axes, *manager.signal_axes), key=lambda axis: axis.index_in_array)
    if len(axes) != signal.data.ndim or not axes:
        raise BadImage(
            f"The signal has values of shape {tuple(signal.data.shape)} and {len(axes)} axes.",
            why="Ragged signals and single numbers are no pictures and no spectra.",
            remedy="Give a signal whose every point has the same number of values.",
        )
    entries = []
    for axis in axes:
        entry = {str(key): value for key, value in axis.get_axis_dictionary().items()}
        if "scale" not in entry:  # its samples are not evenly spaced
            entry["axis"] = np.array(axis.axis, dtype=np.float64)
        entries.append(entry)
    return entries


def _back(dataset: Image | Spectrum, data: Any) -> tuple[Any, list[dict[str, Any]]] | None:
    """Undo what `of_hyperspy` did; axes that were not changed here go back as they came."""
    record = dataset.metadata.get(RECORD) or {}
    try:
        order, given = [int(i) for i in record["order"]], [dict(axis) for axis in record["axes"]]
    except (KeyError, TypeError, ValueError):
        return None
    if len(order) != data.ndim or any(i not in range(len(given)) for i in order):
        return None
    expected = [_expected(given[i]) for i in order]
    if isinstance(dataset, Image):
        expected[-2:] = _as_a_plane(expected[-2:])
    axes = list(given)
    for place, i in enumerate(order):
        size = int(data.shape[place])
        same = _same(dataset.axes[place], expected[place]) and size_of(given[i]) == size
        axes[i] = given[i] if same else _recalibrated(dataset.axes[place], given[i], size)
    data = data.transpose([order.index(i) for i in sorted(order)])
    return data.reshape([size_of(axis) for axis in axes]), [_without_samples(axis) for axis in axes]


def _without_samples(axis: dict[str, Any]) -> dict[str, Any]:
    # An axis that is given by a formula has no samples of its own for HyperSpy; `axes_of` has added them.
    return {name: value for name, value in axis.items() if name != "axis"} if "expression" in axis else axis


def _expected(given: Mapping[str, Any]) -> tuple[str, float, float]:
    """Return unit, scale and offset of the Axis that an axis of a signal becomes."""
    unit, factor = preferred(given.get("units"))
    vector = given.get("axis")
    if vector is not None:
        step, first = float(np.diff(vector).mean()) if len(vector) > 1 else 1.0, float(vector[0])
    else:
        step, first = float(given["scale"]), float(given["offset"])
    return (
        (UNCALIBRATED, 1.0, 0.0)
        if unit == UNCALIBRATED or step == 0
        else (unit, step * factor, first * factor)
    )


def _as_a_plane(axes: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Rows and columns are calibrated both or not at all, and never backwards."""
    axes = [(unit, scale, first) if is_pixel(scale, unit) else _NO_UNIT for unit, scale, first in axes]
    units = {unit for unit, _, _ in axes}
    mixed = UNCALIBRATED in units and units & set(LENGTHS_IN_NM)
    return [_NO_UNIT] * 2 if mixed else axes


def _same(axis: Axis, expected: tuple[str, float, float]) -> bool:
    unit, scale, offset = expected
    near = np.allclose((axis.scale, axis.offset), (scale, offset), rtol=1e-9, atol=1e-9 * abs(scale))
    return axis.unit == unit and bool(near)


def size_of(given: Mapping[str, Any]) -> int:
    """Return the number of samples along an axis of a signal."""
    return int(given["size"]) if "size" in given else len(given["axis"])


def _recalibrated(axis: Axis, given: Mapping[str, Any], size: int) -> dict[str, Any]:
    roles = {name: given[name] for name in ("name", "navigate", "is_binned") if name in given}
    return {**_axis_dict(axis, size), **roles}


def _fresh(dataset: Image | Spectrum, data: Any) -> tuple[Any, list[dict[str, Any]]]:
    axes = [_axis_dict(axis, int(n)) for axis, n in zip(dataset.axes, data.shape, strict=True)]
    if isinstance(dataset, Spectrum):
        for axis in axes[:-1]:
            axis["navigate"] = True
        return data, axes
    order = _order(dataset)
    scanned = len(axes) - (2 if order[-1] == len(axes) - 1 else 1)
    return data.transpose(order), [{**axes[i], "navigate": place < scanned} for place, i in enumerate(order)]


def _order(dataset: Image | Spectrum) -> list[int]:
    """Return which axis of a dataset each dimension of its signal is: HyperSpy has energies last."""
    places = list(range(len(dataset.axes)))
    if isinstance(dataset, Image) and len(places) > 2 and _is_spectral(dataset.axes[-3]):
        places.append(places.pop(-3))
    return places


def _is_spectral(axis: Axis) -> bool:
    probe = Image(np.zeros((1, 1, 1)), (axis, Axis("y"), Axis("x")))
    return probe.is_spectral


def _axis_dict(axis: Axis, size: int) -> dict[str, Any]:
    unit = None if axis.unit == UNCALIBRATED else axis.unit
    return {
        "name": axis.name,
        "size": size,
        "scale": axis.scale,
        "offset": axis.offset,
        "units": unit,
        "navigate": False,
    }


def _metadata(dataset: Image | Spectrum) -> dict[str, Any]:
    metadata: dict[str, Any] = dict(kept(dataset.metadata.get("understood") or {}, []))
    metadata["General"] = {**section(metadata, "General"), "title": title_of(dataset)}
    metadata["Signal"] = dict(section(metadata, "Signal"))
    if dataset.quantity:
        unit = f" ({dataset.value_unit})" if dataset.value_unit else ""
        metadata["Signal"]["quantity"] = f"{dataset.quantity}{unit}"
    return metadata


def section(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a branch of the metadata; empty where there is none."""
    branch = metadata.get(name)
    return branch if isinstance(branch, Mapping) else {}


def tree(tags: Any) -> Mapping[str, Any]:
    """Return HyperSpy's trees of tags as dictionaries."""
    return tags.as_dictionary() if hasattr(tags, "as_dictionary") else dict(tags or {})


def kept(value: Any, notes: list[str], depth: int = 0) -> Any:
    """Copy metadata as plain Python and NumPy; other libraries' objects are left out, and `notes` say so."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        entries = {str(key): kept(item, notes, depth + 1) for key, item in value.items()}
        lost = sorted(key for key, item in entries.items() if item is _LOST)
        if lost:
            notes.append(f"Left out of the metadata: {', '.join(lost)}.")
        return {key: item for key, item in entries.items() if item is not _LOST}
    if isinstance(value, list | tuple):
        items = [kept(item, notes, depth + 1) for item in value]
        if any(item is _LOST for item in items):
            return _LOST
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, np.ndarray):
        return _LOST if value.dtype.hasobject else value.copy()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        return value
    return _LOST


class _Lost:
    """Stands for what could not be kept."""


_LOST = _Lost()
