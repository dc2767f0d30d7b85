"""``napari-atomai components``: what lies around the atoms of files, as components, loadings and maps."""

from __future__ import annotations

import argparse
import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_statistics import LocalStatistics

EXAMPLES = """examples:
  napari-atomai components scan.dm4 --out results
  napari-atomai components scan.dm4 --out results --method nmf --components 0 --window 0.8
  napari-atomai components scan.dm4 --out results --atoms results/scan/atoms.csv --around B

The atoms of each file are found first, unless a table of them is given with --atoms.
Each file gets its own folder in DIR:
  loadings.csv     one line per atom: id, row_px, col_px, x_nm, y_nm, loading_1 ..., component, group
  map_1.tif ...    loading of each component between the atoms, calibrated; NaN where no atom is near
  components.tif   the components as pictures; components.png, maps.png
  maps.hspy        the maps, for HyperSpy
  scree.csv        share of the variance in each principal component; scree.png
  components.json  how it came about
"""

_OPTIONS = ("method", "components", "groups", "window", "grid", "around", "offset")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--method", choices=("pca", "ica", "nmf", "gmm", "pca_gmm"), help="pca when left out")
    flag("--components", metavar="N", type=int, help="how many; 4 when left out, 0 = as the noise allows")
    flag("--groups", metavar="N", type=int, help="of alike surroundings; as many as components if left out")
    flag("--window", metavar="NM", type=float, help="side of the windows, in px where nothing is calibrated")
    flag("--grid", metavar="NM", type=float, help="windows so far apart on a grid, not around atoms")
    flag("--around", metavar="CLASS", help="only around the atoms of this class")
    flag("--offset", metavar="V", type=float, help="added to all pixels, for nmf of negative ones")
    flag("--atoms", metavar="CSV", type=Path, help="atoms that find or segment wrote, for a single FILE")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Decompose the surroundings of every file's atoms; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_statistics import LocalStatistics
    from napari_atomai.errors import BadOption

    recipe = LocalStatistics.of(chosen(args, _OPTIONS))  # wrong options are said before the work
    if args.atoms is not None and len(args.files) > 1:
        raise BadOption(
            f"One table of atoms was given for {len(args.files)} files.",
            remedy="Give one file with --atoms, or let the atoms be found.",
        )
    return run_each(args, partial(_one, args, recipe))


def _one(
    args: argparse.Namespace, recipe: LocalStatistics, path: Path, folder: Path, speaker: Speaker
) -> str:
    from napari_atomai.cli.atoms_from import finished
    from napari_atomai.files.export import read_csv
    from napari_atomai.workflow.component_results import COMPONENTS, write_surroundings
    from napari_atomai.workflow.components import surrounding
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.record import describe_input, file_sha256

    image = as_image(path, args.pixel_size)
    if not args.overwrite:  # before the work, not after it
        check_owner(folder, COMPONENTS, describe_input(image))
    atoms = None if args.atoms is None else read_csv(args.atoms)
    found = finished(surrounding(image, recipe, atoms), path.name, quiet=args.quiet)
    if args.atoms is not None:
        note = f"The atoms are those of {args.atoms} (sha256 {file_sha256(args.atoms)})."
        record = found.record.model_copy(update={"notes": (*found.record.notes, note)})
        found = dataclasses.replace(found, record=record)
    write_surroundings(found, folder)
    for note in dict.fromkeys(found.record.notes):
        speaker.note(note)
    words = f"{len(found.components.components)} components of {len(found.atoms)} windows"
    return f"{words}; {found.suggested} stand above noise"
