"""Let atoms come to rest, or move at a temperature, telling energy and force on the way."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from napari_atomai.aseutils.potentials import potential
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_structure import Relax
from napari_atomai.errors import BadAtoms, Diverged

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Relaxed:
    """What became of a structure.

    Parameters
    ----------
    start, atoms : ase.Atoms
        Before and after; without a calculator.
    energies : array, shape (S,)
        Potential energy at each step, eV.
    forces : array, shape (S,)
        Largest force at each step, eV/Å.
    trajectory : array, shape (F, N, 3)
        Positions of every so many steps, from the first to the last, Å.
    at_rest : bool
        Whether the largest force came below the one asked for; always False for dynamics.
    notes : tuple of str
        Sentences a person should see.
    """

    start: Atoms
    atoms: Atoms
    energies: Vector
    forces: Vector
    trajectory: Vector
    at_rest: bool
    notes: tuple[str, ...]

    @property
    def displacements(self) -> Vector:
        """How far each atom moved (N, 3), x, y, z in Å."""
        moved: Vector = self.atoms.positions - self.start.positions
        return moved


def relaxing(atoms: Atoms, relax: Relax | None = None) -> Generator[Progress, None, Relaxed]:
    """Relax a structure, or move it at a temperature; stops when the generator is closed.

    Parameters
    ----------
    atoms : ase.Atoms
        Left as it is.
    relax : Relax
        Potential, method and limits.

    Yields
    ------
    Progress
        With ``energy`` (eV) and ``force`` (largest, eV/Å) to plot.

    Returns
    -------
    Relaxed

    Raises
    ------
    BadAtoms
        If there are no atoms.
    BadOption
        If the potential lacks an element.
    Diverged
        If atoms fly apart: some overlap at the start.
    """
    relax = relax or Relax()
    if len(atoms) == 0:
        raise BadAtoms("There are no atoms to relax.", remedy="Find atoms first.")
    moved = atoms.copy()
    moved.calc, words = potential(relax.potential, set(atoms.get_chemical_symbols()))
    if relax.flat:
        from ase.constraints import FixCartesian

        moved.set_constraint(FixCartesian(range(len(moved)), (False, False, True)))
    energies, forces, frames = [], [], []
    at_rest = False
    for step, rested in enumerate(_steps(moved, relax)):
        energy, force = float(moved.get_potential_energy()), _largest(moved)
        if not np.isfinite(energy + force) or force > 1e6:
            raise Diverged(
                f"The energy became {energy:g} eV at step {step}, the largest force {force:g} eV/Å.",
                why="Atoms that overlap at the start are torn apart.",
                remedy="Remove doubled atoms, check the scale, or take a shorter time step.",
            )
        energies.append(energy)
        forces.append(force)
        if step % relax.every == 0:
            frames.append(moved.positions.copy())
        at_rest = bool(rested)
        yield Progress(step, relax.steps, "moving atoms", {"energy": energy, "force": force})
    if (len(energies) - 1) % relax.every:
        frames.append(moved.positions.copy())
    bare = moved.copy()
    bare.set_constraint()
    notes = (words, *_on_rest(relax, at_rest, forces))
    return Relaxed(atoms.copy(), bare, np.array(energies), np.array(forces), np.array(frames), at_rest, notes)


def _largest(atoms: Atoms) -> float:
    return float(np.sqrt((atoms.get_forces() ** 2).sum(axis=1).max()))


def _steps(atoms: Atoms, relax: Relax) -> Generator[bool, None, None]:
    """Move atoms step by step, saying each time whether they are at rest; the first is the start."""
    if relax.method == "langevin":
        yield from _dynamics(atoms, relax)
        return
    from ase import optimize

    kind: Any = getattr(optimize, relax.method)
    for rested in kind(atoms, logfile=None).irun(fmax=relax.force, steps=relax.steps):
        yield bool(rested)


def _dynamics(atoms: Atoms, relax: Relax) -> Generator[bool, None, None]:
    from ase import units
    from ase.md.langevin import Langevin

    rng = np.random.default_rng(relax.seed)
    # Maxwell and Boltzmann's velocities: the function for it has another name in each version of ASE.
    width = np.sqrt(units.kB * relax.temperature * atoms.get_masses())[:, None]
    atoms.set_momenta(width * rng.standard_normal((len(atoms), 3)))
    moving = Langevin(
        atoms,
        relax.timestep * units.fs,
        temperature_K=relax.temperature,
        friction=relax.friction / units.fs,
        fixcm=False,
        rng=rng,
        logfile=None,
    )
    for _ in moving.irun(relax.steps):
        yield False


def _on_rest(relax: Relax, at_rest: bool, forces: list[float]) -> tuple[str, ...]:
    if at_rest or relax.method == "langevin":
        return ()
    return (
        f"Not at rest after {len(forces) - 1} steps: the largest force is {forces[-1]:.3g} eV/Å, "
        f"{relax.force:g} were asked for.",
    )
