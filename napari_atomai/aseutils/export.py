"""Structures as files of simulation codes, read back and compared before they count as saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, chemical_symbols
from numpy.typing import ArrayLike

from napari_atomai.errors import BadAtoms, CannotRead, SaveFailed, UnknownOption
from napari_atomai.files.atomic import replacing

Write = Callable[[Path, Atoms], None]
Read = Callable[[Path, Atoms], Atoms]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its usual ending, what it is for, how exact it is and what it keeps."""

    ending: str
    title: str
    write: Write
    read: Read
    exact: float = 1e-6
    keeps_periodicity: bool = False
    turned: bool = False


def write_structure(atoms: Atoms, path: str | os.PathLike[str], kind: str = "") -> Path:
    """Write a structure; the file is read back and compared before it takes its place.

    Parameters
    ----------
    atoms : ase.Atoms
        With a cell where the format needs one.
    path : path-like
        Where to.
    kind : str
        A key of `FORMATS`; by the ending of the path when left out (POSCAR and CONTCAR by their names).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnknownOption
        If there is no such format.
    BadAtoms
        If there are no atoms, or none of three vectors of a cell where one is needed.
    SaveFailed
        If the file could not be written, or reads back as something else.
    """
    target = Path(path)
    kind = known_kind(kind or kind_of(target))
    form = FORMATS[kind]
    if len(atoms) == 0:
        raise BadAtoms("There are no atoms to write.", remedy="Build a structure first.")
    if atoms.cell.rank < 3 and kind not in ("extxyz", "db"):
        raise BadAtoms(
            f"The structure has {atoms.cell.rank} of three cell vectors, and {form.title} needs all.",
            remedy="Give a cell, with vacuum where it does not repeat.",
        )
    plain = _plain(atoms)
    with replacing(target) as part:
        form.write(part, plain)
        wrong = difference(plain, form.read(part, plain), form)
        if wrong:
            raise SaveFailed(
                f"{target.name} was written, but reads back with {wrong}.",
                why="A code would compute another structure than the one on the screen.",
                remedy="Choose another format; the file was not kept.",
            )
    return target


def known_kind(kind: str) -> str:
    """Return a format's name as it is.

    Raises
    ------
    UnknownOption
        If there is no such format.
    """
    if kind not in FORMATS:
        raise UnknownOption("format of structures", kind, FORMATS)
    return kind


def read_structure(path: str | os.PathLike[str]) -> Atoms:
    """Read the last structure of a file that ASE knows.

    Raises
    ------
    CannotRead
        If it is not there, or no structure.
    """
    try:
        return ase.io.read(Path(path), index=-1)
    except Exception as error:  # readers of ASE raise whatever they like
        raise CannotRead(
            f"{Path(path).name} cannot be read as a structure: {error or type(error).__name__}.",
            remedy="Choose a POSCAR, CIF, extended XYZ or another file that ASE reads.",
        ) from error


def write_trajectory(atoms: Atoms, positions: ArrayLike, path: str | os.PathLike[str]) -> None:
    """Write atoms at positions (F, N, 3) in Å, frame after frame, as extended XYZ.

    Raises
    ------
    SaveFailed
        If the file could not be written.
    """
    frames = [
        Atoms(atoms.numbers, positions=each, cell=atoms.cell, pbc=atoms.pbc)
        for each in np.asarray(positions, float)
    ]
    with replacing(path) as part:
        ase.io.write(part, frames, format="extxyz")


def kind_of(path: Path) -> str:
    """Return the format that a file name stands for.

    Raises
    ------
    UnknownOption
        If it stands for none.
    """
    if path.name.upper().startswith(("POSCAR", "CONTCAR")):
        return "poscar"
    found = next((kind for kind, form in FORMATS.items() if path.suffix.lower() == form.ending), None)
    if found is None:
        raise UnknownOption("format that ends in", path.suffix, [form.ending for form in FORMATS.values()])
    return found


