"""``napari-atomai segment``: classes and atoms of files, by a net that a person has trained."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.bar import Bar

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Outcome, Speaker
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipe import RefineAtoms
    from napari_atomai.data.recipes_segment import SegmentImage
    from napari_atomai.workflow.segment import Segmented

EXAMPLES = """examples:
  napari-atomai segment scan.dm4 --model mine.safetensors --out results
  napari-atomai segment *.ser --model ensemble.safetensors --out results --threshold 0.6
  napari-atomai segment scan.dm4 --model atomai.tar --zoom 0.45 --out results

Each file gets its own folder in DIR: atoms.csv, atoms.xyz, classes.tif, probability.tif, of an ensemble
uncertainty.tif, overlay.png and recipe.json.
"""

_OPTIONS = ("model", "threshold", "zoom", "contrast")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    from napari_atomai.cli import parser as words

    flag = parser.flag
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="microscope files, TIFF, NPY ...")
    flag("--model", metavar="PATH", required=True, help=".safetensors or AtomAI's .tar")
    flag("--out", metavar="DIR", type=Path, required=True, help="folder for the results; made if needed")
    flag("--threshold", metavar="P", type=float, help="lowest probability of an object, 0.05 to 0.99")
    flag("--zoom", metavar="N", type=float, help="size at which the net sees it; else as in training")
    flag("--contrast", choices=("bright", "dark"), help="whether atoms are bright or dark, to refine them")
    flag("--refine", choices=words.METHODS, help="how positions are refined on the raw pixels")
    flag("--pixel-size", metavar="NM", type=float, help="size of a pixel in nm, in place of the file's")
    flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    flag("-q", "--quiet", action="store_true", help="say only what failed")
    flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Segment every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.cli.find import Speaker
    from napari_atomai.cli.places import check_place, folder_names
    from napari_atomai.data.recipe import RefineAtoms
    from napari_atomai.data.recipes_segment import SegmentImage

    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    recipe = SegmentImage.of(given)
    refine = RefineAtoms.of({} if args.refine is None else {"method": args.refine})
    check_place(args.out)
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    files = list({path.resolve(): path for path in args.files}.values())
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for path, name in zip(files, folder_names(files), strict=True):
            outcomes.append(_one(path, args.out / name, recipe, refine, args, speaker))
    finally:  # what was done is told after Ctrl-C, too
        speaker.summary(outcomes, time.monotonic() - began)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _one(
    path: Path,
    folder: Path,
    recipe: SegmentImage,
    refine: RefineAtoms,
    args: argparse.Namespace,
    speaker: Speaker,
) -> Outcome:
    from napari_atomai.cli.find import Outcome
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.record import describe_input
    from napari_atomai.workflow.results import check_folder, write_results

    try:
        image = as_image(path, args.pixel_size)
        if not args.overwrite:  # before the work, not after it
            check_folder(folder, describe_input(image))
        result = _watched(image, path.name, recipe, refine, quiet=args.quiet)
        write_results(result, image, folder, overwrite=args.overwrite)
    except Exception as error:  # noqa: BLE001 - the other files must not suffer from this one
        return speaker.failed(path.name, error)
    for note in dict.fromkeys(result.notes):
        speaker.note(note)
    kinds = ", ".join(f"{kind} {count}" for kind, count in result.atoms.counts().items())
    return Outcome(path.name, fine=True, text=f"{len(result.atoms)} atoms ({kinds}) -> {folder}")


def _watched(image: Image, name: str, recipe: SegmentImage, refine: RefineAtoms, *, quiet: bool) -> Segmented:
    from napari_atomai.workflow.segment import segmenting

    bar = Bar(name, sys.stderr, quiet=quiet)
    with contextlib.closing(segmenting(image, recipe, refine)) as work, contextlib.ExitStack() as end:
        end.callback(bar.clear)
        while True:
            try:
                bar.show(next(work))
            except StopIteration as done:
                result: Segmented = done.value
                return result
