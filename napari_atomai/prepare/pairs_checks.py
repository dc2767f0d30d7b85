"""Signals that a model learns from or predicts with: of the size it was made for, real and finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage

Signals = NDArray[np.float64]

FEWEST = 8
"""Pairs that there must be to learn from."""


def checked_signals(values: ArrayLike, dims: tuple[int, ...], name: str) -> Signals:
    """Return spectra (n, length) or images (n, rows, columns) as float64.

    Parameters
    ----------
    values : array, shape (n, *dims) or (n, 1, *dims)
        The second is AtomAI's, with a channel; one signal of shape `dims` is taken for a stack of one.
    dims : tuple of int
        Size of one signal.
    name : str
        What they are, for the sentence.

    Raises
    ------
    BadImage
        If they are of another size or kind, or not finite, with how many.
    """
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise BadImage(
            f"The {name} are of kind {array.dtype}; signals are real numbers.",
            remedy="Take the real part, the amplitude or the phase first.",
        )
    if array.shape == dims:
        array = array[None]
    elif array.shape[1:] == (1, *dims):
        array = array[:, 0]
    if array.shape[1:] != dims or len(array) == 0:
        raise BadImage(
            f"The {name} have shape {array.shape}; the model takes (n, {', '.join(map(str, dims))}).",
            why="A window or an energy axis of another size than in training means something else.",
            remedy="Cut the patches, or bin the spectra, as for the training.",
        )
    signals = array.astype(np.float64)
    bad = ~np.isfinite(signals).reshape(len(signals), -1).all(axis=1)
    if bad.any():
        raise BadImage(
            f"{int(bad.sum())} of {len(signals)} {name} have values that are not finite (NaN, inf), the "
            f"first is number {int(np.argmax(bad))}.",
            why="One of them would make every weight NaN.",
            remedy="Leave these pairs out; prepare.pairs.structure_pairs does.",
        )
    return signals


def check_together(features: Signals, targets: Signals, name: str = "training") -> None:
    """Refuse inputs without a target each, or targets that are all the same.

    Raises
    ------
    BadImage
        With the numbers of both.
    """
    if len(features) != len(targets):
        raise BadImage(
            f"There are {len(features)} {name} inputs and {len(targets)} targets.",
            remedy="Give one target for each input, in the same order.",
        )
    if name != "training":
        return
    if len(features) < FEWEST:
        raise BadImage(
            f"There are {len(features)} pairs to learn from.",
            why="What holds for so few holds by chance.",
            remedy=f"Give at least {FEWEST}; some hundred are a beginning.",
        )
    for signals, what in ((features, "inputs"), (targets, "targets")):
        if np.all(signals == signals[0]):
            raise BadImage(
                f"All {len(signals)} {what} are the same" + (", all zero." if not signals.any() else "."),
                why="There is nothing to tell them apart by.",
                remedy="Look at the data: a detector may have been off, or the region is empty.",
            )