def difference(one: Atoms, other: Atoms, form: Format) -> str:
    """Say in what two structures differ beyond the digits of a format; empty when they do not."""
    if len(one) != len(other):
        return f"{len(other)} atoms instead of {len(one)}"
    if sorted(one.numbers.tolist()) != sorted(other.numbers.tolist()):
        return "other elements"
    near = 10 * form.exact
    if form.turned:  # the cell may be turned to suit the code: lengths and angles stay
        if np.abs(one.cell.cellpar() - other.cell.cellpar()).max() > near:
            return "another cell"
    elif one.cell.rank == 3 and np.abs(one.cell[:] - other.cell[:]).max() > near:
        return "another cell"
    if form.keeps_periodicity and (one.pbc != other.pbc).any():
        return "another periodicity"
    if one.cell.rank < 3:
        return "" if np.abs(one.positions - other.positions).max() <= near else "other positions"
    away = one.get_scaled_positions(wrap=False) - other.get_scaled_positions(wrap=False)
    moved = float(np.abs((away - np.rint(away)) @ one.cell[:]).max())
    if (one.numbers != other.numbers).any():
        return "atoms in another order"
    return "" if moved <= near else f"atoms moved by up to {moved:.3g} Å"


def _plain(atoms: Atoms) -> Atoms:
    """Return atoms sorted by element, as several codes need them, without anything else."""
    order = np.argsort(atoms.numbers, kind="stable")
    return Atoms(atoms.numbers[order], positions=atoms.positions[order], cell=atoms.cell, pbc=atoms.pbc)


def _writer(name: str, **options: Any) -> Write:
    def write(path: Path, atoms: Atoms) -> None:
        ase.io.write(path, atoms, format=name, **options)

    return write


def _reader(name: str) -> Read:
    def read(path: Path, _atoms: Atoms) -> Atoms:
        return ase.io.read(path, format=name)

    return read


def _periodic(atoms: Atoms) -> Atoms:
    """Return a structure as CIF and PDB know only: one that repeats; ASE leaves out other cells."""
    repeated = atoms.copy()
    repeated.pbc = True
    return repeated


def _write_cif(path: Path, atoms: Atoms) -> None:
    # In P1, whatever symmetry there is: positions from an image have none.
    ase.io.write(path, _periodic(atoms), format="cif", wrap=False)


def _write_pdb(path: Path, atoms: Atoms) -> None:
    ase.io.write(path, _periodic(atoms), format="proteindatabank")


def _write_lammps(path: Path, atoms: Atoms) -> None:
    ase.io.write(path, atoms, format="lammps-data", masses=True, specorder=_species(atoms))


def _read_lammps(path: Path, atoms: Atoms) -> Atoms:
    numbers = {i + 1: chemical_symbols.index(symbol) for i, symbol in enumerate(_species(atoms))}
    return ase.io.read(path, format="lammps-data", Z_of_type=numbers, atom_style="atomic")


def _write_espresso(path: Path, atoms: Atoms) -> None:
    from napari_atomai.aseutils.run_inputs import espresso_input

    path.write_text(espresso_input(atoms), encoding="utf-8")


def _write_db(path: Path, atoms: Atoms) -> None:
    from ase.db import connect

    with connect(path, type="db", append=False, use_lock_file=False) as rows:
        rows.write(atoms)


def _read_db(path: Path, _atoms: Atoms) -> Atoms:
    from ase.db import connect

    return connect(path, type="db", use_lock_file=False).get_atoms(1)


def _species(atoms: Atoms) -> list[str]:
    return [chemical_symbols[number] for number in np.unique(atoms.numbers).tolist()]


def masses(atoms: Atoms) -> dict[str, float]:
    """Return the atomic mass of each element of a structure."""
    return {symbol: float(atomic_masses[chemical_symbols.index(symbol)]) for symbol in _species(atoms)}


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "poscar": Format(".vasp", "VASP POSCAR", _writer("vasp", vasp5=True, direct=False), _reader("vasp")),
        "cif": Format(".cif", "CIF", _write_cif, _reader("cif"), 1e-5, turned=True),
        "extxyz": Format(".xyz", "extended XYZ", _writer("extxyz"), _reader("extxyz"), 1e-7, True),
        "lammps": Format(".data", "LAMMPS data", _write_lammps, _read_lammps, 1e-5, turned=True),
        "espresso": Format(".in", "Quantum ESPRESSO input", _write_espresso, _reader("espresso-in"), 1e-6),
        "pdb": Format(".pdb", "PDB", _write_pdb, _reader("proteindatabank"), 1e-3, turned=True),
        "db": Format(".db", "ASE database", _write_db, _read_db, 1e-10, True),
    }
)
"""Formats by name. Those that are turned keep lengths and angles of the cell, not its orientation."""
