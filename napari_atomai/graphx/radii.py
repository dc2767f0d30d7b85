"""Covalent radii, usual numbers of bonds and known bond lengths of elements."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import UnknownOption

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb "
    "Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm"
)
_PICOMETRES = (
    "31 28 128 96 84 76 71 66 57 58 166 141 121 111 107 105 102 106 203 176 170 160 153 139 139 132 126 "
    "124 132 122 122 120 119 120 120 116 220 195 190 175 164 154 147 146 142 139 145 144 142 139 139 138 "
    "139 140 244 215 207 204 203 201 199 198 198 196 194 192 192 189 190 187 187 175 170 162 151 144 141 "
    "136 136 132 145 146 148 140 150 150 260 221 215 206 200 196 190 187 180 169"
)
COVALENT_RADII = MappingProxyType(
    {symbol: int(pm) / 100 for symbol, pm in zip(_SYMBOLS.split(), _PICOMETRES.split(), strict=True)}
)
"""Covalent radii in Å (Cordero et al., doi:10.1039/b801115j; carbon sp3, Mn, Fe and Co low spin)."""

VALENCES = MappingProxyType({"B": 3, "C": 3, "N": 3, "Si": 4})
"""Bonds that an atom of a sheet has at most; elements not named here have as many as fit."""

KNOWN_BONDS = MappingProxyType(
    {
        frozenset({"C"}): 1.42,
        frozenset({"B", "N"}): 1.446,
        frozenset({"B"}): 1.62,
        frozenset({"Si"}): 2.352,
        frozenset({"C", "Si"}): 1.78,
    }
)
"""Bond lengths in Å better known than by sums of radii: graphene, hBN, borophene, silicon, Si in graphene."""


def kinds_of(elements: NDArray[np.str_]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different symbols, and which of them each atom has."""
    if elements.strides == (0,) and elements.size:  # one symbol for all, however many: nothing to sort
        return [str(elements[0])], np.zeros(len(elements), np.int64)
    kinds, which = np.unique(elements, return_inverse=True)
    return kinds.tolist(), which.astype(np.int64)


def radii_of(elements: Iterable[str]) -> NDArray[np.float64]:
    """Return the covalent radius of each element in Å.

    Raises
    ------
    UnknownOption
        If one is no element, or has no radius.
    """
    symbols = list(elements)
    for symbol in symbols:
        if symbol not in COVALENT_RADII:
            raise UnknownOption("element with a covalent radius", symbol, COVALENT_RADII)
    return np.array([COVALENT_RADII[symbol] for symbol in symbols])


def bond_length(one: str, other: str) -> float:
    """Return the usual length of a bond in Å: known, or the sum of the radii."""
    known = KNOWN_BONDS.get(frozenset({one, other}))
    return float(radii_of([one, other]).sum()) if known is None else known
