"""What atoms do to each other: calculators that need nothing else, and CHGNet as an extra."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from napari_atomai.errors import BadOption, MissingExtra, UnknownOption

POTENTIALS = ("auto", "tersoff", "emt", "lennard-jones", "chgnet")
EMT_METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
TERSOFF_ELEMENTS = ("C", "Si")


def potential(name: str, elements: Collection[str]) -> tuple[Any, str]:
    """Return a calculator for some elements, and a sentence that says what it is good for.

    Parameters
    ----------
    name : str
        "tersoff" (C, Si), "emt" (Al, Ni, Cu, Pd, Ag, Pt, Au), "lennard-jones" (one element), "chgnet" (an
        extra), or "auto" for the first of them that knows all elements.
    elements : collection of str
        Symbols that occur.

    Raises
    ------
    UnknownOption
        If there is no such potential.
    BadOption
        If it does not know one of the elements.
    MissingExtra
        If CHGNet is not installed.
    """
    if name not in POTENTIALS:
        raise UnknownOption("potential", name, POTENTIALS)
    kinds = set(elements)
    if name == "auto":
        name = _automatic(kinds)
    if name == "tersoff":
        from napari_atomai.aseutils.tersoff import Tersoff

        _check("Tersoff", kinds, TERSOFF_ELEMENTS)
        return Tersoff(), "Tersoff (1989) potential: graphene has bonds of 1.46 Å with it, 3 % too long."
    if name == "emt":
        from ase.calculators.emt import EMT

        _check("EMT", kinds, EMT_METALS)
        return EMT(), "Effective medium theory, for fcc metals and their alloys."
    if name == "lennard-jones":
        return _lennard_jones(kinds)
    return _chgnet()


def _automatic(kinds: set[str]) -> str:
    if kinds <= set(TERSOFF_ELEMENTS):
        return "tersoff"
    if kinds <= set(EMT_METALS):
        return "emt"
    try:
        import chgnet  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        raise BadOption(
            f"No potential that comes with this program knows {', '.join(sorted(kinds))} together.",
            why="Tersoff knows C and Si; EMT knows Al, Ni, Cu, Pd, Ag, Pt and Au.",
            remedy="pip install chgnet, or write inputs for a first-principles code.",
        ) from None
    return "chgnet"


def _check(name: str, kinds: set[str], known: tuple[str, ...]) -> None:
    lost = sorted(kinds - set(known))
    if lost:
        raise BadOption(
            f"{name} has no parameters for {', '.join(lost)}.",
            why=f"It knows {', '.join(known)}.",
            remedy="Choose another potential, or other elements for the classes.",
        )


def _lennard_jones(kinds: set[str]) -> tuple[Any, str]:
    from ase.calculators.lj import LennardJones
    from ase.data import atomic_numbers, covalent_radii

    if len(kinds) != 1:
        raise BadOption(
            f"Lennard-Jones was asked for {len(kinds)} elements: {', '.join(sorted(kinds))}.",
            why="It has one distance and one energy here.",
            remedy="Choose another potential.",
        )
    bond = 2 * float(covalent_radii[atomic_numbers[next(iter(kinds))]])
    sigma = bond / 2 ** (1 / 6)
    calculator = LennardJones(sigma=sigma, epsilon=0.4, rc=3 * sigma, smooth=True)
    return calculator, (
        f"Lennard-Jones with its minimum at {bond:.2f} Å and 0.4 eV: it pushes overlapping atoms apart; its "
        "energies mean nothing."
    )


def _chgnet() -> tuple[Any, str]:
    try:
        from chgnet.model.dynamics import (  # type: ignore[import-not-found, unused-ignore]
            CHGNetCalculator,
        )
    except ImportError as error:
        raise MissingExtra(
            "CHGNet is not installed.",
            why="Its machine-learned potential was asked for.",
            remedy="pip install chgnet (its weights come with it).",
        ) from error
    return CHGNetCalculator(use_device="cpu"), "CHGNet: a machine-learned potential of inorganic crystals."
