"""Edges and lines by element: known values, in the unit of the axis."""

from __future__ import annotations

import pytest

from napari_atomai.data.edges import EELS_EDGES, XRAY_LINES, edges_of
from napari_atomai.errors import UnknownOption


def test_an_axis_in_ev_gets_edges_and_one_in_kev_gets_lines() -> None:
    assert [(one.name, one.energy) for one in edges_of("ti, O", "eV")] == [("Ti L", 456.0), ("O K", 532.0)]
    assert edges_of("O", "meV")[0].energy == 532e3
    assert [one.energy for one in edges_of("Si", "keV")] == [1.740]
    assert edges_of("Si", "nm") == []
    assert edges_of("", "eV") == []


def test_an_element_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownOption, match="Tii"):
        edges_of("Tii", "eV")


def test_lines_follow_moseley_and_lie_below_the_edges() -> None:
    order = [
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "S",
        "Cl",
        "K",
        "Ca",
        "Sc",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
    ]
    numbers = [*range(11, 18), *range(19, 30)]
    for symbol, number in zip(order, numbers, strict=True):
        kalpha = next(one.energy for one in XRAY_LINES[symbol] if "K" in one.name)
        assert kalpha == pytest.approx(0.0102 * (number - 1) ** 2, rel=0.04)
    for symbol in ("C", "N", "O", "F", "Na", "Mg", "Al", "Si"):
        edge = next(one.energy for one in EELS_EDGES[symbol] if one.name.endswith("K"))
        line = next(one.energy for one in XRAY_LINES[symbol] if "K" in one.name)
        assert 1e3 * line <= edge < 1.1 * 1e3 * line
