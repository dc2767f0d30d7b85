"""``napari-atomai export`` and ``relax``: structures for simulation codes, and atoms at rest."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.errors import MissingExtra, SaveFailed

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.aseutils.cells import Structure
    from napari_atomai.aseutils.relax import Relaxed
    from napari_atomai.cli.atoms_from import Source
    from napari_atomai.data.recipes_structure import BuildStructure

EXPORT_EXAMPLES = """examples:
  napari-atomai export results/scan/atoms.csv --element C --format poscar --out run/POSCAR
  napari-atomai export graphene.dm4 --element C --out graphene.cif
  napari-atomai export atoms.csv --element A=Sr --element B=Ti --third columns --thickness 40 --out slab.xyz
  napari-atomai export atoms.csv --element C --vasp-run --out run

FILE is an image, whose atoms are found first, or a table of atoms that find or segment wrote.
The file is read back and compared before it counts as saved; a record of how it came about lies beside it,
as PATH.json. --vasp-run writes POSCAR, INCAR and KPOINTS into the folder --out.
"""
RELAX_EXAMPLES = """examples:
  napari-atomai relax run/POSCAR --out relaxed
  napari-atomai relax slab.xyz --out hot --method langevin --temperature 600 --steps 2000

FILE is a structure that ASE can read. DIR gets relaxed.xyz, trajectory.xyz, steps.csv and relax.json.
"""

_BUILD: dict[str, tuple[type, str]] = {
    "frame": (int, "which frame of a movie; 0 when left out"),
    "scale": (float, "Å per pixel; else of the file, or from the bond length"),
    "bond": (float, "known bond length in Å, for a file without a scale; else that of the elements"),
    "margin": (float, "empty border around the atoms in the plane, Å"),
    "third": (str, "along the beam: flat sheet, layer heights or columns"),
    "repeat": (float, "columns: distance of atoms along the beam, Å"),
    "thickness": (float, "columns: thickness of the specimen, Å"),
    "prototype": (str, "columns: file (CIF ...) with the unit cell that tells how atoms are stacked"),
    "vacuum": (float, "empty space along the beam, Å"),
}
_RELAX: dict[str, tuple[type, str]] = {
    "potential": (str, "auto, tersoff, emt, lennard-jones or chgnet"),
    "method": (str, "FIRE, LBFGS or BFGS to rest; langevin at a temperature"),
    "force": (float, "at rest when no force is above this, eV/Å"),
    "steps": (int, "at most so many steps"),
    "temperature": (float, "langevin: temperature in K"),
    "timestep": (float, "langevin: time step in fs"),
    "friction": (float, "langevin: friction in 1/fs"),
    "seed": (int, "langevin: of the random forces"),
    "every": (int, "keep every so many steps for the trajectory"),
}
_OUTPUTS = ("relaxed.xyz", "trajectory.xyz", "steps.csv", "relax.json")


def add_export(parser: Any) -> None:
    """Add the arguments of ``export`` to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    parser.add_argument("file", metavar="FILE", type=Path, help="an image, or a table of atoms")
    flag("--out", metavar="PATH", type=Path, required=True, help="the file; with --vasp-run, the folder")
    flag("--element", metavar="[CLASS=]E", action="append", required=True, help="element of all, or a class")
    flag("--format", help="poscar, cif, extxyz, lammps, espresso, pdb, db; else by the ending of PATH")
    flag("--vasp-run", action="store_true", help="write the inputs of a VASP relaxation")
    _add_options(flag, _BUILD)
    flag("--periodic", action="store_true", help="the field of view repeats in its plane (images only)")
    flag("--pixel-size", metavar="NM", type=float, help="size of a pixel in nm, in place of the file's")
    _add_common(parser)


