"""Bonds of a plane that cross shorter ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.graphx.bonds import Bonds
from napari_atomai.graphx.pairs import pairs_within

Integers = NDArray[np.int64]


def crossing_pairs(bonds: Bonds) -> Integers:
    """Return pairs (P, 2) of bonds that cross inside both; bonds that share an atom do not."""
    if len(bonds) < 2:
        return np.empty((0, 2), np.int64)
    middles = bonds.positions[bonds.pairs[:, 0]] + bonds.vectors / 2
    found, between = pairs_within(middles, float(bonds.lengths.max()), bonds.cell)
    one, other = bonds.vectors[found[:, 0]], bonds.vectors[found[:, 1]]
    area = _cross(one, other)
    flat = np.abs(area) < 1e-12
    safe = np.where(flat, 1.0, area)
    along_one, along_other = _cross(between, other) / safe, _cross(between, one) / safe
    ends = bonds.pairs[found].reshape(-1, 4)
    shared = (ends[:, :2, None] == ends[:, None, 2:]).any(axis=(1, 2))
    crossed = ~flat & ~shared & (np.abs(along_one) < 0.5) & (np.abs(along_other) < 0.5)
    return np.asarray(found[crossed])


def _cross(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    crossed: NDArray[np.float64] = one[:, 1] * other[:, 0] - one[:, 0] * other[:, 1]
    return crossed


def without_crossings(bonds: Bonds) -> Bonds:
    """Take out bonds that cross shorter ones, the shortest first being sure to stay."""
    pairs = crossing_pairs(bonds)
    if not len(pairs):
        return bonds
    rank = np.empty(len(bonds), np.int64)
    rank[np.argsort(bonds.lengths, kind="stable")] = np.arange(len(bonds))
    swap = rank[pairs[:, 0]] > rank[pairs[:, 1]]
    pairs = np.where(swap[:, None], pairs[:, ::-1], pairs)
    gone = np.zeros(len(bonds), bool)
    while len(pairs):
        # A bond that is the longer one of no pair stays for certain; what it crosses goes.
        longer = np.zeros(len(bonds), bool)
        longer[pairs[:, 1]] = True
        gone[pairs[~longer[pairs[:, 0]], 1]] = True
        pairs = pairs[~gone[pairs].any(axis=1)]
    return bonds.keep(~gone)
