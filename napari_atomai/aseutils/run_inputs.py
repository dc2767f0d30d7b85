"""Inputs of first-principles runs, with defaults that can be read and changed."""

from __future__ import annotations

import io
import math
from pathlib import Path

import ase.io
from ase import Atoms

from napari_atomai.aseutils.export import masses, write_structure
from napari_atomai.errors import SaveFailed
from napari_atomai.files.atomic import write_text

SPACING = 0.25
"""Largest distance of k-points, 1/Å."""

_INCAR = """SYSTEM = {title}
! A relaxation with sensible defaults: read them before you run it.
PREC   = Accurate
ENCUT  = 520        ! plane-wave cut-off, eV
EDIFF  = 1E-5       ! electronic steps, eV
IBRION = 2          ! conjugate gradients
ISIF   = 2          ! atoms move, the cell stays as measured
NSW    = 100        ! ionic steps
EDIFFG = -0.02      ! at rest when no force is above 0.02 eV/A
ISMEAR = 0          ! Gaussian smearing
SIGMA  = 0.05       ! eV
LREAL  = {real}
LWAVE  = .FALSE.
LCHARG = .FALSE.
"""


def k_points(atoms: Atoms, spacing: float = SPACING) -> tuple[int, int, int]:
    """Return a mesh of k-points; 1 along directions that do not repeat."""
    lengths = atoms.cell.reciprocal().lengths() * 2 * math.pi
    mesh = [
        max(math.ceil(length / spacing), 1) if repeats else 1
        for length, repeats in zip(lengths, atoms.pbc, strict=True)
    ]
    return mesh[0], mesh[1], mesh[2]


def write_vasp_run(atoms: Atoms, folder: str | Path, title: str = "from an image") -> list[Path]:
    """Write POSCAR, INCAR and KPOINTS of a relaxation into a folder, which is made if it is not there.

    POTCAR belongs to VASP's licence and is not written; ``POTCAR.txt`` names the elements in their order.

    Raises
    ------
    SaveFailed
        If the folder or a file could not be written, or POSCAR reads back as another structure.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveFailed(
            f"The folder {place} cannot be made: {error.strerror}.", remedy="Choose another folder."
        ) from error
    poscar = write_structure(atoms, place / "POSCAR", "poscar")
    mesh = " ".join(str(n) for n in k_points(atoms))
    texts = {
        "INCAR": _INCAR.format(title=" ".join(title.split()), real="Auto" if len(atoms) > 30 else ".FALSE."),
        "KPOINTS": f"No more than {SPACING:g} 1/A apart\n0\nGamma\n{mesh}\n0 0 0\n",
        "POTCAR.txt": "POTCAR: put together those of " + ", ".join(masses(atoms)) + ", in this order.\n",
    }
    for name, text in texts.items():
        write_text(text, place / name)
    return [poscar, *(place / name for name in texts)]


def espresso_input(atoms: Atoms) -> str:
    """Return the input of a relaxation with Quantum ESPRESSO's pw.x."""
    text = io.StringIO()
    data = {
        "control": {"calculation": "relax", "prefix": "image", "pseudo_dir": "./pseudo", "outdir": "./out"},
        "system": {"ecutwfc": 60, "ecutrho": 480, "occupations": "smearing", "degauss": 0.01},
        "electrons": {"conv_thr": 1e-8, "mixing_beta": 0.4},
        "ions": {"ion_dynamics": "bfgs"},
    }
    names = {symbol: f"{symbol}.UPF" for symbol in masses(atoms)}
    ase.io.write(
        text, atoms, format="espresso-in", input_data=data, pseudopotentials=names, kpts=k_points(atoms)
    )
    return text.getvalue()
