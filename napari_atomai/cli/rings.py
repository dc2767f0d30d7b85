"""``napari-atomai rings``: rings and defects of files, as tables and a picture."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Outcome, Speaker

EXAMPLES = """examples:
  napari-atomai rings graphene.dm4 --out results
  napari-atomai rings results/scan/atoms.csv --out rings --element column=C --element Si=Si
  napari-atomai rings uncalibrated.png --out results --bond 1.42

FILE is an image, whose atoms are found first, or a table of atoms that find or segment wrote.
Each gets its own folder in DIR: rings.csv, defects.csv, rings.png (its first frame) and rings.json.
"""

_NUMBERS: dict[str, tuple[type, str]] = {
    "scale": (float, "Å per pixel; else of the file, or from the bond length"),
    "bond": (float, "known bond length in Å, for a file without a scale; else that of the element"),
    "most": (int, "largest ring, in members; 12 when left out"),
    "usual": (int, "size of undisturbed rings; the most frequent when left out"),
}


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="images, or tables of atoms")
    flag("--out", metavar="DIR", type=Path, required=True, help="folder for the results; made if needed")
    flag("--element", metavar="[CLASS=]E", action="append", default=[], help="element; C when left out")
    for name, (kind, words) in _NUMBERS.items():
        flag(f"--{name}", metavar="N", type=kind, help=words)
    flag("--definition", choices=("faces", "shortest paths"), help="what a ring is; faces when left out")
    flag("--ring-centres", action="store_true", help="the points are ring centres: put atoms between them")
    flag("--pixel-size", metavar="NM", type=float, help="size of a pixel in nm, in place of the file's")
    flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    flag("-q", "--quiet", action="store_true", help="say only what failed")
    flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Find the rings of every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.cli.find import Speaker
    from napari_atomai.cli.places import check_place, folder_names
    from napari_atomai.data.recipes_structure import FindRings

    FindRings.of(_options(args))  # wrong options are said before the work
    check_place(args.out)
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    files = list({path.resolve(): path for path in args.files}.values())
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for path, name in zip(files, folder_names(files), strict=True):
            outcomes.append(_one(path, args.out / name, args, speaker))
    finally:  # what was done is told after Ctrl-C, too
        speaker.summary(outcomes, time.monotonic() - began)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _options(args: argparse.Namespace) -> dict[str, Any]:
    names = (*_NUMBERS, "definition")
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _one(path: Path, folder: Path, args: argparse.Namespace, speaker: Speaker) -> Outcome:
    from napari_atomai.cli.atoms_from import atoms_from, elements_from, finished
    from napari_atomai.cli.find import Outcome
    from napari_atomai.data.recipes_structure import FindRings
    from napari_atomai.graphx.defects import summary
    from napari_atomai.workflow.ring_results import check_folder, write_rings
    from napari_atomai.workflow.rings import BETWEEN, atoms_between, finding_rings

    try:
        source = atoms_from(path, args.pixel_size, quiet=args.quiet)
        if not args.overwrite:
            check_folder(folder, source.record.input)
        atoms, record = source.atoms, source.record
        if args.ring_centres:
            atoms = atoms_between(atoms)
            record = record.model_copy(update={"notes": (*record.notes, BETWEEN)})
        elements = elements_from(args.element or ["C"], atoms.class_names)
        recipe = FindRings.of({**_options(args), "elements": elements})
        found = finished(finding_rings(atoms, recipe), path.name, quiet=args.quiet)
        record = record.model_copy(update={"steps": (*record.steps, recipe)})
        write_rings(found, atoms, record, folder, image=source.image)
    except Exception as error:  # noqa: BLE001 - the other files must not suffer from this one
        return speaker.failed(path.name, error)
    for note in dict.fromkeys(note for part in found for note in part.notes):
        speaker.note(note)
    defects = summary([defect for part in found for defect in part.defects])
    words = ", ".join(f"{kind} {count}" for kind, count in defects.items()) or "no defect"
    return Outcome(path.name, True, f"{sum(len(part.rings) for part in found)} rings; {words} -> {folder}")
