"""``napari-atomai local_order``: which lattice is where in images."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_statistics import LocalOrder

EXAMPLES = """examples:
  napari-atomai local_order scan.dm4 --out results
  napari-atomai local_order scan.dm4 --out results --components 0 --window 2 --stride 0.25

Windows slide over the image; the Fourier amplitudes of each are decomposed.
Each file gets its own folder in DIR:
  amplitudes.hspy   Fourier amplitudes of the components, with axes in 1/nm; amplitudes.png
  map_1.tif ...     where each of them holds, calibrated; maps.hspy, maps.png
  scree.csv         share of the variance in each principal component; scree.png
  local_order.json  how it came about
"""

_OPTIONS = ("method", "components", "window", "stride", "zoom", "frame")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--method", choices=("nmf", "pca", "ica", "gmm"), help="nmf when left out")
    flag("--components", metavar="N", type=int, help="how many; 4 when left out, 0 = as the noise allows")
    flag("--window", metavar="NM", type=float, help="side of the windows, in px where nothing is calibrated")
    flag("--stride", metavar="NM", type=float, help="distance between windows; a quarter of their side")
    flag("--zoom", metavar="Z", type=float, help="use frequencies up to the highest one divided by this; 2")
    flag("--frame", metavar="N", type=int, help="which frame of a movie, from 0")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Map the local order of every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_statistics import LocalOrder

    recipe = LocalOrder.of(chosen(args, _OPTIONS))  # wrong options are said before the work
    return run_each(args, partial(_one, args, recipe))


def _one(args: argparse.Namespace, recipe: LocalOrder, path: Path, folder: Path, speaker: Speaker) -> str:
    from napari_atomai.cli.atoms_from import finished
    from napari_atomai.workflow.component_results import ORDER, write_order
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.local_order import mapping_order
    from napari_atomai.workflow.record import describe_input

    image = as_image(path, args.pixel_size)
    if not args.overwrite:  # before the work, not after it
        check_owner(folder, ORDER, describe_input(image))
    found = finished(mapping_order(image, recipe), path.name, quiet=args.quiet)
    write_order(found, folder)
    for note in dict.fromkeys(found.record.notes):
        speaker.note(note)
    rows, columns = found.order.maps.shape[1:]
    words = f"{len(found.order.components.components)} components of {rows} x {columns} windows"
    return f"{words}; {found.order.suggested} stand above noise"
