"""Doubtful bonds of noisy positions, chosen together: which of them explain lengths and angles best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_atomai.graphx.likely import incident
from napari_atomai.graphx.rims import settle_gaps

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_FLAT = 3
"""Bonds of an atom whose bonds lie 120 degrees apart; of others the angles are not known beforehand."""
_CALM = 0.045  # noise of relative lengths below which no bond is mistaken
_STRAIN = (0.04, 0.11)  # spread at defects, without noise: of relative lengths, and of those across angles
_GAIN = 16.0  # what a bond may cost, as a log likelihood, before none is more likely
_AT_BORDERS = 9.0  # the same between atoms that have one other bond each, as borders do
_LONG = 2.2  # bonds that are longer than usual by so many times the noise are doubtful ...
_SHORT = 3.0  # ... and what is no bond though nearer than by so many ...
_OPEN = 5.5  # ... or than by so many, where both ends could have one
_AWAY = 0.0  # bonds longer by so many may go where a nearer atom could take their place
_MOST = 14  # doubtful bonds in one group: all 2 ** 14 choices are tried


def jointly(pairs: Integers, relative: Vector, vectors: Vector, limits: Vector, kept: Flags) -> Flags:
    """Choose doubtful bonds again, those that share atoms together.

    The bonds of a flat atom with three are equally long and 120 degrees apart. Noise lets single bonds look
    too long, or second neighbours near enough for one; a choice bond by bond then takes the one for the
    other. Here every choice of a group of doubtful bonds is weighed by how much lengths and distances across
    angles differ from the usual, over their spread; both are learned from the bonds themselves.

    Parameters
    ----------
    pairs, relative, vectors
        Candidates: atoms (P, 2), length over the sum of radii (P,), and vector (P, D).
    limits : array, shape (N,)
        Most bonds of each atom; infinite for no limit.
    kept : array of bool, shape (P,)
        What was chosen bond by bond.

    Returns
    -------
    array of bool, shape (P,)
    """
    flat = (limits == _FLAT)[pairs].all(axis=1)
    sure = relative[kept & flat]
    if len(sure) < _FLAT:
        return kept
    usual = float(np.median(sure))
    noise = 1.4826 * float(np.median(np.abs(sure - usual)))
    if noise < _CALM:
        return kept
    which = np.flatnonzero(flat & _doubtful(pairs, (relative - usual) / noise, limits, kept))
    if not len(which):
        return kept
    local = _Local.around(pairs, relative, vectors, kept, which)
    room = limits[local.atoms] - np.bincount(local.pairs[local.firm].ravel(), minlength=len(local.atoms))
    local.chosen[local.doubtful] = _decided(_weighed(local, usual, noise), local, room)
    if vectors.shape[1] == 2:
        settle_gaps(local.pairs, local.sides / usual, local.chosen, local.doubtful, noise / usual)
    chosen = kept.copy()
    chosen[which] = local.chosen[local.doubtful]
    return chosen


def _doubtful(pairs: Integers, excess: Vector, limits: Vector, kept: Flags) -> Flags:
    """Tell which candidates are in doubt, from how much longer than usual they are, over the noise."""
    long = kept & (excess > _LONG)
    free = np.bincount(pairs[kept].ravel(), minlength=len(limits)) < limits
    may = free | _at(pairs[long], len(limits))
    out = ~kept & (excess < _OPEN)
    short = out & ((excess < _SHORT) | may[pairs].all(axis=1))
    away = kept & (excess > _AWAY) & _at(pairs[short], len(limits))[pairs].any(axis=1)
    may |= _at(pairs[away], len(limits))
    instead = out & free[pairs].any(axis=1) & may[pairs].all(axis=1)
    return np.asarray(long | short | away | instead)


def _at(pairs: Integers, count: int) -> Flags:
    """Tell which atoms are ends of bonds."""
    ends = np.zeros(count, bool)
    ends[pairs] = True
    return ends


@dataclass(frozen=True, eq=False)
class _Local:
    """Doubtful bonds, and the firm ones at their ends, of a few atoms that are numbered anew."""

    atoms: Integers
    pairs: Integers
    sides: Vector
    doubtful: Integers
    firm: Flags
    chosen: Flags

    @classmethod
    def around(
        cls, pairs: Integers, relative: Vector, vectors: Vector, kept: Flags, which: Integers
    ) -> _Local:
        doubted = np.zeros(len(pairs), bool)
        doubted[which] = True
        ends = _at(pairs[which], int(pairs.max()) + 1)
        index = np.flatnonzero((kept | doubted) & ends[pairs].any(axis=1))
        atoms, numbered = np.unique(pairs[index], return_inverse=True)
        lengths = np.maximum(np.linalg.norm(vectors[index], axis=1), 1e-12)
        sides = vectors[index] * (relative[index] / lengths)[:, None]
        doubtful = np.flatnonzero(doubted[index])
        return cls(atoms, numbered.reshape(-1, 2), sides, doubtful, ~doubted[index], kept[index])


@dataclass(frozen=True, eq=False)
class _Doubts:
    """What each doubtful bond costs (K,), and what two of them cost together: entries (E,), each twice."""

    alone: Vector
    one: Integers
    other: Integers
    both: Vector


def _weighed(local: _Local, usual: float, noise: float) -> _Doubts:
    """Weigh doubtful bonds by their lengths and by the distances across the angles at their ends."""
    pairs, sides, which = local.pairs, local.sides, local.doubtful
    spread = noise**2 + np.square(_STRAIN)
    count = np.bincount(pairs[local.chosen].ravel(), minlength=len(local.atoms))
    others = count[pairs[which]] - local.chosen[which][:, None]
    gain = np.where(others.sum(axis=1) > 2, _GAIN, _AT_BORDERS)
    alone = (np.linalg.norm(sides[which], axis=1) - usual) ** 2 / (2 * spread[0]) - gain
    _, around = incident(pairs, np.ones(len(pairs), bool), len(local.atoms))
    place = np.full(len(pairs), -1, np.int64)
    place[which] = np.arange(len(which))
    ends, bonds = pairs[which].T.ravel(), np.tile(which, 2)
    row, column = np.nonzero((around[ends] >= 0) & (around[ends] != bonds[:, None]))
    atom, bond, beside = ends[row], bonds[row], around[ends[row], column]
    across = _leaving(pairs, sides, bond, atom) - _leaving(pairs, sides, beside, atom)
    price = (np.linalg.norm(across, axis=1) - np.sqrt(3) * usual) ** 2 / (2 * spread[1])
    firm = local.firm[beside]
    np.add.at(alone, place[bond[firm]], price[firm])
    return _Doubts(alone, place[bond[~firm]], place[beside[~firm]], price[~firm])


def _leaving(pairs: Integers, sides: Vector, bond: Integers, atom: Integers) -> Vector:
    turned: Vector = sides[bond] * np.where(pairs[bond, 0] == atom, 1.0, -1.0)[:, None]
    return turned


def _decided(doubts: _Doubts, local: _Local, room: Vector) -> Flags:
    """Choose within each group of doubtful bonds that share atoms; groups that are too large stay."""
    pairs, chosen = local.pairs[local.doubtful], local.chosen[local.doubtful]
    group = _groups(pairs, len(room))
    size = np.bincount(group)
    order = np.argsort(group, kind="stable")
    starts = np.cumsum(size) - size
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, size)
    for many in np.unique(size[size <= _MOST]):
        groups = np.flatnonzero(size == many)
        members = order[starts[groups][:, None] + np.arange(many)]
        row = np.full(len(size), -1, np.int64)
        row[groups] = np.arange(len(groups))
        inside = row[group[doubts.one]] >= 0
        one, other = doubts.one[inside], doubts.other[inside]
        both = np.zeros((len(groups), many, many))
        np.add.at(both, (row[group[one]], rank[one], rank[other]), doubts.both[inside])
        chosen[members] = _best(pairs[members], doubts.alone[members], both, room)
    return chosen


def _groups(pairs: Integers, count: int) -> Integers:
    """Return which group each bond belongs to: those that hang together by atoms."""
    graph = coo_array((np.ones(len(pairs), np.int8), tuple(pairs.T)), shape=(count, count))
    label = connected_components(graph, directed=False)[1][pairs[:, 0]]
    return np.asarray(np.unique(label, return_inverse=True)[1], np.int64)


def _best(pairs: Integers, alone: Vector, both: Vector, room: Vector) -> Flags:
    """Return the cheapest choice (G, k) of each group in which no atom has more bonds than it has room for.

    `both` (G, k, k) has every two bonds twice.
    """
    groups, many = alone.shape
    choices = ((np.arange(2**many)[:, None] >> np.arange(many)) & 1).astype(float)
    two = (choices[:, :, None] * choices[:, None, :]).reshape(len(choices), -1)
    ends = pairs.reshape(groups, -1)
    meets = (ends[:, :, None, None] == pairs[:, None]).any(axis=3).astype(float)
    best = np.empty((groups, many), bool)
    at_once = max((1 << 22) // (len(choices) * many), 1)  # numbers in the largest array
    for begin in range(0, groups, at_once):
        part = slice(begin, begin + at_once)
        cost = alone[part] @ choices.T + both[part].reshape(-1, many**2) @ two.T / 2
        full = (meets[part] @ choices.T > room[ends[part]][:, :, None]).any(axis=1)
        cost[full] = np.inf
        best[part] = choices[cost.argmin(axis=1)] > 0
    return best
