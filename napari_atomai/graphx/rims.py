"""Is it a stretched bond, or the rim of a vacancy: six atoms laid over both shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.graphx.likely import incident, within_valence

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Complexes = NDArray[np.complex128]

_RARE = 10.0  # how much rarer a vacancy is than a bond, as a log likelihood

_WAY = np.exp(1j * np.pi / 6 * np.arange(12))
"""Directions in steps of 30 degrees; lengths are those of a bond."""
_BOND = np.array([0, 1, _WAY[4], _WAY[8], 1 + _WAY[2], 1 + _WAY[10]])
"""Two bonded atoms; the other neighbours of each, left and right of the way from the first to the second."""
_RIM = np.array(
    [_WAY[5], _WAY[1], _WAY[5] + _WAY[3], _WAY[5] + _WAY[7], _WAY[1] + _WAY[3], _WAY[1] + _WAY[11]]
)
"""The same of two neighbours of a vacancy that lies to their right."""
_MIRRORED = _RIM[[0, 1, 3, 2, 5, 4]].conj()


def settle_gaps(pairs: Integers, sides: Vector, chosen: Flags, doubtful: Integers, noise: float) -> None:
    """Choose again the doubtful bonds between atoms that have two others each.

    Positions have equal noise along both axes, so that the sums of squares by which the six atoms differ
    from either shape, moved and turned to fit, are its log likelihoods. A single length does not tell as
    much: an atom that noise has moved also moves the angles around it.

    Parameters
    ----------
    pairs : array of int, shape (P, 2)
        Atoms of each candidate.
    sides : array, shape (P, 2)
        From the first to the second, in bond lengths.
    chosen : array of bool, shape (P,)
        Which are bonds; changed in place.
    doubtful : array of int, shape (K,)
        Those that may change.
    noise : float
        Standard deviation of lengths, in bond lengths.
    """
    count = int(pairs.max()) + 1
    others = np.bincount(pairs[chosen].ravel(), minlength=count)[pairs[doubtful]] - chosen[doubtful][:, None]
    asked = doubtful[(others == 2).all(axis=1)]
    if not len(asked):
        return
    beside = _beside(pairs, chosen, asked)
    far = pairs[beside].sum(axis=3) - pairs[asked][:, :, None]  # the atoms at their other ends
    open_ = ~(far[:, 0, :, None] == far[:, 1, None, :]).any(axis=(1, 2))  # no triangle
    asked, beside = asked[open_], beside[open_]
    found = _six_atoms(pairs, sides @ np.array([1, 1j]), asked, beside)
    apart = np.minimum(_misfit(found, _RIM), _misfit(found, _MIRRORED))
    against = (_misfit(found, _BOND) - apart) / noise**2 - _RARE
    chosen[asked[against >= 0]] = False
    new = (against < 0) & ~chosen[asked]
    asked, against = asked[new], against[new]
    room = np.asarray(3.0 - np.bincount(pairs[chosen].ravel(), minlength=count), float)
    chosen[asked[within_valence(pairs[asked], against, room)]] = True


def _beside(pairs: Integers, chosen: Flags, asked: Integers) -> Integers:
    """Return the two other bonds (K, 2, 2) at each end of bonds."""
    around = incident(pairs, chosen, int(pairs.max()) + 1)[1][pairs[asked]]
    others = (around >= 0) & (around != asked[:, None, None])
    return np.take_along_axis(around, np.argsort(~others, axis=2, kind="stable")[:, :, :2], axis=2)


def _six_atoms(pairs: Integers, plane: Complexes, asked: Integers, beside: Integers) -> Complexes:
    """Return where (K, 6) both ends of bonds lie, and the others of each, left and right of the bond."""
    along = plane[asked]
    seen = [np.zeros_like(along), along]
    for end, start in enumerate((0, along)):
        one, other = (_leaving(pairs, plane, beside[:, end, i], pairs[asked, end]) for i in (0, 1))
        left = (one / along).imag > (other / along).imag
        seen += [start + np.where(left, one, other), start + np.where(left, other, one)]
    return np.stack(seen, axis=1)


def _leaving(pairs: Integers, plane: Complexes, bond: Integers, atom: Integers) -> Complexes:
    turned: Complexes = plane[bond] * np.where(pairs[bond, 0] == atom, 1.0, -1.0)
    return turned


def _misfit(found: Complexes, shape: Complexes) -> Vector:
    """Return the sum of squares (K,) by which points (K, M) differ from a shape, moved and turned to fit."""
    found, shape = found - found.mean(axis=1, keepdims=True), shape - shape.mean()
    squares = (np.abs(found) ** 2).sum(axis=1) + (np.abs(shape) ** 2).sum()
    return np.asarray(squares - 2 * np.abs(found @ shape.conj()))
