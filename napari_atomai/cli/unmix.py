"""``napari-atomai unmix``: spectrum images as component spectra and maps of them."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipes_statistics import Unmix

EXAMPLES = """examples:
  napari-atomai unmix eels.dm3 --out results
  napari-atomai unmix eds.hspy --out results --low 0.3 --high 8 --components 3
  napari-atomai unmix velox.emd --out results --dataset 2 --method pca

Each file gets its own folder in DIR:
  spectra.csv      one line per channel: its energy, then every component
  map_1.tif ...    how much of each component is where, calibrated
  unmixed.png      spectra over their maps
  maps.hspy        the maps, for HyperSpy
  scree.csv        share of the variance in each principal component; scree.png
  unmixed.json     how it came about
"""

_OPTIONS = ("method", "components", "low", "high", "noise", "offset")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--method", choices=("nmf", "pca", "ica", "gmm"), help="nmf when left out")
    flag("--components", metavar="N", type=int, help="how many; 4 when left out, 0 = as the noise allows")
    flag("--low", metavar="E", type=float, help="lowest energy that is used, in the unit of the file")
    flag("--high", metavar="E", type=float, help="highest energy that is used")
    flag("--noise", choices=("auto", "uniform", "poisson"), help="poisson for counts; auto when left out")
    flag("--offset", metavar="V", type=float, help="added to all values, for nmf of negative ones")
    flag("--dataset", metavar="N", type=int, help="which spectrum image of a file, from 0")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Unmix the spectrum image of every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_statistics import Unmix

    recipe = Unmix.of(chosen(args, _OPTIONS))  # wrong options are said before the work
    return run_each(args, partial(_one, args, recipe))


def _one(args: argparse.Namespace, recipe: Unmix, path: Path, folder: Path, speaker: Speaker) -> str:
    from napari_atomai.cli.atoms_from import finished
    from napari_atomai.workflow.component_results import UNMIXED, write_spectra
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.record import describe_input
    from napari_atomai.workflow.unmix import unmixing_spectra

    image = _spectrum_image(path, args.dataset, speaker)
    if args.pixel_size is not None:
        image = image.calibrated(args.pixel_size)
    if not args.overwrite:  # before the work, not after it
        check_owner(folder, UNMIXED, describe_input(image))
    found = finished(unmixing_spectra(image, recipe), path.name, quiet=args.quiet)
    write_spectra(found, folder)
    for note in dict.fromkeys(found.record.notes):
        speaker.note(note)
    error = found.unmixed.components.error
    words = f"{len(found.unmixed.spectra)} components of {int(found.unmixed.used.sum())} spectra"
    return f"{words}, {error:.1%} left over; {found.suggested} stand above noise"


def _spectrum_image(path: Path, number: int | None, speaker: Speaker) -> Image:
    from napari_atomai.errors import BadOption
    from napari_atomai.files.reading import read
    from napari_atomai.workflow.unmix import spectrum_images

    found = spectrum_images(read(path))
    if number is not None and not 0 <= number < len(found):
        raise BadOption(
            f"{path.name} holds {len(found)} spectrum image(s); number {number} was asked for.",
            remedy=f"Give --dataset 0 to {len(found) - 1}.",
        )
    if number is None and len(found) > 1:
        names = ", ".join(f"{i} {image.name}" for i, image in enumerate(found))
        speaker.note(f"{path.name} holds {len(found)} spectrum images ({names}): 0 is taken, see --dataset.")
    return found[number or 0]
