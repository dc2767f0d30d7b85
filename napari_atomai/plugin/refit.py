"""Fit atoms anew where a person has clicked: on the raw pixels, in a piece around them. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.image import Image
from napari_atomai.plugin.layers import KEY

if TYPE_CHECKING:
    from napari.layers import Points

_REACH = 2.5
"""Half width of the piece around an atom in spacings: its neighbours are subtracted in the fit."""
_MEASURED = ("amplitude", "background", "intensity", "significance")
_LENGTHS = ("row_sd", "col_sd", "sigma_row", "sigma_col", "sigma_major", "sigma_minor")


def refit(points: Points, rows: NDArray[np.int64], image: Image, spacing: float, *, dark: bool) -> int:
    """Move atoms to where a Gaussian fits the pixels best, and write what was measured into their features.

    An atom whose fit fails stays where it was put.

    Parameters
    ----------
    points : napari Points layer
        With the atoms of `image`; its data are changed in place.
    rows : array of int, shape (N,)
        Which atoms.
    image : Image
        The pixels.
    spacing : float
        Distance between neighbouring atoms in pixels.
    dark : bool
        Whether atoms are darker than their surroundings.

    Returns
    -------
    int
        How many were moved.
    """
    features = points.features.copy()
    fitted = sum(_one(points, int(row), image, spacing, dark, features) for row in rows)
    if fitted:
        points.features = features
        points.refresh()
    return fitted


def _one(points: Points, row: int, image: Image, spacing: float, dark: bool, features: Any) -> bool:
    from napari_atomai.locate.refine import fit_radius, refine_gaussian

    where = points.data[row]
    there = (np.rint(points.data[:, :-2]) == np.rint(where[:-2])).all(axis=1)
    near = np.abs(points.data[:, -2:] - where[-2:]).max(axis=1) < _REACH * spacing
    others = np.flatnonzero(there & near & (np.arange(len(points.data)) != row))
    shape = np.array(image.frame_shape)
    low = np.clip(np.floor(where[-2:] - (_REACH + 0.5) * spacing).astype(int), 0, shape)
    high = np.clip(np.ceil(where[-2:] + (_REACH + 0.5) * spacing).astype(int) + 1, 0, shape)
    if (high - low < 5).any():
        return False
    frame = tuple(np.clip(np.rint(where[:-2]).astype(int), 0, np.array(image.shape[:-2]) - 1))
    piece = image.pixels[(*frame, slice(low[0], high[0]), slice(low[1], high[1]))]
    pixels = np.asarray(piece, np.float64) * (-1 if dark else 1)
    start = points.data[[row, *others]][:, -2:] - low
    fit = refine_gaussian(pixels, start, fit_radius(spacing), valid=np.isfinite(pixels))
    if not fit.converged[0]:
        return False
    points.data[row, -2:] = fit.positions[0] + low
    _write(features, row, fit)
    return True


def _write(features: Any, row: int, fit: Any) -> None:
    index = features.index[row]
    values = {name: getattr(fit, name)[0] for name in _MEASURED}
    values |= {f"{name}_px": getattr(fit, name)[0] for name in _LENGTHS} | {"angle_deg": fit.angle[0]}
    for name, value in values.items():
        if name in features:
            features.loc[index, name] = value


def class_names(points: Points) -> list[str]:
    """Names of the classes that atoms of a layer can have."""
    names = list(points.metadata.get(KEY, {}).get("class_names") or ["column"])
    used = [str(label) for label in dict.fromkeys(points.features.get("class", ()))]
    return list(dict.fromkeys([*names, *used]))
