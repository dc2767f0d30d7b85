from __future__ import annotations

import pint
import pytest

from napari_atomai.data.units import normalise_unit, preferred

TABLE = [
    (
        "Å",
        [
            "Å",
            "\u212b",
            "A",
            "AA",
            "Angstrom",
            "angstrom",
            "Angstroms",
            "ANGSTROM",
            r"$\AA$",
            "Ang",
            b"\xc5",
            " Å ",
        ],
    ),
    ("nm", ["nm", "$nm$", "(nm)", "[nm]", b"nm", "nm\x00", "nanometer", "Nanometres", r"$\mathrm{nm}$"]),
    (
        "µm",
        [
            "µm",
            "\u03bcm",
            "\u00b5m",
            "um",
            "micron",
            "Microns",
            "micrometer",
            r"\u00B5m",
            r"$\mu$m",
            b"\xb5m",
            b"\xc2\xb5m",
        ],
    ),
    ("pm", ["pm", "picometer"]),
    ("mm", ["mm", "millimetre"]),
    ("cm", ["cm", "centimeter"]),
    ("m", ["m", "meter", "meters", "metre"]),
    ("nm", ["[n_m]", b"n_m", r"\u006em"]),
    ("Å", [r"\u00C5", r"\u212b"]),
    (
        "1/nm",
        [
            "1/nm",
            "[n_m^-1]",
            "1 / nm",
            "nm-1",
            "nm^-1",
            "nm⁻¹",
            "nm^{-1}",
            "$nm^{-1}$",
            "nm**-1",
            "1/nanometer",
        ],
    ),
    ("1/Å", ["1/Å", "1/A", "A^-1", "Å-1", r"$\AA^{-1}$", "A^-1"]),
    ("1/m", ["1/m", "1/meters"]),
    ("1/cm", ["1/cm", "cm-1", "cm^-1", "cm⁻¹", "cm^{-1}"]),
    ("s", ["s", "sec", "seconds", "Second"]),
    ("ms", ["ms", "msec"]),
    ("eV", ["eV", "electronvolt"]),
    ("keV", ["keV"]),
    ("mrad", ["mrad"]),
    ("°", ["°", "deg", "degrees"]),
    ("counts", ["counts", "Counts", "count"]),
    (
        "pixel",
        [
            "",
            " ",
            None,
            b"",
            "<undefined>",
            "t.Undefined",
            "px",
            "pixel",
            "pixels",
            "M",
            "MM",
            "NM",
            "Nm",
            "nM",
            "a.u.",
            "unknown",
            "_None_",
            3,
            2.5,
            [],
            "1/px",
            "nm/px",
            "nm^2",
            "kg",
            "x" * 10_000,
            "{",
            "$",
            "1/",
            "-1",
            "\x00",
        ],
    ),
]


@pytest.mark.parametrize(
    ("unit", "text"), [(unit, text) for unit, texts in TABLE for text in texts], ids=repr
)
def test_what_instruments_write_becomes_one_spelling(unit: str, text: object) -> None:
    assert normalise_unit(text) == unit


@pytest.mark.parametrize("unit", [unit for unit, _ in TABLE])
def test_every_result_stays_itself_and_is_a_unit_for_napari(unit: str) -> None:
    assert normalise_unit(unit) == unit
    assert pint.get_application_registry().parse_expression(unit).units is not None


@pytest.mark.parametrize(
    ("text", "length"),
    [("Å", 1e-10), ("A", 1e-10), ("um", 1e-6), ("pm", 1e-12), ("m", 1), ("$nm$", 1e-9), ("cm", 1e-2)],
)
def test_lengths_are_the_lengths_that_pint_takes_them_for(text: str, length: float) -> None:
    quantity = pint.get_application_registry().Quantity(1, normalise_unit(text))
    assert quantity.to("m").magnitude == pytest.approx(length)


@pytest.mark.parametrize("text", ["1/Å", "A^-1", "1/m", "1/µm", "1/nm", "1/pm", "cm", "nm", "eV"])
def test_the_preferred_unit_times_its_factor_is_the_same_quantity(text: str) -> None:
    registry = pint.get_application_registry()
    unit, factor = preferred(text)
    given = registry.Quantity(1, normalise_unit(text))
    assert given.to(unit).magnitude == pytest.approx(factor)
    assert unit not in ("1/Å", "cm")


def test_wavenumbers_stay_what_spectroscopists_say() -> None:
    assert preferred("cm-1") == ("1/cm", 1.0)
