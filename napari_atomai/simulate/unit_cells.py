"""Crystals by name: space group, lattice parameters and sites, as crystallographers write them.

Lengths in Å, angles in degrees. Elements (Au, Fe, Si, Mg ...) need no entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Site = tuple[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Crystal:
    """A crystal as a space group with the atoms of its asymmetric unit.

    Parameters
    ----------
    group : int
        Number of the space group.
    cell : tuple of float
        a, b, c, alpha, beta, gamma.
    sites : tuple of (element, (x, y, z))
        Fractional coordinates.
    setting : int
        Which origin or which axes, where the tables give two.
    """

    group: int
    cell: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    setting: int = 1


@dataclass(frozen=True)
class Sheet:
    """A hexagonal sheet one formula unit wide.

    Parameters
    ----------
    a : float
        Lattice parameter.
    sites : tuple of (element, (x, y, z))
        Fractional along the two lattice vectors, which lie 120 degrees apart; z in Å.
    """

    a: float
    sites: tuple[Site, ...]


def _cubic(group: int, a: float, *sites: Site, setting: int = 1) -> Crystal:
    return Crystal(group, (a, a, a, 90, 90, 90), sites, setting)


def _hexagonal(group: int, a: float, c: float, *sites: Site) -> Crystal:
    return Crystal(group, (a, a, c, 90, 90, 120), sites)


def _tetragonal(group: int, a: float, c: float, *sites: Site) -> Crystal:
    return Crystal(group, (a, a, c, 90, 90, 90), sites)


def _perovskite(a_site: str, b_site: str, a: float) -> Crystal:
    return _cubic(221, a, (a_site, (0, 0, 0)), (b_site, (0.5, 0.5, 0.5)), ("O", (0.5, 0.5, 0)))


def _wurtzite(cation: str, anion: str, a: float, c: float, u: float) -> Crystal:
    return _hexagonal(186, a, c, (cation, (1 / 3, 2 / 3, 0)), (anion, (1 / 3, 2 / 3, u)))


def _dichalcogenide(metal: str, chalcogen: str, a: float, thickness: float) -> Sheet:
    """Return a sheet of the 2H kind: the two chalcogens lie on top of each other."""
    half = thickness / 2
    return Sheet(
        a,
        (
            (metal, (1 / 3, 2 / 3, 0)),
            (chalcogen, (2 / 3, 1 / 3, half)),
            (chalcogen, (2 / 3, 1 / 3, -half)),
        ),
    )


CRYSTALS: Mapping[str, Crystal] = MappingProxyType(
    {
        "SrTiO3": _perovskite("Sr", "Ti", 3.905),
        "BaTiO3": _perovskite("Ba", "Ti", 4.006),
        "LaAlO3": _perovskite("La", "Al", 3.79),
        "PbTiO3": _tetragonal(
            99,
            3.904,
            4.152,
            ("Pb", (0, 0, 0)),
            ("Ti", (0.5, 0.5, 0.538)),
            ("O", (0.5, 0.5, 0.112)),
            ("O", (0.5, 0, 0.612)),
        ),
        "MgO": _cubic(225, 4.212, ("Mg", (0, 0, 0)), ("O", (0.5, 0.5, 0.5))),
        "NaCl": _cubic(225, 5.640, ("Na", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5))),
        "CeO2": _cubic(225, 5.411, ("Ce", (0, 0, 0)), ("O", (0.25, 0.25, 0.25))),
        "GaAs": _cubic(216, 5.653, ("Ga", (0, 0, 0)), ("As", (0.25, 0.25, 0.25))),
        "MgAl2O4": _cubic(
            227,
            8.083,
            ("Mg", (0.125, 0.125, 0.125)),
            ("Al", (0.5, 0.5, 0.5)),
            ("O", (0.2624, 0.2624, 0.2624)),
            setting=2,
        ),
        "TiO2": _tetragonal(136, 4.594, 2.959, ("Ti", (0, 0, 0)), ("O", (0.305, 0.305, 0))),
        "Sr2RuO4": _tetragonal(
            139,
            3.87,
            12.74,
            ("Sr", (0, 0, 0.3538)),
            ("Ru", (0, 0, 0)),
            ("O", (0, 0.5, 0)),
            ("O", (0, 0, 0.1619)),
        ),
        "YBa2Cu3O7": Crystal(
            47,
            (3.82, 3.885, 11.68, 90, 90, 90),
            (
                ("Y", (0.5, 0.5, 0.5)),
                ("Ba", (0.5, 0.5, 0.1843)),
                ("Cu", (0, 0, 0)),
                ("Cu", (0, 0, 0.3556)),
                ("O", (0, 0.5, 0)),
                ("O", (0.5, 0, 0.3773)),
                ("O", (0, 0.5, 0.3789)),
                ("O", (0, 0, 0.1584)),
            ),
        ),
        "GaN": _wurtzite("Ga", "N", 3.189, 5.185, 0.377),
        "AlN": _wurtzite("Al", "N", 3.112, 4.982, 0.382),
        "ZnO": _wurtzite("Zn", "O", 3.250, 5.207, 0.382),
        "Al2O3": _hexagonal(167, 4.759, 12.991, ("Al", (0, 0, 0.3522)), ("O", (0.3063, 0, 0.25))),
        "Bi2Se3": _hexagonal(
            166, 4.143, 28.636, ("Bi", (0, 0, 0.4008)), ("Se", (0, 0, 0)), ("Se", (0, 0, 0.2117))
        ),
    }
)
"""Compounds that are often looked at, by formula; TiO2 is rutile."""


SHEETS: Mapping[str, Sheet] = MappingProxyType(
    {
        "graphene": Sheet(2.461, (("C", (1 / 3, 2 / 3, 0)), ("C", (2 / 3, 1 / 3, 0)))),
        "hBN": Sheet(2.504, (("B", (1 / 3, 2 / 3, 0)), ("N", (2 / 3, 1 / 3, 0)))),
        "MoS2": _dichalcogenide("Mo", "S", 3.160, 3.17),
        "WS2": _dichalcogenide("W", "S", 3.153, 3.14),
        "MoSe2": _dichalcogenide("Mo", "Se", 3.288, 3.34),
        "WSe2": _dichalcogenide("W", "Se", 3.282, 3.34),
        "NbSe2": _dichalcogenide("Nb", "Se", 3.440, 3.36),
    }
)
"""Two-dimensional materials by name; the dichalcogenides are of the 2H kind."""
