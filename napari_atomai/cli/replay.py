"""The command ``napari-atomai replay``: do on other files what a recipe tells."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from napari_atomai.errors import BadOption

EXAMPLES = """examples:
  napari-atomai replay results/scan/recipe.json --on tuesday/*.dm4 --out more
  napari-atomai replay results/scan/recipe.json --script     the same as Python
"""


def add(parser: Any) -> None:
    """Add the options."""
    parser.add_argument("source", metavar="RECIPE", type=Path, help="a recipe.json")
    parser.flag("--on", metavar="FILE", nargs="+", type=Path, default=[], help="files to do it on")
    parser.flag("--out", metavar="DIR", type=Path, help="folder for the results")
    parser.flag("--script", action="store_true", help="write it as a Python script to the terminal instead")
    parser.flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Do it; 0 when all went well, 1 when one file failed."""
    import sys

    from napari_atomai.cli.find import Outcome, Speaker
    from napari_atomai.cli.places import check_place, folder_names
    from napari_atomai.workflow.replay import part_in
    from napari_atomai.workflow.script import as_script

    part = part_in(args.source)
    if args.script:
        sys.stdout.write(as_script([part]))
        return 0
    if args.out is None or not args.on:
        raise BadOption("--on FILE ... or --out DIR is missing.", remedy="Give both, or --script.")
    check_place(args.out)
    speaker, start = Speaker(quiet=args.quiet, verbose=args.verbose), time.monotonic()
    outcomes: list[Outcome] = []
    for path, name in zip(args.on, folder_names(args.on), strict=True):
        try:
            outcomes.append(
                Outcome(path.name, fine=True, text=_one(part, path, args.out / name, args, speaker))
            )
        except Exception as error:  # noqa: BLE001 - one file that fails stops no other
            outcomes.append(speaker.failed(path.name, error))
    speaker.summary(outcomes, time.monotonic() - start)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _one(part: Any, path: Path, folder: Path, args: argparse.Namespace, speaker: Any) -> str:
    from napari_atomai.data.progress import finish
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.replay import replaying
    from napari_atomai.workflow.results import write_results

    image = as_image(path)
    found, notes = finish(replaying(part, image))
    for note in notes:
        speaker.note(note)
    write_results(found, image, folder, overwrite=args.overwrite)
    return f"{len(found.atoms)} atoms, in {folder}"