def add_relax(parser: Any) -> None:
    """Add the arguments of ``relax`` to a `napari_atomai.cli.parser.Parser`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a structure: POSCAR, CIF, extended XYZ ...")
    parser.flag("--out", metavar="DIR", type=Path, required=True, help="folder; made if needed")
    _add_options(parser.flag, _RELAX)
    parser.flag("--flat", action="store_true", help="keep all atoms at their heights along the beam")
    _add_common(parser)


def _add_options(flag: Any, options: dict[str, tuple[type, str]]) -> None:
    for name, (kind, words) in options.items():
        flag(f"--{name}", metavar="WORD" if kind is str else "N", type=kind, help=words)


def _add_common(parser: Any) -> None:
    parser.flag("--overwrite", action="store_true", help="replace what is there")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def export(args: argparse.Namespace) -> int:
    """Write the structure of a file."""
    _check_ase()
    from napari_atomai.aseutils import export as files
    from napari_atomai.aseutils.run_inputs import write_vasp_run
    from napari_atomai.cli.atoms_from import atoms_from
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_structure import ExportStructure
    from napari_atomai.files.atomic import write_text

    kind = "poscar" if args.vasp_run else files.known_kind(args.format or files.kind_of(args.out))
    written = args.out / "POSCAR" if args.vasp_run else args.out
    record = written.with_name(f"{written.name}.json")
    _check_free([written, record], overwrite=args.overwrite)
    source = atoms_from(args.file, args.pixel_size, quiet=args.quiet)
    recipe = _recipe(source, args)
    built = _built(source, recipe)
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    for note in built.notes:
        speaker.note(note)
    _make(args.out if args.vasp_run else args.out.parent)
    if args.vasp_run:
        write_vasp_run(built.atoms, args.out, args.file.stem)
    else:
        files.write_structure(built.atoms, args.out, kind)
    steps = (*source.record.steps, recipe, ExportStructure.of({"format": kind}))
    notes = (*source.record.notes, *built.notes)
    write_text(source.record.model_copy(update={"steps": steps, "notes": notes}).to_json(), record)
    _say(f"{built.atoms.get_chemical_formula()} -> {args.out}, read back and the same", args)
    return 0


def _recipe(source: Source, args: argparse.Namespace) -> BuildStructure:
    from napari_atomai.cli.atoms_from import elements_from
    from napari_atomai.data.recipes_structure import BuildStructure

    given = {name: getattr(args, name) for name in _BUILD if getattr(args, name) is not None}
    elements = elements_from(args.element, source.atoms.class_names)
    return BuildStructure.of({**given, "elements": elements, "periodic": args.periodic})


def _built(source: Source, recipe: BuildStructure) -> Structure:
    from napari_atomai.workflow.structure import structure_of

    shape = None if source.image is None else source.image.frame(recipe.frame).shape
    plane = [[shape[0], 0], [0, shape[1]]] if recipe.periodic and shape is not None else None
    return structure_of(source.atoms, recipe, plane=plane)


def relax(args: argparse.Namespace) -> int:
    """Relax a structure, or move it at a temperature."""
    _check_ase()
    from napari_atomai.aseutils.export import read_structure
    from napari_atomai.aseutils.relax import relaxing
    from napari_atomai.cli.atoms_from import finished
    from napari_atomai.cli.find import Speaker
    from napari_atomai.cli.places import check_place
    from napari_atomai.data.recipes_structure import Relax

    given = {name: getattr(args, name) for name in _RELAX if getattr(args, name) is not None}
    recipe = Relax.of({**given, "flat": args.flat})
    check_place(args.out)
    _check_free([args.out / name for name in _OUTPUTS], overwrite=args.overwrite)
    result = finished(relaxing(read_structure(args.file), recipe), args.file.name, quiet=args.quiet)
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    for note in result.notes:
        speaker.note(note)
    _make(args.out)
    _write_relaxed(result, args.out)
    _write_record(args.file, recipe, result, args.out)
    state = f"at rest, largest force {result.forces[-1]:.3g} eV/Å" if result.at_rest else "moved"
    words = f"{result.energies[0]:.4f} -> {result.energies[-1]:.4f} eV, {state} after"
    _say(f"{args.file.name}: {words} {len(result.energies) - 1} steps -> {args.out}", args)
    return 0


def _write_relaxed(result: Relaxed, folder: Path) -> None:
    from napari_atomai.aseutils.export import write_structure, write_trajectory
    from napari_atomai.files.atomic import write_text

    write_structure(result.atoms, folder / _OUTPUTS[0], "extxyz")
    write_trajectory(result.start, result.trajectory, folder / _OUTPUTS[1])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "energy_eV", "largest_force_eV_per_A"])
    table.writerows(zip(range(len(result.energies)), result.energies, result.forces, strict=True))
    write_text(text.getvalue(), folder / _OUTPUTS[2])


def _write_record(path: Path, recipe: Any, result: Relaxed, folder: Path) -> None:
    from napari_atomai.data.recipe import InputRecord, Record
    from napari_atomai.files.atomic import write_text
    from napari_atomai.workflow.record import file_sha256, now, versions

    record = Record(
        created=now(),
        input=InputRecord(path=str(path), sha256=file_sha256(path)),
        steps=(recipe,),
        measured={"energy_eV": float(result.energies[-1]), "force_eV_per_A": float(result.forces[-1])},
        versions=versions(),
        notes=result.notes,
    )
    write_text(record.to_json(), folder / _OUTPUTS[3])


def _check_free(paths: list[Path], *, overwrite: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise SaveFailed(
            f"{there[0]} is there already.", remedy="Choose another place, or allow it (--overwrite)."
        )


def _make(folder: Path) -> None:
    from napari_atomai.cli.places import check_place

    check_place(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _check_ase() -> None:
    from importlib.util import find_spec

    if find_spec("ase") is None:
        raise MissingExtra(
            "ASE is not installed.",
            why="It writes structures and moves atoms.",
            remedy='pip install "napari-atomai[ase]"',
        )


def _say(words: str, args: argparse.Namespace) -> None:
    if not args.quiet:
        sys.stdout.write(f"{words}\n")
