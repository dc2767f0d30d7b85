"""The command ``napari-atomai replay``: do on other files what a recipe or a session tells."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from napari_atomai.errors import BadOption

if TYPE_CHECKING:
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.image import Image
    from napari_atomai.workflow.script import Part

EXAMPLES = """examples:
  napari-atomai replay results/scan/recipe.json --on tuesday/*.dm4 --out more
  napari-atomai replay monday.atomai --on tuesday/*.dm4 --out more     as in a saved session
  napari-atomai replay monday.atomai --out again     on its own images, with the edits by hand
  napari-atomai replay monday.atomai --script        the same as Python

All that was recorded is done: atoms, classes, rings, lattice, tracks, components, latents, structures.
Each image gets a folder in DIR with its atoms, and a folder in that for whatever was done with them.
What cannot be done on a file is left out, and it is said why.
Edits by hand are done again where the pixels are the same, and only there.
"""

Todo = tuple[str, Callable[[], "tuple[Part, Image]"]]


def add(parser: Any) -> None:
    """Add the options."""
    parser.add_argument("source", metavar="RECIPE", type=Path, help="a recipe.json, or a session (.atomai)")
    parser.flag(
        "--on", metavar="FILE", nargs="+", type=Path, default=[], help="files to do it on; else its own"
    )
    parser.flag("--out", metavar="DIR", type=Path, help="folder for the results")
    parser.flag("--image", metavar="NAME", default="", help="do what was done on this image of the session")
    parser.flag("--script", action="store_true", help="write it as a Python script to the terminal instead")
    parser.flag("--overwrite", action="store_true", help="replace results of another input in DIR")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Do it; 0 when all went well, 1 when one file failed."""
    with TemporaryDirectory() as models:
        return _run(args, Path(models))


def _run(args: argparse.Namespace, models: Path) -> int:
    import sys

    from napari_atomai.cli.find import Outcome, Speaker
    from napari_atomai.cli.places import check_place, folder_names
    from napari_atomai.workflow.replay import parts_in
    from napari_atomai.workflow.script import as_script

    # A script outlives the command: a model that is only inside the session would not be there for it.
    parts = parts_in(args.source, None if args.script else models)
    if args.script:
        sys.stdout.write(as_script(list(parts.values())))
        return 0
    if args.out is None:
        raise BadOption("--out DIR is missing.", remedy="Say where the results go, or give --script.")
    check_place(args.out)
    todo = list(_on_files(parts, args) if args.on else _on_its_own(parts, args.source))
    speaker, start = Speaker(quiet=args.quiet, verbose=args.verbose), time.monotonic()
    outcomes: list[Outcome] = []
    for (name, work), folder in zip(todo, folder_names([Path(name) for name, _ in todo]), strict=True):
        try:
            outcomes.append(Outcome(name, fine=True, text=_one(*work(), args.out / folder, args, speaker)))
        except Exception as error:  # noqa: BLE001 - one file that fails stops no other
            outcomes.append(speaker.failed(name, error))
    speaker.summary(outcomes, time.monotonic() - start)
    return 0 if all(outcome.fine for outcome in outcomes) else 1


def _on_files(parts: Mapping[str, Part], args: argparse.Namespace) -> Iterator[Todo]:
    for path in args.on:
        yield str(path), partial(_other, parts, path, args.image)


def _on_its_own(parts: Mapping[str, Part], source: Path) -> Iterator[Todo]:
    for name, part in parts.items():
        yield name, partial(_own, source, name, part)


def _other(parts: Mapping[str, Part], path: Path, name: str) -> tuple[Part, Image]:
    from napari_atomai.workflow.replay import chosen, picture_for

    image = picture_for(parts, path)
    return chosen(parts, image, name), image


def _own(source: Path, name: str, part: Part) -> tuple[Part, Image]:
    from napari_atomai.workflow.replay import own_image

    return part, own_image(source, name, part)


def _one(part: Part, image: Image, folder: Path, args: argparse.Namespace, speaker: Speaker) -> str:
    from napari_atomai.data.progress import finish
    from napari_atomai.workflow.replay import folders_of, replaying
    from napari_atomai.workflow.results import write_results

    places = folders_of(part, image, folder, overwrite=args.overwrite)  # before the work, not after it
    done = finish(replaying(part, image))
    found = done.found
    said = (*image.notes, *(() if found is None else found.notes), *done.notes)
    for note in dict.fromkeys((*said, *(note for one in done.done for note in one.notes))):
        speaker.note(note)
    words = []
    if found is not None and done.atoms is not None:
        edited = done.atoms if done.atoms is not found.atoms else None
        write_results(found, image, folder, atoms=edited, overwrite=args.overwrite)
        words.append(f"{len(done.atoms)} atoms")
    for one in done.done:
        if one.write is not None:
            one.write(places(one.step))
            words.append(one.words)
    return f"{'; '.join(words)}, in {folder}"
