"""Where elements show in spectra: edges of energy loss, and characteristic X-ray lines.

Onsets of edges in eV after C. C. Ahn and O. L. Krivanek, EELS Atlas (Gatan, 1983), and R. F. Egerton,
Electron Energy-Loss Spectroscopy in the Electron Microscope (3rd ed., 2011), appendix D; lines in keV after
the X-ray Data Booklet (Lawrence Berkeley National Laboratory, 2009), table 1-2: the strongest of each shell.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_atomai.errors import UnknownOption

_EDGES = """
Li K 55|B K 188|C K 284|N K 401|O K 532|F K 685|Na K 1072|Mg K 1305|Al L 73 K 1560|Si L 99 K 1839|P L 132
S L 165|Cl L 200|K L 294|Ca L 346|Sc L 402|Ti L 456|V L 513|Cr L 575|Mn L 640|Fe L 708|Co L 779|Ni L 855
Cu L 931|Zn L 1020|Ga L 1115|Ge L 1217|Sr M 133 L 1940|Zr L 2222|Nb M 205|Mo M 227|Pd M 335|Ag M 367|In M 443
Sn M 485|Sb M 528|Te M 572|I M 619|Ba M 781|La M 832|Ce M 883|Pr M 931|Nd M 978|Sm M 1080|Gd M 1185|Hf M 1662
Ta M 1735|W M 1809|Pt M 2122|Au M 2206|Pb M 2484|Bi M 2580
"""
_LINES = """
B Kα 0.183|C Kα 0.277|N Kα 0.392|O Kα 0.525|F Kα 0.677|Na Kα 1.041|Mg Kα 1.254|Al Kα 1.487|Si Kα 1.740
P Kα 2.014|S Kα 2.308|Cl Kα 2.622|K Kα 3.314|Ca Kα 3.692|Sc Kα 4.091|Ti Lα 0.452 Kα 4.511|V Kα 4.952
Cr Kα 5.415
Mn Lα 0.637 Kα 5.899|Fe Lα 0.705 Kα 6.404|Co Lα 0.776 Kα 6.930|Ni Lα 0.852 Kα 7.478|Cu Lα 0.930 Kα 8.048
Zn Lα 1.012 Kα 8.639|Ga Kα 9.252|Ge Kα 9.886|Sr Lα 1.807 Kα 14.165|Y Lα 1.923|Zr Lα 2.042 Kα 15.775
Nb Lα 2.166
Mo Lα 2.293 Kα 17.479|Ru Lα 2.559|Pd Lα 2.839|Ag Lα 2.984|In Lα 3.287|Sn Lα 3.444|Sb Lα 3.605|Te Lα 3.769
I Lα 3.938|Ba Lα 4.466|La Lα 4.651|Ce Lα 4.840|Hf Mα 1.645 Lα 7.899|Ta Mα 1.710 Lα 8.146|W Mα 1.775 Lα 8.398
Pt Mα 2.051 Lα 9.442|Au Mα 2.123 Lα 9.713|Pb Mα 2.346 Lα 10.552|Bi Mα 2.423 Lα 10.839
"""
_LOSS, _RAYS = ("eV", "meV"), ("keV",)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge or a line: "Ti L" at 456 eV."""

    name: str
    energy: float


def edges_of(elements: str, unit: str) -> list[Edge]:
    """Return edges (unit eV or meV) or X-ray lines (keV) of elements, in the unit that was asked for.

    Parameters
    ----------
    elements : str
        Symbols with commas or spaces between them: "Sr, Ti, O".
    unit : str
        Of the spectrum's axis; one that is no energy has none.

    Raises
    ------
    UnknownOption
        If there is no such element in the table; the nearest is named.
    """
    symbols = elements.replace(",", " ").split()
    table = EELS_EDGES if unit in _LOSS else XRAY_LINES if unit in _RAYS else None
    if table is None:
        return []
    factor = 1e3 if unit == "meV" else 1.0
    found = []
    for symbol in symbols:
        if symbol.capitalize() not in table:
            raise UnknownOption("element in the table called", symbol, table)
        found += [Edge(one.name, factor * one.energy) for one in table[symbol.capitalize()]]
    return found


def _read(text: str) -> dict[str, tuple[Edge, ...]]:
    table = {}
    for entry in text.replace("\n", "|").split("|"):
        if entry:
            symbol, *rest = entry.split()
            pairs = zip(rest[::2], rest[1::2], strict=True)
            table[symbol] = tuple(Edge(f"{symbol} {shell}", float(energy)) for shell, energy in pairs)
    return table


EELS_EDGES = _read(_EDGES)
"""Onsets in eV by element."""
XRAY_LINES = _read(_LINES)
"""Energies in keV by element."""
