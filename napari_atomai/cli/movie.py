"""``napari-atomai movie``: drift, tracks, states and transitions of the atoms of movies."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_lattice import FollowAtoms

EXAMPLES = """examples:
  napari-atomai movie movie.npy --out results
  napari-atomai movie results/movie/atoms.csv --out tracks --drift atoms --gap 2
  napari-atomai movie movie.emd --out results --feature intensity --states 2 --frame-time 0.5

FILE is a movie, whose atoms are found first, or a table of atoms that find or segment wrote.
Each gets its own folder in DIR: tracks.csv (a line for each sighting), track_ends.csv, drift.csv,
transitions.csv, dwell_times.csv, figures (.png) and movie.json.
"""

_OPTIONS = ("classes", "drift", "reach", "gap", "shortest", "feature", "states", "frame_time")


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--classes", metavar="NAME", nargs="+", help="only atoms of these classes")
    flag("--drift", choices=("auto", "atoms", "image", "none"), help="what drift is measured by")
    flag("--reach", metavar="PX", type=float, help="largest way of an atom between two frames")
    flag("--gap", metavar="N", type=int, help="for how many frames an atom may be out of sight; 1")
    flag("--shortest", metavar="N", type=int, help="tracks of fewer sightings are not counted; 2")
    flag("--feature", metavar="NAME", help="feature that states are told by; intensity when left out")
    flag("--states", metavar="N", type=int, help="how many states; 0 = as many as the atoms support")
    flag("--frame-time", metavar="S", type=float, help="seconds from frame to frame, in place of the file's")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Follow the atoms of every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_lattice import FollowAtoms

    return run_each(args, partial(_one, args, FollowAtoms.of(chosen(args, _OPTIONS))))


def _one(args: argparse.Namespace, recipe: FollowAtoms, path: Path, folder: Path, speaker: Speaker) -> str:
    from napari_atomai.cli.atoms_from import atoms_from, finished
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.movie import following
    from napari_atomai.workflow.movie_results import RECORD, numbers, write_movie

    source = atoms_from(path, args.pixel_size, quiet=args.quiet)
    if not args.overwrite:
        check_owner(folder, RECORD, source.record.input)
    found = finished(following(source.atoms, recipe, source.image), path.name, quiet=args.quiet)
    record = source.record.model_copy(update={"steps": (*source.record.steps, recipe)})
    write_movie(found, source.atoms, record, folder, image=source.image)
    for note in found.notes:
        speaker.note(note)
    told = numbers(found)
    return f"{told['tracks']:g} tracks in {told['frames']:g} frames, {told['states']:g} state(s)"
