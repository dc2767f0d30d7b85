"""The command ``napari-atomai train``: teach a finder from corrections."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from napari_atomai.errors import BadOption, CannotRead

EXAMPLES = """examples:
  napari-atomai train scan.tif --atoms corrected.csv --regions regions.json --out mine.safetensors
  napari-atomai train --from monday.atomai tuesday.atomai --out mine.safetensors
  napari-atomai find other.tif --model mine.safetensors --out results

regions.json: a list of polygons, each a list of [row, column] in pixels: what was reviewed. Outside of it
nothing is known. Without it the whole image was reviewed. Of a session (.atomai) those images are learned
from that have a reviewed region.
"""
_OPTIONS = ("base", "steps", "held_out", "augmentation", "remember", "learning_rate", "seed")


def add(parser: Any) -> None:
    """Add the options."""
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="one image for each --atoms")
    parser.flag("--out", metavar="FILE", type=Path, required=True, help="the new model, .safetensors")
    parser.flag(
        "--from",
        dest="sessions",
        metavar="SESSION",
        nargs="+",
        type=Path,
        default=[],
        help="sessions (.atomai) with corrected atoms and reviewed regions",
    )
    parser.flag(
        "--atoms", metavar="CSV", nargs="+", type=Path, default=[], help="corrected atoms of each image"
    )
    parser.flag(
        "--regions", metavar="JSON", nargs="+", type=Path, default=[], help="what was reviewed of each"
    )
    parser.flag(
        "--spacing", metavar="PX", type=float, default=0.0, help="distance of neighbours; 0 = measured"
    )
    parser.flag("--base", metavar="NAME_OR_PATH", help='model to go on from, or "nothing"; default atoms')
    parser.flag("--steps", metavar="N", type=int, help="steps of learning")
    parser.flag("--held-out", metavar="SHARE", type=float, help="share of the reviewed part to judge by")
    parser.flag("--augmentation", choices=("none", "gentle", "usual", "strong"), help="how much is varied")
    parser.flag("--remember", metavar="SHARE", type=float, help="share of simulated scenes")
    parser.flag("--learning-rate", metavar="R", type=float, help="highest learning rate")
    parser.flag("--seed", metavar="N", type=int, help="of all that is drawn at random")
    parser.flag("--checkpoint", metavar="FILE", type=Path, help="keep the state here, and go on from it")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Teach, save, and tell how good it is before and after."""
    import sys

    from napari_atomai.cli.places import check_place
    from napari_atomai.data.progress import finish
    from napari_atomai.data.recipes_teaching import Teach
    from napari_atomai.workflow.teach import teaching

    if len(args.files) != len(args.atoms) or not (args.files or args.sessions):
        raise BadOption(
            f"There are {len(args.files)} images and {len(args.atoms)} tables.",
            remedy="Give images, and as many tables with --atoms, or sessions with --from.",
        )
    if args.regions and len(args.regions) != len(args.files):
        raise BadOption(
            f"There are {len(args.files)} images and {len(args.regions)} --regions.",
            remedy="Give as many as images, or none.",
        )
    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    recipe = Teach.of(given)
    check_place(args.out.absolute().parent)
    corrections = _of_files(args)
    done = finish(teaching(corrections, recipe, name=args.out.stem, checkpoint=args.checkpoint))
    path = done.save(args.out)
    if not args.quiet:
        for when, tally in (("before", done.before), ("after", done.after)):
            sys.stdout.write(
                f"{when:7} precision {tally.precision:.3f}  recall {tally.recall:.3f}  F1 {tally.f1:.3f} "
                f"({tally.hits + tally.missed} atoms, {done.judged_on})\n"
            )
        sys.stdout.write("".join(f"note: {note}\n" for note in done.notes))
        sys.stdout.write(f"{path}\n")
    return 0


def _of_files(args: argparse.Namespace) -> list[Any]:
    from napari_atomai.files.export import read_csv
    from napari_atomai.workflow.corrections import Correction, corrections_in
    from napari_atomai.workflow.find import as_image

    regions = [_regions(path) for path in args.regions] or [[]] * len(args.files)
    given = [
        Correction(as_image(path), read_csv(table), drawn, spacing=args.spacing)
        for path, table, drawn in zip(args.files, args.atoms, regions, strict=True)
    ]
    return given + [each for path in args.sessions for each in corrections_in(path)]


def _regions(path: Path) -> list[Any]:
    import numpy as np

    try:
        return [np.asarray(each, np.float64) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise CannotRead(
            f"{path} holds no regions: {error}.", remedy="Give a list of polygons of [row, column]."
        ) from error
