"""Recipes of rings, of structures and of their relaxation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_atomai.data.recipe_base import Recipe


class FindRings(Recipe):
    """Find bonds, rings and defects among atoms."""

    title: ClassVar[str] = "Find rings"

    step: Literal["find_rings"] = "find_rings"
    elements: dict[str, str] = Field(
        default_factory=dict,
        description="Element of each class by its name; classes left out are of the element below.",
    )
    element: str = Field("C", description="Element of all classes that are not named.")
    scale: float = Field(
        0.0, ge=0, le=1000, description="Å per pixel; 0 = of the image, or from the bond length below."
    )
    bond: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Known bond length in Å, to estimate the scale where there is none; 0 = of the element.",
    )
    definition: Literal["faces", "shortest paths"] = Field(
        "faces", description="Faces of the plane, or shortest-path rings (Franzblau) where bonds cross."
    )
    most: int = Field(12, ge=3, le=24, description="Largest ring, in members.")
    tolerance: float = Field(
        1.2, ge=0.5, le=2, description="Longest bond over the sum of covalent radii, without noise."
    )
    stretch: float = Field(
        1.5, ge=0.5, le=2, description="The same for noisy positions, where valences leave room for a bond."
    )
    usual: int = Field(0, ge=0, le=24, description="Size of undisturbed rings; 0 = the most frequent one.")


class BuildStructure(Recipe):
    """Make a structure of the atoms of one frame."""

    title: ClassVar[str] = "Build structure"

    step: Literal["build_structure"] = "build_structure"
    elements: dict[str, str] = Field(default_factory=dict, description="Element of each class, by its name.")
    frame: int = Field(0, ge=0, description="Which frame of a movie.")
    scale: float = Field(
        0.0, ge=0, le=1000, description="Å per pixel; 0 = of the image, or estimated from bond lengths."
    )
    bond: float = Field(
        0.0, ge=0, le=10, description="Known bond length in Å, to estimate the scale; 0 = of the elements."
    )
    periodic: bool = Field(False, description="Whether the structure repeats in the plane of the image.")
    margin: float = Field(5.0, ge=0, le=100, description="Empty border around the atoms in the plane, Å.")
    third: Literal["flat sheet", "layer heights", "columns"] = Field(
        "flat sheet", description="Where atoms lie along the beam: in one plane, by class, or in columns."
    )
    heights: dict[str, float] = Field(
        default_factory=dict, description="Height of each class above the lowest, Å; 0 for those left out."
    )
    repeat: float = Field(4.0, gt=0, le=100, description="Columns: distance of atoms along the beam, Å.")
    thickness: float = Field(4.0, gt=0, le=1000, description="Columns: thickness of the specimen, Å.")
    prototype: str = Field(
        "",
        description="Columns: file (CIF ...) with the unit cell of the crystal, seen along its third vector, "
        "that tells how atoms are stacked; empty = one atom each repeat.",
    )
    vacuum: float = Field(15.0, ge=0, le=200, description="Empty space along the beam, Å.")


class Relax(Recipe):
    """Let atoms come to rest, or let them move at a temperature."""

    title: ClassVar[str] = "Relax"

    step: Literal["relax"] = "relax"
    potential: Literal["auto", "tersoff", "emt", "lennard-jones", "chgnet"] = Field(
        "auto", description="What atoms do to each other; auto = Tersoff for C and Si, EMT for its metals."
    )
    method: Literal["FIRE", "LBFGS", "BFGS", "langevin"] = Field(
        "FIRE", description="How they are moved: to rest, or at a temperature (Langevin)."
    )
    force: float = Field(0.05, gt=0, le=10, description="At rest when no force is above this, eV/Å.")
    steps: int = Field(500, ge=1, le=1_000_000, description="At most so many steps.")
    flat: bool = Field(False, description="Keep all atoms at their heights along the beam.")
    temperature: float = Field(300.0, ge=0, le=10_000, description="Langevin: temperature in K.")
    timestep: float = Field(1.0, gt=0, le=10, description="Langevin: time step in fs.")
    friction: float = Field(0.02, gt=0, le=1, description="Langevin: friction in 1/fs.")
    seed: int = Field(0, ge=0, description="Langevin: of the random forces.")
    every: int = Field(10, ge=1, description="Keep every so many steps for the trajectory.")


class ExportStructure(Recipe):
    """Write a structure for a simulation code."""

    title: ClassVar[str] = "Export structure"

    step: Literal["export_structure"] = "export_structure"
    format: Literal["poscar", "cif", "extxyz", "lammps", "espresso", "pdb", "db"] = Field(
        "poscar", description="What the file is for: VASP, CIF, extended XYZ, LAMMPS, Quantum ESPRESSO ..."
    )
