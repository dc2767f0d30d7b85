"""``napari-atomai lattice``: strain, polarisation, distances and vacancies of files."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_lattice import MeasureLattice

EXAMPLES = """examples:
  napari-atomai lattice scan.dm4 --out results
  napari-atomai lattice results/scan/atoms.csv --image scan.dm4 --out lattice
  napari-atomai lattice film.dm4 --out results --reference 900 0 1024 1024 --hspy

FILE is an image, whose atoms are found first, or a table of atoms that find or segment wrote.
Each gets its own folder in DIR: lattice.csv (a line for each atom), distances.csv, vacancies.csv,
calibrated maps of strain and polarisation (.tif), figures (.png) and lattice.json.
"""

_OPTIONS = ("classes", "sublattices", "centre", "cage", "reach", "reference", "map_step")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--image", metavar="FILE", type=Path, help="the image that a table of atoms belongs to")
    flag("--classes", metavar="NAME", nargs="+", help="only atoms of these classes")
    flag("--sublattices", choices=("auto", "class", "position"), help="what lattice vectors join")
    flag("--no-brightness", action="store_true", help="do not tell bright and dim columns in turn apart")
    flag("--centre", metavar="N", type=int, help="sublattice in the middle of the cage (B); 1")
    flag("--cage", metavar="N", type=int, help="sublattice of the cage around it (A); 0")
    flag("--reach", metavar="CELLS", type=float, help="how far neighbours are taken for strain; 1.6")
    flag("--reference", metavar="PX", type=float, nargs="+", help="unstrained region: row col row col ...")
    flag("--map-step", metavar="PX", type=int, help="pixels between points of the maps; 0 = automatic")
    flag("--hspy", action="store_true", help="write the maps for HyperSpy, too")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Measure the lattice of every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_lattice import MeasureLattice
    from napari_atomai.errors import BadOption

    recipe = MeasureLattice.of({**chosen(args, _OPTIONS), "brightness": not args.no_brightness})
    if args.image is not None and len(args.files) > 1:
        raise BadOption(
            f"One image was given for {len(args.files)} files.",
            remedy="Give one table with --image, or the images themselves.",
        )
    return run_each(args, partial(_one, args, recipe))


def _one(args: argparse.Namespace, recipe: MeasureLattice, path: Path, folder: Path, speaker: Speaker) -> str:
    from napari_atomai.cli.atoms_from import atoms_from, finished
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.lattice import measuring_lattice
    from napari_atomai.workflow.lattice_results import RECORD, write_lattice
    from napari_atomai.workflow.lattice_tables import numbers

    source = atoms_from(path, args.pixel_size, quiet=args.quiet)
    if not args.overwrite:
        check_owner(folder, RECORD, source.record.input)
    image = source.image if args.image is None else as_image(args.image, args.pixel_size)
    found = finished(measuring_lattice(source.atoms, recipe, image), path.name, quiet=args.quiet)
    record = source.record.model_copy(update={"steps": (*source.record.steps, recipe)})
    write_lattice(found, source.atoms, record, folder, image=image, hspy=args.hspy)
    for note in dict.fromkeys(note for part in found for note in part.notes):
        speaker.note(note)
    told, unit = numbers(found[0]), found[0].unit
    cell = f"a {told[f'a_{unit}']:.4g} {unit}, b {told[f'b_{unit}']:.4g} {unit}, γ {told['gamma_deg']:.1f}°"
    return f"{cell}; {told['sublattices']:g} sublattice(s), {told['vacancies']:g} vacancies"
