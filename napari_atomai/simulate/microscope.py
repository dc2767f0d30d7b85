"""What a microscope makes of columns: mode, probe, sampling."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadOption, UnknownOption

Vector = NDArray[np.float64]
Mode = Literal["HAADF", "MAADF", "ABF", "BF", "STM"]


class Look(NamedTuple):
    """How columns look in a mode.

    Parameters
    ----------
    exponent : float
        Power of the atomic number with which brightness grows.
    dark : bool
        Whether columns are darker than vacuum.
    contrast : float
        What the strongest column adds to `level`; of dark columns the share of it they take away.
    level : float
        Brightness of vacuum.
    """

    exponent: float
    dark: bool
    contrast: float
    level: float


LOOKS = MappingProxyType(
    {
        # Krivanek et al., 10.1038/nature08879; for heavy elements and wide angles up to 2.
        "HAADF": Look(1.7, dark=False, contrast=1.0, level=0.05),
        "MAADF": Look(1.3, dark=False, contrast=1.0, level=0.3),
        # About the cube root: Findlay et al., 10.1016/j.ultramic.2010.04.004.
        "ABF": Look(0.33, dark=True, contrast=0.5, level=1.0),
        "BF": Look(0.7, dark=True, contrast=0.7, level=1.0),
        "STM": Look(0.0, dark=False, contrast=1.0, level=0.0),
    }
)
"""Usual numbers of each mode. Z to the power of 0 is 1: a tip feels height, not the kind of atom."""

_GOLD = 79.0


@dataclass(frozen=True, kw_only=True)
class Microscope:
    """How a structure is turned into a picture. Lengths in nm.

    Parameters
    ----------
    mode : {"HAADF", "MAADF", "ABF", "BF", "STM"}
        Bright columns (HAADF, MAADF), dark ones on a bright field (ABF, BF), or the corrugation of a
        surface at constant current.
    pixel_size_nm : (row, column)
        The two may differ.
    probe_nm, source_nm : float
        Standard deviations of the probe and of the effective source; they add in squares.
    skirt : float
        Share of a column's height that lies in the probe's tails, 2.5 times as wide.
    exponent : float
        Power of the atomic number; 0 = the usual one of the mode.
    saturation : float
        Brightness levels off with thickness: so many atoms of gold in a column bring it to 63 % of its
        limit.
    background : float
        Brightness of vacuum, where the strongest column adds 1; negative = the usual one of the mode.
    decay_nm : float
        STM: length over which a wave function falls to 1/e outside the surface; density falls twice as
        fast.
    gap_nm : float
        STM: height of the tip above the uppermost atom.

    Raises
    ------
    UnknownOption
        If there is no such mode.
    BadOption
        If a length is not above 0, or the skirt is not a share.
    """

    mode: Mode = "HAADF"
    pixel_size_nm: tuple[float, float] = (0.02, 0.02)
    probe_nm: float = 0.04
    source_nm: float = 0.03
    skirt: float = 0.1
    exponent: float = 0.0
    saturation: float = 60.0
    background: float = -1.0
    decay_nm: float = 0.1
    gap_nm: float = 0.25

    def __post_init__(self) -> None:
        if self.mode not in LOOKS:
            raise UnknownOption("mode", self.mode, LOOKS)
        lengths = (*self.pixel_size_nm, self.probe_nm, self.saturation, self.decay_nm, self.gap_nm)
        if not (min(lengths) > 0 and self.source_nm >= 0 and 0 <= self.skirt < 1):
            raise BadOption(
                f"Pixel size, probe, saturation, decay and gap are {lengths}, the source is "
                f"{self.source_nm:g}, the skirt {self.skirt:g}.",
                remedy="Give numbers above 0; the source may be 0, and the skirt is a share below 1.",
            )

    @property
    def look(self) -> Look:
        """The usual numbers of the mode, and what was asked for instead."""
        usual = LOOKS[self.mode]
        return usual._replace(
            exponent=self.exponent or usual.exponent,
            level=self.background if self.background >= 0 else usual.level,
        )

    def saturated(self, strength: Vector) -> Vector:
        """Return the brightness of columns of a summed scattering strength, which levels off."""
        limit = self.saturation * _GOLD**self.look.exponent
        level: Vector = limit * -np.expm1(-strength / limit)
        return level
