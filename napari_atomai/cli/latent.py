"""``napari-atomai latent``: what varies in the motifs of files, without labels."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_atomai.cli.each_file import add_common, chosen, run_each

if TYPE_CHECKING:  # the parser knows this module
    from napari_atomai.cli.find import Speaker
    from napari_atomai.data.recipes_latent import CutPatches, LearnLatents

EXAMPLES = """examples:
  napari-atomai latent scan.dm4 --out results
  napari-atomai latent scan.dm4 --out results --window 0.9 --classes B --no-rotation --no-translation
  napari-atomai latent scan.dm4 --out results --model zernike --clusters hdbscan
  napari-atomai latent movie.asd --out results --around grid --window 8 --states 4

The atoms of each file are found first, unless a table of them is given with --atoms.
Each file gets its own folder in DIR:
  latents.csv        one line per atom: id, frame, row_px, col_px, z1, z2, angle_rad, cluster ...
  latent.h5          patches, latents, manifolds
  manifold.png ...   what the latents mean; where they are (map_z1.png ...); mean patch of each cluster
  model.safetensors  the trained autoencoder
  latent.json        how it came about
"""

_CUT = ("around", "classes", "window", "pixels", "spacing", "source", "edge", "level")
_LEARN = (
    "model",
    "conditional",
    "latent_dim",
    "states",
    "cycles",
    "batch_size",
    "rotation_prior",
    "translation_prior",
    "degree",
    "clusters",
    "number",
    "seed",
)


def add(parser: Any) -> None:
    """Add the arguments to a `napari_atomai.cli.parser.Parser`."""
    flag = parser.flag
    flag("--around", choices=("atoms", "bonds", "grid"), help="what lies in the middle of a patch; atoms")
    flag("--classes", metavar="NAME", nargs="+", help="only atoms of these classes")
    flag("--window", metavar="NM", type=float, help="side of a patch, in px where nothing is calibrated")
    flag("--pixels", metavar="N", type=int, help="pixels along a side; 0 = as fine as the image, 8 to 24")
    flag("--spacing", metavar="NM", type=float, help="longest bond, or distance between grid points")
    flag("--source", choices=("image", "probability", "classes"), help="what is cut; the image")
    flag("--edge", choices=("leave out", "mirror"), help="what becomes of patches that leave the image")
    flag("--level", choices=("none", "frames", "patches"), help="what is brought to one level; frames")
    flag("--model", choices=("autoencoder", "zernike"), help="zernike: moments, without training")
    flag("--no-rotation", action="store_true", help="latents may tell how a motif is turned")
    flag("--no-translation", action="store_true", help="latents may tell how a motif is shifted")
    flag("--scaled", action="store_true", help="latents do not tell how large a motif is")
    flag("--conditional", action="store_true", help="latents do not tell of which class an atom is")
    flag("--latent-dim", metavar="N", type=int, help="how many latents; 2")
    flag("--states", metavar="N", type=int, help="states of a discrete latent; 0 = there is none")
    flag("--cycles", metavar="N", type=int, help="passes through all patches; 40")
    flag("--batch-size", metavar="N", type=int, help="patches that are looked at together; 16 to 100")
    flag("--rotation-prior", metavar="DEG", type=float, help="how much motifs are turned; 0 = by any angle")
    flag("--translation-prior", metavar="PART", type=float, help="how much they are shifted; 0.1 of half")
    flag("--degree", metavar="N", type=int, help="zernike moments up to this degree; 10")
    flag("--clusters", choices=("none", "gmm", "kmeans", "hdbscan"), help="how alike ones are put together")
    flag("--number", metavar="N", type=int, help="how many clusters; 0 = as many as the latents support")
    flag("--seed", metavar="N", type=int, help="of random weights, batches and starts; 1")
    flag("--atoms", metavar="CSV", type=Path, help="atoms that find or segment wrote, for a single FILE")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Find what varies in every file; 0 when all went well, 1 when one did not."""
    from napari_atomai.data.recipes_latent import CutPatches, LearnLatents
    from napari_atomai.errors import BadOption

    cut = CutPatches.of(chosen(args, _CUT))  # wrong options are said before the work
    kept = {"rotation": not args.no_rotation, "translation": not args.no_translation, "scale": args.scaled}
    learn = LearnLatents.of({**chosen(args, _LEARN), **kept})
    if args.atoms is not None and len(args.files) > 1:
        raise BadOption(
            f"One table of atoms was given for {len(args.files)} files.",
            remedy="Give one file with --atoms, or let the atoms be found.",
        )
    return run_each(args, partial(_one, args, cut, learn))


def _one(
    args: argparse.Namespace,
    cut: CutPatches,
    learn: LearnLatents,
    path: Path,
    folder: Path,
    speaker: Speaker,
) -> str:
    from napari_atomai.cli.atoms_from import finished
    from napari_atomai.files.export import read_csv
    from napari_atomai.workflow.find import as_image
    from napari_atomai.workflow.folders import check_owner
    from napari_atomai.workflow.latent import cutting, learning
    from napari_atomai.workflow.latent_results import RECORD, write_latents
    from napari_atomai.workflow.record import describe_input, file_sha256, new_record

    image = as_image(path, args.pixel_size)
    if not args.overwrite:  # before the work, not after it
        check_owner(folder, RECORD, describe_input(image))
    atoms, record = None, None
    if args.atoms is not None:
        atoms = read_csv(args.atoms)
        note = f"The atoms are those of {args.atoms} (sha256 {file_sha256(args.atoms)})."
        record = new_record(image, (), notes=(*image.notes, note))
    patches = finished(cutting(image, cut, atoms, record=record), path.name, quiet=args.quiet)
    found = finished(learning(patches, learn), path.name, quiet=args.quiet)
    write_latents(found, folder)
    for note in dict.fromkeys(found.record.notes):
        speaker.note(note)
    explained = found.record.measured["explained"]
    clusters = "" if found.clusters is None else f", {found.clusters.number} cluster(s)"
    return f"{len(found)} patches, {explained:.0%} of their variance explained{clusters}"
