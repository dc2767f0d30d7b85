"""Which atoms a person should look at first, and which were looked at. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_atomai.plugin import edits
from napari_atomai.plugin.history import history_of
from napari_atomai.plugin.layers import KEY

if TYPE_CHECKING:
    from napari.layers import Points

SCORE, SPREAD, ERROR = "score near one half", "spread of the nets", "error of the position"
MEASURES = (SCORE, SPREAD, ERROR)
REVIEWED = "reviewed"
"""Column of the features: whether a person has looked at an atom and found it right."""


def uncertainty(points: Points, measure: str) -> NDArray[np.float64]:
    """Return how uncertain each atom (N,) is; NaN where that is not known, and for atoms set by hand."""
    features = points.features
    values = np.full(len(points.data), np.nan)
    if measure == SCORE and "score" in features:
        values = 1 - np.abs(2 * features["score"].to_numpy(float) - 1)
    elif measure == SPREAD and "spread" in features:
        values = features["spread"].to_numpy(float).copy()
    elif measure == ERROR and "row_sd_px" in features:
        values = np.hypot(features["row_sd_px"].to_numpy(float), features["col_sd_px"].to_numpy(float))
    return np.where(edits.by_hand(points), np.nan, values)


def queue(points: Points, measure: str) -> list[int]:
    """Return the numbers of the atoms that were not looked at yet, the most uncertain first."""
    values = uncertainty(points, measure)
    ids = points.features["id"].to_numpy(np.int64)
    waiting = np.isfinite(values) & ~np.isin(ids, reviewed(points))
    order = np.argsort(-values[waiting], kind="stable")
    return [int(i) for i in ids[waiting][order]]


def reviewed(points: Points) -> list[int]:
    """Return the numbers of the atoms that were accepted, those that the threshold hides among them."""
    noted = set(points.metadata.get(KEY, {}).get(edits.REVIEWED_IDS, ()))
    if REVIEWED not in points.features:
        return sorted(noted)
    here = points.features["id"].to_numpy(np.int64)
    accepted = here[points.features[REVIEWED].to_numpy(bool)]
    return sorted((noted - set(here.tolist())) | set(accepted.tolist()))


def remember(points: Points) -> None:
    """Note what was accepted, by undo too: another threshold makes the columns anew."""
    points.metadata[KEY][edits.REVIEWED_IDS] = reviewed(points)


def accept(points: Points, number: int) -> None:
    """Note that an atom was looked at and is right; it can be undone."""
    history = history_of(points)
    if REVIEWED not in points.features:
        with history.not_recorded():
            _set(points, np.isin(points.features["id"].to_numpy(np.int64), reviewed(points)))
    history.commit()
    _set(points, points.features[REVIEWED].to_numpy(bool) | (points.features["id"].to_numpy() == number))
    history.commit()
    remember(points)


def _set(points: Points, accepted: NDArray[np.bool_]) -> None:
    features = points.features.copy()
    features[REVIEWED] = accepted
    points.features = features


def row_of(points: Points, number: int) -> int | None:
    """Return the row of an atom, or None if it is not there."""
    rows = np.flatnonzero(points.features["id"].to_numpy() == number)
    return int(rows[0]) if len(rows) else None
