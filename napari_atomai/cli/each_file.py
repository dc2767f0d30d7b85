"""The frame of commands that do the same with every file: a folder for each, one failure stops no other."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Outcome, Speaker

One = Callable[[Path, Path, "Speaker"], str]
"""Does the work on a file, writes to a folder, and says in a few words what came out."""


def add_common(parser: Any) -> None:
    """Add files, the folder, and how much is said, to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="microscope files")
    flag("--out", metavar="DIR", type=Path, required=True, help="folder for the results; made if needed")
    flag("--pixel-size", metavar="NM", type=float, help="size of a pixel in nm, in place of the file's")
    flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    flag("-q", "--quiet", action="store_true", help="say only what failed")
    flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def chosen(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of a recipe that were given."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def run_each(args: argparse.Namespace, one: One) -> int:
    """Do the work on every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.cli.find import Speaker
    from napari_atomai.cli.places import check_place, folder_names

    check_place(args.out)
    speaker = Speaker(quiet=args.quiet, verbose=args.verbose)
    files = list({path.resolve(): path for path in args.files}.values())
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for path, name in zip(files, folder_names(files), strict=True):
            outcomes.append(_guarded(path, args.out / name, one, speaker))
    finally:  # what was done is told after Ctrl-C, too
        speaker.summary(outcomes, time.monotonic() - began)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _guarded(path: Path, folder: Path, one: One, speaker: Speaker) -> Outcome:
    from napari_atomai.cli.find import Outcome

    try:
        return Outcome(path.name, True, f"{one(path, folder, speaker)} -> {folder}")
    except Exception as error:  # noqa: BLE001 - the other files must not suffer from this one
        return speaker.failed(path.name, error)
