"""The command ``napari-atomai elit``: an ensemble teaches itself on files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  napari-atomai elit movie.npy --out elit
  napari-atomai elit a.dm4 b.dm4 --model atoms-ensemble --iterations 6 --out elit

DIR gets rounds.csv and rounds.json (atoms, labels, uncertainty of each round), and for each round its
ensemble (round-01.safetensors, for `napari-atomai find --model`) and positions (round-01.npz). Started
again with the same options, it goes on where it was stopped.
"""
_OPTIONS = ("model", "threshold", "agreement", "iterations", "steps", "seed")


def add(parser: Any) -> None:
    """Add the options."""
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="images or movies")
    parser.flag("--out", metavar="DIR", type=Path, required=True, help="folder for the rounds")
    parser.flag("--model", metavar="NAME_OR_PATH", help="ensemble to start from; default atoms-ensemble")
    parser.flag("--threshold", metavar="T", type=float, help="score from which an atom can be a label")
    parser.flag("--agreement", metavar="S", type=float, help="largest spread of the score for a label")
    parser.flag("--iterations", metavar="N", type=int, help="at most so many rounds")
    parser.flag("--steps", metavar="N", type=int, help="steps of learning in a round")
    parser.flag("--seed", metavar="N", type=int, help="of all that is drawn at random")
    parser.flag("-q", "--quiet", action="store_true", help="say only what failed")
    parser.flag("-v", "--verbose", action="store_true", help="show where an error came from")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Do it and tell the rounds."""
    import sys

    from napari_atomai.data.progress import finish
    from napari_atomai.data.recipes_teaching import Elit
    from napari_atomai.models.elit import ELIT
    from napari_atomai.workflow.find import as_image

    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    images = [as_image(path) for path in args.files]
    done = finish(ELIT(Elit.of(given)).fitting(images, args.out))
    if not args.quiet:
        for each in done.rounds:
            changed = f", {each.changed:.1%} changed" if each.number else ""
            sys.stdout.write(
                f"round {each.number}: {each.atoms} atoms, {each.labels} labels, "
                f"uncertainty {each.uncertainty:.4f}{changed}\n"
            )
        sys.stdout.write(f"{done.reason}\n")
    return 0
